//! What every store does.

use crate::Fallible;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, HashingProfile, LeafIndex, MmrProof,
};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// How all buckets hash.
pub(crate) const PROFILE: HashingProfile = HashingProfile::Plain;

/// Many buckets, used from many threads.
pub(crate) trait Store: Send + Sync {
    /// Makes an empty bucket.
    fn create(&self, id: u64) -> Fallible<()>;

    /// Stores content in a bucket.
    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf>;

    /// Commits content that is there.
    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment>;

    /// Proves a leaf at the newest leaf count.
    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof>;

    /// Commits durably and signs what it came to.
    fn sign(&self, id: u64, leaves: &[NewLeaf], pair: &sr25519::Pair) -> Fallible<()> {
        let commitment = self.commit(id, leaves, Durability::Synced)?;
        let payload = CommitmentPayload::new(BucketId(id), commitment);
        std::hint::black_box(pair.sign(&payload.encode()));
        Ok(())
    }

    /// Removes a bucket, as far as a caller waits for it.
    fn delete(&self, id: u64) -> Fallible<()>;

    /// Waits for, or does, what gives deleted bytes back.
    fn reclaim(&self) -> Fallible<()>;

    /// Writes out what is in memory.
    fn settle(&self) -> Fallible<()>;
}
