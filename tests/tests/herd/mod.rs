//! A base path with a few buckets and signed roots, a process that works on it, and the
//! conditions that must hold however that process ends.

#![expect(
    dead_code,
    reason = "each test is a crate of its own, and uses a part of this module"
)]

use cairn_bucket::{At, BasePath, BasePathError, BucketConfig, NewLeaf, fsck};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafIndex};
use cairn_provider::{BudgetRequest, OnCopy, Provider, ProviderOptions, Wanted};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Leaves of each bucket, each signed.
const LEAVES: u64 = 5;

/// The signed roots of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    pub bucket: u64,
    pub commitment: Commitment,
}

/// A base path with buckets 1, 2 and 3.
pub struct Herd {
    folder: TempDir,
    signed: Vec<Signed>,
}

/// The end of a process that worked on the base path.
#[derive(Debug)]
pub struct Ended {
    pub done: bool,
    /// It was refused because the operation was already done: created, deleted, pruned.
    pub is_answer: bool,
    pub signed: Vec<H256>,
    pub complaint: String,
}

/// Returns a content of its own for each leaf; every third leaf's is the same in all buckets.
pub fn content(bucket: u64, leaf: u64) -> Vec<u8> {
    let of = if leaf.is_multiple_of(3) { 0 } else { bucket };
    format!("leaf {leaf} of bucket {of}")
        .repeat(50)
        .into_bytes()
}

pub fn start(base: &Path) -> Provider {
    let options = ProviderOptions {
        budget: BudgetRequest {
            max_open: Some(4),
            memory_bytes: Some(64 << 20),
            ..BudgetRequest::default()
        },
        // The base path is a copy, and the newest one.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    };
    let provider = Provider::open(take(base), options).unwrap();
    provider.wait_until_known();
    provider.wait_until_trash_is_empty();
    provider
}

/// Opens a base path. A process that another test starts at this moment shares this process's
/// lock from its fork to its exec, so this waits for the lock.
fn take(base: &Path) -> BasePath {
    let begun = std::time::Instant::now();
    loop {
        match BasePath::create(base) {
            Ok(taken) => return taken,
            Err(BasePathError::Locked { .. }) if begun.elapsed().as_secs() < 30 => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Copies a folder recursively.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Runs an operation in a process of its own, optionally killed by `strace`.
pub fn keep(
    base: &Path,
    what: &str,
    bucket: u64,
    path: Option<&Path>,
    kill: Option<&str>,
) -> Ended {
    let keeper = env!("CARGO_BIN_EXE_keeper");
    let mut command = match kill {
        None => Command::new(keeper),
        Some(kill) => {
            let mut strace = Command::new("strace");
            // `strace` injects faults only into calls that it traces.
            let (call, _) = kill.split_once(':').expect("a call and what to do");
            let trace = call.replace("inject", "trace");
            strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", kill]);
            strace.arg(keeper);
            strace
        }
    };
    command.arg(base).arg(what).arg(bucket.to_string());
    command.args(path);
    let output = command
        .output()
        .expect("strace kills the process: `make deps` installs it");
    let text = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    let root = |line: &str| {
        let root = line.strip_prefix("signed ")?;
        Some(H256::from_slice(&hex::decode(root).unwrap()))
    };
    Ended {
        done: text.lines().any(|line| line == "done"),
        is_answer: output.status.code() == Some(1) && !complaint.contains("panicked"),
        signed: text.lines().filter_map(root).collect(),
        complaint,
    }
}

impl Herd {
    pub fn new() -> Self {
        Self::of(&[1, 2, 3])
    }

    pub fn of(buckets: &[u64]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut fixture = Self {
            folder,
            signed: Vec::new(),
        };
        let provider = start(&fixture.base());
        provider.keys().insert("//Alice").unwrap();
        let signer = provider.keys().signer(None).unwrap();
        for bucket in buckets.iter().copied() {
            let id = BucketId(bucket);
            provider.create_bucket(id, BucketConfig::default()).unwrap();
            let lease = provider.lease(id, Wanted::write()).unwrap();
            for leaf in 0..LEAVES {
                let content = content(bucket, leaf);
                let content = lease.run(|bucket| bucket.ingest(&content[..])).unwrap();
                let leaf = NewLeaf {
                    data_root: content.data_root,
                    data_size: content.data_size,
                };
                let (_, signed) = lease.commit_signed(&[leaf], &signer).unwrap();
                let commitment = signed.payload.commitment;
                fixture.signed.push(Signed { bucket, commitment });
            }
        }
        drop(provider);
        fixture
    }

    /// Copies the base path, byte by byte.
    pub fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.base(), &folder.path().join("base"));
        Self {
            folder,
            signed: self.signed.clone(),
        }
    }

    /// Stops expecting a bucket.
    pub fn without_promises_of(mut self, bucket: u64) -> Self {
        self.signed.retain(|signed| signed.bucket != bucket);
        self
    }

    pub fn base(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder_of(&self, bucket: u64) -> PathBuf {
        self.base().join(format!("buckets/{bucket:016x}"))
    }

    pub fn ids(&self) -> BTreeSet<u64> {
        let base = take(&self.base());
        base.buckets().unwrap().into_iter().map(|id| id.0).collect()
    }

    pub fn signed_of(&self, bucket: u64) -> Vec<Commitment> {
        let of_bucket = self.signed.iter().filter(|signed| signed.bucket == bucket);
        of_bucket.map(|signed| signed.commitment).collect()
    }

    /// Adds a copy of another base path's bucket, with its signed roots.
    pub fn take_in(&mut self, other: &Herd, bucket: u64) {
        copy(&other.folder_of(bucket), &self.folder_of(bucket));
        self.expect_of(other, bucket);
    }

    /// Expects a bucket to have the signed roots of another base path's bucket.
    pub fn expect_of(&mut self, other: &Herd, bucket: u64) {
        let of_bucket = |signed: &&Signed| signed.bucket == bucket;
        self.signed.extend(other.signed.iter().filter(of_bucket));
    }

    /// Returns the start of a bucket's tree, and its leaf count.
    pub fn newest_of(&self, bucket: u64) -> (u64, u64) {
        let provider = start(&self.base());
        let newest = provider.summary(BucketId(bucket)).unwrap().commitment;
        (newest.start_seq.0, newest.leaf_count.get())
    }

    pub fn lose_index(&self) {
        std::fs::remove_dir_all(self.base().join("index")).unwrap();
    }

    /// Asserts that every signed root can be proven, that `fsck` finds nothing, and that the
    /// index counts each bucket's chunks correctly.
    pub fn check(&self, also_signed: &[H256], context: &str) {
        let provider = start(&self.base());
        for Signed { bucket, commitment } in &self.signed {
            let location = ChunkLocation {
                leaf_index: LeafIndex(commitment.leaf_count.get() - 1),
                chunk_index: ChunkIndex(0),
            };
            let at = At::RootOf {
                root: commitment.mmr_root,
                tree: commitment.start_seq,
            };
            let answer = provider
                .answer(BucketId(*bucket), at, location)
                .unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(answer.commitment(), *commitment, "{context}");
        }
        for (id, record) in provider.page(None, usize::MAX).unwrap() {
            let Ok(lease) = provider.lease(id, Wanted::read()) else {
                assert!(id.0 > 3, "{context}: bucket {id} is {:?}", record.standing);
                continue;
            };
            let report = lease.run(|bucket| fsck(bucket, |_| {})).unwrap();
            assert!(report.is_clean(), "{context}: {:?}", report.findings);
            assert_eq!(record.commitment, lease.commitment(), "{context}");
        }
        for root in also_signed {
            let signed_in = (1..=3).filter(|id| {
                let lease = provider.lease(BucketId(*id), Wanted::read());
                let at = At::Root(*root);
                lease.is_ok_and(|lease| lease.run(|bucket| bucket.view(at).map(|_| ())).is_ok())
            });
            assert_eq!(signed_in.count(), 1, "{context}: {root:?} was signed");
        }
        let counted = provider.dedup();
        drop(provider);
        // A recount must give the same.
        self.lose_index();
        let provider = start(&self.base());
        assert_eq!(provider.dedup(), counted, "{context}");
    }
}
