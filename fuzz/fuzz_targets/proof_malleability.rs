//! Mutations of an honest proof: the strict verifier accepts the honest one and no other for
//! the same leaf, count and root.
#![no_main]

use arbitrary::Arbitrary;
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    H256, HashingProfile, LeafIndex, MerkleProof, MmrLeaf, MmrProof, Position, verify,
};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

#[derive(Arbitrary, Debug)]
struct MutatedProof {
    tagged: bool,
    leaves: u8,
    index: u8,
    peaks: Vec<(u8, [u8; 32])>,
    siblings: Vec<(u8, [u8; 32])>,
    path: Vec<u8>,
    leaf: Option<(u64, u64)>,
    longer: bool,
    shorter: bool,
}

fuzz_target!(|mutated: MutatedProof| {
    let profile = if mutated.tagged {
        HashingProfile::Tagged
    } else {
        HashingProfile::Plain
    };
    let leaves = u64::from(mutated.leaves).max(1);
    let mut frontier = Frontier::empty(profile);
    let mut nodes: BTreeMap<Position, H256> = BTreeMap::new();
    let leaf = |k: u64| MmrLeaf {
        data_root: H256::from_low_u64_be(k),
        data_size: k,
        total_size: k,
    };
    for k in 0..leaves {
        frontier.append(profile.leaf(&leaf(k)), |at, hash| {
            nodes.insert(at, hash);
        });
    }
    let index = LeafIndex(u64::from(mutated.index) % leaves);
    let route = LeafRoute::new(index, frontier.count()).unwrap();
    let honest = MmrProof {
        peaks: route.peaks.iter().map(|at| nodes[at]).collect(),
        leaf: leaf(index.0),
        leaf_proof: MerkleProof {
            siblings: route.siblings.iter().map(|at| nodes[at]).collect(),
            path: route.path,
        },
    };
    let root = frontier.root();
    let check =
        |proof: &MmrProof| verify::mmr_proof(profile, proof, index, frontier.count(), &root);
    assert_eq!(check(&honest), Ok(()));

    let mut proof = honest.clone();
    for (place, hash) in mutated.peaks {
        let length = proof.peaks.len().max(1);
        if let Some(peak) = proof.peaks.get_mut(usize::from(place) % length) {
            *peak = H256(hash);
        }
    }
    for (place, hash) in mutated.siblings {
        let length = proof.leaf_proof.siblings.len().max(1);
        if let Some(sibling) = proof
            .leaf_proof
            .siblings
            .get_mut(usize::from(place) % length)
        {
            *sibling = H256(hash);
        }
    }
    for place in mutated.path {
        let length = proof.leaf_proof.path.len().max(1);
        if let Some(bit) = proof.leaf_proof.path.get_mut(usize::from(place) % length) {
            *bit = !*bit;
        }
    }
    if let Some((data_size, total_size)) = mutated.leaf {
        proof.leaf.data_size = data_size;
        proof.leaf.total_size = total_size;
    }
    if mutated.longer {
        proof.leaf_proof.siblings.push(H256::zero());
        proof.leaf_proof.path.push(false);
    }
    if mutated.shorter {
        proof.peaks.pop();
    }
    assert_eq!(check(&proof).is_ok(), proof == honest);
});
