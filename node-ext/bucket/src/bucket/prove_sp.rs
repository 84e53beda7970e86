//! Proofs in the format of `pallet-mmr`, from the same stored nodes: of leaves, and
//! that one state extends another.

use super::View;
use crate::error::ProveError;
use cairn_primitives::sp_mmr::{
    self, AncestryPlan, AncestryProof, LeafProof, LeavesPlan, SpVerifyError,
};
use cairn_primitives::{
    H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position, Sequence, mmr,
};

/// Leaves with their proof, for `pallet_mmr::verify_leaves_proof`, which has been
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpLeavesProof {
    root: H256,
    leaves: Vec<MmrLeaf>,
    proof: LeafProof,
}

impl SpLeavesProof {
    fn new(root: H256, leaves: Vec<MmrLeaf>, proof: LeafProof) -> Result<Self, SpVerifyError> {
        let hashes: Vec<_> = leaves
            .iter()
            .map(|leaf| HashingProfile::Plain.leaf(leaf))
            .collect();
        sp_mmr::verify_leaves(&proof, &hashes, &root)?;
        Ok(Self {
            root,
            leaves,
            proof,
        })
    }

    /// Returns the root as `pallet-mmr` computes it, which is not the signed root.
    pub const fn root(&self) -> H256 {
        self.root
    }

    /// Returns the leaves, in the order of the proof's `leaf_indices`.
    pub fn leaves(&self) -> &[MmrLeaf] {
        &self.leaves
    }

    /// Returns the proof.
    pub const fn proof(&self) -> &LeafProof {
        &self.proof
    }
}

/// A proof that one state extends another, for `pallet_mmr::verify_ancestry_proof`,
/// which has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpAncestryProof {
    prev_root: H256,
    root: H256,
    proof: AncestryProof,
}

impl SpAncestryProof {
    fn new(prev_root: H256, root: H256, proof: AncestryProof) -> Result<Self, SpVerifyError> {
        sp_mmr::verify_ancestry(&proof, &prev_root, &root)?;
        Ok(Self {
            prev_root,
            root,
            proof,
        })
    }

    /// Returns the earlier state's root as `pallet-mmr` computes it.
    pub const fn prev_root(&self) -> H256 {
        self.prev_root
    }

    /// Returns the later state's root as `pallet-mmr` computes it.
    pub const fn root(&self) -> H256 {
        self.root
    }

    /// Returns the proof.
    pub fn into_proof(self) -> AncestryProof {
        self.proof
    }
}

/// The records read for a proof.
struct PlannedRecords {
    items: Vec<H256>,
    peaks: Vec<H256>,
    leaves: Vec<MmrLeaf>,
}

impl View<'_> {
    /// Proves leaves in the format of `pallet-mmr`, in one batched read.
    ///
    /// # Errors
    ///
    /// [`ProveError::PlainHashingOnly`] unless the profile is
    /// [`HashingProfile::Plain`]; [`ProveError::SpPlan`] for too many leaves, or leaves
    /// that do not exist.
    pub fn sp_leaves_proof(&self, indices: &[LeafIndex]) -> Result<SpLeavesProof, ProveError> {
        self.check_profile()?;
        let bucket = self.bucket;
        let refused = |reason| ProveError::SpPlan {
            bucket: bucket.id,
            reason,
        };
        let plan = LeavesPlan::new(indices, self.count).map_err(refused)?;
        let sequences: Vec<_> = plan
            .indices()
            .iter()
            .filter_map(|index| self.tree.checked_add(*index))
            .collect();
        let PlannedRecords {
            items,
            peaks,
            leaves,
        } = self.read_plan(plan.positions(), &sequences)?;
        let root = sp_mmr::bag(&peaks);
        let proof = plan
            .assemble(&items)
            .map_err(|error| bucket.unsound(error))?;
        SpLeavesProof::new(root, leaves, proof).map_err(|error| bucket.unsound(error))
    }

    /// Proves in one batched read that this state extends the state of the same
    /// tree at `prev` leaves.
    ///
    /// # Errors
    ///
    /// As [`View::sp_leaves_proof`].
    pub fn sp_ancestry_proof(&self, prev: LeafCount) -> Result<SpAncestryProof, ProveError> {
        self.check_profile()?;
        let bucket = self.bucket;
        let refused = |reason| ProveError::SpPlan {
            bucket: bucket.id,
            reason,
        };
        let plan = AncestryPlan::new(prev, self.count).map_err(refused)?;
        let PlannedRecords { items, peaks, .. } = self.read_plan(plan.positions(), &[])?;
        let root = sp_mmr::bag(&peaks);
        let proof = plan
            .assemble(&items)
            .map_err(|error| bucket.unsound(error))?;
        let prev_root = sp_mmr::bag(&proof.prev_peaks);
        SpAncestryProof::new(prev_root, root, proof).map_err(|error| bucket.unsound(error))
    }

    fn check_profile(&self) -> Result<(), ProveError> {
        match self.bucket.config.profile {
            HashingProfile::Plain => Ok(()),
            HashingProfile::Tagged => Err(ProveError::PlainHashingOnly {
                bucket: self.bucket.id,
            }),
        }
    }

    /// Reads a plan's positions, the peaks and the leaves in one batch.
    fn read_plan(
        &self,
        positions: &[Position],
        sequences: &[Sequence],
    ) -> Result<PlannedRecords, ProveError> {
        let mut wanted = positions.to_vec();
        wanted.extend(mmr::peak_positions(self.count));
        let (mut items, leaves) = self.look_up(&wanted, sequences)?;
        let peaks = items.split_off(positions.len().min(items.len()));
        Ok(PlannedRecords {
            items,
            peaks,
            leaves,
        })
    }
}
