//! Benchmarks of the parts of commits and proofs.

use cairn_bucket::{Bucket, BucketConfig, NewLeaf, StateRef};
use cairn_engine::{Durability, SharedResources};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, H256, HashingProfile, LeafIndex};
use criterion::{Criterion, Throughput};
use std::error::Error;
use std::hint::black_box;
use tempfile::TempDir;

/// Leaves of the measured bucket.
const LEAVES: u64 = 1_000_000;
/// Leaves in test mode, where each measurement runs once.
const LEAVES_IN_TESTS: u64 = 10_000;
const FILL_BATCH: usize = 10_000;
const PROFILE: HashingProfile = HashingProfile::Plain;

fn frontier(c: &mut Criterion) {
    let mut frontier = Frontier::empty(PROFILE);
    c.bench_function("append/target=frontier", |b| {
        b.iter(|| {
            frontier.append(H256::repeat_byte(1), |position, hash| {
                black_box((position, hash));
            })
        });
    });
}

fn chunk(c: &mut Criterion) {
    let bytes = vec![7_u8; 256 << 10];
    let mut group = c.benchmark_group("hash");
    group.throughput(Throughput::Bytes(256 << 10));
    group.bench_function("chunk=256KiB", |b| {
        b.iter(|| PROFILE.chunk(black_box(&bytes)))
    });
    group.finish();
}

/// Returns a bucket with a number of leaves, and the content of one more.
fn filled(leaves: u64) -> Result<(TempDir, Bucket, NewLeaf), Box<dyn Error>> {
    let base = std::env::var_os("HOME").unwrap_or_else(|| ".".into());
    let base = std::path::Path::new(&base).join(".cache/cairn/bench");
    std::fs::create_dir_all(&base)?;
    let folder = TempDir::with_prefix_in("criterion-", base)?;
    let path = folder.path().join("bucket");
    let config = BucketConfig::default();
    let bucket = Bucket::create(&path, BucketId(1), config, &SharedResources::default())?;
    let stored = bucket.ingest(&b"three small words"[..])?;
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    let batch = vec![leaf; FILL_BATCH];
    while bucket.commitment().leaf_count.get() < leaves {
        bucket.commit(&batch, Durability::Buffered)?;
    }
    Ok((folder, bucket, leaf))
}

fn bucket(c: &mut Criterion) {
    let (leaves, name) = if std::env::args().any(|argument| argument == "--bench") {
        (LEAVES, "mmr_proof/leaves=1M")
    } else {
        (LEAVES_IN_TESTS, "mmr_proof/leaves=10k")
    };
    let (_folder, bucket, leaf) = match filled(leaves) {
        Ok(filled) => filled,
        Err(error) => return eprintln!("no bucket to measure: {error}"),
    };
    let mut index = 0;
    c.bench_function(name, |b| {
        b.iter(|| {
            // A stride that does not align with the tree.
            index = (index + 7_919) % leaves;
            let view = bucket.view(StateRef::Newest)?;
            view.mmr_proof(LeafIndex(index))
        });
    });
    c.bench_function("commit/durability=buffered", |b| {
        b.iter(|| bucket.commit(&[leaf], Durability::Buffered));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    frontier(&mut criterion);
    chunk(&mut criterion);
    bucket(&mut criterion);
    criterion.final_summary();
}
