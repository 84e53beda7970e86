//! Proving in the second dialect, that of `pallet-mmr`: from the same nodes,
//! for one leaf or many, and between two leaf counts.

use super::View;
use crate::error::ProveError;
use cairn_primitives::sp_mmr::{self, AncestryPlan, AncestryProof, LeafProof, LeavesPlan};
use cairn_primitives::{
    H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position, Sequence, mmr,
};

/// Leaves with their proof, as `pallet_mmr::verify_leaves_proof` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpLeavesProof {
    /// The root in the second dialect, which is not the signed one.
    pub root: H256,
    /// The leaves, in the order of `proof.leaf_indices`.
    pub leaves: Vec<MmrLeaf>,
    /// The proof.
    pub proof: LeafProof,
}

/// That one state is the beginning of another, as
/// `pallet_mmr::verify_ancestry_proof` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpAncestryProof {
    /// The earlier state's root in the second dialect.
    pub prev_root: H256,
    /// The later state's root in the second dialect.
    pub root: H256,
    /// The proof.
    pub proof: AncestryProof,
}

/// What was read for a proof.
struct Planned {
    items: Vec<H256>,
    peaks: Vec<H256>,
    leaves: Vec<MmrLeaf>,
}

impl View<'_> {
    /// Proves leaves in the second dialect, in one batched read.
    ///
    /// # Errors
    ///
    /// [`ProveError::NoSecondDialect`] unless the bucket hashes `Plain`;
    /// [`ProveError::SpPlan`] for leaves that are not there or too many.
    pub fn sp_leaves_proof(&self, indices: &[LeafIndex]) -> Result<SpLeavesProof, ProveError> {
        self.check_dialect()?;
        let bucket = self.bucket;
        let refused = |reason| ProveError::SpPlan {
            bucket: bucket.id,
            reason,
        };
        let plan = LeavesPlan::new(indices, self.count).map_err(refused)?;
        let sequences: Vec<_> = plan
            .indices()
            .iter()
            .filter_map(|index| self.tree.of_leaf(*index))
            .collect();
        let Planned {
            items,
            peaks,
            leaves,
        } = self.planned(plan.positions(), &sequences)?;
        let root = sp_mmr::bag(&peaks);
        let proof = plan
            .assemble(&items)
            .map_err(|error| bucket.unsound(error))?;
        let hashes: Vec<_> = leaves
            .iter()
            .map(|leaf| HashingProfile::Plain.leaf(leaf))
            .collect();
        sp_mmr::verify_leaves(&proof, &hashes, &root).map_err(|error| bucket.unsound(error))?;
        Ok(SpLeavesProof {
            root,
            leaves,
            proof,
        })
    }

    /// Proves that this state, when it had `prev` leaves, was the beginning of
    /// what it is, in one batched read.
    ///
    /// # Errors
    ///
    /// As [`View::sp_leaves_proof`].
    pub fn sp_ancestry_proof(&self, prev: LeafCount) -> Result<SpAncestryProof, ProveError> {
        self.check_dialect()?;
        let bucket = self.bucket;
        let refused = |reason| ProveError::SpPlan {
            bucket: bucket.id,
            reason,
        };
        let plan = AncestryPlan::new(prev, self.count).map_err(refused)?;
        let Planned { items, peaks, .. } = self.planned(plan.positions(), &[])?;
        let root = sp_mmr::bag(&peaks);
        let proof = plan
            .assemble(&items)
            .map_err(|error| bucket.unsound(error))?;
        let prev_root = sp_mmr::bag(&proof.prev_peaks);
        sp_mmr::verify_ancestry(&proof, &prev_root, &root)
            .map_err(|error| bucket.unsound(error))?;
        Ok(SpAncestryProof {
            prev_root,
            root,
            proof,
        })
    }

    fn check_dialect(&self) -> Result<(), ProveError> {
        match self.bucket.config.profile {
            HashingProfile::Plain => Ok(()),
            HashingProfile::Tagged => Err(ProveError::NoSecondDialect {
                bucket: self.bucket.id,
            }),
        }
    }

    /// What a plan asks for, the peaks, and leaves, in one batch.
    fn planned(
        &self,
        positions: &[Position],
        sequences: &[Sequence],
    ) -> Result<Planned, ProveError> {
        let mut wanted = positions.to_vec();
        wanted.extend(mmr::peak_positions(self.count));
        let (mut items, leaves) = self.look_up(&wanted, sequences)?;
        let peaks = items.split_off(positions.len().min(items.len()));
        Ok(Planned {
            items,
            peaks,
            leaves,
        })
    }
}
