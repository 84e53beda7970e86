//! `cairn import-legacy`: the buckets of today's provider become buckets here,
//! each checked to its last hash.

mod answer;

use crate::args::Globals;
use crate::bucket_args::bucket_id;
use crate::failure::Failure;
use crate::home;
use crate::out_file::OutFile;
use crate::progress;
use crate::provider_args;
use answer::{BucketAnswer, SummaryAnswer};
use cairn_node_ext::{
    Access, BasePath, BasePathError, LegacyError, LegacyImport, LegacyMode, LegacyReport,
    LegacySource, LegacyStep, Shared,
};
use cairn_primitives::BucketId;
use clap::Args;
use indicatif::ProgressBar;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What to import, and how.
#[derive(Args, Debug)]
pub(crate) struct ImportLegacyArgs {
    /// Folder of the provider's database, which is only read; stop the provider first
    #[arg(value_name = "DIR")]
    source: PathBuf,
    /// Read and check all of it, and make no bucket
    #[arg(long)]
    dry_run: bool,
    /// Import this bucket only; may be given again
    #[arg(long = "bucket", value_name = "ID", value_parser = bucket_id)]
    buckets: Vec<BucketId>,
    /// Write the whole report to a file too, as one JSON object
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(args: &ImportLegacyArgs, globals: &Globals) -> Result<(), Failure> {
    // Before anything is done: a report that cannot be written is no use later.
    let report_file = match &args.report {
        Some(path) => Some((path.as_path(), OutFile::create(path)?)),
        None => None,
    };
    let source = LegacySource::open(&args.source).map_err(failed)?;
    let (base_path, base) = take_base_path(args, globals)?;
    let mode = match args.dry_run {
        true => LegacyMode::DryRun,
        false => LegacyMode::Import,
    };
    let import = LegacyImport::new(&source, &base_path, mode);
    let mut report = LegacyReport::new(&source, args.dry_run);
    let shared = match &base {
        Some(base) if !args.dry_run => base.guarded(Shared::default()),
        // A dry run writes elsewhere.
        _ => Shared::default(),
    };
    let imported = import_buckets(args, globals, &shared, &import, &source, &mut report);
    // What was done before a failure is done, and is to be known.
    if let Some((path, file)) = report_file {
        write_report(path, file, &report)?;
    }
    imported?;
    if let (Some(base), Some(nonce), false) = (base, source.nonce_counter(), args.dry_run) {
        // The index keeps it. It learns of the buckets when it is next put to work.
        provider_args::start_on(base)?.raise_nonce(nonce)?;
    }
    globals.output().answer(&SummaryAnswer(&report.summary))?;
    let summary = &report.summary;
    if report.has_findings() {
        return Err(Failure::Refused(format!(
            "buckets that were refused: {}, and imported with leaves that cannot be proven: {}, of {}",
            summary.refused, summary.flagged, summary.buckets
        )));
    }
    Ok(())
}

/// The base path, held; in a dry run it need not be there.
fn take_base_path(
    args: &ImportLegacyArgs,
    globals: &Globals,
) -> Result<(PathBuf, Option<BasePath>), Failure> {
    if !args.dry_run {
        let base = globals.create()?;
        return Ok((base.path().to_owned(), Some(base)));
    }
    let path = home::base_path(globals.base_path.as_ref())?;
    match BasePath::open(&path, Access::ReadOnly) {
        Ok(base) => Ok((path, Some(base))),
        Err(BasePathError::Missing { .. }) => Ok((path, None)),
        Err(error) => Err(error.into()),
    }
}

fn import_buckets(
    args: &ImportLegacyArgs,
    globals: &Globals,
    shared: &Shared,
    import: &LegacyImport<'_>,
    source: &LegacySource,
    report: &mut LegacyReport,
) -> Result<(), Failure> {
    let found = source.buckets().map_err(failed)?;
    report.summary.unreadable_keys = found.unreadable_keys;
    let ids = if args.buckets.is_empty() {
        found.ids
    } else {
        chosen(&args.buckets)
    };
    let bar = progress::of_items(0);
    for id in ids {
        let done = import.bucket(id, shared, |step| show(&bar, id, step));
        let done = done.map_err(|error| {
            bar.finish_and_clear();
            failed(error)
        })?;
        bar.suspend(|| globals.output().answer(&BucketAnswer(&done)))?;
        report.add(done);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Each of the buckets once, in the order of their ids.
fn chosen(buckets: &[BucketId]) -> Vec<BucketId> {
    let mut ids = buckets.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn show(bar: &ProgressBar, id: BucketId, step: LegacyStep) {
    let (what, done, of) = match step {
        LegacyStep::Content { done, of } => ("content of bucket", done, of),
        LegacyStep::Tree { done, of } => ("tree of bucket", done, of),
        LegacyStep::Built => return bar.set_message(format!("bucket {id} is built")),
    };
    bar.set_length(of);
    bar.set_position(done);
    bar.set_message(format!("{what} {id}"));
}

fn write_report(path: &Path, mut file: OutFile, report: &LegacyReport) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report)
        .map_err(|error| Failure::Failed(format!("cannot write the report: {error}")))?;
    writeln!(file, "{text}").map_err(|source| Failure::file("write", path, source))?;
    file.finish()
}

fn failed(error: LegacyError) -> Failure {
    let advice = match error {
        LegacyError::NotALegacyDatabase { .. } => "; name the folder that holds its CURRENT file",
        LegacyError::InUse { .. } => "; stop that provider first",
        _ => "",
    };
    Failure::Failed(format!("{error}{advice}"))
}
