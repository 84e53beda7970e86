//! `cairn put`: files become leaves, and leaves a signed promise.

mod report;
mod upload;

use crate::args::Globals;
use crate::bucket_args::bucket_id;
use crate::failure::Failure;
use crate::hex_text;
use crate::progress;
use crate::walk::{Skipped, walk};
use cairn_node_ext::{Access, Shared};
use cairn_primitives::BucketId;
use clap::Args;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use upload::Upload;

/// Skipped things that are named one by one; a folder may be full of them.
const NAMED_SKIPS: usize = 20;

/// What to store, and how.
#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// The bucket's id
    #[arg(value_parser = bucket_id)]
    bucket: BucketId,
    /// Files, and folders to store all files of
    #[arg(required_unless_present = "files_from", value_name = "FILES")]
    paths: Vec<PathBuf>,
    /// More files and folders, one a line; `-` reads the list from stdin
    #[arg(long, value_name = "LIST")]
    files_from: Option<PathBuf>,
    /// Files in each commit: one sync to disk and one signature for so many
    #[arg(long, value_name = "N", default_value = "100")]
    commit_every: NonZeroUsize,
    /// Public key to sign with, where there is more than one
    #[arg(long, value_name = "HEX", value_parser = hex_text::bytes32)]
    key: Option<[u8; 32]>,
}

pub(crate) fn run(args: &PutArgs, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadWrite)?;
    let signer = base.keys().signer(args.key)?;
    let bucket = base.open_bucket(args.bucket, &Shared::default())?;
    let mut roots = args.paths.clone();
    if let Some(list) = &args.files_from {
        roots.extend(listed(list)?);
    }
    let found = walk(&roots)?;
    tell_skipped(&found.skipped);
    if found.files.is_empty() {
        return Err(Failure::Failed(
            "there is nothing to store: no file was found in what was named".into(),
        ));
    }
    let total = found
        .files
        .iter()
        .fold(0u64, |sum, file| sum.saturating_add(file.length));
    let bar = progress::of_bytes(total);
    let upload = Upload::new(&bucket, &signer, globals.output(), bar.clone());
    let ended = upload.run(&found.files, args.commit_every);
    bar.finish_and_clear();
    // So that the next command has nothing to replay.
    let closed = bucket.close();
    globals.output().text(ended?)?;
    Ok(closed?)
}

/// The paths in a list, one a line.
fn listed(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fault = |source| Failure::file("read the list", list, source);
    let lines: Box<dyn BufRead> = if list == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(list).map_err(fault)?))
    };
    let paths = lines
        .split(b'\n')
        .filter(|line| !line.as_ref().is_ok_and(Vec::is_empty))
        .map(|line| line.map(path_of));
    paths.collect::<Result<_, _>>().map_err(fault)
}

/// A path may be of any bytes, so a list of paths is not read as text.
fn path_of(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

fn tell_skipped(skipped: &[Skipped]) {
    let mut stderr = std::io::stderr().lock();
    let rest = skipped.len().saturating_sub(NAMED_SKIPS);
    for skipped in skipped.iter().take(NAMED_SKIPS) {
        // What cannot be told is no reason to store less.
        let _ = writeln!(stderr, "{skipped}");
    }
    if rest > 0 {
        let _ = writeln!(stderr, "skipped {rest} more of such kinds");
    }
}
