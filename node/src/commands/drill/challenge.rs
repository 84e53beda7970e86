//! A random challenge, of any kind that a chain may make and a provider must
//! answer.

use cairn_node_ext::{At, Bucket, Promise, ProveError};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, LeafIndex, chunk_tree};
use rand::Rng;
use std::fmt;

/// How often the newest root is challenged, rather than any that was signed:
/// among thousands of old roots, chance alone would hardly ever name it.
const NEWEST: f64 = 0.25;
/// How often a chunk is named by an index past its tree, which the chain takes
/// for a slot within it.
const ALIASED: f64 = 0.125;
/// The most times that such an index goes round the tree.
const MOST_ROUNDS: u64 = 1 << 16;

/// One challenge to a signed root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Challenge {
    pub(super) bucket: BucketId,
    pub(super) commitment: Commitment,
    pub(super) location: ChunkLocation,
    pub(super) of_newest: bool,
    pub(super) aliased: bool,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChunkLocation {
            leaf_index,
            chunk_index,
        } = self.location;
        let (bucket, root) = (self.bucket, self.commitment.mmr_root);
        write!(
            f,
            "bucket {bucket}, root {root:?}, leaf {leaf_index}, chunk {chunk_index}"
        )
    }
}

/// What was signed in a bucket, with the newest of it.
pub(super) struct Signed {
    pub(super) bucket: BucketId,
    promises: Vec<Promise>,
    newest: Promise,
}

impl Signed {
    /// Everything that a bucket signed; `None` when that is nothing.
    pub(super) fn of(bucket: &Bucket) -> Result<Option<Self>, ProveError> {
        let promises = bucket.promises()?.collect::<Result<Vec<_>, _>>()?;
        let age =
            |promise: &&Promise| (promise.commitment.start_seq, promise.commitment.leaf_count);
        let newest = promises.iter().max_by_key(age).copied();
        Ok(newest.map(|newest| Self {
            bucket: bucket.id(),
            promises,
            newest,
        }))
    }

    /// A random challenge to a chunk of content; never to a slot that only
    /// pads a tree, which nobody could answer with a proof.
    pub(super) fn challenge(
        &self,
        bucket: &Bucket,
        random: &mut impl Rng,
    ) -> Result<Challenge, ProveError> {
        let place = random.gen_range(0..self.promises.len());
        let any = self.promises.get(place).copied().unwrap_or(self.newest);
        let promise = if random.gen_bool(NEWEST) {
            self.newest
        } else {
            any
        };
        let commitment = promise.commitment;
        // What is signed has a leaf.
        let leaf_index = LeafIndex(random.gen_range(0..commitment.leaf_count.get().max(1)));
        let leaf = bucket
            .view(At::RootOf {
                root: commitment.mmr_root,
                tree: commitment.start_seq,
            })?
            .leaf(leaf_index)?;
        let slot = random.gen_range(0..chunk_tree::chunk_count(leaf.data_size));
        let padded = 1u64
            .checked_shl(chunk_tree::depth(leaf.data_size))
            .unwrap_or(0);
        let rounds = random.gen_range(1..=MOST_ROUNDS);
        let past = padded
            .checked_mul(rounds)
            .and_then(|past| past.checked_add(slot));
        let past = past.filter(|_| random.gen_bool(ALIASED));
        Ok(Challenge {
            bucket: self.bucket,
            commitment,
            location: ChunkLocation {
                leaf_index,
                chunk_index: ChunkIndex(past.unwrap_or(slot)),
            },
            of_newest: commitment == self.newest.commitment,
            aliased: past.is_some(),
        })
    }
}
