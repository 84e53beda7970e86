//! Numbers that must not be mistaken for one another: each a type of its own,
//! with no silent conversion between them.

use codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen};
use core::fmt;

/// The most leaves that a tree may have: 2^62.
///
/// A tree of `n` leaves has fewer than `2n` nodes, so every position and every
/// node count of a tree within the bound fits in a `u64` with room for a sum.
pub const MAX_LEAF_COUNT: u64 = 1 << 62;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode,
            DecodeWithMemTracking, MaxEncodedLen,
        )]
        #[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A bucket's id on chain.
    BucketId
}
number! {
    /// A leaf's index in its tree, counted from the tree's `start_seq`.
    LeafIndex
}
number! {
    /// A leaf's number in its bucket, counted over the bucket's whole life: a
    /// prune drops sequences from the front and never renumbers.
    Sequence
}
number! {
    /// A chunk's index in its content, from 0.
    ChunkIndex
}
number! {
    /// A node's position in an MMR, from 0, in the order in which nodes are added.
    Position
}

impl Sequence {
    /// Returns the sequence of leaf `index` of the tree that starts here, or `None` if it
    /// overflows.
    pub fn checked_add(self, index: LeafIndex) -> Option<Sequence> {
        self.0.checked_add(index.0).map(Sequence)
    }
}

/// The number of leaves of a tree: at most [`MAX_LEAF_COUNT`], also when decoded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct LeafCount(u64);

impl LeafCount {
    /// The count of a tree without leaves.
    pub const ZERO: Self = Self(0);

    /// Creates a leaf count, or returns `None` above [`MAX_LEAF_COUNT`].
    pub const fn new(count: u64) -> Option<Self> {
        if count > MAX_LEAF_COUNT {
            None
        } else {
            Some(Self(count))
        }
    }

    /// Returns the count as a plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the count after `more` leaves, or `None` above [`MAX_LEAF_COUNT`].
    pub fn checked_add(self, more: u64) -> Option<Self> {
        self.0.checked_add(more).and_then(Self::new)
    }

    /// Returns the index of the next leaf.
    pub const fn next_index(self) -> LeafIndex {
        LeafIndex(self.0)
    }

    /// Returns the index of the last leaf, or `None` in an empty tree.
    pub fn last_index(self) -> Option<LeafIndex> {
        self.0.checked_sub(1).map(LeafIndex)
    }

    /// Returns whether a tree of this count has the leaf `index`.
    pub const fn contains(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }
}

impl fmt::Display for LeafCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl DecodeWithMemTracking for LeafCount {}

impl Decode for LeafCount {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Self::new(u64::decode(input)?).ok_or_else(|| "leaf count above 2^62".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_count_cannot_be_decoded_past_its_bound() {
        let at = MAX_LEAF_COUNT.encode();
        assert_eq!(
            LeafCount::decode(&mut &at[..]).unwrap().get(),
            MAX_LEAF_COUNT
        );
        let above = (MAX_LEAF_COUNT + 1).encode();
        assert!(LeafCount::decode(&mut &above[..]).is_err());
    }
}
