//! Proofs in the format of `pallet-mmr`, from the same stored nodes: of leaves, and
//! that one state extends another.

use super::View;
use crate::error::ProveError;
use cairn_primitives::sp_mmr::{self, AncestryPlan, AncestryProof, LeafProof, LeavesPlan};
use cairn_primitives::{
    H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position, Sequence, mmr,
};

/// Leaves with their proof, for `pallet_mmr::verify_leaves_proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpLeavesProof {
    /// The root as `pallet-mmr` computes it, which is not the signed root.
    pub root: H256,
    /// The leaves, in the order of `proof.leaf_indices`.
    pub leaves: Vec<MmrLeaf>,
    /// The proof.
    pub proof: LeafProof,
}

/// A proof that one state extends another, for `pallet_mmr::verify_ancestry_proof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpAncestryProof {
    /// The earlier state's root as `pallet-mmr` computes it.
    pub prev_root: H256,
    /// The later state's root as `pallet-mmr` computes it.
    pub root: H256,
    /// The proof.
    pub proof: AncestryProof,
}

/// The records read for a proof.
struct Planned {
    items: Vec<H256>,
    peaks: Vec<H256>,
    leaves: Vec<MmrLeaf>,
}

impl View<'_> {
    /// Proves leaves in the format of `pallet-mmr`, in one batched read.
    ///
    /// # Errors
    ///
    /// [`ProveError::NoSecondDialect`] unless the profile is
    /// [`HashingProfile::Plain`]; [`ProveError::SpPlan`] for too many leaves, or leaves
    /// that do not exist.
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

    /// Proves in one batched read that this state extends the state of the same
    /// tree at `prev` leaves.
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

    /// Reads a plan's positions, the peaks and the leaves in one batch.
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
