//! Random challenges, of every kind that a chain may make and a provider must answer.

use cairn_bucket::{Bucket, ProveError, SignedRoot, StateRef};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, LeafIndex, chunk_tree};
use rand::Rng;
use std::fmt;

/// The probability of challenging the newest root. Among thousands of signed roots, a
/// uniform choice would hardly ever pick it.
const NEWEST_ROOT_PROBABILITY: f64 = 0.25;
/// The probability of naming a chunk by an index past its tree, which the chain maps to
/// a slot within it.
const ALIASED_INDEX_PROBABILITY: f64 = 0.125;
/// The maximum multiple of the tree's width in such an index.
const MAX_ALIAS_MULTIPLE: u64 = 1 << 16;

/// A challenge of a signed root.
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

/// The signed roots of a bucket.
pub(super) struct SignedBucket {
    pub(super) bucket: BucketId,
    roots: Vec<SignedRoot>,
    newest: SignedRoot,
}

impl SignedBucket {
    /// Returns all signed roots of a bucket; `None` if there are none.
    pub(super) fn from_bucket(bucket: &Bucket) -> Result<Option<Self>, ProveError> {
        let signed_roots = bucket.signed_roots()?.collect::<Result<Vec<_>, _>>()?;
        let age = |signed_root: &&SignedRoot| {
            (
                signed_root.commitment.start_seq,
                signed_root.commitment.leaf_count,
            )
        };
        let newest = signed_roots.iter().max_by_key(age).copied();
        Ok(newest.map(|newest| Self {
            bucket: bucket.id(),
            roots: signed_roots,
            newest,
        }))
    }

    /// Returns a random challenge of a chunk. It never challenges a padding slot, which
    /// no proof can answer.
    pub(super) fn random_challenge(
        &self,
        bucket: &Bucket,
        random: &mut impl Rng,
    ) -> Result<Challenge, ProveError> {
        let place = random.gen_range(0..self.roots.len());
        let any = self.roots.get(place).copied().unwrap_or(self.newest);
        let signed_root = if random.gen_bool(NEWEST_ROOT_PROBABILITY) {
            self.newest
        } else {
            any
        };
        let commitment = signed_root.commitment;
        // A signed tree has at least one leaf.
        let leaf_index = LeafIndex(random.gen_range(0..commitment.leaf_count.get().max(1)));
        let leaf = bucket
            .view(StateRef::RootOf {
                root: commitment.mmr_root,
                tree: commitment.start_seq,
            })?
            .leaf(leaf_index)?;
        let slot = random.gen_range(0..chunk_tree::chunk_count(leaf.data_size));
        let padded = 1u64
            .checked_shl(chunk_tree::depth(leaf.data_size))
            .unwrap_or(0);
        let rounds = random.gen_range(1..=MAX_ALIAS_MULTIPLE);
        let past = padded
            .checked_mul(rounds)
            .and_then(|past| past.checked_add(slot));
        let past = past.filter(|_| random.gen_bool(ALIASED_INDEX_PROBABILITY));
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
