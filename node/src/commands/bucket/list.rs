//! `cairn bucket list`: one line per bucket, and an error for each that cannot be opened.

use super::summary::Summary;
use crate::advice;
use crate::backend::Backend;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Output;
use crate::remote::Client;
use cairn_bucket::BasePath;
use cairn_engine::{Access, SharedResources};
use cairn_rpc_api::BucketStatusInfo;
use serde::Serialize;
use std::fmt;

/// A bucket that cannot be opened.
#[derive(Serialize)]
struct UnopenableBucket {
    bucket: u64,
    error: String,
}

impl fmt::Display for UnopenableBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  cannot be opened: {}", self.bucket, self.error)
    }
}

/// Counts the buckets listed, and those that cannot be opened.
#[derive(Default)]
struct ListCounts {
    buckets: u64,
    unopened: u64,
}

impl ListCounts {
    fn print(
        &mut self,
        output: Output,
        opened: Result<Summary, UnopenableBucket>,
    ) -> Result<(), Failure> {
        self.buckets = self.buckets.saturating_add(1);
        match opened {
            Ok(summary) => output.answer(&summary),
            Err(unopened) => {
                self.unopened = self.unopened.saturating_add(1);
                output.answer(&unopened)
            }
        }
    }
}

pub(super) fn run(globals: &Globals) -> Result<(), Failure> {
    let output = globals.output();
    let (listed, place) = match globals.backend(Access::ReadOnly)? {
        Backend::Local(base) => (list_local(output, &base)?, escaped(base.path()).to_string()),
        Backend::Remote(remote) => {
            let client = &remote.client;
            (list_remote(output, client)?, client.url().to_owned())
        }
    };
    if listed.buckets == 0 {
        output.text(format_args!(
            "there are no buckets in {place}; create one with `cairn bucket create`"
        ))?;
    }
    match listed.unopened {
        0 => Ok(()),
        unopened => Err(Failure::Failed(format!(
            "buckets that cannot be opened: {unopened} of {}",
            listed.buckets
        ))),
    }
}

fn list_local(output: Output, base: &BasePath) -> Result<ListCounts, Failure> {
    let shared = SharedResources::default();
    let mut listed = ListCounts::default();
    for id in base.buckets()? {
        // A damaged bucket must not hide the others.
        let opened = base.open_bucket(id, &shared);
        let opened = opened.map(|bucket| Summary::from_bucket(&bucket));
        let opened = opened.map_err(|error| UnopenableBucket {
            bucket: id.0,
            error: advice::joined(&error, advice::base_path(&error)),
        });
        listed.print(output, opened)?;
    }
    Ok(listed)
}

fn list_remote(output: Output, client: &Client) -> Result<ListCounts, Failure> {
    let mut listed = ListCounts::default();
    client.for_each_bucket(|info| {
        let opened = match info.standing {
            BucketStatusInfo::Lost => Err(UnopenableBucket {
                bucket: info.bucket.0,
                error: "its folder is gone".to_owned(),
            }),
            // A quarantined bucket can still be read.
            BucketStatusInfo::Sound
            | BucketStatusInfo::Quarantined
            | BucketStatusInfo::Learning => Ok(info.into()),
        };
        listed.print(output, opened)
    })?;
    Ok(listed)
}
