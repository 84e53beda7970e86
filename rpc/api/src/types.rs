//! The types of parameters and results: readable JSON, with the SCALE that a chain reads in hex.

mod at;
mod bucket;
mod content;
mod number;
mod pallet_mmr;
mod proof;
mod provider;
mod replica;
mod terms;

pub use at::AtState;
pub use bucket::{
    BucketInfo, BucketPage, BucketStatusInfo, CommitmentEvent, CommitmentInfo, Hashing, LeafInfo,
    PeaksInfo, SignedCommitmentInfo, SignedInfo,
};
pub use content::{
    CommittedInfo, DeletionInfo, ExportForm, ExportInfo, FetchedNodes, LeafToCommit, NewBucket,
    NodeContent, PruneAuthorisation, PrunedInfo,
};
pub use number::{U64OrHex, U128OrHex};
pub use pallet_mmr::{AncestryProof, LeavesProof};
pub use proof::{ChallengeResponseInfo, ChunkProofInfo, MmrProofInfo, PathInfo, RuleVerdict};
pub use provider::{
    ChallengeChange, ChallengeEvent, ChallengeInfo, ChallengeStage, HeldStateInfo, ProviderHealth,
    ProviderStatus,
};
pub use replica::{ReplicaInfo, ReplicaStateInfo};
pub use terms::{OfferInfo, ReplicaTermsInfo, SignedTermsInfo, TermsToSign};
