//! Refusals of the verifiers and decoders, with their reasons.

use super::*;
use alloc::format;

/// Leaves 1, 4 and 6 of 11 take five items: the siblings at 0, 8, 11 and 5, and
/// the bagged peaks.
#[test]
fn a_tampered_leaf_proof_is_refused_for_what_is_wrong() {
    type Tamper = fn(&mut LeafProof, &mut Vec<H256>);
    use SpVerifyError::*;
    let tampered: &[(Tamper, SpVerifyError)] = &[
        (
            |proof, _| proof.leaf_count = MAX_LEAF_COUNT + 1,
            LeafCount(MAX_LEAF_COUNT + 1),
        ),
        (|proof, _| proof.leaf_indices.swap(0, 1), IndexOrder),
        (|proof, _| proof.leaf_indices[1] = 1, IndexOrder),
        (
            |proof, _| proof.leaf_indices.clear(),
            Claim(PlanError::NoLeaves),
        ),
        (
            |proof, _| proof.leaf_indices = (0..2000).collect(),
            Claim(PlanError::TooManyLeaves { found: 2000 }),
        ),
        (
            |proof, _| proof.leaf_indices[2] = 11,
            Claim(PlanError::NoSuchLeaf {
                index: LeafIndex(11),
                count: count(11),
            }),
        ),
        (
            |_, leaves| leaves.truncate(2),
            Leaves {
                expected: 3,
                found: 2,
            },
        ),
        (|_, leaves| leaves.swap(1, 2), Root),
        (
            |proof, _| proof.items.truncate(4),
            ItemCount {
                expected: 5,
                found: 4,
            },
        ),
        (
            |proof, _| proof.items.push(H256::zero()),
            ItemCount {
                expected: 5,
                found: 6,
            },
        ),
        (|proof, _| proof.items.swap(1, 2), Root),
        (|proof, _| proof.leaf_indices[2] = 7, Root),
        (
            |proof, _| proof.leaf_count = 7,
            ItemCount {
                expected: 3,
                found: 5,
            },
        ),
        (|proof, _| proof.leaf_count = 16, Root),
    ];
    let (nodes, peaks) = build(11);
    let root = naive_bag(&nodes, &peaks);
    let honest = (
        leaf_proof(&nodes, &[1, 4, 6], 11),
        hashes_of(&nodes, &[1, 4, 6]),
    );
    for (number, (tamper, reason)) in tampered.iter().enumerate() {
        let (mut proof, mut leaves) = honest.clone();
        tamper(&mut proof, &mut leaves);
        assert_eq!(
            verify_leaves(&proof, &leaves, &root),
            Err(*reason),
            "case {number}"
        );
    }
}

#[test]
fn a_tampered_ancestry_proof_is_refused_for_what_is_wrong() {
    type Tamper = fn(&mut AncestryProof);
    use SpVerifyError::*;
    let tampered: &[(Tamper, SpVerifyError)] = &[
        (|proof| proof.leaf_count = u64::MAX, LeafCount(u64::MAX)),
        (
            |proof| proof.prev_leaf_count = u64::MAX,
            LeafCount(u64::MAX),
        ),
        (
            |proof| proof.prev_leaf_count = 0,
            Claim(PlanError::EmptyAncestor),
        ),
        (
            |proof| proof.prev_leaf_count = 12,
            Claim(PlanError::NotAnAncestor {
                prev: count(12),
                count: count(11),
            }),
        ),
        (
            |proof| proof.prev_peaks.truncate(1),
            PeakCount {
                expected: 2,
                found: 1,
            },
        ),
        (
            |proof| proof.prev_peaks.push(H256::zero()),
            PeakCount {
                expected: 2,
                found: 3,
            },
        ),
        (
            |proof| proof.items.truncate(2),
            ItemCount {
                expected: 3,
                found: 2,
            },
        ),
        (
            |proof| proof.items.push((18, H256::zero())),
            ItemCount {
                expected: 3,
                found: 4,
            },
        ),
        (
            |proof| proof.items.swap(0, 1),
            ItemPosition {
                item: 0,
                expected: 8,
                found: 12,
            },
        ),
        (
            |proof| proof.items[2].0 = 18,
            ItemPosition {
                item: 2,
                expected: 17,
                found: 18,
            },
        ),
        (|proof| proof.prev_peaks.swap(0, 1), PrevRoot),
        (|proof| proof.items[1].1 = H256::zero(), Root),
        (|proof| proof.items[2].1 = H256::zero(), Root),
        // One more leaf makes one mountain of the last two peaks, at 21.
        (
            |proof| proof.leaf_count = 12,
            ItemPosition {
                item: 2,
                expected: 21,
                found: 17,
            },
        ),
    ];
    let ((earlier, earlier_peaks), (nodes, peaks)) = (build(5), build(11));
    let roots = (
        naive_bag(&earlier, &earlier_peaks),
        naive_bag(&nodes, &peaks),
    );
    let honest = ancestry_proof(&nodes, 5, 11);
    for (number, (tamper, reason)) in tampered.iter().enumerate() {
        let mut proof = honest.clone();
        tamper(&mut proof);
        assert_eq!(
            verify_ancestry(&proof, &roots.0, &roots.1),
            Err(*reason),
            "case {number}"
        );
    }
    assert_eq!(verify_ancestry(&honest, &roots.1, &roots.1), Err(PrevRoot));
    assert_eq!(verify_ancestry(&honest, &roots.0, &roots.0), Err(Root));
}

/// Only a known leaf count distinguishes the two trees, as the module's documentation
/// warns.
#[test]
fn a_root_does_not_bind_its_leaf_count() {
    let (nodes, peaks) = build(2);
    let [a, b] = [nodes[0].hash, nodes[1].hash];
    let as_last_of_three = LeafProof {
        leaf_indices: vec![2],
        leaf_count: 3,
        items: vec![b],
    };
    assert_eq!(
        verify_leaves(&as_last_of_three, &[a], &naive_bag(&nodes, &peaks)),
        Ok(())
    );
    let (nodes, peaks) = build(11);
    let mut proof = leaf_proof(&nodes, &[4], 11);
    proof.leaf_count = 12;
    let hashes = hashes_of(&nodes, &[4]);
    assert_eq!(
        verify_leaves(&proof, &hashes, &naive_bag(&nodes, &peaks)),
        Ok(())
    );
}

#[test]
fn the_largest_proofs_decode_and_longer_ones_do_not() {
    let spread = MAX_LEAF_COUNT / MAX_PROVEN_LEAVES as u64;
    let leaves: Vec<_> = (0..MAX_PROVEN_LEAVES as u64)
        .map(|leaf| LeafIndex(leaf * spread))
        .collect();
    for of in [MAX_LEAF_COUNT, MAX_LEAF_COUNT - 1] {
        let plan = LeavesPlan::new(&leaves, count(of)).unwrap();
        let proof = plan
            .assemble(&vec![H256::zero(); plan.positions().len()])
            .unwrap();
        assert_eq!(LeafProof::decode(&mut &proof.encode()[..]).unwrap(), proof);
        let plan = AncestryPlan::new(count(1), count(of)).unwrap();
        let proof = plan
            .assemble(&vec![H256::zero(); plan.positions().len()])
            .unwrap();
        assert_eq!(proof.items.len(), MAX_ANCESTRY_ITEMS);
        assert_eq!(
            AncestryProof::decode(&mut &proof.encode()[..]).unwrap(),
            proof
        );
    }
    // A length of 2^30 - 1 with nothing behind it.
    let bomb = [0xfe, 0xff, 0xff, 0xff];
    let refusal = |error: Error| format!("{error}");
    let leaves = LeafProof::decode(&mut &bomb[..]).map_err(refusal);
    assert_eq!(leaves, Err("more than 1024 leaves".into()));
    let peaks = AncestryProof::decode(&mut &bomb[..]).map_err(refusal);
    assert_eq!(peaks, Err("more than 64 earlier peaks".into()));
    let items = (
        Vec::<u64>::new(),
        1u64,
        vec![H256::zero(); MAX_LEAF_ITEMS + 1],
    )
        .encode();
    assert!(LeafProof::decode(&mut &items[..]).is_err());
    let items = vec![(0u64, H256::zero()); MAX_ANCESTRY_ITEMS + 1];
    let items = (Vec::<H256>::new(), 1u64, 2u64, items).encode();
    assert!(AncestryProof::decode(&mut &items[..]).is_err());
}

proptest! {
    /// No input makes a verifier panic.
    #[test]
    fn the_verifiers_are_total(
        numbers in prop::collection::vec(prop_oneof![0u64..20, any::<u64>()], 2..6),
        hashes in 0usize..8,
        claim in prop_oneof![0u64..20, any::<u64>()],
    ) {
        let hashes = vec![H256::zero(); hashes];
        let proof = LeafProof {
            leaf_indices: numbers.clone(), leaf_count: claim, items: hashes.clone(),
        };
        let _ = verify_leaves(&proof, &hashes, &H256::zero());
        let proof = AncestryProof {
            prev_peaks: hashes.clone(),
            prev_leaf_count: numbers[0],
            leaf_count: claim,
            items: numbers.iter().map(|number| (*number, H256::zero())).collect(),
        };
        let _ = verify_ancestry(&proof, &H256::zero(), &H256::zero());
    }
}
