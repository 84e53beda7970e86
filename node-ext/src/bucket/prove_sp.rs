//! Proving in the second dialect, that of `pallet-mmr`: from the same nodes,
//! for one leaf or many, and between two leaf counts.

use super::View;
use crate::engine::Family;
use crate::error::ProveError;
use crate::layout;
use cairn_primitives::sp_mmr::{self, AncestryPlan, AncestryProof, LeafProof, LeavesPlan};
use cairn_primitives::{H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position, mmr};
use codec::Decode;

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
        let peaks = mmr::peak_positions(self.count);
        let mut keys = self.node_keys(plan.positions());
        keys.extend(self.node_keys(&peaks));
        keys.extend(
            sequences
                .iter()
                .map(|sequence| layout::leaf_key(*sequence).to_vec()),
        );
        let mut values = bucket.engine.get_many(Family::Tree, &keys)?.into_iter();

        let items = self.parse_nodes(plan.positions(), &mut values)?;
        let root = sp_mmr::bag(&self.parse_nodes(&peaks, &mut values)?);
        let mut leaves = Vec::with_capacity(sequences.len());
        for (sequence, value) in sequences.into_iter().zip(values) {
            let missing = ProveError::MissingLeaf {
                bucket: bucket.id,
                sequence,
            };
            let leaf = MmrLeaf::decode(&mut &value.ok_or(missing)?[..]);
            leaves.push(leaf.map_err(|_| bucket.unsound("a leaf cannot be read"))?);
        }
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
        let peaks = mmr::peak_positions(self.count);
        let mut keys = self.node_keys(plan.positions());
        keys.extend(self.node_keys(&peaks));
        let mut values = bucket.engine.get_many(Family::Tree, &keys)?.into_iter();

        let items = self.parse_nodes(plan.positions(), &mut values)?;
        let root = sp_mmr::bag(&self.parse_nodes(&peaks, &mut values)?);
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

    pub(super) fn node_keys(&self, positions: &[Position]) -> Vec<Vec<u8>> {
        positions
            .iter()
            .map(|at| layout::node_key(self.tree, *at).to_vec())
            .collect()
    }

    /// Takes as many values as there are positions, each a node.
    pub(super) fn parse_nodes(
        &self,
        positions: &[Position],
        values: &mut impl Iterator<Item = Option<Vec<u8>>>,
    ) -> Result<Vec<H256>, ProveError> {
        let (bucket, tree) = (self.bucket, self.tree);
        let node = |(position, value): (&Position, Option<Vec<u8>>)| {
            let position = *position;
            let value = value.ok_or(ProveError::MissingNode {
                bucket: bucket.id,
                tree,
                position,
            })?;
            let length = value.len();
            <[u8; 32]>::try_from(value).map(H256).map_err(|_| {
                bucket.unsound(format!("node {position} of tree {tree} has {length} bytes"))
            })
        };
        positions.iter().zip(values).map(node).collect()
    }
}
