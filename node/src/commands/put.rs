//! `cairn put`: stores files as leaves, commits them and signs the commitment.

mod destination;
mod parts;
mod report;
mod upload;

use crate::backend::{Backend, Remote};
use crate::bucket_args::parse_bucket_id;
use crate::failure::Failure;
use crate::file_walk::{FileWalk, SkippedEntry, find_files};
use crate::globals::Globals;
use crate::provider_args::open_provider;
use crate::remote::RemoteUpload;
use crate::{advice, hex_text, progress};
use cairn_bucket::BasePath;
use cairn_engine::Access;
use cairn_primitives::BucketId;
use cairn_provider::LeaseRequest;
use cairn_rpc_server::Limits;
use clap::Args;
use destination::{Destination, LocalUpload};
use parts::Splitting;
use report::UploadTotals;
use std::io::{BufRead, BufReader, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use upload::Upload;

/// Skipped files that are named one by one, at most: a folder may be full of them.
const MAX_NAMED_SKIPS: usize = 20;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct PutArgs {
    /// The bucket's id
    #[arg(value_parser = parse_bucket_id)]
    bucket: BucketId,
    /// Files and folders; of a folder, all its files are stored
    #[arg(required_unless_present = "files_from", value_name = "FILES")]
    paths: Vec<PathBuf>,
    /// File that lists more files and folders, one per line; `-` reads the list from stdin
    #[arg(long, value_name = "LIST")]
    files_from: Option<PathBuf>,
    /// Files per commit. Each commit takes one sync to disk and one signature
    #[arg(long, value_name = "N", default_value = "100")]
    commit_every: NonZeroUsize,
    /// Store each file as one leaf, even if its number of chunks is not a power of two. Anyone can
    /// challenge a padding slot of such a leaf, and nobody can answer
    #[arg(long)]
    one_leaf: bool,
    /// Public key to sign with, if there is more than one
    #[arg(long, value_name = "HEX", value_parser = hex_text::bytes32)]
    key: Option<[u8; 32]>,
}

impl PutArgs {
    const fn splitting(&self) -> Splitting {
        match self.one_leaf {
            true => Splitting::OneLeaf,
            false => Splitting::WithoutPadding,
        }
    }
}

pub(crate) fn run(args: &PutArgs, globals: &Globals) -> Result<(), Failure> {
    match globals.backend(Access::ReadWrite)? {
        Backend::Local(base) => put_local(args, globals, base),
        Backend::Remote(remote) => put_remote(args, globals, &remote),
    }
}

fn put_local(args: &PutArgs, globals: &Globals, base: BasePath) -> Result<(), Failure> {
    let signer = base.keys().signer(args.key)?;
    let provider = open_provider(base)?;
    let bucket = provider.blocking_lease(args.bucket, LeaseRequest::write())?;
    if let Some(refused) = bucket.signing_refusal() {
        let advice = advice::signing(&refused);
        return Err(Failure::Refused(advice::joined(refused, advice)));
    }
    let walk = find_upload_files(args)?;
    let ended = upload(LocalUpload::new(&bucket, &signer), &walk, args, globals);
    drop(bucket);
    // A clean close leaves the next command nothing to replay.
    provider.close();
    let tally = ended?;
    globals.output().text(&tally)?;
    tally.check_all_stored()
}

fn put_remote(args: &PutArgs, globals: &Globals, remote: &Remote) -> Result<(), Failure> {
    if args.key.is_some() {
        return Err(Failure::Usage(
            "a running provider signs with its own key: leave out --key, or stop it first".into(),
        ));
    }
    let leaves = usize::try_from(Limits::default().leaves).unwrap_or(usize::MAX);
    // The last of them may be cut into several.
    let most = match args.splitting() {
        Splitting::WithoutPadding => leaves.saturating_sub(parts::MAX_PARTS),
        Splitting::OneLeaf => leaves,
    };
    if args.commit_every.get() > most {
        return Err(Failure::Usage(format!(
            "a running provider accepts at most {most} files per commit: lower --commit-every"
        )));
    }
    let (client, signers) = (&remote.client, remote.signers()?);
    let profile = client.bucket(args.bucket)?.hashing.into();
    let walk = find_upload_files(args)?;
    let destination = RemoteUpload::new(client, args.bucket, profile, signers);
    let tally = upload(destination, &walk, args, globals)?;
    globals.output().text(&tally)?;
    tally.check_all_stored()
}

/// Finds the files to store. Finding none is an error.
fn find_upload_files(args: &PutArgs) -> Result<FileWalk, Failure> {
    let mut roots = args.paths.clone();
    if let Some(list) = &args.files_from {
        roots.extend(read_path_list(list)?);
    }
    let found = find_files(&roots)?;
    report_skipped(&found.skipped);
    if found.files.is_empty() {
        return Err(Failure::Failed(
            "there is nothing to store: the given paths contain no files".into(),
        ));
    }
    Ok(found)
}

fn upload(
    destination: impl Destination,
    walk: &FileWalk,
    args: &PutArgs,
    globals: &Globals,
) -> Result<UploadTotals, Failure> {
    let lengths = walk.files.iter().map(|file| file.length);
    let bar = progress::byte_bar(lengths.fold(0u64, u64::saturating_add));
    let upload = Upload::new(destination, args.splitting(), globals.output(), bar.clone());
    let ended = upload.run(&walk.files, args.commit_every);
    bar.finish_and_clear();
    ended
}

/// Reads the paths in a list, one per line.
fn read_path_list(list: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fault = |source| Failure::file("read the list", list, source);
    let lines: Box<dyn BufRead> = if list == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(std::fs::File::open(list).map_err(fault)?))
    };
    let paths = lines
        .split(b'\n')
        .filter(|line| !line.as_ref().is_ok_and(Vec::is_empty))
        .map(|line| line.map(path_from_bytes));
    paths.collect::<Result<_, _>>().map_err(fault)
}

/// Builds a path from any bytes: a path need not be UTF-8.
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

fn report_skipped(skipped: &[SkippedEntry]) {
    let mut stderr = std::io::stderr().lock();
    let rest = skipped.len().saturating_sub(MAX_NAMED_SKIPS);
    for skipped in skipped.iter().take(MAX_NAMED_SKIPS) {
        // If stderr fails, the files are stored anyway.
        let _ = writeln!(stderr, "{skipped}");
    }
    if rest > 0 {
        let _ = writeln!(
            stderr,
            "skipped {rest} more links, pipes, sockets or devices"
        );
    }
}
