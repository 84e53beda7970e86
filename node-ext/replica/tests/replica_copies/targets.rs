//! Which leaves a wanted tree takes from peers.

use cairn_primitives::mmr::{Frontier, LeafRoute, mountain_of};
use cairn_primitives::{Commitment, H256, HashingProfile, LeafIndex, MmrLeaf, Sequence};
use cairn_replica::{ClaimedLeaf, Target};
use proptest::prelude::*;
use std::collections::HashMap;

fn leaf(number: u64) -> MmrLeaf {
    MmrLeaf {
        data_root: H256::from_low_u64_be(number),
        data_size: number,
        total_size: number,
    }
}

proptest! {
    /// Claims of a longer tree hold for the shorter one, and no changed claim does.
    #[test]
    fn only_leaves_of_the_tree_are_taken(
        count in 1u64..70,
        more in 0u64..70,
        tagged: bool,
        which: prop::sample::Index,
        changed: prop::sample::Index,
    ) {
        let profile = if tagged { HashingProfile::Tagged } else { HashingProfile::Plain };
        let mut frontier = Frontier::empty(profile);
        let mut nodes = HashMap::new();
        let mut target = None;
        for number in 0..count + more {
            frontier.append(profile.leaf(&leaf(number)), |position, hash| {
                nodes.insert(position, hash);
            });
            if number + 1 == count {
                target = Some(frontier.clone());
            }
        }
        let wanted = target.unwrap();
        let claim = |index: u64| {
            let route = LeafRoute::new(LeafIndex(index), frontier.count()).unwrap();
            ClaimedLeaf {
                leaf: leaf(index),
                siblings: route.siblings.iter().map(|at| nodes[at]).collect(),
            }
        };
        let commitment = Commitment {
            mmr_root: wanted.root(),
            start_seq: Sequence(9),
            leaf_count: wanted.count(),
        };
        let peaks = wanted.peaks().to_vec();
        let target = Target::new(profile, commitment, peaks.clone()).unwrap();
        for index in 0..count {
            prop_assert!(target.has_leaf(LeafIndex(index), &claim(index)));
        }
        prop_assert!(!target.has_leaf(LeafIndex(count), &claim(0)));
        let index = which.index(count as usize) as u64;
        let (_, mountain) = mountain_of(LeafIndex(index), commitment.leaf_count).unwrap();
        let mut wrong = claim(index);
        match changed.index(mountain.height as usize + 3) {
            0 => wrong.leaf.data_size ^= 1,
            1 => wrong.leaf.total_size ^= 1,
            2 => wrong.leaf.data_root.0[7] ^= 1,
            level => wrong.siblings[level - 3].0[0] ^= 1,
        }
        prop_assert!(!target.has_leaf(LeafIndex(index), &wrong));
        if mountain.height > 0 {
            let mut short = claim(index);
            short.siblings.truncate(mountain.height as usize - 1);
            prop_assert!(!target.has_leaf(LeafIndex(index), &short));
        }
        let mut other = peaks;
        other[0].0[3] ^= 1;
        prop_assert_eq!(Target::new(profile, commitment, other), None);
    }
}
