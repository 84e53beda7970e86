//! Claims: when they are submitted, and when not.
//!
//! The challenge period here is 40 anchor blocks, so the last blocks are 10.

use super::harness::*;
use super::scenarios::{ID, OTHER, running_harness, submissions};
use crate::challenges::no_proof::NoProof;
use cairn_primitives::challenge::{AccountId, ChunkLocation, Role, SlashReason};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::{PrimaryProvider, RegisteredKey};
use cairn_primitives::{BucketId, ChunkIndex, Commitment, LeafIndex, Sequence};
use cairn_testing::Resolution;

/// Anchor blocks from a challenge to the first block in which a claim may be submitted.
const BLOCKS_BEFORE_LAST: u32 = 30;

/// Sets a commitment as the bucket's snapshot, which others can or cannot replace.
fn set_snapshot(harness: &Harness, id: BucketId, commitment: Commitment, is_replaceable: bool) {
    harness.chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&id).unwrap();
        bucket.min_providers = 1;
        bucket.primary_providers = match is_replaceable {
            true => vec![PrimaryProvider {
                account: OURS,
                key: Some(RegisteredKey::from(OURS.0)),
                endpoint: vec![],
                agreement: None,
            }],
            false => vec![],
        };
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: 1,
            primary_signers: vec![0],
        });
    });
}

/// Returns an older commitment that a newer snapshot covers.
fn superseded_commitment(harness: &Harness, is_replaceable: bool) -> Commitment {
    let old = harness.commitment(ID);
    let newer = {
        let mut buckets = harness.prover.buckets.lock();
        buckets.get_mut(&ID).unwrap().commit(vec![1])
    };
    set_snapshot(harness, ID, newer, is_replaceable);
    old
}

fn fail_proofs(harness: &Harness, fault: &NoProof) {
    harness.prover.faults.lock().insert(ID, fault.clone());
}

fn faults() -> [NoProof; 3] {
    [
        NoProof::NotHere("never signed".into()),
        NoProof::NeedsRepair("damaged".into()),
        NoProof::Transient("busy".into()),
    ]
}

#[test]
fn s8_a_claim_is_held_back_while_the_dry_run_fails() {
    let mut harness = running_harness();
    let old = superseded_commitment(&harness, false);
    fail_proofs(&harness, &NoProof::NotHere("never signed".into()));
    *harness.dry_run_fails.lock() = true;
    harness.challenge(ID, old, at(0), None);
    harness.blocks(45);
    assert_eq!(submissions(&harness).0, 0);
    assert_eq!((harness.defended(), harness.lost()), (0, 1));
}

#[test]
fn s8_only_proofs_are_submitted_before_the_last_blocks() {
    for fault in faults() {
        let mut harness = running_harness();
        let old = superseded_commitment(&harness, false);
        fail_proofs(&harness, &fault);
        harness.challenge(ID, old, at(0), None);
        // From the full period on, block by block.
        for _ in 0..BLOCKS_BEFORE_LAST {
            harness.block();
            assert_eq!(submissions(&harness).0, 0, "{fault:?}");
        }
        assert_eq!(harness.status().alarms().len(), 1, "{fault:?}");
        harness.blocks(9);
        assert_eq!((harness.defended(), harness.lost()), (1, 0), "{fault:?}");
        harness.assert_nothing_wrong();
    }
}

#[test]
fn s8_a_recovered_bucket_is_proven_at_the_next_block() {
    let mut harness = running_harness();
    let old = superseded_commitment(&harness, false);
    fail_proofs(&harness, &faults()[0]);
    harness.challenge(ID, old, at(0), None);
    harness.blocks(20);
    assert_eq!(submissions(&harness).0, 0);
    // Its disk is mounted with half of the time left.
    harness.prover.faults.lock().clear();
    harness.blocks(2);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
}

#[test]
fn s8_a_replaceable_snapshot_is_claimed_only_at_risk() {
    for claim_at_risk in [false, true] {
        let mut harness = running_harness();
        harness.kill();
        harness.config.claim_at_risk = claim_at_risk;
        harness.start();
        let old = superseded_commitment(&harness, true);
        fail_proofs(&harness, &faults()[0]);
        harness.challenge(ID, old, at(0), None);
        harness.blocks(BLOCKS_BEFORE_LAST + 5);
        if !claim_at_risk {
            let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
            assert!(alarm.contains("held back"), "{alarm}");
            assert!(alarm.contains("claim_at_risk"), "{alarm}");
        }
        harness.blocks(10);
        let handed = u32::from(claim_at_risk);
        assert_eq!(submissions(&harness), (handed, handed));
        assert_eq!(harness.defended(), u64::from(claim_at_risk));
        harness.assert_nothing_wrong();
    }
}

#[test]
fn s8_a_revocable_deletion_is_claimed_only_at_risk() {
    for others in [0, 1] {
        let mut harness = running_harness();
        let root = cairn_primitives::H256::repeat_byte(5);
        let word = deletion(ID, root, Sequence(1), &admin());
        harness.prover.deletions.lock().push(word);
        harness.chain.edit(move |pallet| {
            let bucket = pallet.buckets.get_mut(&ID).unwrap();
            let other = (AccountId([5; 32]), Role::Admin);
            bucket.members.extend((0..others).map(|_| other));
            // A writer cannot undo it.
            bucket.members.push((AccountId([6; 32]), Role::Writer));
        });
        fail_proofs(&harness, &faults()[0]);
        harness.challenge(ID, harness.commitment(ID), at(0), None);
        harness.blocks(BLOCKS_BEFORE_LAST);
        assert_eq!(submissions(&harness).0, 0);
        harness.blocks(12);
        assert_eq!((harness.defended(), harness.lost()), (1 - others, others));
        harness.assert_nothing_wrong();
    }
}

#[test]
fn s8_a_chain_without_dry_run_gets_only_proofs() {
    let mut harness = running_harness();
    harness.chain.set_dry_run_offered(false);
    let old = superseded_commitment(&harness, false);
    fail_proofs(&harness, &faults()[0]);
    harness.challenge(ID, old, at(0), None);
    harness.challenge(OTHER, harness.commitment(OTHER), at(0), None);
    harness.blocks(BLOCKS_BEFORE_LAST + 5);
    let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
    assert!(
        alarm.contains("does not judge answers beforehand"),
        "{alarm}"
    );
    harness.blocks(8);
    assert_eq!((harness.defended(), harness.lost()), (1, 1));
    harness.assert_nothing_wrong();
}

#[test]
fn s8_a_claim_is_judged_before_each_submission() {
    let mut harness = running_harness();
    let old = superseded_commitment(&harness, false);
    fail_proofs(&harness, &faults()[0]);
    harness.challenge(ID, old, at(0), None);
    harness.blocks(BLOCKS_BEFORE_LAST);
    harness.chain.with_pool(|pool| pool.delay = 40);
    harness.block();
    assert_eq!(submissions(&harness).0, 1);
    // The pool drops it, and by then there is a checkpoint of the challenged root.
    set_snapshot(&harness, ID, old, false);
    harness.chain.with_pool(|pool| {
        pool.drop_all(Some("dropped"));
        pool.delay = 0;
    });
    harness.blocks(12);
    assert_eq!(submissions(&harness), (1, 0));
    harness.assert_nothing_wrong();
}

/// Commits a leaf of three chunks, whose fourth slot is padding.
fn commit_padded_leaf(harness: &Harness) -> Commitment {
    let mut buckets = harness.prover.buckets.lock();
    let bucket = buckets.get_mut(&ID).unwrap();
    bucket.commit(vec![7; 2 * CHUNK_BYTES + 1])
}

fn slot(chunk: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(5),
        chunk_index: ChunkIndex(chunk),
    }
}

#[test]
fn s18_a_padding_slot_raises_an_alarm_and_no_guess() {
    let mut harness = running_harness();
    let commitment = commit_padded_leaf(&harness);
    // Slots 0 to 2 are content, and 6 wraps to 2; 3 and 7 are padding.
    for chunk in [0, 2, 3, 6, 7] {
        harness.challenge(ID, commitment, slot(chunk), Some(20));
    }
    harness.block();
    let alarms = harness.status().alarms();
    assert_eq!(alarms.len(), 2);
    assert!(alarms.iter().all(|duty| duty.is_unprovable));
    assert!(harness.status().needs_checkpoint(ID) && !harness.status().needs_checkpoint(OTHER));
    harness.blocks(30);
    assert_eq!((harness.defended(), harness.lost()), (3, 2));
    let resolved = harness.chain.finalized().resolved.clone();
    let timeouts = Resolution::Slashed(SlashReason::Timeout);
    assert_eq!(resolved.values().filter(|how| **how == timeouts).count(), 2);
    assert_eq!(harness.status().statistics().lost, 2);
    harness.assert_nothing_wrong();
}

#[test]
fn s18_another_checkpoint_answers_for_a_padding_slot() {
    // Others can replace it, but since no proof can ever exist, nothing is lost by trying.
    for is_replaceable in [false, true] {
        let mut harness = running_harness();
        let commitment = commit_padded_leaf(&harness);
        set_snapshot(&harness, ID, commitment, is_replaceable);
        harness.challenge(ID, commitment, slot(3), None);
        harness.blocks(5);
        assert!(harness.status().alarms()[0].is_unprovable);
        // One more leaf, and a checkpoint of it.
        let newer = {
            let mut buckets = harness.prover.buckets.lock();
            buckets.get_mut(&ID).unwrap().commit(vec![1])
        };
        set_snapshot(&harness, ID, newer, is_replaceable);
        harness.blocks(BLOCKS_BEFORE_LAST - 5);
        assert_eq!(submissions(&harness).0, 0, "the challenger would have time");
        harness.blocks(5);
        assert_eq!((harness.defended(), harness.lost()), (1, 0));
        harness.assert_nothing_wrong();
    }
}
