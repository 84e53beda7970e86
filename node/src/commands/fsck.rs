//! `cairn fsck`: checks that the buckets hold everything that was signed, by rebuilding
//! every root from the bytes of the chunks. With `--repair` it restores what other records
//! prove, and takes lost content from files and other providers.

mod heal;
mod report;

use crate::bucket_args::BucketArgs;
use crate::failure::Failure;
use crate::file_walk::find_files;
use crate::globals::Globals;
use crate::{advice, progress};
use cairn_bucket::{BasePath, BasePathError, CheckProgress, RepairError, RepairSources};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::BucketId;
use clap::Args;
use indicatif::ProgressBar;
use report::{BucketOutcome, BucketReport};
use std::path::PathBuf;

/// The commands that help with findings.
const REMEDIES: &str = "--repair restores what other records prove, --from also takes lost content \
                        from files or from another provider's URL, and `cairn bucket salvage` opens \
                        a bucket whose log is damaged";

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct FsckArgs {
    #[command(flatten)]
    buckets: BucketArgs,
    /// Restore what other records prove, after backing up the bucket's files
    #[arg(long)]
    repair: bool,
    /// Files and folders to take lost content from, and URLs of other providers of the bucket:
    /// http://host:3333
    #[arg(long, value_name = "SOURCES", requires = "repair")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    lost: heal::LostBucketArgs,
}

pub(crate) fn run(args: &FsckArgs, globals: &Globals) -> Result<(), Failure> {
    let access = if args.repair {
        Access::ReadWrite
    } else {
        Access::ReadOnly
    };
    let (urls, files) = heal::split_sources(&args.from);
    // A lost disk has no base path.
    let base = match args.lost.is_given() {
        true => globals.create()?,
        false => globals.open(access)?,
    };
    let ids = args.buckets.bucket_ids(&base)?;
    let sources: Vec<PathBuf> = find_files(&files)?
        .files
        .into_iter()
        .map(|file| file.path)
        .collect();
    let peers = heal::Peers::new(&urls)?;
    if let [id] = ids.as_slice()
        && args.lost.is_given()
    {
        return heal::rebuild(base, *id, &peers, &args.lost, globals);
    }
    let shared = SharedResources::default();
    let mut faulty = 0usize;
    for id in &ids {
        let outcome = if args.repair {
            repair(&base, *id, (&sources, &peers), &shared)?
        } else {
            check(&base, *id, &shared)?
        };
        faulty = faulty.saturating_add(usize::from(!outcome.is_clean()));
        globals.output().answer(&BucketReport::new(*id, &outcome))?;
    }
    match faulty {
        0 => Ok(()),
        _ => Err(Failure::Refused(format!(
            "buckets that do not hold everything that was signed: {faulty} of {}; {REMEDIES}",
            ids.len()
        ))),
    }
}

/// Checks one bucket. One that cannot be opened is a finding, so that the others are
/// still checked.
fn check(
    base: &BasePath,
    id: BucketId,
    shared: &SharedResources,
) -> Result<BucketOutcome, Failure> {
    let bar = progress::item_bar(0);
    let checked = base.check_bucket(id, shared, progress_callback(&bar, id));
    bar.finish_and_clear();
    match checked {
        Ok(report) => Ok(BucketOutcome::Checked(report)),
        Err(error @ BasePathError::Open(_)) => {
            let advice = advice::base_path(&error);
            Ok(BucketOutcome::Failed(advice::joined(error, advice)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Repairs one bucket. One that cannot be repaired is a finding, too.
fn repair(
    base: &BasePath,
    id: BucketId,
    (files, peers): (&[PathBuf], &heal::Peers),
    shared: &SharedResources,
) -> Result<BucketOutcome, Failure> {
    let bar = progress::item_bar(0);
    let mut asked = peers.source(id);
    let sources = RepairSources {
        files,
        source: asked.as_mut().map(|asked| asked as _),
    };
    let repaired = base.repair_bucket_from(id, sources, shared, progress_callback(&bar, id));
    bar.finish_and_clear();
    match repaired {
        Ok(repaired) => Ok(BucketOutcome::Repaired(Box::new(repaired))),
        Err(RepairError::BasePath(error)) => Err(error.into()),
        Err(error) => {
            let advice = advice::repair(&error);
            Ok(BucketOutcome::Failed(advice::joined(error, advice)))
        }
    }
}

fn progress_callback(bar: &ProgressBar, id: BucketId) -> impl FnMut(CheckProgress) + '_ {
    bar.set_message(format!("leaves of bucket {id}"));
    |checked| {
        bar.set_length(checked.total);
        bar.set_position(checked.leaves);
    }
}
