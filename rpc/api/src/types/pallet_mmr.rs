//! Proofs in the format of `pallet-mmr`, in the shapes of the crate `mmr-rpc`, so that its users
//! can decode them.

use crate::bytes::Bytes;
use cairn_primitives::{H256, sp_mmr};
use serde::{Deserialize, Serialize};

/// Leaves and their proof: `mmr_rpc::LeavesProof<H256>`.
///
/// A state of a bucket takes the place of a block: `blockHash` is its signed root, by which
/// `cairnBucket_v1_verifyProof` finds it. The proof itself leads to the `palletMmrRoot` of
/// `cairnBucket_v1_peaks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LeavesProof {
    /// The signed root of the state that is proven for.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub block_hash: H256,
    /// A vector of leaves in SCALE, each wrapped as `EncodableOpaqueLeaf`.
    pub leaves: Bytes,
    /// An `sp_mmr_primitives::LeafProof<H256>` in SCALE.
    pub proof: Bytes,
}

/// A proof that one state is the beginning of another one, as `mmr_generateAncestryProof` returns
/// it, with its field names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AncestryProof {
    /// The peaks of the earlier state, left to right.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<crate::hex_schema::HexHash>"))]
    pub prev_peaks: Vec<H256>,
    /// The leaf count of the earlier state.
    pub prev_leaf_count: u64,
    /// The leaf count of the later state.
    pub leaf_count: u64,
    /// The other nodes that the proof needs, by ascending position.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Vec<(u64, crate::hex_schema::HexHash)>")
    )]
    pub items: Vec<(u64, H256)>,
}

impl From<sp_mmr::AncestryProof> for AncestryProof {
    fn from(proof: sp_mmr::AncestryProof) -> Self {
        Self {
            prev_peaks: proof.prev_peaks,
            prev_leaf_count: proof.prev_leaf_count,
            leaf_count: proof.leaf_count,
            items: proof.items,
        }
    }
}
