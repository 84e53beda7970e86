//! Roots and proofs in the format of `pallet-mmr` and `sp-mmr-primitives`, with
//! `BlakeTwo256`, from the same stored nodes.
//!
//! Positions, leaf hashes and node hashes are those of [`HashingProfile::Plain`]; only
//! bagging differs: here it is `hash(rest ++ peak)`. A bucket with another profile has no
//! root in this format. The rules are those of `polkadot-ckb-merkle-mountain-range` 0.8.3,
//! under `pallet-mmr` 50: the peaks after the last mountain with a proven leaf are bagged
//! to one item.
//!
//! ```text
//!            14
//!        /        \
//!      6           13
//!    /   \       /   \
//!   2     5     9    (12)  (17)
//!  / \   / \   / \   / \   / \
//! 0   1 3   4 7  (8)10 11 15 16 (18)     positions of a tree of 11 leaves
//!
//! leaf 4, at 7, in 11 leaves:     items 8, 12, 6, bag(17, 18)
//! 5 leaves, the peaks 6 and 7:    items 8, 12, bag(17, 18) as of 17
//! ```
//!
//! ```
//! use cairn_primitives::sp_mmr::{LeavesPlan, bag, verify_leaves};
//! use cairn_primitives::{HashingProfile, LeafIndex, blake2_256, mmr::Frontier};
//!
//! let mut nodes = Vec::new();
//! let mut frontier = Frontier::empty(HashingProfile::Plain);
//! for leaf in [b"a", b"b", b"c"] {
//!     frontier.append(blake2_256(leaf), |_position, hash| nodes.push(hash));
//! }
//! let plan = LeavesPlan::new(&[LeafIndex(2)], frontier.count())?;
//! let read: Vec<_> = plan.positions().iter().map(|at| nodes[at.0 as usize]).collect();
//! let proof = plan.assemble(&read)?;
//! verify_leaves(&proof, &[blake2_256(b"c")], &bag(frontier.peaks()))?;
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # A root does not bind its leaf count
//!
//! Bagged peaks pass for the last peak of another count, as those of 11 leaves do for that
//! of 12; and an untagged node passes for a bagging: a tree of two leaves `a, b` has the
//! root of one of three whose last leaf is `a`. A verifier must take the count from a
//! signed [`Commitment`](crate::Commitment), compare it with the proof's, and hash the
//! leaves itself.
//!
//! # Where the ecosystem's crates differ from their own rules
//!
//! The workspace's tests compare this module with them for every size up to 300 and for
//! random sizes up to 2^62.
//!
//! - *Ancestry of one leaf to itself.* `gen_ancestry_proof` gives a proof
//!   without peaks, which `verify_ancestor` refuses, as it refuses the one with
//!   its peak: a tree must have more leaves than `prev_peaks` has items. We give
//!   the peak and no item, and our verifier takes it. A caller of the pallet
//!   compares the two roots instead. No other pair of sizes is refused.
//! - *Ancestry of the empty tree.* `gen_ancestry_proof` refuses it, but
//!   `pallet_mmr::verify_ancestry_proof` computes `prev_leaf_count - 1` before
//!   any check and panics, or wraps. Nothing is proven about an empty tree
//!   here: [`PlanError::EmptyAncestor`].
//! - *Leaves in any order, and more than once.* `pallet-mmr` repeats the
//!   indices as asked, with the items of the sorted set, and its own
//!   `verify_leaves` counts a repeated leaf twice against the leaf count, so
//!   that it refuses its own proof of leaves 0 and 0 of 2. [`LeavesPlan`] sorts
//!   and drops repetitions, and the proof lists the rest.
//! - *More than one valid proof.* `verify_leaves_proof` takes the trailing
//!   peaks one by one as well as bagged, any items at all for the only leaf of
//!   a tree, and the root itself as a proof of no leaf;
//!   `verify_ancestry_proof` takes items in any order, repeated, or replaced by
//!   their children. [`verify_leaves`] and [`verify_ancestry`] accept only the proof that
//!   the plan assembles.

#[cfg(feature = "sp-mmr-primitives")]
mod convert;
mod plan;
#[cfg(test)]
mod tests;
mod verify;

pub use plan::{AncestryPlan, HashCount, LeavesPlan, PlanError};
pub use verify::{SpVerifyError, verify_ancestry, verify_leaves};

use crate::hash::HashingProfile;
use crate::proof::{MAX_PATH, MAX_PEAKS, decode_bounded};
use alloc::vec::Vec;
use codec::{Decode, Encode, Error, Input};
use primitive_types::H256;

/// The most leaves that one proof covers: the 1,000 challenges that may share a
/// deadline on chain, and a power of two.
pub const MAX_PROVEN_LEAVES: usize = 1024;

/// The most items of a [`LeafProof`]. A level has at most one item for each
/// leaf that is proven, and a mountain at most 62 levels; the other peaks are
/// at most 61, and fit in the two levels that are left.
pub const MAX_LEAF_ITEMS: usize = MAX_PROVEN_LEAVES * MAX_PATH;

/// The most items of an [`AncestryProof`]: one for each of the 62 levels of the
/// highest mountain, which stands alone; or for each of the at most 61 levels
/// of a lower one, and the bagged peaks after it.
pub const MAX_ANCESTRY_ITEMS: usize = 62;

const PLAIN: HashingProfile = HashingProfile::Plain;

/// Bags peaks, given left to right, to the root in this format: from right to left, with
/// the bagged rest first in each hash. One peak is the root; none gives 32 zero bytes,
/// where the ecosystem's crate has no root.
pub fn bag(peaks: &[H256]) -> H256 {
    let from_the_right = peaks.iter().rev().copied();
    from_the_right
        .reduce(|rest, peak| PLAIN.node(&rest, &peak))
        .unwrap_or_default()
}

/// A proof of leaves, encoded as `sp_mmr_primitives::LeafProof<H256>`.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct LeafProof {
    /// The proven leaves, ascending; at most [`MAX_PROVEN_LEAVES`] decode.
    pub leaf_indices: Vec<u64>,
    /// Leaves in the tree.
    pub leaf_count: u64,
    /// The siblings that cannot be computed, mountain by mountain, level by level from the
    /// leaves, left to right. At most [`MAX_LEAF_ITEMS`] decode.
    pub items: Vec<H256>,
}

/// A proof that a tree is a prefix of another, encoded as
/// `sp_mmr_primitives::AncestryProof<H256>`.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
pub struct AncestryProof {
    /// Peaks of the earlier tree, left to right; at most [`MAX_PEAKS`] decode.
    pub prev_peaks: Vec<H256>,
    /// Leaves in the earlier tree.
    pub prev_leaf_count: u64,
    /// Leaves in the later tree.
    pub leaf_count: u64,
    /// Nodes that are not in the earlier tree, by ascending position; bagged
    /// peaks stand at the position of the first. At most
    /// [`MAX_ANCESTRY_ITEMS`] decode.
    pub items: Vec<(u64, H256)>,
}

impl Decode for LeafProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            leaf_indices: decode_bounded(input, MAX_PROVEN_LEAVES, "more than 1024 leaves")?,
            leaf_count: Decode::decode(input)?,
            items: decode_bounded(input, MAX_LEAF_ITEMS, "more than 65536 items for leaves")?,
        })
    }
}

impl Decode for AncestryProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            prev_peaks: decode_bounded(input, MAX_PEAKS, "more than 64 earlier peaks")?,
            prev_leaf_count: Decode::decode(input)?,
            leaf_count: Decode::decode(input)?,
            items: decode_bounded(input, MAX_ANCESTRY_ITEMS, "more than 62 items for ancestry")?,
        })
    }
}
