//! `cairn bucket info`: shows the details of one bucket.

use super::release;
use super::summary::Summary;
use crate::backend::Backend;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::quantity;
use crate::remote::Client;
use cairn_bucket::BasePath;
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{BucketId, HashingProfile};
use cairn_rpc_api::{AtState, BucketApiClient, U64OrHex};
use indicatif::{HumanCount, HumanDuration};
use serde::Serialize;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The details of a bucket; `None` for what a running provider does not report.
#[derive(Serialize)]
struct Info {
    #[serde(flatten)]
    summary: Summary,
    peaks: Vec<String>,
    signed_roots: Option<u64>,
    last_signed_ms: Option<u64>,
    retired: Option<Vec<release::RetiredTreeInfo>>,
    /// Signed roots that were released with their trees.
    let_go: Option<u64>,
}

pub(super) fn run(id: BucketId, globals: &Globals) -> Result<(), Failure> {
    let info = match globals.backend(Access::ReadOnly)? {
        Backend::Local(base) => info_local(id, &base)?,
        Backend::Remote(remote) => info_remote(id, &remote.client)?,
    };
    globals.output().answer(&info)
}

fn info_local(id: BucketId, base: &BasePath) -> Result<Info, Failure> {
    let bucket = base.open_bucket(id, &SharedResources::default())?;
    let (mut signed_roots, mut last_signed_ms) = (0u64, None);
    for signed_root in bucket.signed_roots()? {
        signed_roots = signed_roots.saturating_add(1);
        // Records from an import have no time.
        let signed_ms = Some(signed_root?.signed_ms).filter(|signed_ms| *signed_ms > 0);
        last_signed_ms = last_signed_ms.max(signed_ms);
    }
    let mut let_go = 0u64;
    for tombstone in bucket.tombstones()? {
        tombstone?;
        let_go = let_go.saturating_add(1);
    }
    Ok(Info {
        let_go: Some(let_go),
        summary: Summary::from_bucket(&bucket),
        peaks: bucket.peaks().iter().map(to_hex).collect(),
        signed_roots: Some(signed_roots),
        last_signed_ms,
        retired: Some(bucket.retired_trees()?.iter().map(Into::into).collect()),
    })
}

fn info_remote(id: BucketId, client: &Client) -> Result<Info, Failure> {
    let bucket = client.bucket(id)?;
    // Of that very state, even if something is committed in between.
    let at = Some(AtState::of_leaf_count(bucket.commitment.leaf_count.0));
    let peaks = client.request(|rpc| async move { rpc.peaks(U64OrHex(id.0), at).await })?;
    Ok(Info {
        summary: (&bucket).into(),
        peaks: peaks.peaks.iter().map(to_hex).collect(),
        signed_roots: None,
        last_signed_ms: bucket.signed.map(|signed| signed.signed_ms.0),
        retired: None,
        let_go: None,
    })
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary {
            bucket,
            path,
            hashing,
            used_bytes,
            charged_bytes,
            used_chunks,
            start_seq,
            leaf_count,
            total_size,
            mmr_root,
            ..
        } = &self.summary;
        let hashing = HashingProfile::from(*hashing);
        let (used, quota) = (
            quantity::format_bytes(*used_bytes),
            self.summary.quota_text(),
        );
        writeln!(f, "bucket        {bucket}")?;
        if let Some(path) = path {
            writeln!(f, "folder        {}", escaped(path))?;
        }
        writeln!(f, "hashing       {hashing}")?;
        writeln!(
            f,
            "stored        {used} in {}, {} charged, {quota}",
            quantity::format_count(*used_chunks, "chunk"),
            quantity::format_bytes(*charged_bytes)
        )?;
        writeln!(
            f,
            "committed     {} in {} from sequence {start_seq}",
            quantity::format_bytes(*total_size),
            quantity::format_count_as(*leaf_count, "leaf", "leaves")
        )?;
        writeln!(f, "root          {mmr_root}")?;
        for (place, peak) in self.peaks.iter().enumerate() {
            writeln!(f, "{:<13} {peak}", if place == 0 { "peaks" } else { "" })?;
        }
        let ago = |signed_ms| HumanDuration(age(signed_ms));
        match (self.signed_roots, self.last_signed_ms) {
            (Some(roots), None) => write!(f, "signed roots  {}", HumanCount(roots))?,
            (Some(roots), Some(last)) => {
                let (roots, last) = (HumanCount(roots), ago(last));
                write!(f, "signed roots  {roots}, the last {last} ago")?;
            }
            (None, Some(last)) => write!(f, "signed        {} ago", ago(last))?,
            (None, None) => write!(f, "signed        never")?,
        }
        if let Some(roots) = self.let_go.filter(|roots| *roots > 0) {
            let roots = quantity::format_count(roots, "signed root");
            write!(
                f,
                "\nlet go        {roots}, which a new agreement would make challengeable again"
            )?;
        }
        for (place, tree) in self.retired.iter().flatten().enumerate() {
            write!(
                f,
                "\n{:<13} {tree}",
                if place == 0 { "retired" } else { "" }
            )?;
        }
        Ok(())
    }
}

/// Returns the time since a moment, which is in milliseconds since the Unix epoch.
fn age(moment_ms: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let moment = Duration::from_millis(moment_ms);
    now.unwrap_or_default().saturating_sub(moment)
}
