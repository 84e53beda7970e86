//! `cairn import-legacy`: imports the buckets of a legacy provider, and checks every hash
//! of each.

mod report;

use crate::bucket_args::parse_bucket_id;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::out_file::OutFile;
use crate::{advice, data_dir, progress, provider_args};
use cairn_bucket::{BasePath, BasePathError};
use cairn_engine::{Access, SharedResources};
use cairn_legacy_import::{
    LegacyError, LegacyImport, LegacyMode, LegacyReport, LegacySource, LegacyStep,
};
use cairn_primitives::BucketId;
use clap::Args;
use indicatif::ProgressBar;
use report::{BucketOutput, SummaryOutput};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ImportLegacyArgs {
    /// Folder of the legacy provider's database, which is only read; stop that provider first
    #[arg(value_name = "DIR")]
    source: PathBuf,
    /// Read and check everything, and create no bucket
    #[arg(long)]
    dry_run: bool,
    /// Folder with the provider's s3_indices and fs_indices, if it is neither DIR nor the one above
    #[arg(long, value_name = "DIR")]
    indexes: Option<PathBuf>,
    /// Import only this bucket; may be repeated
    #[arg(long = "bucket", value_name = "ID", value_parser = parse_bucket_id)]
    buckets: Vec<BucketId>,
    /// Also write the full report to a file, as one JSON object
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(args: &ImportLegacyArgs, globals: &Globals) -> Result<(), Failure> {
    // Before the import: if the report cannot be written, that must show at once.
    let report_file = match &args.report {
        Some(path) => Some((path.as_path(), OutFile::create(path)?)),
        None => None,
    };
    let mut source = LegacySource::open(&args.source).map_err(import_failure)?;
    if let Some(indexes) = &args.indexes {
        source = source.with_indexes(indexes).map_err(import_failure)?;
    }
    let (base_path, base) = open_base_path(args, globals)?;
    let mode = match args.dry_run {
        true => LegacyMode::DryRun,
        false => LegacyMode::Import,
    };
    let import = LegacyImport::new(&source, &base_path, mode);
    let mut report = LegacyReport::new(&source, args.dry_run);
    let shared = match &base {
        Some(base) if !args.dry_run => base.with_disk_guard(SharedResources::default()),
        // A dry run writes outside of the base path.
        _ => SharedResources::default(),
    };
    let imported = import_buckets(args, globals, &shared, &import, &source, &mut report);
    // The report also covers what was imported before a failure.
    if let Some((path, file)) = report_file {
        write_report(path, file, &report)?;
    }
    imported?;
    if let (Some(base), Some(nonce), false) = (base, source.nonce_counter(), args.dry_run) {
        // The index keeps the nonce. It indexes the buckets when it is opened next.
        provider_args::open_provider(base)?.advance_nonce(nonce)?;
    }
    globals.output().answer(&SummaryOutput(&report.summary))?;
    let summary = &report.summary;
    if report.has_findings() {
        return Err(Failure::Refused(format!(
            "buckets refused: {}, imported with leaves that cannot be proven: {}, of {}; names not \
             imported: {}, index files not read to their end: {}",
            summary.refused,
            summary.flagged,
            summary.buckets,
            summary.names_refused,
            summary.faulty_indexes,
        )));
    }
    Ok(())
}

/// Opens the base path. In a dry run it need not exist.
fn open_base_path(
    args: &ImportLegacyArgs,
    globals: &Globals,
) -> Result<(PathBuf, Option<BasePath>), Failure> {
    if !args.dry_run {
        let base = globals.create()?;
        return Ok((base.path().to_owned(), Some(base)));
    }
    let path = data_dir::base_path(globals.base_path.as_ref())?;
    match BasePath::open(&path, Access::ReadOnly) {
        Ok(base) => Ok((path, Some(base))),
        Err(BasePathError::Missing { .. }) => Ok((path, None)),
        Err(error) => Err(error.into()),
    }
}

fn import_buckets(
    args: &ImportLegacyArgs,
    globals: &Globals,
    shared: &SharedResources,
    import: &LegacyImport<'_>,
    source: &LegacySource,
    report: &mut LegacyReport,
) -> Result<(), Failure> {
    let found = source.buckets().map_err(import_failure)?;
    report.record_source(&found);
    let ids = if args.buckets.is_empty() {
        found.ids
    } else {
        distinct_ids(&args.buckets)
    };
    let bar = progress::item_bar(0);
    for id in ids {
        let done = import.import_bucket(id, shared, |step| show_progress(&bar, id, step));
        let done = done.map_err(|error| {
            bar.finish_and_clear();
            import_failure(error)
        })?;
        bar.suspend(|| globals.output().answer(&BucketOutput(&done)))?;
        report.add(done);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Returns each of the buckets once, in the order of their ids.
fn distinct_ids(buckets: &[BucketId]) -> Vec<BucketId> {
    let mut ids = buckets.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn show_progress(bar: &ProgressBar, id: BucketId, step: LegacyStep) {
    let (what, done, of) = match step {
        LegacyStep::Content { done, of } => ("content of bucket", done, of),
        LegacyStep::Tree { done, of } => ("tree of bucket", done, of),
        LegacyStep::Names { done, of } => ("names in bucket", done, of),
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

fn import_failure(error: LegacyError) -> Failure {
    Failure::Failed(advice::joined(&error, advice::legacy(&error)))
}
