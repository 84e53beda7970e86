//! Proofs in the dialect of `pallet-mmr`, in the shapes of the crate `mmr-rpc`,
//! so that what decodes its answers decodes these.

use cairn_primitives::{H256, sp_mmr};
use serde::{Deserialize, Serialize};
use sp_core::Bytes;

/// Leaves and their proof: `mmr_rpc::LeavesProof<H256>`.
///
/// A state of a bucket takes the place of a block: `block_hash` is its signed
/// root, by which `bucket_verifyProof` finds it again. The root that the proof
/// itself leads to is `palletMmrRoot` of `bucket_peaks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeavesProof {
    /// The signed root of the state that is proven for.
    pub block_hash: H256,
    /// A vector of leaves in SCALE, each wrapped as `EncodableOpaqueLeaf`.
    pub leaves: Bytes,
    /// An `sp_mmr_primitives::LeafProof<H256>` in SCALE.
    pub proof: Bytes,
}

/// That one state is the beginning of another, as the crate's
/// `mmr_generateAncestryProof` gives it, its names included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AncestryProof {
    /// Peaks of the earlier state, left to right.
    pub prev_peaks: Vec<H256>,
    /// Leaves of the earlier state.
    pub prev_leaf_count: u64,
    /// Leaves of the later state.
    pub leaf_count: u64,
    /// What else is needed, by ascending position.
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
