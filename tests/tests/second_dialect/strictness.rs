//! Cases in which Cairn is stricter than the ecosystem's verifiers, or in which they refuse a
//! proof that their own rules allow.

use super::*;
use cairn_primitives::sp_mmr::{PlanError, SpVerifyError};

fn leaf_proof(nodes: &Dense, leaves: u64, asked: &[u64]) -> (H256, Vec<H256>, LeafProof) {
    let root = root(nodes, leaves);
    let proof = prove_leaves(nodes, leaves, root, asked);
    let hashes = proof
        .leaf_indices
        .iter()
        .map(|index| leaf_hash(nodes, *index))
        .collect();
    (root, hashes, proof)
}

#[test]
fn a_changed_bit_is_refused_by_both() {
    let nodes = dense(27);
    let (now, hashes, proof) = leaf_proof(&nodes, 27, &[3, 8, 9, 17]);
    for item in 0..proof.items.len() {
        let mut changed = proof.clone();
        changed.items[item].0[31] ^= 1;
        assert_eq!(
            verify_leaves(&changed, &hashes, &now),
            Err(SpVerifyError::Root)
        );
        assert!(!pallet_accepts_leaves(now, hashed(&hashes), &changed));
    }
    for leaf in 0..hashes.len() {
        let mut changed = hashes.clone();
        changed[leaf].0[0] ^= 0x80;
        assert_eq!(
            verify_leaves(&proof, &changed, &now),
            Err(SpVerifyError::Root)
        );
        assert!(!pallet_accepts_leaves(now, hashed(&changed), &proof));
    }
    let (before, proof) = (root(&nodes, 13), ancestry(&nodes, 13, 27));
    for item in 0..proof.items.len() {
        let mut changed = proof.clone();
        changed.items[item].1.0[31] ^= 1;
        assert_eq!(
            verify_ancestry(&changed, &before, &now),
            Err(SpVerifyError::Root)
        );
        assert_eq!(pallet_accepts_ancestry(now, &changed), None);
    }
    for peak in 0..proof.prev_peaks.len() {
        let mut changed = proof.clone();
        changed.prev_peaks[peak].0[31] ^= 1;
        assert_eq!(
            verify_ancestry(&changed, &before, &now),
            Err(SpVerifyError::PrevRoot)
        );
        assert_eq!(pallet_accepts_ancestry(now, &changed), None);
    }
}

/// Cairn accepts one proof for each statement. These are further proofs that the pallet accepts.
#[test]
fn the_pallet_accepts_more_leaf_proofs() {
    use SpVerifyError::*;
    let nodes = dense(11);
    let only_pallet = |root: H256, leaves: &[H256], proof: &LeafProof, reason: SpVerifyError| {
        assert!(pallet_accepts_leaves(root, hashed(leaves), proof));
        assert_eq!(verify_leaves(proof, leaves, &root), Err(reason));
    };
    let (now, hashes, honest) = leaf_proof(&nodes, 11, &[2, 4]);

    // Indices in another order, or repeated, with the leaves to match.
    let unsorted = LeafProof {
        leaf_indices: vec![4, 2],
        ..honest.clone()
    };
    only_pallet(now, &[hashes[1], hashes[0]], &unsorted, IndexOrder);
    let repeated = LeafProof {
        leaf_indices: vec![2, 4, 4],
        ..honest.clone()
    };
    only_pallet(
        now,
        &[hashes[0], hashes[1], hashes[1]],
        &repeated,
        IndexOrder,
    );

    // The trailing peaks, not bagged.
    let mut loose = honest.clone();
    loose.items.pop();
    loose.items.extend([nodes.hash(17), nodes.hash(18)]);
    let expected = honest.items.len();
    only_pallet(
        now,
        &hashes,
        &loose,
        ItemCount {
            expected,
            found: expected + 1,
        },
    );

    // The root as a proof of no leaf, and any items with the only leaf of a tree.
    let nothing = LeafProof {
        leaf_indices: vec![],
        leaf_count: 11,
        items: vec![now],
    };
    only_pallet(now, &[], &nothing, Claim(PlanError::NoLeaves));
    let (one, hashes, mut noisy) = leaf_proof(&nodes, 1, &[0]);
    noisy.items.extend([now; 5]);
    only_pallet(
        one,
        &hashes,
        &noisy,
        ItemCount {
            expected: 0,
            found: 5,
        },
    );
}

#[test]
fn the_pallet_accepts_more_ancestry_proofs() {
    let nodes = dense(11);
    let (before, now) = (root(&nodes, 5), root(&nodes, 11));
    let honest = ancestry(&nodes, 5, 11);
    let at = |position: u64| (position, nodes.hash(position));
    let bagged = honest.items[2];
    for items in [
        vec![bagged, at(12), at(8)],
        vec![at(8), at(8), at(12), bagged],
        vec![at(8), at(10), at(11), bagged],
        vec![at(8), at(12), at(17), at(18)],
        vec![at(7), at(8), at(12), bagged],
    ] {
        let loose = AncestryProof {
            items,
            ..honest.clone()
        };
        assert_eq!(pallet_accepts_ancestry(now, &loose), Some(before));
        assert!(matches!(
            verify_ancestry(&loose, &before, &now),
            Err(SpVerifyError::ItemCount { .. } | SpVerifyError::ItemPosition { .. })
        ));
    }
}

/// All verifiers refuse it. The pallet panics if overflows are checked, so a caller must not pass
/// it such a proof.
#[test]
fn an_empty_tree_is_not_an_ancestor() {
    let nodes = dense(4);
    let library = library(&nodes, 4).gen_ancestry_proof(0);
    assert_eq!(
        library.unwrap_err(),
        mmr_lib::Error::GenProofForInvalidNodes
    );
    assert_eq!(
        AncestryPlan::new(count(0), count(4)),
        Err(PlanError::EmptyAncestor)
    );
    let now = root(&nodes, 4);
    let proof = AncestryProof {
        prev_peaks: vec![],
        prev_leaf_count: 0,
        leaf_count: 4,
        items: vec![],
    };
    let reason = SpVerifyError::Claim(PlanError::EmptyAncestor);
    assert_eq!(verify_ancestry(&proof, &H256::zero(), &now), Err(reason));
    let pallet = std::panic::catch_unwind(|| pallet_accepts_ancestry(now, &proof));
    assert!(!matches!(pallet, Ok(Some(_))));
}
