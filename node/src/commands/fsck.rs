//! `cairn fsck`: whether the buckets hold what was promised, by rebuilding
//! every root from the bytes of the chunks.

use crate::amount;
use crate::args::Globals;
use crate::bucket_args::BucketArgs;
use crate::failure::Failure;
use crate::progress;
use cairn_node_ext::{Access, BasePath, Finding, FsckReport, Shared, fsck};
use cairn_primitives::BucketId;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// What to check.
#[derive(Args, Debug)]
pub(crate) struct FsckArgs {
    #[command(flatten)]
    buckets: BucketArgs,
}

/// A check's result, as it is shown.
#[derive(Serialize)]
struct Checked {
    bucket: u64,
    clean: bool,
    leaves: u64,
    bytes: u64,
    signed_roots: u64,
    findings: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    place: String,
    fault: String,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: {} with {} hashed, {} rebuilt, ",
            self.bucket,
            amount::counted_as(self.leaves, "leaf", "leaves"),
            amount::human(self.bytes),
            amount::counted(self.signed_roots, "signed root"),
        )?;
        if self.clean {
            return f.write_str("all as promised");
        }
        write!(f, "findings: {}", self.findings.len())?;
        self.findings
            .iter()
            .try_for_each(|Fault { place, fault }| write!(f, "\n  {place}: {fault}"))
    }
}

pub(crate) fn run(args: &FsckArgs, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadOnly)?;
    let ids = args.buckets.in_base_path(&base)?;
    let shared = Shared::default();
    let mut faulty = 0usize;
    for id in &ids {
        let report = check(&base, *id, &shared)?;
        faulty = faulty.saturating_add(usize::from(!report.is_clean()));
        globals.output().answer(&Checked {
            bucket: id.0,
            clean: report.is_clean(),
            leaves: report.leaves,
            bytes: report.bytes,
            signed_roots: report.signed_roots,
            findings: report
                .findings
                .into_iter()
                .map(|Finding { place, fault }| Fault { place, fault })
                .collect(),
        })?;
    }
    match faulty {
        0 => Ok(()),
        _ => Err(Failure::Refused(format!(
            "buckets that do not hold what was promised: {faulty} of {}",
            ids.len()
        ))),
    }
}

/// Checks one bucket. One that cannot be opened is a finding, so that the
/// others are checked all the same.
fn check(base: &BasePath, id: BucketId, shared: &Shared) -> Result<FsckReport, Failure> {
    let finding = |fault: String| FsckReport {
        findings: vec![Finding {
            place: "the bucket as a whole".into(),
            fault,
        }],
        ..FsckReport::default()
    };
    let bucket = match base.open_bucket(id, shared) {
        Ok(bucket) => bucket,
        Err(error @ cairn_node_ext::BasePathError::NoSuchBucket { .. }) => return Err(error.into()),
        Err(error) => return Ok(finding(error.to_string())),
    };
    let bar = progress::of_items(bucket.commitment().leaf_count.get());
    bar.set_message(format!("leaves of bucket {id}"));
    let checked = fsck(&bucket, |leaves| bar.set_position(leaves));
    bar.finish_and_clear();
    Ok(checked.unwrap_or_else(|error| finding(error.to_string())))
}
