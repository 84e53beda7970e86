//! Commits to a bucket until it is killed. After each call that returns, it prints
//! `committed <leaf count>` or `signed <root> <leaf count>` to standard output.

#![forbid(unsafe_code)]

use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_engine::Durability;
use cairn_keys::SignedCommitment;
use cairn_primitives::BucketId;
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use cairn_tests::content_of_leaf;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("the folder is missing")?);
    let seed = arguments.next().ok_or("the seed is missing")?.parse()?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let id = BucketId(7);
    let base = BasePath::create(folder)?;
    let signer = base.keys().signer(None)?;
    let is_there = base.buckets()?.contains(&id);
    let provider = Provider::open(base, ProviderOptions::default())?;
    if !is_there {
        provider.create_bucket(id, BucketConfig::default())?;
    }
    let bucket = provider.blocking_lease(id, LeaseRequest::write())?;
    let mut out = std::io::stdout().lock();
    loop {
        let next = bucket.commitment().leaf_count.get();
        let leaves = (next..next + random.gen_range(1..5))
            .map(|k| {
                let content = bucket.run(|bucket| bucket.ingest(&content_of_leaf(k)[..]))?;
                Ok(NewLeaf {
                    data_root: content.data_root,
                    data_size: content.data_size,
                })
            })
            .collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        match random.gen_range(0..3) {
            0 => {
                let signed: SignedCommitment = bucket.commit_signed(&leaves, &signer)?.1;
                let commitment = signed.payload.commitment;
                let root = hex::encode(commitment.mmr_root);
                writeln!(out, "signed {root} {}", commitment.leaf_count)?;
            }
            kind => {
                let durability = if kind == 1 {
                    Durability::Synced
                } else {
                    Durability::Buffered
                };
                let committed = bucket.run(|bucket| bucket.commit(&leaves, durability))?;
                writeln!(out, "committed {}", committed.commitment.leaf_count)?;
            }
        }
        out.flush()?;
    }
}
