//! Conversions of proofs to and from the types of `sp-mmr-primitives`. The encodings are equal.
//!
//! The bounds that hold when a proof is decoded are not checked here.

use super::{AncestryProof, LeafProof};
use primitive_types::H256;

impl From<LeafProof> for sp_mmr_primitives::LeafProof<H256> {
    fn from(ours: LeafProof) -> Self {
        let LeafProof {
            leaf_indices,
            leaf_count,
            items,
        } = ours;
        Self {
            leaf_indices,
            leaf_count,
            items,
        }
    }
}

impl From<sp_mmr_primitives::LeafProof<H256>> for LeafProof {
    fn from(theirs: sp_mmr_primitives::LeafProof<H256>) -> Self {
        let sp_mmr_primitives::LeafProof {
            leaf_indices,
            leaf_count,
            items,
        } = theirs;
        Self {
            leaf_indices,
            leaf_count,
            items,
        }
    }
}

impl From<AncestryProof> for sp_mmr_primitives::AncestryProof<H256> {
    fn from(ours: AncestryProof) -> Self {
        let AncestryProof {
            prev_peaks,
            prev_leaf_count,
            leaf_count,
            items,
        } = ours;
        Self {
            prev_peaks,
            prev_leaf_count,
            leaf_count,
            items,
        }
    }
}

impl From<sp_mmr_primitives::AncestryProof<H256>> for AncestryProof {
    fn from(theirs: sp_mmr_primitives::AncestryProof<H256>) -> Self {
        let sp_mmr_primitives::AncestryProof {
            prev_peaks,
            prev_leaf_count,
            leaf_count,
            items,
        } = theirs;
        Self {
            prev_peaks,
            prev_leaf_count,
            leaf_count,
            items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use codec::Encode;

    #[test]
    fn a_leaf_proof_keeps_its_bytes() {
        let ours = LeafProof {
            leaf_indices: vec![2, 5],
            leaf_count: 11,
            items: vec![H256([1; 32]), H256([2; 32])],
        };
        let theirs = sp_mmr_primitives::LeafProof::from(ours.clone());
        assert_eq!(theirs.encode(), ours.encode());
        assert_eq!(LeafProof::from(theirs), ours);
    }

    #[test]
    fn an_ancestry_proof_keeps_its_bytes() {
        let ours = AncestryProof {
            prev_peaks: vec![H256([1; 32])],
            prev_leaf_count: 5,
            leaf_count: 11,
            items: vec![(8, H256([2; 32])), (12, H256([3; 32]))],
        };
        let theirs = sp_mmr_primitives::AncestryProof::from(ours.clone());
        assert_eq!(theirs.encode(), ours.encode());
        assert_eq!(AncestryProof::from(theirs), ours);
    }
}
