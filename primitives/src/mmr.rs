//! MMR arithmetic: the positions of nodes, the nodes that prove a leaf, and the bagging of
//! peaks. It works on positions and digests; it stores nothing.
//!
//! ```text
//! height 2        6
//!               /   \
//! height 1     2     5       9
//!             / \   / \     / \
//! height 0   0   1 3   4   7   8   10      positions of a tree of 7 leaves
//! ```
//!
//! Nodes are numbered in the order in which they are added. So the nodes of a tree are a
//! prefix of those of any longer one, and the same stored node serves every leaf count.

use crate::hash::HashingProfile;
use crate::ids::{LeafCount, LeafIndex, Position};
use alloc::vec::Vec;
use primitive_types::H256;

/// Returns the number of nodes in a tree of `count` leaves: `2n - popcount(n)`.
pub fn node_count(count: LeafCount) -> u64 {
    double_minus_popcount(count.get())
}

/// Returns the position of leaf `index`: `2k - popcount(k)`. An index past
/// [`MAX_LEAF_COUNT`](crate::ids::MAX_LEAF_COUNT) has no position, and saturates.
pub fn leaf_position(index: LeafIndex) -> Position {
    Position(double_minus_popcount(index.0))
}

fn double_minus_popcount(n: u64) -> u64 {
    n.saturating_mul(2)
        .saturating_sub(u64::from(n.count_ones()))
}

/// Returns the height of the node at `position`: 0 for a leaf.
pub fn height(position: Position) -> u32 {
    // Counting from 1, the positions of a perfect tree are all ones at its
    // peak; a node elsewhere has the height of its image in the left subtree.
    let mut place = position.0.saturating_add(1);
    while !place.saturating_add(1).is_power_of_two() {
        let peak_of_the_left = u64::MAX.checked_shr(place.leading_zeros().saturating_add(1));
        place = place.saturating_sub(peak_of_the_left.unwrap_or(0));
    }
    place.count_ones().saturating_sub(1)
}

/// A node by its coordinates in the forest of perfect trees: the `index`-th of its
/// `height`, covering the leaves `index << height .. (index + 1) << height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    height: u32,
    index: u64,
}

impl Node {
    /// Returns the node of `height` above leaf `leaf`.
    pub fn above(leaf: LeafIndex, height: u32) -> Self {
        Self {
            height,
            index: leaf.0.checked_shr(height).unwrap_or(0),
        }
    }

    /// Returns the other node with the same parent.
    pub fn sibling(self) -> Self {
        Self {
            index: self.index ^ 1,
            ..self
        }
    }

    /// Returns whether the node is its parent's right child.
    pub fn is_right(self) -> bool {
        self.index & 1 == 1
    }

    /// Returns the node's two children, or `None` for a leaf.
    pub fn children(self) -> Option<(Self, Self)> {
        let height = self.height.checked_sub(1)?;
        let index = self.index.checked_mul(2)?;
        Some((
            Self { height, index },
            Self {
                height,
                index: index | 1,
            },
        ))
    }

    /// Returns the node's position: it is added with the last leaf that it covers,
    /// `height` positions after it.
    pub fn position(self) -> Position {
        let covered_to = self
            .index
            .saturating_add(1)
            .checked_shl(self.height)
            .unwrap_or(u64::MAX);
        let last_leaf = leaf_position(LeafIndex(covered_to.saturating_sub(1)));
        Position(last_leaf.0.saturating_add(u64::from(self.height)))
    }
}

/// One perfect tree of an MMR, under one peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mountain {
    /// Levels between the peak and its leaves.
    pub height: u32,
    /// The leftmost leaf under the peak.
    pub first_leaf: LeafIndex,
}

impl Mountain {
    /// Returns the peak.
    pub fn peak(self) -> Node {
        Node::above(self.first_leaf, self.height)
    }

    /// Returns whether the leaf `index` is below the peak.
    pub fn contains(self, index: LeafIndex) -> bool {
        index
            .0
            .checked_sub(self.first_leaf.0)
            .is_some_and(|offset| offset >> self.height == 0)
    }
}

/// Returns the mountains of a tree of `count` leaves, left to right: one for each set bit
/// of the count, from high to low.
pub fn mountains(count: LeafCount) -> impl Iterator<Item = Mountain> {
    let count = count.get();
    (0..u64::BITS)
        .rev()
        .filter(move |height| count >> height & 1 == 1)
        .map(move |height| {
            let higher_bits = u64::MAX.checked_shl(height.saturating_add(1)).unwrap_or(0);
            Mountain {
                height,
                first_leaf: LeafIndex(count & higher_bits),
            }
        })
}

/// Returns the positions of the peaks of a tree of `count` leaves, left to right.
pub fn peak_positions(count: LeafCount) -> Vec<Position> {
    mountains(count)
        .map(|mountain| mountain.peak().position())
        .collect()
}

/// Returns the mountain that has leaf `index`, and its index among the peaks; `None` if the
/// tree has no such leaf.
pub fn mountain_of(index: LeafIndex, count: LeafCount) -> Option<(usize, Mountain)> {
    mountains(count)
        .enumerate()
        .find(|(_, mountain)| mountain.contains(index))
}

/// The nodes that prove a leaf at a leaf count, in closed form, so that they can be read in
/// one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRoute {
    /// The siblings on the way from the leaf to its peak.
    pub siblings: Vec<Position>,
    /// For each level, true if the node so far is the right child.
    pub path: Vec<bool>,
    /// All peaks, left to right.
    pub peaks: Vec<Position>,
}

impl LeafRoute {
    /// Returns the route of leaf `index` at `count` leaves; `None` if the tree has no such
    /// leaf.
    pub fn new(index: LeafIndex, count: LeafCount) -> Option<Self> {
        let (_, mountain) = mountain_of(index, count)?;
        let levels = (0..mountain.height).map(|height| Node::above(index, height));
        Some(Self {
            siblings: levels
                .clone()
                .map(|node| node.sibling().position())
                .collect(),
            path: levels.map(Node::is_right).collect(),
            peaks: peak_positions(count),
        })
    }
}

/// Bags peaks, given left to right, to a root, from right to left. One peak is the root;
/// none gives 32 zero bytes.
pub fn bag(profile: HashingProfile, peaks: &[H256]) -> H256 {
    let from_the_right = peaks.iter().rev().copied();
    from_the_right
        .reduce(|rest, peak| profile.bag(&peak, &rest))
        .unwrap_or_default()
}

/// The right edge of an MMR: the state needed to append to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    profile: HashingProfile,
    count: LeafCount,
    peaks: Vec<H256>,
}

impl Frontier {
    /// Creates the frontier of a tree without leaves.
    pub const fn empty(profile: HashingProfile) -> Self {
        Self {
            profile,
            count: LeafCount::ZERO,
            peaks: Vec::new(),
        }
    }

    /// Creates the frontier of a tree with these peaks, left to right. Returns `None`
    /// unless there is one peak for each set bit of the count.
    pub fn from_peaks(profile: HashingProfile, count: LeafCount, peaks: Vec<H256>) -> Option<Self> {
        let expected = usize::try_from(count.get().count_ones()).ok()?;
        (peaks.len() == expected).then_some(Self {
            profile,
            count,
            peaks,
        })
    }

    /// Returns the number of leaves in the tree.
    pub const fn count(&self) -> LeafCount {
        self.count
    }

    /// Returns the peaks, left to right.
    pub fn peaks(&self) -> &[H256] {
        &self.peaks
    }

    /// Returns the tree's hashing profile.
    pub const fn profile(&self) -> HashingProfile {
        self.profile
    }

    /// Returns the root, or 32 zero bytes without leaves.
    pub fn root(&self) -> H256 {
        bag(self.profile, &self.peaks)
    }

    /// Appends a leaf by its hash, and passes each new node to `emit`, in order of
    /// position: the leaf, then its parents.
    ///
    /// Returns the leaf's index. If the tree is full, returns `None` and changes nothing.
    pub fn append(
        &mut self,
        leaf_hash: H256,
        mut emit: impl FnMut(Position, H256),
    ) -> Option<LeafIndex> {
        let count = self.count.checked_add(1)?;
        let index = self.count.next_index();
        let mut position = leaf_position(index);
        let mut carried = leaf_hash;
        emit(position, carried);
        for _ in 0..count.get().trailing_zeros() {
            // There is a peak to merge with for each trailing one bit of the old count.
            let left = self.peaks.pop()?;
            carried = self.profile.node(&left, &carried);
            position = Position(position.0.saturating_add(1));
            emit(position, carried);
        }
        self.peaks.push(carried);
        self.count = count;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::MAX_LEAF_COUNT;
    use alloc::collections::BTreeMap;
    use alloc::vec;
    use proptest::prelude::*;

    fn count(n: u64) -> LeafCount {
        LeafCount::new(n).unwrap()
    }

    /// The tree of 11 leaves as it is usually drawn.
    #[test]
    fn eleven_leaves_have_the_drawn_positions() {
        let leaves: Vec<_> = (0..11).map(|k| leaf_position(LeafIndex(k)).0).collect();
        assert_eq!(leaves, vec![0, 1, 3, 4, 7, 8, 10, 11, 15, 16, 18]);
        let peaks: Vec<_> = peak_positions(count(11)).iter().map(|p| p.0).collect();
        assert_eq!(peaks, vec![14, 17, 18]);
        assert_eq!(node_count(count(11)), 19);
        let route = LeafRoute::new(LeafIndex(5), count(11)).unwrap();
        assert_eq!(route.siblings, vec![Position(7), Position(12), Position(6)]);
        assert_eq!(route.path, vec![true, false, true]);
        assert_eq!(LeafRoute::new(LeafIndex(11), count(11)), None);
    }

    #[test]
    fn frontier_positions_match_the_closed_form() {
        let mut frontier = Frontier::empty(HashingProfile::Plain);
        let mut nodes = BTreeMap::new();
        for n in 0..600u64 {
            let expected = node_count(count(n));
            let mut next = expected;
            frontier
                .append(H256::from_low_u64_be(n), |position, hash| {
                    assert_eq!(position.0, next);
                    next += 1;
                    nodes.insert(position, hash);
                })
                .unwrap();
            assert_eq!(next, node_count(count(n + 1)));
            let peaks: Vec<_> = peak_positions(count(n + 1))
                .iter()
                .map(|p| nodes[p])
                .collect();
            assert_eq!(frontier.peaks(), peaks);
        }
    }

    #[test]
    fn heights_follow_from_positions() {
        let heights: Vec<_> = (0..19).map(|p| height(Position(p))).collect();
        assert_eq!(
            heights,
            vec![0, 0, 1, 0, 0, 1, 2, 0, 0, 1, 0, 0, 1, 2, 3, 0, 0, 1, 0]
        );
    }

    #[test]
    fn a_full_tree_accepts_no_leaf() {
        let peaks = vec![H256::repeat_byte(1)];
        let mut full =
            Frontier::from_peaks(HashingProfile::Plain, count(MAX_LEAF_COUNT), peaks).unwrap();
        let before = full.clone();
        assert_eq!(full.append(H256::zero(), |_, _| panic!("emitted")), None);
        assert_eq!(full, before);
    }

    #[test]
    fn peaks_that_do_not_fit_the_count_make_no_frontier() {
        assert!(Frontier::from_peaks(HashingProfile::Plain, count(3), vec![]).is_none());
    }

    #[test]
    fn bagging_goes_from_right_to_left_with_the_peak_first() {
        let [a, b, c] = [1, 2, 3].map(H256::repeat_byte);
        for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
            assert_eq!(bag(profile, &[]), H256::zero());
            assert_eq!(bag(profile, &[a]), a);
            assert_eq!(
                bag(profile, &[a, b, c]),
                profile.bag(&a, &profile.bag(&b, &c))
            );
        }
    }

    proptest! {
        /// The way up is also the way down: siblings and their parents' children agree.
        #[test]
        fn a_route_leads_from_the_leaf_to_its_peak(n in 1..=MAX_LEAF_COUNT, pick in any::<u64>()) {
            let (count, index) = (count(n), LeafIndex(pick % n));
            let (ordinal, mountain) = mountain_of(index, count).unwrap();
            let route = LeafRoute::new(index, count).unwrap();
            prop_assert_eq!(route.peaks.len(), n.count_ones() as usize);
            prop_assert_eq!(route.peaks[ordinal], mountain.peak().position());
            prop_assert_eq!(route.siblings.len(), mountain.height as usize);
            for (height, sibling) in (0u32..).zip(&route.siblings) {
                let node = Node::above(index, height);
                let (left, right) = Node::above(index, height + 1).children().unwrap();
                let (ours, other) = if node.is_right() { (right, left) } else { (left, right) };
                prop_assert_eq!(ours, node);
                prop_assert_eq!(other.position(), *sibling);
                // Within a tree, the left sibling of p at height h stands at p - (2^(h+1) - 1).
                let gap = (1u64 << (height + 1)) - 1;
                prop_assert_eq!(left.position().0 + gap, right.position().0);
                prop_assert!(sibling.0 < node_count(count));
                prop_assert_eq!(super::height(*sibling), height);
            }
        }

        #[test]
        fn mountains_contain_every_leaf_once(n in 1u64..5_000) {
            let mut next = 0;
            for mountain in mountains(count(n)) {
                prop_assert_eq!(mountain.first_leaf.0, next);
                next += 1 << mountain.height;
            }
            prop_assert_eq!(next, n);
        }
    }
}
