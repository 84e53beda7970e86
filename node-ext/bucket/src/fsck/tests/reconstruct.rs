//! The reconstruction of a tree, compared with a plain list of all nodes.

use crate::fsck::reconstruct::{Discovery, NodeDefect, TreeReconstruction};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{H256, HashingProfile, Position};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PROFILE: HashingProfile = HashingProfile::Tagged;

struct Tree {
    leaves: Vec<H256>,
    nodes: BTreeMap<Position, H256>,
    frontier: Frontier,
}

fn tree(leaves: u64) -> Tree {
    let mut frontier = Frontier::empty(PROFILE);
    let mut nodes = BTreeMap::new();
    let leaves: Vec<_> = (0..leaves)
        .map(|leaf| PROFILE.chunk(&leaf.to_be_bytes()))
        .collect();
    for leaf in &leaves {
        frontier
            .append(*leaf, |at, hash| {
                nodes.insert(at, hash);
            })
            .unwrap();
    }
    Tree {
        leaves,
        nodes,
        frontier,
    }
}

/// Reconstructs a tree from the leaves and nodes that are left.
fn reconstruct(leaves: &[Option<H256>], nodes: &BTreeMap<Position, H256>) -> TreeReconstruction {
    let mut reconstruction = TreeReconstruction::new(PROFILE);
    for (index, leaf) in leaves.iter().enumerate() {
        let stored = TreeReconstruction::positions_completed_by(index as u64)
            .map(|at| (at, nodes.get(&at).copied().ok_or(NodeDefect::Missing)));
        reconstruction.append(*leaf, stored.collect::<Vec<_>>());
    }
    reconstruction
}

#[test]
fn i7_a_lost_leaf_under_a_right_node_hides_no_other_fault() {
    let tree = tree(8);
    let mut nodes = tree.nodes.clone();
    let mut leaves: Vec<_> = tree.leaves.iter().copied().map(Some).collect();
    // Leaf 0 and its node, and the parent of leaves 2 and 3.
    leaves[0] = None;
    let lost = [Position(0), Position(5)];
    let of_lost = lost.map(|at| nodes.remove(&at).unwrap());
    let result = reconstruct(&leaves, &nodes).resolve(&tree.frontier.root(), None);
    assert!(result.is_root_reached);
    let fault = NodeDefect::Missing;
    assert_eq!(
        result.discoveries,
        [
            Discovery::LostNode {
                position: lost[0],
                fault: fault.clone(),
            },
            Discovery::Unexplained {
                position: Position(2),
            },
            Discovery::Node {
                position: lost[1],
                hash: of_lost[1],
                fault,
            },
        ]
    );
}

proptest! {
    #[test]
    fn any_damage_to_nodes_is_rebuilt_from_intact_leaves(
        leaves in 1u64..70,
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<bool>()), 0..40),
        with_peaks: bool,
    ) {
        let tree = tree(leaves);
        let mut nodes = tree.nodes.clone();
        let mut hit = BTreeSet::new();
        let positions: Vec<_> = tree.nodes.keys().copied().collect();
        for (which, changes) in &damage {
            let at = *which.get(&positions);
            hit.insert(at);
            match changes {
                true => nodes.insert(at, H256::repeat_byte(1)),
                false => nodes.remove(&at),
            };
        }
        let all: Vec<_> = tree.leaves.iter().copied().map(Some).collect();
        let reconstruction = reconstruct(&all, &nodes);
        let root = tree.frontier.root();
        let peaks = with_peaks.then(|| tree.frontier.peaks());
        // With many damaged peaks, the known ones are needed.
        prop_assume!(with_peaks || reconstruction.peaks_for(&root).is_some());
        let result = reconstruction.resolve(&root, peaks);
        prop_assert!(result.is_root_reached);
        let mut rebuilt = BTreeSet::new();
        for discovery in result.discoveries {
            let Discovery::Node { position, hash, .. } = discovery else {
                return Err(TestCaseError::fail(format!("{discovery:?}")));
            };
            prop_assert_eq!(Some(&hash), tree.nodes.get(&position));
            prop_assert!(rebuilt.insert(position));
        }
        prop_assert_eq!(rebuilt, hit);
    }

    #[test]
    fn i7_lost_or_changed_leaves_never_invent_a_node(
        leaves in 1u64..40,
        lost in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..4), 1..20),
        with_peaks: bool,
    ) {
        let tree = tree(leaves);
        let mut nodes = tree.nodes.clone();
        let mut left: Vec<_> = tree.leaves.iter().copied().map(Some).collect();
        let positions: Vec<_> = tree.nodes.keys().copied().collect();
        for (which, how) in &lost {
            match how {
                0 => left[which.index(leaves as usize)] = None,
                1 => left[which.index(leaves as usize)] = Some(H256::repeat_byte(2)),
                2 => drop(nodes.remove(which.get(&positions))),
                _ => drop(nodes.insert(*which.get(&positions), H256::repeat_byte(3))),
            }
        }
        let peaks = with_peaks.then(|| tree.frontier.peaks());
        let result = reconstruct(&left, &nodes).resolve(&tree.frontier.root(), peaks);
        let mut reported = BTreeSet::new();
        let mut is_unexplained = false;
        for discovery in &result.discoveries {
            match discovery {
                Discovery::Node { position, hash, .. } => {
                    prop_assert_eq!(Some(hash), tree.nodes.get(position));
                    reported.insert(*position);
                }
                Discovery::LostNode { position, .. } => drop(reported.insert(*position)),
                // With a lost leaf, any node in its place is acceptable.
                Discovery::Unexplained { .. } => is_unexplained = true,
                Discovery::ChangedLeaf { .. } => {}
            }
        }
        // All damage to nodes is reported.
        for at in positions.iter().filter(|at| nodes.get(at) != tree.nodes.get(at)) {
            prop_assert!(reported.contains(at) || is_unexplained || !result.is_root_reached, "{} in {:?}", at, result.discoveries);
        }
    }
}
