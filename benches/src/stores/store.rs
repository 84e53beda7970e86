//! The interface of all stores.

use crate::Fallible;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, HashingProfile, LeafIndex, MmrProof,
};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// The hashing profile of all buckets.
pub(crate) const PROFILE: HashingProfile = HashingProfile::Plain;

/// Many buckets, used from many threads.
pub(crate) trait Store: Send + Sync {
    /// Creates an empty bucket.
    fn create(&self, id: u64) -> Fallible<()>;

    /// Stores content in a bucket.
    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf>;

    /// Commits stored content.
    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment>;

    /// Proves a leaf at the newest leaf count.
    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof>;

    /// Commits durably, and signs the commitment.
    fn sign(&self, id: u64, leaves: &[NewLeaf], pair: &sr25519::Pair) -> Fallible<()> {
        let commitment = self.commit(id, leaves, Durability::Synced)?;
        let payload = CommitmentPayload::new(BucketId(id), commitment);
        std::hint::black_box(pair.sign(&payload.encode()));
        Ok(())
    }

    /// Removes a bucket, up to the return of the call.
    fn delete(&self, id: u64) -> Fallible<()>;

    /// Frees the space of deleted buckets, or waits until that is done.
    fn reclaim(&self) -> Fallible<()>;

    /// Flushes memory to files.
    fn flush(&self) -> Fallible<()>;
}
