//! Compares plans and verifiers with a tree that is built node by node, and with the
//! definition of an item: a highest node over nothing that is proven.

// A test that overflows or truncates is a test that fails.
mod refusals;

use super::*;
use crate::ids::{LeafCount, LeafIndex, MAX_LEAF_COUNT, Position};
use crate::mmr::node_count;
use alloc::vec;
use proptest::prelude::*;

/// A node with the leaves that it covers, recorded when it is added.
struct Built {
    hash: H256,
    height: u32,
    leaves: core::ops::Range<u64>,
    parent: Option<usize>,
}

/// A tree by repeated merging, with its peaks.
fn build(leaves: u64) -> (Vec<Built>, Vec<usize>) {
    let (mut nodes, mut peaks) = (Vec::<Built>::new(), Vec::<usize>::new());
    for leaf in 0..leaves {
        let hash = PLAIN.chunk(&leaf.to_le_bytes());
        peaks.push(nodes.len());
        nodes.push(Built {
            hash,
            height: 0,
            leaves: leaf..leaf + 1,
            parent: None,
        });
        while let [.., left, right] = peaks[..] {
            if nodes[left].height != nodes[right].height {
                break;
            }
            let parent = nodes.len();
            nodes.push(Built {
                hash: PLAIN.node(&nodes[left].hash, &nodes[right].hash),
                height: nodes[left].height + 1,
                leaves: nodes[left].leaves.start..nodes[right].leaves.end,
                parent: None,
            });
            (nodes[left].parent, nodes[right].parent) = (Some(parent), Some(parent));
            peaks.truncate(peaks.len() - 2);
            peaks.push(parent);
        }
    }
    (nodes, peaks)
}

/// `hash(rest ++ peak)`, from the right.
fn naive_bag(nodes: &[Built], peaks: &[usize]) -> H256 {
    let (last, others) = peaks.split_last().unwrap();
    others.iter().rev().fold(nodes[*last].hash, |rest, peak| {
        PLAIN.chunk(&[rest.as_bytes(), nodes[*peak].hash.as_bytes()].concat())
    })
}

/// The highest nodes over nothing that is `known`, in order of position; and
/// how many of them are trailing peaks.
fn unknown(nodes: &[Built], peaks: &[usize], known: impl Fn(u64) -> bool) -> (Vec<usize>, usize) {
    let touched = |node: usize| nodes[node].leaves.clone().any(&known);
    let highest = (0..nodes.len())
        .filter(|node| !touched(*node) && nodes[*node].parent.is_none_or(touched))
        .collect();
    (
        highest,
        peaks
            .iter()
            .rev()
            .take_while(|peak| !touched(**peak))
            .count(),
    )
}

fn naive_items(nodes: &[Built], unknown: &[usize], run: usize) -> Vec<(u64, H256)> {
    let (singles, run) = unknown.split_at(unknown.len() - run);
    let bagged = run
        .first()
        .map(|first| (*first as u64, naive_bag(nodes, run)));
    singles
        .iter()
        .map(|node| (*node as u64, nodes[*node].hash))
        .chain(bagged)
        .collect()
}

fn count(leaves: u64) -> LeafCount {
    LeafCount::new(leaves).unwrap()
}

fn indices(leaves: &[u64]) -> Vec<LeafIndex> {
    leaves.iter().copied().map(LeafIndex).collect()
}

fn read(nodes: &[Built], positions: &[Position]) -> Vec<H256> {
    positions
        .iter()
        .map(|position| nodes[position.0 as usize].hash)
        .collect()
}

fn hashes_of(nodes: &[Built], leaves: &[u64]) -> Vec<H256> {
    let hash = |leaf: &u64| {
        nodes
            .iter()
            .find(|node| node.leaves == (*leaf..*leaf + 1))
            .unwrap()
            .hash
    };
    leaves.iter().map(hash).collect()
}

fn leaf_proof(nodes: &[Built], leaves: &[u64], of: u64) -> LeafProof {
    let plan = LeavesPlan::new(&indices(leaves), count(of)).unwrap();
    plan.assemble(&read(nodes, plan.positions())).unwrap()
}

fn ancestry_proof(nodes: &[Built], prev: u64, of: u64) -> AncestryProof {
    let plan = AncestryPlan::new(count(prev), count(of)).unwrap();
    plan.assemble(&read(nodes, plan.positions())).unwrap()
}

/// `chosen` ascends.
fn check_leaves(of: u64, chosen: &[u64]) {
    let (nodes, peaks) = build(of);
    let (mut items, run) = unknown(&nodes, &peaks, |leaf| chosen.contains(&leaf));
    // By mountain, then by level; what is bagged stays at the end.
    let mountain = |node: usize| peaks.iter().position(|peak| node <= *peak);
    let singles = items.len() - run;
    items[..singles].sort_by_key(|node| (mountain(*node), nodes[*node].height, *node));
    let expected = LeafProof {
        leaf_indices: chosen.to_vec(),
        leaf_count: of,
        items: naive_items(&nodes, &items, run)
            .into_iter()
            .map(|(_, hash)| hash)
            .collect(),
    };
    let proof = leaf_proof(&nodes, chosen, of);
    assert_eq!(proof, expected, "leaves {chosen:?} of {of}");
    let root = naive_bag(&nodes, &peaks);
    assert_eq!(
        verify_leaves(&proof, &hashes_of(&nodes, chosen), &root),
        Ok(())
    );
}

#[test]
fn leaf_proofs_of_small_trees_match_the_model() {
    for of in 1..=9u64 {
        for set in 1..1u64 << of {
            let chosen: Vec<_> = (0..of).filter(|leaf| set >> leaf & 1 == 1).collect();
            check_leaves(of, &chosen);
        }
    }
}

#[test]
fn ancestry_proofs_match_the_model() {
    for of in 1..=70 {
        let (nodes, peaks) = build(of);
        for prev in 1..=of {
            let (new, run) = unknown(&nodes, &peaks, |leaf| leaf < prev);
            let (earlier, earlier_peaks) = build(prev);
            let expected = AncestryProof {
                prev_peaks: earlier_peaks
                    .iter()
                    .map(|peak| earlier[*peak].hash)
                    .collect(),
                prev_leaf_count: prev,
                leaf_count: of,
                items: naive_items(&nodes, &new, run),
            };
            let proof = ancestry_proof(&nodes, prev, of);
            assert_eq!(proof, expected, "{prev} of {of}");
            let roots = (
                naive_bag(&earlier, &earlier_peaks),
                naive_bag(&nodes, &peaks),
            );
            assert_eq!(
                verify_ancestry(&proof, &roots.0, &roots.1),
                Ok(()),
                "{prev} of {of}"
            );
        }
    }
}

#[test]
fn the_documented_example_holds() {
    let plan = LeavesPlan::new(&[LeafIndex(4)], count(11)).unwrap();
    assert_eq!(plan.positions(), [8, 12, 6, 17, 18].map(Position));
    let plan = AncestryPlan::new(count(5), count(11)).unwrap();
    assert_eq!(plan.positions(), [6, 7, 8, 12, 17, 18].map(Position));
}

#[test]
fn bagging_puts_the_rest_first() {
    let [a, b, c] = [1, 2, 3].map(H256::repeat_byte);
    assert_eq!(bag(&[]), H256::zero());
    assert_eq!(bag(&[a]), a);
    assert_eq!(bag(&[a, b, c]), PLAIN.node(&PLAIN.node(&c, &b), &a));
}

#[test]
fn leaves_are_listed_in_order_and_once() {
    let plan = LeavesPlan::new(&indices(&[7, 2, 7, 4]), count(9)).unwrap();
    assert_eq!(plan.indices(), indices(&[2, 4, 7]));
    assert_eq!(
        plan,
        LeavesPlan::new(&indices(&[2, 4, 7]), count(9)).unwrap()
    );
}

#[test]
fn impossible_proofs_have_no_plan() {
    let leaves = |leaves: &[u64], of| LeavesPlan::new(&indices(leaves), count(of)).map(|_| ());
    assert_eq!(leaves(&[], 5), Err(PlanError::NoLeaves));
    let absent = PlanError::NoSuchLeaf {
        index: LeafIndex(5),
        count: count(5),
    };
    assert_eq!(leaves(&[5, 1], 5), Err(absent));
    assert!(leaves(&[0], 0).is_err());
    assert!(leaves(&[u64::MAX], MAX_LEAF_COUNT).is_err());
    let many: Vec<_> = (0..=MAX_PROVEN_LEAVES as u64).collect();
    assert_eq!(
        leaves(&many, 5000),
        Err(PlanError::TooManyLeaves { found: many.len() })
    );
    assert_eq!(leaves(&many[1..], 5000), Ok(()));
    let ancestry = |prev, of| AncestryPlan::new(count(prev), count(of)).map(|_| ());
    assert_eq!(ancestry(0, 5), Err(PlanError::EmptyAncestor));
    let longer = PlanError::NotAnAncestor {
        prev: count(6),
        count: count(5),
    };
    assert_eq!(ancestry(6, 5), Err(longer));
    let short = HashCount {
        expected: 3,
        found: 1,
    };
    let plan = LeavesPlan::new(&[LeafIndex(0)], count(8)).unwrap();
    assert_eq!(plan.assemble(&[H256::zero()]), Err(short));
    let plan = AncestryPlan::new(count(1), count(4)).unwrap();
    assert_eq!(plan.assemble(&[H256::zero()]), Err(short));
}

proptest! {
    #[test]
    fn random_leaf_proofs_match_the_model(
        of in 1u64..150,
        picks in prop::collection::vec(any::<u64>(), 1..40),
    ) {
        let mut chosen: Vec<_> = picks.iter().map(|pick| pick % of).collect();
        chosen.sort_unstable();
        chosen.dedup();
        check_leaves(of, &chosen);
    }

    #[test]
    fn a_plan_reads_nodes_that_exist_and_each_once(
        of in 1..=MAX_LEAF_COUNT, first in any::<u64>(), second in any::<u64>(),
    ) {
        let leaves = LeavesPlan::new(&[LeafIndex(first % of), LeafIndex(second % of)], count(of));
        let ancestry = AncestryPlan::new(count(first % of + 1), count(of)).unwrap();
        let leaves = leaves.unwrap();
        for positions in [leaves.positions(), ancestry.positions()] {
            let each: alloc::collections::BTreeSet<_> = positions.iter().collect();
            prop_assert_eq!(each.len(), positions.len());
            prop_assert!(positions.iter().all(|position| position.0 < node_count(count(of))));
        }
    }
}
