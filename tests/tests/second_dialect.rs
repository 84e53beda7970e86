//! Proofs in the format of `pallet-mmr` against the crates that define it: `pallet-mmr` and its
//! MMR library generate the same proofs as Cairn, and accept them.
//!
//! Leaves are real ones; with `Data` the pallet hashes them from their 48 bytes. Trees of 2^40
//! and 2^62 leaves are sparse: all leaves but a few are equal, so every root is a real one and
//! every proof is verified completely.

// Helpers of tests may unwrap too, but clippy does not recognise them as tests.
#[path = "second_dialect/strictness.rs"]
mod strictness;

use cairn_primitives::mmr::{Frontier, node_count, peak_positions};
use cairn_primitives::sp_mmr::{
    AncestryPlan, AncestryProof, LeafProof, LeavesPlan, bag, verify_ancestry, verify_leaves,
};
use cairn_primitives::{H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf, Position};
use codec::{Decode, Encode};
use mmr_lib::helper::pos_height_in_tree;
use mmr_lib::{MMR, MMRStoreReadOps, Merge};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sp_mmr_primitives::{DataOrHash, EncodableOpaqueLeaf, OpaqueLeaf, utils::NodesUtils};
use sp_runtime::traits::{BlakeTwo256, Hash};
use std::collections::BTreeMap;

type PalletNode = DataOrHash<BlakeTwo256, MmrLeaf>;

const SIZES: u64 = 300;

#[derive(Debug)]
struct Blake;

impl Merge for Blake {
    type Item = H256;

    fn merge(left: &H256, right: &H256) -> mmr_lib::Result<H256> {
        let both = [left.as_bytes(), right.as_bytes()].concat();
        Ok(BlakeTwo256::hash(&both))
    }
}

/// A source of hashes, for Cairn and for the library.
trait Nodes {
    fn hash(&self, position: u64) -> H256;

    fn read(&self, positions: &[Position]) -> Vec<H256> {
        positions
            .iter()
            .map(|position| self.hash(position.0))
            .collect()
    }
}

struct Store<'a, N>(&'a N);

impl<N: Nodes> MMRStoreReadOps<H256> for Store<'_, N> {
    fn get_elem(&self, position: u64) -> mmr_lib::Result<Option<H256>> {
        Ok(Some(self.0.hash(position)))
    }
}

/// Every node of a tree, whose prefixes are all shorter trees.
struct Dense(Vec<H256>);

impl Nodes for Dense {
    fn hash(&self, position: u64) -> H256 {
        self.0[position as usize]
    }
}

fn leaf(index: u64) -> MmrLeaf {
    let data_root = H256::from_low_u64_le(index);
    MmrLeaf {
        data_root,
        data_size: 1000 + index,
        total_size: 5000 * (index + 1),
    }
}

fn dense(leaves: u64) -> Dense {
    let mut nodes = Vec::new();
    let mut frontier = Frontier::empty(HashingProfile::Plain);
    for index in 0..leaves {
        let hash = HashingProfile::Plain.leaf(&leaf(index));
        frontier.append(hash, |_, hash| nodes.push(hash)).unwrap();
    }
    Dense(nodes)
}

/// A tree of any size whose leaves are equal, except for a few.
struct Sparse {
    alike: Vec<H256>,
    other: BTreeMap<u64, H256>,
}

impl Sparse {
    fn new(others: impl IntoIterator<Item = u64>) -> Self {
        let alike = std::iter::successors(Some(H256::repeat_byte(7)), |hash| {
            Some(Blake::merge(hash, hash).unwrap())
        });
        let other = others
            .into_iter()
            .map(|index| (index, BlakeTwo256::hash(&index.encode())));
        Self {
            alike: alike.take(64).collect(),
            other: other.collect(),
        }
    }

    fn node(&self, first_leaf: u64, height: u32) -> H256 {
        let mut others = self.other.range(first_leaf..first_leaf + (1 << height));
        match others.next() {
            None => self.alike[height as usize],
            Some((_, hash)) if height == 0 => *hash,
            Some(_) => {
                let half = 1 << (height - 1);
                let left = self.node(first_leaf, height - 1);
                Blake::merge(&left, &self.node(first_leaf + half, height - 1)).unwrap()
            }
        }
    }
}

impl Nodes for Sparse {
    fn hash(&self, position: u64) -> H256 {
        let height = u32::from(pos_height_in_tree(position));
        let last_leaf = NodesUtils::leaf_index_that_added_node(position);
        self.node(last_leaf >> height << height, height)
    }
}

fn count(leaves: u64) -> LeafCount {
    LeafCount::new(leaves).unwrap()
}

fn library<N: Nodes>(nodes: &N, leaves: u64) -> MMR<H256, Blake, Store<'_, N>> {
    assert_eq!(NodesUtils::new(leaves).size(), node_count(count(leaves)));
    MMR::new(node_count(count(leaves)), Store(nodes))
}

fn root<N: Nodes>(nodes: &N, leaves: u64) -> H256 {
    bag(&nodes.read(&peak_positions(count(leaves))))
}

fn leaf_hash<N: Nodes>(nodes: &N, index: u64) -> H256 {
    nodes.hash(mmr_lib::leaf_index_to_pos(index))
}

fn hashed(hashes: &[H256]) -> Vec<PalletNode> {
    hashes.iter().copied().map(DataOrHash::Hash).collect()
}

fn pallet_accepts_leaves(root: H256, leaves: Vec<PalletNode>, proof: &LeafProof) -> bool {
    let theirs = Decode::decode(&mut &proof.encode()[..]).unwrap();
    pallet_mmr::verify_leaves_proof::<BlakeTwo256, MmrLeaf>(root, leaves, theirs).is_ok()
}

fn pallet_accepts_ancestry(root: H256, proof: &AncestryProof) -> Option<H256> {
    let theirs = Decode::decode(&mut &proof.encode()[..]).unwrap();
    pallet_mmr::verify_ancestry_proof::<BlakeTwo256, MmrLeaf>(root, theirs).ok()
}

/// Assembles a proof, compares it with the library's, and verifies it with all verifiers.
fn prove_leaves<N: Nodes>(nodes: &N, leaves: u64, root: H256, asked: &[u64]) -> LeafProof {
    let indices: Vec<_> = asked.iter().copied().map(LeafIndex).collect();
    let plan = LeavesPlan::new(&indices, count(leaves)).unwrap();
    let proof = plan.assemble(&nodes.read(plan.positions())).unwrap();
    let positions = asked
        .iter()
        .map(|index| mmr_lib::leaf_index_to_pos(*index))
        .collect();
    let theirs = library(nodes, leaves).gen_proof(positions).unwrap();
    assert_eq!(
        proof.items,
        theirs.proof_items(),
        "leaves {asked:?} of {leaves}"
    );
    let hashes: Vec<_> = plan
        .indices()
        .iter()
        .map(|index| leaf_hash(nodes, index.0))
        .collect();
    assert_eq!(
        verify_leaves(&proof, &hashes, &root),
        Ok(()),
        "leaves {asked:?} of {leaves}"
    );
    assert!(
        pallet_accepts_leaves(root, hashed(&hashes), &proof),
        "leaves {asked:?} of {leaves}"
    );
    // The pallet checks this first, with its state.
    assert!((proof.items.len() + hashes.len()) as u64 <= leaves);
    proof
}

fn ancestry<N: Nodes>(nodes: &N, prev: u64, leaves: u64) -> AncestryProof {
    let plan = AncestryPlan::new(count(prev), count(leaves)).unwrap();
    plan.assemble(&nodes.read(plan.positions())).unwrap()
}

fn prove_ancestry<N: Nodes>(nodes: &N, prev: (u64, H256), later: (u64, H256)) {
    let proof = ancestry(nodes, prev.0, later.0);
    let [prev_size, size] = [prev.0, later.0].map(|leaves| node_count(count(leaves)));
    let theirs = library(nodes, later.0)
        .gen_ancestry_proof(prev_size)
        .unwrap();
    let pair = (prev.0, later.0);
    assert_eq!(
        proof.items,
        theirs.prev_peaks_proof.proof_items(),
        "{pair:?}"
    );
    let positions: Vec<_> = proof.items.iter().map(|(position, _)| *position).collect();
    let expected = mmr_lib::ancestry_proof::ancestry_proof_positions(prev_size, size).unwrap();
    assert_eq!(positions, expected, "{pair:?}");
    // The pallet's `is_ancestry_proof_optimal`.
    let optimal = mmr_lib::ancestry_proof::expected_ancestry_proof_size(prev_size, size);
    assert_eq!(positions.len(), optimal, "{pair:?}");
    assert_eq!(
        verify_ancestry(&proof, &prev.1, &later.1),
        Ok(()),
        "{pair:?}"
    );
    if pair == (1, 1) {
        assert!(theirs.prev_peaks.is_empty());
        assert_eq!(
            theirs.verify_ancestor(later.1, prev.1),
            Err(mmr_lib::Error::CorruptedProof)
        );
        assert_eq!(pallet_accepts_ancestry(later.1, &proof), None);
    } else {
        assert_eq!(proof.prev_peaks, theirs.prev_peaks, "{pair:?}");
        assert_eq!(
            pallet_accepts_ancestry(later.1, &proof),
            Some(prev.1),
            "{pair:?}"
        );
    }
}

fn random_set(rng: &mut ChaCha8Rng, leaves: u64) -> Vec<u64> {
    let chance = [0.01, 0.1, 0.5, 0.9, 1.0][rng.gen_range(0..5)];
    let mut set: Vec<_> = (0..leaves).filter(|_| rng.gen_bool(chance)).collect();
    set.push(rng.gen_range(0..leaves));
    set
}

#[test]
fn the_pallet_hashes_a_leaf_as_stored() {
    let stored = HashingProfile::Plain.leaf(&leaf(3));
    assert_eq!(PalletNode::Data(leaf(3)).hash(), stored);
    let opaque = OpaqueLeaf(leaf(3).encode());
    assert_eq!(opaque.0.len(), 48);
    assert_eq!(DataOrHash::<BlakeTwo256, _>::Data(opaque).hash(), stored);
    // This encoding has its length before the bytes.
    let prefixed = EncodableOpaqueLeaf(leaf(3).encode());
    assert_ne!(DataOrHash::<BlakeTwo256, _>::Data(prefixed).hash(), stored);
}

#[test]
fn the_pallet_accepts_whole_leaves() {
    let nodes = dense(11);
    let plan = LeavesPlan::new(&[LeafIndex(4), LeafIndex(9)], count(11)).unwrap();
    let proof = plan.assemble(&nodes.read(plan.positions())).unwrap();
    let leaves = [4, 9].map(|index| PalletNode::Data(leaf(index))).to_vec();
    assert!(pallet_accepts_leaves(root(&nodes, 11), leaves, &proof));
    let swapped = [9, 4].map(|index| PalletNode::Data(leaf(index))).to_vec();
    assert!(!pallet_accepts_leaves(root(&nodes, 11), swapped, &proof));
}

#[test]
fn every_leaf_of_every_size_has_the_same_proof() {
    let nodes = dense(SIZES);
    for leaves in 1..=SIZES {
        let root = root(&nodes, leaves);
        assert_eq!(library(&nodes, leaves).get_root().unwrap(), root);
        for index in 0..leaves {
            prove_leaves(&nodes, leaves, root, &[index]);
        }
    }
}

#[test]
fn many_leaves_of_every_size_have_the_same_proof() {
    let nodes = dense(SIZES);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for leaves in 1..=SIZES {
        let root = root(&nodes, leaves);
        for _ in 0..30 {
            prove_leaves(&nodes, leaves, root, &random_set(&mut rng, leaves));
        }
        prove_leaves(&nodes, leaves, root, &(0..leaves).collect::<Vec<_>>());
    }
    // Every set of leaves of a small tree.
    for leaves in 1..=11u64 {
        let root = root(&nodes, leaves);
        for set in 1..1u64 << leaves {
            let asked: Vec<_> = (0..leaves).filter(|index| set >> index & 1 == 1).collect();
            prove_leaves(&nodes, leaves, root, &asked);
        }
    }
}

#[test]
fn every_ancestor_of_every_size_has_the_same_proof() {
    let nodes = dense(SIZES);
    let roots: Vec<_> = (0..=SIZES).map(|leaves| root(&nodes, leaves)).collect();
    for leaves in 1..=SIZES {
        for prev in 1..=leaves {
            let [earlier, later] = [prev, leaves].map(|n| (n, roots[n as usize]));
            prove_ancestry(&nodes, earlier, later);
        }
    }
}

/// Sizes of all magnitudes, many with long runs of ones or of zeros.
fn random_size(rng: &mut ChaCha8Rng, most: u64) -> u64 {
    let shape = match rng.gen_range(0..3) {
        0 => rng.r#gen::<u64>(),
        1 => rng.r#gen::<u64>() & rng.r#gen::<u64>() & rng.r#gen::<u64>(),
        _ => rng.r#gen::<u64>() | rng.r#gen::<u64>() | rng.r#gen::<u64>(),
    };
    (shape >> rng.gen_range(0..63)).clamp(1, most)
}

#[test]
fn trees_of_any_size_have_the_same_proof() {
    for (most, rounds) in [(1 << 40, 600), (1 << 62, 200)] {
        let mut rng = ChaCha8Rng::seed_from_u64(most);
        for round in 0..rounds {
            let leaves = if round == 0 {
                most
            } else {
                random_size(&mut rng, most)
            };
            let asked: Vec<_> = (0..rng.gen_range(1..30))
                .map(|_| match rng.gen_bool(0.5) {
                    true => rng.gen_range(0..leaves),
                    false => leaves - random_size(&mut rng, leaves),
                })
                .collect();
            // Different neighbours make siblings differ; proven leaves must differ too.
            let near = asked
                .iter()
                .flat_map(|index| [*index, index ^ 1, index ^ 2, index ^ 64]);
            let nodes = Sparse::new(near.chain((0..20).map(|bit| leaves >> bit)));
            let now = root(&nodes, leaves);
            prove_leaves(&nodes, leaves, now, &asked);
            for prev in [
                random_size(&mut rng, leaves),
                leaves,
                leaves & leaves.wrapping_neg(),
            ] {
                prove_ancestry(&nodes, (prev, root(&nodes, prev)), (leaves, now));
            }
        }
    }
}
