//! Plans of `pallet-mmr` proofs: the nodes to read, and their assembly to a proof.

use super::{AncestryProof, LeafProof, MAX_PROVEN_LEAVES, bag};
use crate::ids::{LeafCount, LeafIndex, Position};
use crate::mmr::{Mountain, Node, mountain_of, mountains, peak_positions};
use alloc::vec::Vec;
use core::iter;
use primitive_types::H256;

/// A reason why the requested proof does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No leaf was requested.
    #[error("a proof of no leaf proves nothing")]
    NoLeaves,
    /// More leaves than [`MAX_PROVEN_LEAVES`].
    #[error("{found} leaves were requested, but one proof covers at most {MAX_PROVEN_LEAVES}")]
    TooManyLeaves {
        /// The requested leaves, each counted once.
        found: usize,
    },
    /// The tree has no such leaf.
    #[error("leaf {index} is not within a tree of {count} leaves")]
    NoSuchLeaf {
        /// The requested leaf.
        index: LeafIndex,
        /// Leaves in the tree.
        count: LeafCount,
    },
    /// The earlier tree has no leaf, hence no peak to prove.
    #[error("an empty tree is a prefix of every tree, which proves nothing")]
    EmptyAncestor,
    /// The earlier tree has more leaves than the later one.
    #[error("a tree of {prev} leaves is not a prefix of one of {count}")]
    NotAnAncestor {
        /// Leaves in the earlier tree.
        prev: LeafCount,
        /// Leaves in the later tree.
        count: LeafCount,
    },
}

/// The number of hashes differs from the plan's positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} hashes were given, but the plan needs {expected}")]
pub struct HashCount {
    /// Positions of the plan.
    pub expected: usize,
    /// Hashes given.
    pub found: usize,
}

impl HashCount {
    fn check(positions: &[Position], hashes: &[H256]) -> Result<(), Self> {
        let (expected, found) = (positions.len(), hashes.len());
        if found == expected {
            Ok(())
        } else {
            Err(Self { expected, found })
        }
    }
}

/// The nodes that prove some leaves at a leaf count, in the order of the proof. They follow
/// from the indices alone, so a store reads them in one batch. The cost grows with the
/// proven leaves and the height of the tree, not with its leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavesPlan {
    pub(super) indices: Vec<LeafIndex>,
    count: LeafCount,
    positions: Vec<Position>,
    run: usize,
}

impl LeavesPlan {
    /// Plans a proof of the leaves `indices` of a tree of `count`. Their order and
    /// repetitions do not matter: see [`LeavesPlan::indices`].
    ///
    /// # Errors
    ///
    /// [`PlanError`] without leaves, with too many, or with one that the tree does not
    /// have.
    pub fn new(indices: &[LeafIndex], count: LeafCount) -> Result<Self, PlanError> {
        let mut indices = indices.to_vec();
        indices.sort_unstable();
        indices.dedup();
        let last = indices.last().copied().ok_or(PlanError::NoLeaves)?;
        if indices.len() > MAX_PROVEN_LEAVES {
            return Err(PlanError::TooManyLeaves {
                found: indices.len(),
            });
        }
        if !count.contains(last) {
            return Err(PlanError::NoSuchLeaf { index: last, count });
        }
        let mut positions = Vec::new();
        let leaves = indices.iter().map(|index| (*index, ()));
        let read = |node: Node| {
            positions.push(node.position());
            Some(())
        };
        peaks_over(leaves, last, count, read, |(), ()| ());
        let before_run = positions.len();
        positions.extend(peaks_after(last, count));
        let run = positions.len().saturating_sub(before_run);
        Ok(Self {
            indices,
            count,
            positions,
            run,
        })
    }

    /// Returns the leaves that the proof lists, ascending and each once. The verifier takes
    /// the leaves in this order.
    pub fn indices(&self) -> &[LeafIndex] {
        &self.indices
    }

    /// Returns the nodes to read, in the order in which
    /// [`assemble`](LeavesPlan::assemble) takes their hashes.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Assembles the proof from the hashes at [`positions`](LeavesPlan::positions).
    ///
    /// # Errors
    ///
    /// [`HashCount`] unless there is one hash for each position.
    pub fn assemble(&self, hashes: &[H256]) -> Result<LeafProof, HashCount> {
        HashCount::check(&self.positions, hashes)?;
        let (singles, run) = split_bagged(hashes, self.run);
        Ok(LeafProof {
            leaf_indices: self.indices.iter().map(|index| index.0).collect(),
            leaf_count: self.count.get(),
            items: singles.iter().copied().chain(run).collect(),
        })
    }

    pub(super) fn items(&self) -> usize {
        item_count(self.positions.len(), self.run)
    }
}

/// The nodes that prove that a tree is a prefix of another, likewise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AncestryPlan {
    prev: LeafCount,
    count: LeafCount,
    positions: Vec<Position>,
    pub(super) peaks: usize,
    run: usize,
}

impl AncestryPlan {
    /// Plans a proof that a tree of `prev` leaves is a prefix of one of `count`.
    ///
    /// # Errors
    ///
    /// [`PlanError`] if the earlier tree is empty or longer than the later one.
    pub fn new(prev: LeafCount, count: LeafCount) -> Result<Self, PlanError> {
        let (last, seam) = seam(prev, count)?;
        let mut positions = peak_positions(prev);
        let peaks = positions.len();
        positions.extend(
            seam.filter(|node| !node.is_right())
                .map(|node| node.sibling().position()),
        );
        let before_run = positions.len();
        positions.extend(peaks_after(last, count));
        let run = positions.len().saturating_sub(before_run);
        Ok(Self {
            prev,
            count,
            positions,
            peaks,
            run,
        })
    }

    /// Returns the nodes to read, in the order in which
    /// [`assemble`](AncestryPlan::assemble) takes their hashes.
    pub fn positions(&self) -> &[Position] {
        &self.positions
    }

    /// Assembles the proof from the hashes at [`positions`](AncestryPlan::positions).
    ///
    /// # Errors
    ///
    /// [`HashCount`] unless there is one hash for each position.
    pub fn assemble(&self, hashes: &[H256]) -> Result<AncestryProof, HashCount> {
        HashCount::check(&self.positions, hashes)?;
        let (singles, run) = split_bagged(hashes, self.run);
        let (peaks, singles) = singles.split_at(self.peaks.min(singles.len()));
        let items = singles.iter().copied().chain(run);
        Ok(AncestryProof {
            prev_peaks: peaks.to_vec(),
            prev_leaf_count: self.prev.get(),
            leaf_count: self.count.get(),
            items: self.item_positions().zip(items).collect(),
        })
    }

    /// The first position of the run comes right after the single ones, and is
    /// where the bagged item stands.
    pub(super) fn item_positions(&self) -> impl Iterator<Item = u64> {
        let items = item_count(self.positions.len(), self.run).saturating_sub(self.peaks);
        self.positions
            .iter()
            .skip(self.peaks)
            .take(items)
            .map(|position| position.0)
    }
}

/// Splits off the hashes of the trailing peaks, bagged to one item. Bagging a single peak
/// leaves it as it is.
fn split_bagged(hashes: &[H256], run: usize) -> (&[H256], Option<H256>) {
    let (singles, run) = hashes.split_at(hashes.len().saturating_sub(run));
    (singles, (!run.is_empty()).then(|| bag(run)))
}

/// Returns the number of items for this number of positions, of which `run` are bagged.
fn item_count(positions: usize, run: usize) -> usize {
    positions.saturating_sub(run).saturating_add(run.min(1))
}

/// Returns the peaks that have no leaf at or before `last` below them.
fn peaks_after(last: LeafIndex, count: LeafCount) -> impl Iterator<Item = Position> {
    let after = mountains(count).skip_while(move |mountain| mountain.first_leaf <= last);
    after.map(|mountain| mountain.peak().position())
}

/// Computes the peaks up to the one over leaf `last` from values at `leaves`, which ascend
/// to `last`. Calls `missing` for the other nodes, in the order of the proof's items:
/// planning and verifying share this walk.
///
/// Returns `None` as soon as `missing` does.
pub(super) fn peaks_over<T>(
    leaves: impl Iterator<Item = (LeafIndex, T)>,
    last: LeafIndex,
    count: LeafCount,
    mut missing: impl FnMut(Node) -> Option<T>,
    join: impl Fn(T, T) -> T,
) -> Option<Vec<T>> {
    let mut leaves = leaves.peekable();
    let reached = mountains(count).take_while(|mountain| mountain.first_leaf <= last);
    let peaks = reached.map(|mountain| {
        let held = |leaf: &(LeafIndex, T)| mountain.contains(leaf.0);
        let under: Vec<_> = iter::from_fn(|| leaves.next_if(held)).collect();
        if under.is_empty() {
            missing(mountain.peak())
        } else {
            fold_to_peak(mountain, under, &mut missing, &join)
        }
    });
    peaks.collect()
}

/// Computes the peak of `mountain` from values at some of its leaves, level by level and
/// left to right within a level. A node is identified by its first leaf.
fn fold_to_peak<T>(
    mountain: Mountain,
    leaves: Vec<(LeafIndex, T)>,
    missing: &mut impl FnMut(Node) -> Option<T>,
    join: &impl Fn(T, T) -> T,
) -> Option<T> {
    let mut level = leaves;
    for height in 0..mountain.height {
        let mut parents = Vec::with_capacity(level.len());
        let mut nodes = level.into_iter().peekable();
        while let Some((leaf, value)) = nodes.next() {
            let node = Node::above(leaf, height);
            let sibling = node.sibling();
            let other = match nodes.next_if(|next| Node::above(next.0, height) == sibling) {
                Some((_, other)) => other,
                None => missing(sibling)?,
            };
            let (left, right) = if node.is_right() {
                (other, value)
            } else {
                (value, other)
            };
            parents.push((leaf, join(left, right)));
        }
        level = parents;
    }
    level.into_iter().next().map(|(_, peak)| peak)
}

/// Returns the path that joins an earlier tree to the later one, with the earlier tree's
/// last leaf. It leads from the earlier tree's last peak up to just below the later tree's
/// peak over it. A left sibling is the next of the earlier peaks; a right sibling is new.
pub(super) fn seam(
    prev: LeafCount,
    count: LeafCount,
) -> Result<(LeafIndex, impl Iterator<Item = Node>), PlanError> {
    let last = prev.last_index().ok_or(PlanError::EmptyAncestor)?;
    let (_, mountain) = mountain_of(last, count).ok_or(PlanError::NotAnAncestor { prev, count })?;
    let levels = prev.get().trailing_zeros()..mountain.height;
    Ok((last, levels.map(move |height| Node::above(last, height))))
}
