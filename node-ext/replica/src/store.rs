//! The seam to the copy of the bucket that is made here.

use cairn_bucket::{Bucket, CommitError, IngestError, NewLeaf, PruneError, TreeStart};
use cairn_engine::Durability;
use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{Commitment, H256, HashingProfile, LeafCount, Sequence};

/// An error of this provider's own copy. It ends the whole synchronisation: no peer can help.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    /// Wraps an error of a store.
    pub fn new(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(error))
    }
}

impl From<IngestError> for StoreError {
    fn from(error: IngestError) -> Self {
        Self::new(error)
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        Self::new(error)
    }
}

impl From<PruneError> for StoreError {
    fn from(error: PruneError) -> Self {
        Self::new(error)
    }
}

/// The state of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyState {
    /// The newest commitment.
    pub commitment: Commitment,
    /// Its peaks, left to right.
    pub peaks: Vec<H256>,
    /// The `total_size` of its last leaf.
    pub total_size: u64,
}

/// The copy of a bucket that is made here. Its methods block, and are called on threads that may.
pub trait Store: Send + Sync + 'static {
    /// Returns how the bucket hashes.
    fn profile(&self) -> HashingProfile;

    /// Returns the copy's state; `None` if there is no copy yet.
    fn state(&self) -> Result<Option<CopyState>, StoreError>;

    /// Returns the commitment of the copy's tree at an earlier leaf count, if it has had it.
    fn had(&self, commitment: &Commitment) -> Result<bool, StoreError>;

    /// Makes an empty copy whose tree starts here.
    fn begin(&self, start: TreeStart) -> Result<(), StoreError>;

    /// Drops the leaves before a sequence, as the bucket's own tree has.
    fn drop_before(&self, sequence: Sequence) -> Result<(), StoreError>;

    /// Returns whether everything under a hash is held, in this shape.
    fn holds(&self, hash: &H256, shape: Subtree) -> Result<bool, StoreError>;

    /// Stores a chunk, which has the hash.
    fn put_chunk(&self, hash: H256, bytes: &[u8]) -> Result<(), StoreError>;

    /// Stores a node over children that are stored.
    fn put_node(&self, hash: H256, left: H256, right: H256) -> Result<(), StoreError>;

    /// Commits leaves durably after the first `expected` ones, without signing them. An error if
    /// the copy has another leaf count by then: an attempt that was abandoned may end late.
    fn commit(&self, expected: LeafCount, leaves: &[NewLeaf]) -> Result<Commitment, StoreError>;
}

/// The methods of a store over an open bucket.
pub mod in_bucket {
    use super::{
        Bucket, Commitment, CopyState, Durability, H256, LeafCount, NewLeaf, Sequence, StoreError,
        Subtree,
    };
    use cairn_bucket::StateRef;

    /// Does [`Store::state`](super::Store::state).
    pub fn state(bucket: &Bucket) -> CopyState {
        let (commitment, peaks, total_size) = bucket.newest_state();
        CopyState {
            commitment,
            peaks,
            total_size,
        }
    }

    /// Does [`Store::had`](super::Store::had).
    pub fn had(bucket: &Bucket, commitment: &Commitment) -> bool {
        let at = StateRef::LeafCount(commitment.leaf_count);
        let found = bucket.view(at).and_then(|view| view.commitment());
        found.is_ok_and(|found| found == *commitment)
    }

    /// Does [`Store::drop_before`](super::Store::drop_before).
    pub fn drop_before(bucket: &Bucket, sequence: Sequence) -> Result<(), StoreError> {
        Ok(bucket.prune(sequence, None).map(drop)?)
    }

    /// Does [`Store::holds`](super::Store::holds).
    pub fn holds(bucket: &Bucket, hash: &H256, shape: Subtree) -> Result<bool, StoreError> {
        Ok(bucket.holds_subtree(hash, shape)?)
    }

    /// Does [`Store::put_chunk`](super::Store::put_chunk).
    pub fn put_chunk(bucket: &Bucket, hash: H256, bytes: &[u8]) -> Result<(), StoreError> {
        Ok(bucket.put_chunk(hash, bytes).map(drop)?)
    }

    /// Does [`Store::put_node`](super::Store::put_node).
    pub fn put_node(
        bucket: &Bucket,
        hash: H256,
        left: H256,
        right: H256,
    ) -> Result<(), StoreError> {
        Ok(bucket.put_node(hash, left, right).map(drop)?)
    }

    /// Does [`Store::commit`](super::Store::commit).
    pub fn commit(
        bucket: &Bucket,
        expected: LeafCount,
        leaves: &[NewLeaf],
    ) -> Result<Commitment, StoreError> {
        let committed = bucket.commit_after(expected, leaves, Durability::Synced)?;
        Ok(committed.commitment)
    }
}
