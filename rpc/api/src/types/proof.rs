//! Proofs in the storage pallet's own format.

use super::{CommitmentInfo, LeafInfo, U64OrHex};
use crate::bytes::Bytes;
use cairn_primitives::{H256, MerkleProof};
use serde::{Deserialize, Serialize};

/// A path from a leaf of a binary tree to its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PathInfo {
    /// The sibling at each level, leaf to root.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
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

/// A proof that a leaf is under a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct MmrProofInfo {
    /// The state that it is proven for.
    pub commitment: CommitmentInfo,
    /// The leaf.
    pub leaf: LeafInfo,
    /// All peaks of that state, left to right.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
    pub peaks: Vec<H256>,
    /// The path from the leaf to the peak above it.
    pub leaf_proof: PathInfo,
    /// The `MmrProof` in SCALE.
    pub scale: Bytes,
}

/// A proof that a chunk is under a leaf's data root. The provider has verified it together with
/// the leaf's own proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChunkProofInfo {
    /// The state that the leaf belongs to.
    pub commitment: CommitmentInfo,
    /// The leaf.
    pub leaf: LeafInfo,
    /// The slot that the chain derives from the requested chunk index.
    pub slot: U64OrHex,
    /// The chunk's hash.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub chunk_hash: H256,
    /// The path from the chunk to the leaf's `dataRoot`.
    pub chunk_proof: PathInfo,
    /// The `MerkleProof` in SCALE.
    pub scale: Bytes,
}

/// A rule's verdict on an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RuleVerdict {
    /// True if the answer passes.
    pub accepted: bool,
    /// The first check that it fails.
    pub reason: Option<String>,
}

impl<E: std::fmt::Display> From<Result<(), E>> for RuleVerdict {
    fn from(result: Result<(), E>) -> Self {
        Self {
            accepted: result.is_ok(),
            reason: result.err().map(|reason| reason.to_string()),
        }
    }
}

/// The complete response to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChallengeResponseInfo {
    /// The commitment that the response is for.
    pub commitment: CommitmentInfo,
    /// The slot that the chain derives from the requested chunk index.
    pub slot: U64OrHex,
    /// The `ChallengeResponse` in SCALE, as `respond_to_challenge` takes it.
    pub response: Bytes,
    /// The verdict of the deployed chain's rule.
    pub chain_rule: RuleVerdict,
    /// The verdict of the strict rule, which also binds the leaf to its index.
    pub strict_rule: RuleVerdict,
}
