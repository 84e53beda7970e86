//! The types of storage, calls and events. Their fields are the chain's face, so they are
//! this pallet's own, and not those of the off-chain side.

mod agreement;
mod bucket;
mod challenge;
mod commitment;
mod provider;
mod replay;

#[cfg(challenger_tiers)]
pub use agreement::BucketTarget;
#[cfg(not(deployed))]
pub use agreement::ReplicaSyncRecord;
pub use agreement::{
    AgreementTerms, EndAction, PRIMARY_TERM_CONTEXT, ProviderRole, REPLICA_TERM_CONTEXT,
    RemovalReason, ReplicaTerms, StorageAgreement,
};
#[cfg(checkpoint_windows)]
pub use bucket::CheckpointWindowConfig;
#[cfg(challenger_tiers)]
pub use bucket::Visibility;
pub use bucket::{Bucket, BucketSnapshot, Member, Role};
#[cfg(commitment_nonce)]
pub use challenge::ChallengerStatRecord;
pub(crate) use challenge::Question;
pub use challenge::{
    Challenge, ChallengeId, ChallengeResponse, ChunkLocation, MerkleProof, MmrLeaf, MmrProof,
    SlashReason,
};
#[cfg(checkpoint_windows)]
pub use commitment::CheckpointProposal;
pub(crate) use commitment::SignedRoot;
pub use commitment::{Commitment, CommitmentPayload};
pub use provider::{ProviderInfo, ProviderSettings, ProviderStats};
pub(crate) use replay::Replay;
pub use replay::{REPLAY_WINDOW_BITS, ReplayWindow};

/// A bucket's id.
pub type BucketId = u64;
