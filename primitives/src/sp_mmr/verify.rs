//! The strict verifiers of the second dialect: a proof passes if it is the one
//! that a plan assembles.

use super::plan::{peaks_over, seam};
use super::{AncestryPlan, AncestryProof, LeafProof, LeavesPlan, PLAIN, PlanError, bag};
use crate::ids::{LeafCount, LeafIndex};
use alloc::vec::Vec;
use primitive_types::H256;

/// Why a proof of this dialect is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpVerifyError {
    /// A leaf count past [`MAX_LEAF_COUNT`](crate::MAX_LEAF_COUNT).
    #[error("a tree of {0} leaves is past the bound of 2^62")]
    LeafCount(u64),
    /// There is no proof of what this one claims to prove.
    #[error(transparent)]
    Claim(#[from] PlanError),
    /// Leaf indices that do not ascend, or that repeat.
    #[error("leaf indices must ascend, each once")]
    IndexOrder,
    /// Another number of leaf hashes than the proof has indices.
    #[error("{found} leaves to verify, where the proof is for {expected}")]
    Leaves {
        /// Leaf indices in the proof.
        expected: usize,
        /// Leaf hashes given.
        found: usize,
    },
    /// Another number of earlier peaks than the earlier leaf count has set bits.
    #[error("{found} earlier peaks, where the leaf count asks for {expected}")]
    PeakCount {
        /// Peaks of such a tree.
        expected: usize,
        /// Peaks in the proof.
        found: usize,
    },
    /// Another number of items than the proof needs.
    #[error("{found} items, where such a proof has {expected}")]
    ItemCount {
        /// Items of such a proof.
        expected: usize,
        /// Items in the proof.
        found: usize,
    },
    /// An item at another position than its place in the proof asks for.
    #[error("item {item} stands at position {found} instead of {expected}")]
    ItemPosition {
        /// Place of the item in the proof.
        item: usize,
        /// The node that is needed there.
        expected: u64,
        /// The node that the proof names.
        found: u64,
    },
    /// The earlier peaks do not bag to the earlier root.
    #[error("the earlier peaks do not come to the earlier root")]
    PrevRoot,
    /// Leaves or earlier peaks do not lead to the root with the items given.
    #[error("the proof does not come to the root")]
    Root,
}

/// Leaves, by their hashes in the order of the proof's indices, against a root
/// of this dialect. The proof's `leaf_count` is a claim that the root does not
/// bind: compare it first.
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

/// The tree under `prev_root` as the beginning of the one under `root`, both
/// roots of this dialect. The proof's two leaf counts are claims that the roots
/// do not bind: compare them first.
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
