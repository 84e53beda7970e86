//! `cairn bucket list`: one line per bucket, from the index, and an error for each of which
//! nothing is known. Buckets are opened only if there is no index to read, and never by a running
//! provider.

use super::summary::Summary;
use crate::advice;
use crate::backend::Backend;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::output::Output;
use crate::remote::Client;
use cairn_bucket::BasePath;
use cairn_engine::layout::bucket_dir_name;
use cairn_engine::{Access, SharedResources};
use cairn_primitives::BucketId;
use cairn_provider::{BucketStatus, ListedBucket, ProviderError, list_buckets};
use cairn_rpc_api::BucketStatusInfo;
use serde::Serialize;
use std::fmt;

/// The error of a lost bucket.
const FOLDER_GONE: &str = "its folder is gone";

/// A bucket of which nothing can be told.
#[derive(Serialize)]
struct UnlistedBucket {
    bucket: u64,
    error: String,
}

impl fmt::Display for UnlistedBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.bucket, self.error)
    }
}

/// Counts the buckets listed, and those of which nothing can be told.
#[derive(Default)]
struct ListCounts {
    buckets: u64,
    unlisted: u64,
}

impl ListCounts {
    fn print(
        &mut self,
        output: Output,
        line: Result<Summary, UnlistedBucket>,
    ) -> Result<(), Failure> {
        self.buckets = self.buckets.saturating_add(1);
        match line {
            Ok(summary) => output.answer(&summary),
            Err(unlisted) => {
                self.unlisted = self.unlisted.saturating_add(1);
                output.answer(&unlisted)
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
    match listed.unlisted {
        0 => Ok(()),
        unlisted => Err(Failure::Failed(format!(
            "buckets of which nothing is known: {unlisted} of {}; see `cairn status`",
            listed.buckets
        ))),
    }
}

fn list_local(output: Output, base: &BasePath) -> Result<ListCounts, Failure> {
    match list_buckets(base) {
        Ok(buckets) => list_indexed(output, base, buckets),
        Err(ProviderError::Index(error)) => {
            let listed = list_opened(output, base)?;
            if listed.buckets > 0 {
                output.text(format_args!(
                    "the index cannot be read, so each bucket was opened; `cairn status` \
                     rebuilds the index: {error}"
                ))?;
            }
            Ok(listed)
        }
        Err(error) => Err(error.into()),
    }
}

/// Lists buckets from the index, without opening them.
fn list_indexed(
    output: Output,
    base: &BasePath,
    buckets: Vec<ListedBucket>,
) -> Result<ListCounts, Failure> {
    let folder = base.buckets_path();
    let mut listed = ListCounts::default();
    for bucket in buckets {
        let unlisted = |id: BucketId, error| {
            Err(UnlistedBucket {
                bucket: id.0,
                error,
            })
        };
        let line = match &bucket {
            ListedBucket::NotIndexed(id) => unlisted(
                *id,
                "it is not in the index; `cairn status` opens and indexes it".to_owned(),
            ),
            ListedBucket::Indexed(indexed) => match &indexed.record.status {
                BucketStatus::Lost => unlisted(indexed.id, FOLDER_GONE.to_owned()),
                BucketStatus::Quarantined(reason) if indexed.record.is_blank() => unlisted(
                    indexed.id,
                    format!("it is in quarantine, and nothing of it could be read: {reason}"),
                ),
                BucketStatus::Sound | BucketStatus::Quarantined(_) => Ok(Summary::from_index(
                    indexed,
                    folder.join(bucket_dir_name(indexed.id)),
                )),
            },
        };
        listed.print(output, line)?;
    }
    Ok(listed)
}

/// Lists buckets by opening each of them.
fn list_opened(output: Output, base: &BasePath) -> Result<ListCounts, Failure> {
    let shared = SharedResources::default();
    let mut listed = ListCounts::default();
    for id in base.buckets()? {
        // A damaged bucket must not hide the others.
        let opened = base.open_bucket(id, &shared);
        let opened = opened.map(|bucket| Summary::from_bucket(&bucket));
        let opened = opened.map_err(|error| {
            let reason = advice::joined(&error, advice::base_path(&error));
            UnlistedBucket {
                bucket: id.0,
                error: format!("it cannot be opened: {reason}"),
            }
        });
        listed.print(output, opened)?;
    }
    Ok(listed)
}

fn list_remote(output: Output, client: &Client) -> Result<ListCounts, Failure> {
    let mut listed = ListCounts::default();
    client.for_each_bucket(|info| {
        let opened = match info.standing {
            BucketStatusInfo::Lost => Err(UnlistedBucket {
                bucket: info.bucket.0,
                error: FOLDER_GONE.to_owned(),
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
