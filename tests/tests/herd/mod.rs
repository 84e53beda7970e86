//! A few buckets with signed roots, a process that works on them, and what must
//! hold of them however that ends.

#![expect(
    dead_code,
    reason = "each test is a crate of its own and uses a part of this"
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

/// What a bucket has signed.
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

/// How a process ended that worked on a herd.
#[derive(Debug)]
pub struct Ended {
    pub done: bool,
    /// It was told what is so already: made, gone, pruned.
    pub is_answer: bool,
    pub signed: Vec<H256>,
    pub complaint: String,
}

/// Content of its own for each leaf, but that each third is in all buckets.
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
        // It works on copies, which are the newest.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    };
    let provider = Provider::open(take(base), options).unwrap();
    provider.wait_until_known();
    provider.wait_until_trash_is_empty();
    provider
}

/// Takes a base path. A process that another test starts at this moment shares this
/// one's lock from its fork to its exec, so a lock is waited for.
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

/// Copies a folder with all that is in it.
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

/// Has a process of its own do something, killed as `strace` is told.
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
            // It tampers with the calls only that it traces.
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
        let mut herd = Self {
            folder,
            signed: Vec::new(),
        };
        let provider = start(&herd.base());
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
                herd.signed.push(Signed { bucket, commitment });
            }
        }
        drop(provider);
        herd
    }

    /// The same in another place, byte by byte.
    pub fn copied(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.base(), &folder.path().join("base"));
        Self {
            folder,
            signed: self.signed.clone(),
        }
    }

    /// Nothing is asked of a bucket any more.
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

    /// Puts a copy of another herd's bucket beside its own, with what it has
    /// signed.
    pub fn take_in(&mut self, other: &Herd, bucket: u64) {
        copy(&other.folder_of(bucket), &self.folder_of(bucket));
        self.expect_of(other, bucket);
    }

    /// A bucket has what another herd's has signed.
    pub fn expect_of(&mut self, other: &Herd, bucket: u64) {
        let of_bucket = |signed: &&Signed| signed.bucket == bucket;
        self.signed.extend(other.signed.iter().filter(of_bucket));
    }

    /// Where a bucket's tree begins, and its leaf count.
    pub fn newest_of(&self, bucket: u64) -> (u64, u64) {
        let provider = start(&self.base());
        let newest = provider.summary(BucketId(bucket)).unwrap().commitment;
        (newest.start_seq.0, newest.leaf_count.get())
    }

    pub fn lose_index(&self) {
        std::fs::remove_dir_all(self.base().join("index")).unwrap();
    }

    /// All that was signed can be proven, each bucket holds what it promises,
    /// and what each holds is counted right.
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
            assert_eq!(answer.commitment, *commitment, "{context}");
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
        // Counted from nothing, it must be the same.
        self.lose_index();
        let provider = start(&self.base());
        assert_eq!(provider.dedup(), counted, "{context}");
    }
}
