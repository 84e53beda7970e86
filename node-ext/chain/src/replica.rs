//! Replicas: their agreements, and the call by which one confirms what it has and is paid.

use crate::ChainError;
use async_trait::async_trait;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};

/// The roots of a confirmation: the last checkpoint's, and one for each prime of
/// [`REPLICA_PRIMES`](cairn_primitives::checkpoint::REPLICA_PRIMES).
pub type SyncRoots = [Option<H256>; 7];

/// An agreement of the account as a replica of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaAgreement {
    /// The most bytes that may be stored.
    pub max_bytes: u64,
    /// The first anchor block at which it no longer holds.
    pub expires_at: u32,
    /// The balance that is left to pay for confirmations, in the chain's smallest unit.
    pub sync_balance: u128,
    /// The price of a confirmation, in the chain's smallest unit.
    pub sync_price: u128,
    /// The anchor blocks between two confirmations.
    pub min_sync_interval: u32,
    /// The last confirmation. The chain may ask for what it is of.
    pub last_sync: Option<LastSync>,
}

/// A confirmation that the chain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSync {
    /// The commitment to what was confirmed. Its start and its leaf count are 0 where the chain
    /// keeps the root alone.
    pub commitment: Commitment,
    /// The anchor block of the confirmation.
    pub block: u32,
}

impl LastSync {
    /// Returns a confirmation of which the chain keeps the root alone.
    pub fn of_root(mmr_root: H256, block: u32) -> Self {
        let commitment = Commitment {
            mmr_root,
            start_seq: Sequence(0),
            leaf_count: LeafCount::default(),
        };
        Self { commitment, block }
    }
}

/// A replica's confirmation of what it has: `confirm_replica_sync`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncConfirmation {
    /// The bucket.
    pub bucket: BucketId,
    /// The roots that the replica has.
    pub roots: SyncRoots,
    /// The registered key's signature over the SCALE bytes of the roots.
    pub signature: MultiSignature,
}

/// The result of a dry run of a confirmation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncVerdict {
    /// The chain would take it.
    Accepted,
    /// The chain would refuse it, with this error.
    Refused(String),
    /// The chain offers no dry run, or one that is not understood.
    NotOffered,
}

/// A chain on which the account is a replica.
#[async_trait]
pub trait ReplicaClient: Send + Sync + 'static {
    /// Returns the account's agreements as a replica, also those that have expired.
    async fn replica_agreements(
        &self,
        at: H256,
    ) -> Result<Vec<(BucketId, ReplicaAgreement)>, ChainError>;

    /// Makes a dry run of a confirmation in the best block. [`ChainError::Unsupported`] if the
    /// chain has no such call, or one with other arguments.
    async fn judge_sync(&self, confirmation: &SyncConfirmation) -> Result<SyncVerdict, ChainError>;
}
