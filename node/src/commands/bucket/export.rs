//! `cairn bucket export`: copies a bucket for another provider.

use crate::backend::{Backend, Remote};
use crate::bucket_args::parse_bucket_id;
use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::progress::TransferBars;
use crate::quantity;
use cairn_bucket::{BasePath, ExportFormat, Exported};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::BucketId;
use cairn_rpc_api::{ExportForm, U64OrHex, WriteApiClient};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The warning about two providers that sign for copies of one bucket.
pub(super) const NOTICE: &str = "only one provider may continue to sign for this bucket: two would sign different roots, and be \
     slashed for it";

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// The bucket's id
    #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
    id: BucketId,
    /// Folder or archive to create; `-` writes an archive to stdout
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// Create a tar archive instead of a folder
    #[arg(long)]
    archive: bool,
}

/// The output of the command.
#[derive(Serialize)]
struct ExportSummary {
    bucket: u64,
    #[serde(serialize_with = "json_path")]
    destination: PathBuf,
    files: u64,
    /// Files that share their blocks with the bucket's until one of them is written to; `None`
    /// if the provider does not report it.
    shared_files: Option<usize>,
    bytes: u64,
    leaf_count: u64,
    start_seq: u64,
    mmr_root: String,
    notice: &'static str,
}

impl fmt::Display for ExportSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "exported bucket {} ({}, {} in {}) to {}\nroot {}\nnote: {}",
            self.bucket,
            quantity::format_count_as(self.leaf_count, "leaf", "leaves"),
            quantity::format_bytes(self.bytes),
            quantity::format_count(self.files, "file"),
            escaped(&self.destination),
            self.mmr_root,
            self.notice,
        )
    }
}

pub(super) fn run(args: &ExportArgs, globals: &Globals) -> Result<(), Failure> {
    let to_stdout = args.destination == Path::new("-");
    if globals.json && to_stdout {
        return Err(Failure::Usage(
            "with --json the archive cannot go to stdout: name a file, with --archive".into(),
        ));
    }
    match globals.backend(Access::ReadWrite)? {
        Backend::Local(base) => export_local(args, globals, &base),
        Backend::Remote(_) if to_stdout => Err(Failure::Usage(
            "a running provider exports to a path on its own machine: name one, or stop the \
             provider first"
                .into(),
        )),
        Backend::Remote(remote) => globals.output().answer(&export_remote(args, &remote)?),
    }
}

/// Has the provider copy the bucket, to a path on its own machine.
fn export_remote(args: &ExportArgs, remote: &Remote) -> Result<ExportSummary, Failure> {
    let path = remote.remote_path(&args.destination)?;
    let form = match args.archive {
        true => ExportForm::Archive,
        false => ExportForm::Folder,
    };
    let client = &remote.client;
    let exported = client.request_bucket_work(|rpc| {
        let path = path.clone();
        async move {
            rpc.export_bucket(U64OrHex(args.id.0), path, Some(form))
                .await
        }
    })?;
    Ok(ExportSummary {
        bucket: args.id.0,
        destination: exported.path,
        files: exported.files.0,
        shared_files: None,
        bytes: exported.bytes.0,
        leaf_count: exported.commitment.leaf_count.0,
        start_seq: exported.commitment.start_seq.0,
        mmr_root: to_hex(exported.commitment.mmr_root),
        notice: NOTICE,
    })
}

fn export_local(args: &ExportArgs, globals: &Globals, base: &BasePath) -> Result<(), Failure> {
    let to_stdout = args.destination == Path::new("-");
    let shared = base.with_disk_guard(SharedResources::default());
    let bucket = base.open_bucket(args.id, &shared)?;
    let mut bars = TransferBars::default();
    let mut show = |progress| bars.show(progress);
    let exported = if to_stdout {
        let mut stdout = std::io::stdout().lock();
        bucket.export_into(&mut stdout, &shared, &mut show)
    } else {
        let form = if args.archive {
            ExportFormat::Archive
        } else {
            ExportFormat::Folder
        };
        bucket.export_to(&args.destination, form, &shared, &mut show)
    };
    bars.clear();
    let closed = bucket.close();
    let summary = summarize(exported?, &args.destination);
    closed?;
    if to_stdout {
        // If stderr fails too, the exit code still tells.
        let _ = writeln!(std::io::stderr(), "{summary}");
        return Ok(());
    }
    globals.output().answer(&summary)
}

fn summarize(exported: Exported, destination: &Path) -> ExportSummary {
    let Exported {
        manifest,
        shared_files,
    } = exported;
    ExportSummary {
        bucket: manifest.bucket.0,
        destination: destination.to_owned(),
        files: u64::try_from(manifest.files().len()).unwrap_or(u64::MAX),
        shared_files: Some(shared_files),
        bytes: manifest.bytes(),
        leaf_count: manifest.commitment.leaf_count.get(),
        start_seq: manifest.commitment.start_seq.0,
        mmr_root: to_hex(manifest.commitment.mmr_root),
        notice: NOTICE,
    }
}
