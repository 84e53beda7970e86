//! Strict verifiers of `pallet-mmr` proofs: they accept only the proof that a plan
//! assembles.

use super::plan::{peaks_over, seam};
use super::{AncestryPlan, AncestryProof, LeafProof, LeavesPlan, PLAIN, PlanError, bag};
use crate::ids::{LeafCount, LeafIndex};
use alloc::vec::Vec;
use primitive_types::H256;

/// A reason for which a `pallet-mmr` proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpVerifyError {
    /// The leaf count is above [`MAX_LEAF_COUNT`](crate::MAX_LEAF_COUNT).
    #[error("a tree of {0} leaves is past the bound of 2^62")]
    LeafCount(u64),
    /// No proof exists of the claim.
    #[error(transparent)]
    Claim(#[from] PlanError),
    /// The leaf indices do not ascend, or repeat.
    #[error("leaf indices must ascend, each once")]
    IndexOrder,
    /// The number of leaf hashes differs from the proof's indices.
    #[error("{found} leaves to verify, but the proof is for {expected}")]
    Leaves {
        /// Leaf indices in the proof.
        expected: usize,
        /// Leaf hashes given.
        found: usize,
    },
    /// The number of earlier peaks differs from the set bits of the earlier leaf count.
    #[error("{found} earlier peaks, but the leaf count needs {expected}")]
    PeakCount {
        /// Peaks of such a tree.
        expected: usize,
        /// Peaks in the proof.
        found: usize,
    },
    /// The proof has a wrong number of items.
    #[error("{found} items, but such a proof has {expected}")]
    ItemCount {
        /// Items of such a proof.
        expected: usize,
        /// Items in the proof.
        found: usize,
    },
    /// An item has a wrong position.
    #[error("item {item} has position {found} instead of {expected}")]
    ItemPosition {
        /// Index of the item in the proof.
        item: usize,
        /// The node needed there.
        expected: u64,
        /// The node that the proof names.
        found: u64,
    },
    /// The earlier peaks do not bag to the earlier root.
    #[error("the bagged earlier peaks do not match the earlier root")]
    PrevRoot,
    /// Leaves or earlier peaks do not lead to the root with the items given.
    #[error("the proof does not lead to the root")]
    Root,
}

/// Verifies leaves against a root in this format, by their hashes in the order of the
/// proof's indices. The root does not bind the proof's `leaf_count`: compare that first.
///
/// # Errors
///
/// [`SpVerifyError`] with the first rule that is broken.
pub fn verify_leaves(
    proof: &LeafProof,
    leaf_hashes: &[H256],
    root: &H256,
) -> Result<(), SpVerifyError> {
    let count = leaf_count(proof.leaf_count)?;
    let indices: Vec<_> = proof.leaf_indices.iter().copied().map(LeafIndex).collect();
    if !indices.is_sorted_by(|one, next| one < next) {
        return Err(SpVerifyError::IndexOrder);
    }
    let plan = LeavesPlan::new(&indices, count)?;
    let (expected, found) = (indices.len(), leaf_hashes.len());
    if found != expected {
        return Err(SpVerifyError::Leaves { expected, found });
    }
    let (expected, found) = (plan.items(), proof.items.len());
    if found != expected {
        return Err(SpVerifyError::ItemCount { expected, found });
    }
    let mut items = proof.items.iter().copied();
    let leaves = plan
        .indices
        .iter()
        .copied()
        .zip(leaf_hashes.iter().copied());
    let peaks = plan.indices.last().and_then(|last| {
        let join = |left, right| PLAIN.node(&left, &right);
        peaks_over(leaves, *last, count, |_| items.next(), join)
    });
    let mut peaks = peaks.ok_or(SpVerifyError::Root)?;
    peaks.extend(items);
    if bag(&peaks) == *root {
        Ok(())
    } else {
        Err(SpVerifyError::Root)
    }
}

/// Verifies that the tree under `prev_root` is a prefix of the one under `root`, both roots
/// in this format. The roots do not bind the proof's two leaf counts: compare these first.
///
/// # Errors
///
/// [`SpVerifyError`] with the first rule that is broken.
pub fn verify_ancestry(
    proof: &AncestryProof,
    prev_root: &H256,
    root: &H256,
) -> Result<(), SpVerifyError> {
    let (prev, count) = (
        leaf_count(proof.prev_leaf_count)?,
        leaf_count(proof.leaf_count)?,
    );
    let plan = AncestryPlan::new(prev, count)?;
    let (expected, found) = (plan.peaks, proof.prev_peaks.len());
    if found != expected {
        return Err(SpVerifyError::PeakCount { expected, found });
    }
    let (expected, found) = (plan.item_positions().count(), proof.items.len());
    if found != expected {
        return Err(SpVerifyError::ItemCount { expected, found });
    }
    let given = proof.items.iter().map(|(position, _)| *position);
    for (item, (expected, found)) in plan.item_positions().zip(given).enumerate() {
        if found != expected {
            return Err(SpVerifyError::ItemPosition {
                item,
                expected,
                found,
            });
        }
    }
    if bag(&proof.prev_peaks) != *prev_root {
        return Err(SpVerifyError::PrevRoot);
    }
    let (_, mut levels) = seam(prev, count)?;
    let mut items = proof.items.iter().map(|(_, hash)| *hash);
    let mut peaks = proof.prev_peaks.clone();
    let last_peak = peaks.pop().ok_or(SpVerifyError::Root)?;
    let merged = levels.try_fold(last_peak, |merged, node| {
        if node.is_right() {
            peaks.pop().map(|left| PLAIN.node(&left, &merged))
        } else {
            items.next().map(|right| PLAIN.node(&merged, &right))
        }
    });
    peaks.push(merged.ok_or(SpVerifyError::Root)?);
    peaks.extend(items);
    if bag(&peaks) == *root {
        Ok(())
    } else {
        Err(SpVerifyError::Root)
    }
}

fn leaf_count(claimed: u64) -> Result<LeafCount, SpVerifyError> {
    LeafCount::new(claimed).ok_or(SpVerifyError::LeafCount(claimed))
}
