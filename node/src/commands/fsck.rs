//! `cairn fsck`: whether the buckets hold what was promised, by rebuilding
//! every root from the bytes of the chunks; and with `--repair`, putting back
//! what other records prove to have been there.

mod report;

use crate::args::Globals;
use crate::bucket_args::BucketArgs;
use crate::failure::Failure;
use crate::progress;
use crate::walk::walk;
use cairn_node_ext::{Access, BasePath, BasePathError, Checked, Repaired, Shared};
use cairn_primitives::BucketId;
use clap::Args;
use indicatif::ProgressBar;
use report::{Outcome, Verdict};
use std::path::PathBuf;

/// What to check.
#[derive(Args, Debug)]
pub(crate) struct FsckArgs {
    #[command(flatten)]
    buckets: BucketArgs,
    /// Rebuild what other records prove to have been there, after keeping the bucket's files aside
    #[arg(long)]
    repair: bool,
    /// Files, and folders of files, to take lost content from
    #[arg(long, value_name = "FILES", requires = "repair")]
    from: Vec<PathBuf>,
}

pub(crate) fn run(args: &FsckArgs, globals: &Globals) -> Result<(), Failure> {
    let access = if args.repair {
        Access::ReadWrite
    } else {
        Access::ReadOnly
    };
    let base = globals.open(access)?;
    let ids = args.buckets.in_base_path(&base)?;
    let sources: Vec<PathBuf> = walk(&args.from)?
        .files
        .into_iter()
        .map(|file| file.path)
        .collect();
    let shared = Shared::default();
    let mut faulty = 0usize;
    for id in &ids {
        let outcome = if args.repair {
            repair(&base, *id, &sources, &shared)?
        } else {
            check(&base, *id, &shared)?
        };
        faulty = faulty.saturating_add(usize::from(!outcome.is_clean()));
        globals.output().answer(&Verdict::new(*id, &outcome))?;
    }
    match faulty {
        0 => Ok(()),
        _ => Err(Failure::Refused(format!(
            "buckets that do not hold what was promised: {faulty} of {}",
            ids.len()
        ))),
    }
}

/// Checks one bucket.
fn check(base: &BasePath, id: BucketId, shared: &Shared) -> Result<Outcome, Failure> {
    let bar = progress::of_items(0);
    let checked = base.check_bucket(id, shared, follow(&bar, id));
    bar.finish_and_clear();
    of_one(checked, Outcome::Checked)
}

/// Repairs one bucket.
fn repair(
    base: &BasePath,
    id: BucketId,
    sources: &[PathBuf],
    shared: &Shared,
) -> Result<Outcome, Failure> {
    let bar = progress::of_items(0);
    let repaired = base.repair_bucket(id, sources, shared, follow(&bar, id));
    bar.finish_and_clear();
    of_one(repaired, |repaired: Repaired| {
        Outcome::Repaired(Box::new(repaired))
    })
}

fn follow(bar: &ProgressBar, id: BucketId) -> impl FnMut(Checked) + '_ {
    bar.set_message(format!("leaves of bucket {id}"));
    |checked| {
        bar.set_length(checked.of);
        bar.set_position(checked.leaves);
    }
}

/// What came of one bucket. One that cannot be opened is a finding, so that the
/// others are looked at all the same.
fn of_one<T>(
    done: Result<T, BasePathError>,
    outcome: impl FnOnce(T) -> Outcome,
) -> Result<Outcome, Failure> {
    match done {
        Ok(done) => Ok(outcome(done)),
        Err(error @ (BasePathError::Open(_) | BasePathError::Repair(_))) => {
            Ok(Outcome::Failed(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}
