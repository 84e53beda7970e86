//! Proofs in the chain's own dialect.

use super::{CommitmentInfo, LeafInfo, Uint};
use cairn_primitives::{H256, MerkleProof};
use serde::{Deserialize, Serialize};
use sp_core::Bytes;

/// A path from a leaf of a binary tree to its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathInfo {
    /// The sibling at each level, leaf to root.
    pub siblings: Vec<H256>,
    /// For each level, whether the node so far is the right child.
    pub path: Vec<bool>,
}

impl From<&MerkleProof> for PathInfo {
    fn from(proof: &MerkleProof) -> Self {
        Self {
            siblings: proof.siblings.clone(),
            path: proof.path.clone(),
        }
    }
}

/// That a leaf is under a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MmrProofInfo {
    /// The state that it is proven for.
    pub commitment: CommitmentInfo,
    /// The leaf.
    pub leaf: LeafInfo,
    /// All peaks of that state, left to right.
    pub peaks: Vec<H256>,
    /// From the leaf to the peak of its mountain.
    pub leaf_proof: PathInfo,
    /// The `MmrProof` in SCALE.
    pub scale: Bytes,
}

/// That a chunk is under a leaf's data root. It was checked together with the
/// leaf's own proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChunkProofInfo {
    /// The state that the leaf is of.
    pub commitment: CommitmentInfo,
    /// The leaf.
    pub leaf: LeafInfo,
    /// The slot that the chain means by the chunk index that was asked for.
    pub slot: Uint,
    /// The chunk's hash.
    pub chunk_hash: H256,
    /// From the chunk to the leaf's `dataRoot`.
    pub chunk_proof: PathInfo,
    /// The `MerkleProof` in SCALE.
    pub scale: Bytes,
}

/// What a rule says of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleVerdict {
    /// Whether the answer passes.
    pub accepted: bool,
    /// The first rule that it breaks.
    pub reason: Option<String>,
}

impl<E: std::fmt::Display> From<Result<(), E>> for RuleVerdict {
    fn from(judged: Result<(), E>) -> Self {
        Self {
            accepted: judged.is_ok(),
            reason: judged.err().map(|reason| reason.to_string()),
        }
    }
}

/// The whole answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChallengeResponseInfo {
    /// The commitment that the answer is for.
    pub commitment: CommitmentInfo,
    /// The slot that the chain means by the chunk index that was asked for.
    pub slot: Uint,
    /// The `ChallengeResponse` in SCALE, as `respond_to_challenge` takes it.
    pub response: Bytes,
    /// By the deployed chain's rule.
    pub chain_rule: RuleVerdict,
    /// By the strict rule, which binds the leaf to its index as well.
    pub strict_rule: RuleVerdict,
}
