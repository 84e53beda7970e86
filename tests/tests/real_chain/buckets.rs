//! Buckets of random shapes, created before the node opens their base path.

use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_keys::SignedCommitment;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use rand::{Rng, RngCore};
use std::path::Path;

/// The secret of the provider's account and key.
pub(crate) const SURI: &str = "//Charlie";

/// The signed roots of one bucket, and the lengths of its leaves by sequence.
pub(crate) struct SignedRoots {
    pub(crate) signed: Vec<SignedCommitment>,
    pub(crate) sizes: Vec<usize>,
}

/// Creates a number of buckets, with ids from 0. Every second one is pruned half way.
pub(crate) fn create_buckets(
    folder: &Path,
    buckets: u64,
    random: &mut impl RngCore,
) -> Vec<SignedRoots> {
    let base = BasePath::create(folder).unwrap();
    base.keys().insert(SURI).unwrap();
    let signer = base.keys().signer(None).unwrap();
    let provider = Provider::open(base, ProviderOptions::default()).unwrap();
    (0..buckets)
        .map(|id| {
            let id = BucketId(id);
            provider.create_bucket(id, BucketConfig::default()).unwrap();
            let bucket = provider.blocking_lease(id, LeaseRequest::write()).unwrap();
            let id = id.0;
            let mut signed_roots = SignedRoots {
                signed: Vec::new(),
                sizes: Vec::new(),
            };
            let commits = random.gen_range(4..12);
            for commit in 0..commits {
                let leaves: Vec<_> = (0..random.gen_range(1..6))
                    .map(|_| {
                        let content = content(random);
                        signed_roots.sizes.push(content.len());
                        let stored = bucket.run(|bucket| bucket.ingest(&content[..])).unwrap();
                        NewLeaf {
                            data_root: stored.data_root,
                            data_size: stored.data_size,
                        }
                    })
                    .collect();
                let (_, signed) = bucket.commit_signed(&leaves, &signer).unwrap();
                signed_roots.signed.push(signed);
                if commit == commits / 2 && id % 2 == 1 {
                    let before = Sequence(signed_roots.sizes.len() as u64 / 2);
                    if before.0 > 0 {
                        bucket.run(|bucket| bucket.prune(before, None)).unwrap();
                    }
                }
            }
            signed_roots
        })
        .collect()
}

/// Returns content of a boundary length, or of a random one.
fn content(random: &mut impl RngCore) -> Vec<u8> {
    let length = match random.gen_range(0..6) {
        0 => random.gen_range(0..2),
        1 => CHUNK_BYTES - 1 + random.gen_range(0..3usize),
        2 => CHUNK_BYTES * random.gen_range(2..5usize) + random.gen_range(0..2usize),
        _ => random.gen_range(2..60_000),
    };
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
}
