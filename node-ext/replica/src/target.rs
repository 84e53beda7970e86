//! The tree that is wanted, of which at first only the commitment is known, and the leaves that a
//! peer claims for it.
//!
//! A peer's tree may have grown since, and so its proofs lead to other peaks. But the nodes of a
//! tree stay when it grows: the way of a leaf to its old peak is the beginning of its way to the
//! new one. So one leaf of each mountain gives the old peaks, which must bag to the root, and
//! after that each leaf is checked by itself against its peak.

use crate::peer::ClaimedLeaf;
use cairn_primitives::mmr::{bag, mountain_of, mountains};
use cairn_primitives::{Commitment, H256, HashingProfile, LeafCount, LeafIndex};

/// A commitment together with its peaks, which bag to its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    profile: HashingProfile,
    commitment: Commitment,
    peaks: Vec<H256>,
}

impl Target {
    /// Returns the target if the peaks, left to right, bag to the commitment's root.
    pub fn new(profile: HashingProfile, commitment: Commitment, peaks: Vec<H256>) -> Option<Self> {
        let expected = usize::try_from(commitment.leaf_count.get().count_ones()).ok()?;
        let fits = peaks.len() == expected && bag(profile, &peaks) == commitment.mmr_root;
        fits.then_some(Self {
            profile,
            commitment,
            peaks,
        })
    }

    /// Returns the commitment.
    pub const fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// Returns the leaves that a peer is asked for to learn the peaks: one of each mountain.
    pub fn witnesses(count: LeafCount) -> impl Iterator<Item = LeafIndex> {
        mountains(count).map(|mountain| mountain.first_leaf)
    }

    /// Returns whether the tree has a leaf at an index.
    pub fn has_leaf(&self, index: LeafIndex, claimed: &ClaimedLeaf) -> bool {
        mountain_of(index, self.commitment.leaf_count).is_some_and(|(place, mountain)| {
            let reached = walk(self.profile, index, claimed, mountain.height);
            reached.is_some() && reached == self.peaks.get(place).copied()
        })
    }
}

/// Returns the node at a height above a leaf, as its siblings give it; `None` if there are fewer.
pub(crate) fn walk(
    profile: HashingProfile,
    index: LeafIndex,
    claimed: &ClaimedLeaf,
    height: u32,
) -> Option<H256> {
    let siblings = claimed.siblings.get(..usize::try_from(height).ok()?)?;
    let mut index = index.0;
    let mut node = profile.leaf(&claimed.leaf);
    for sibling in siblings {
        node = match index & 1 {
            0 => profile.node(&node, sibling),
            _ => profile.node(sibling, &node),
        };
        index >>= 1;
    }
    Some(node)
}
