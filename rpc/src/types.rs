//! What methods take and give, as readable JSON; beside it, in hex, the SCALE
//! that a chain reads.

mod at;
mod bucket;
mod content;
mod number;
mod pallet_mmr;
mod proof;
mod provider;

pub use at::AtState;
pub use bucket::{
    BucketInfo, BucketPage, BucketStanding, CommitmentInfo, CommitmentNews, Hashing, LeafInfo,
    PeaksInfo, SignedCommitmentInfo, SignedInfo,
};
pub use content::{
    CommittedInfo, DeletionInfo, ExportForm, ExportInfo, FetchedNodes, LeafToCommit, NewBucket,
    NodeContent, PruneAuthorisation, PrunedInfo,
};
pub use number::Uint;
pub use pallet_mmr::{AncestryProof, LeavesProof};
pub use proof::{ChallengeResponseInfo, ChunkProofInfo, MmrProofInfo, PathInfo, RuleVerdict};
pub use provider::{
    ChallengeChange, ChallengeInfo, ChallengeNews, ChallengeStage, HoldingInfo, ProviderHealth,
    ProviderStatus,
};
