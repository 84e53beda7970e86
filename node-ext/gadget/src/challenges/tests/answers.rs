//! The choice of the answer, and the cases without one: one scenario each.

use super::harness::*;
use super::scenarios::{ID, OTHER, running_harness, submissions};
use crate::challenges::answer::check_proof;
use crate::challenges::duty::DutyState;
use crate::challenges::no_proof::NoProof;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::{Limits, OpenChallenge};
use cairn_primitives::{Answer, ChunkIndex, Commitment, HashingProfile, LeafIndex, Sequence};
use cairn_testing::{LIMITS, MemoryBucket};
use sp_core::{Pair, sr25519};

#[test]
fn a_failing_bucket_raises_an_alarm_and_others_go_on() {
    let mut harness = running_harness();
    let fault = NoProof::NeedsRepair("bucket 7 is in quarantine".into());
    harness.prover.faults.lock().insert(ID, fault);
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    harness.challenge(OTHER, harness.commitment(OTHER), at(0), None);
    harness.block();
    let alarms = harness.status().alarms();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].challenge.bucket_id, ID);
    assert!(alarms[0].alarm.as_ref().unwrap().contains("quarantine"));
    let state = harness.duties.stored.lock()[&alarms[0].challenge.id]
        .state
        .clone();
    assert!(matches!(state, DutyState::Alarmed { .. }));
    harness.blocks(10);
    assert_eq!(harness.defended(), 1);
    // The operator repairs it before the deadline.
    harness.prover.faults.lock().clear();
    harness.blocks(10);
    assert_eq!((harness.defended(), harness.lost()), (2, 0));
    assert_eq!(harness.status().alarms(), []);
}

#[test]
fn i5_a_wrong_proof_is_never_submitted() {
    for offers in [true, false] {
        let mut harness = running_harness();
        harness.chain.set_dry_run_offered(offers);
        *harness.prover.corrupts.lock() = true;
        harness.challenge(ID, harness.commitment(ID), at(0), Some(30));
        harness.blocks(20);
        assert_eq!(submissions(&harness).0, 0);
        let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
        assert!(alarm.contains("rule refuses"), "{alarm}");
        // The corruption stops.
        *harness.prover.corrupts.lock() = false;
        harness.blocks(8);
        assert_eq!((harness.defended(), harness.lost()), (1, 0));
        harness.assert_nothing_wrong();
    }
}

#[test]
fn i5_a_deletion_answers_only_with_an_admins_signature() {
    let mallory = sr25519::Pair::from_seed(&[8; 32]);
    let old = |harness: &Harness| harness.commitment(ID);
    let root = cairn_primitives::H256::repeat_byte(5);
    let good = deletion(ID, root, Sequence(1), &admin());
    let mut other_root = good.clone();
    other_root.new_root = cairn_primitives::H256::zero();
    let cases = [
        (good, true),
        (deletion(ID, root, Sequence(1), &mallory), false),
        (deletion(OTHER, root, Sequence(1), &admin()), false),
        // The leaf survives that deletion.
        (deletion(ID, root, Sequence(0), &admin()), false),
        (other_root, false),
    ];
    for (deletion, holds) in cases {
        let mut harness = running_harness();
        let commitment = old(&harness);
        let gone = NoProof::NotHere("it is released".into());
        harness.prover.faults.lock().insert(ID, gone);
        harness.prover.deletions.lock().push(deletion);
        harness.challenge(ID, commitment, at(0), Some(10));
        harness.blocks(15);
        let expected = if holds { (1, 0) } else { (0, 1) };
        assert_eq!((harness.defended(), harness.lost()), expected);
        assert_eq!(submissions(&harness).0, u32::from(holds));
        harness.assert_nothing_wrong();
    }
}

#[test]
fn an_answer_that_the_chain_would_slash_is_held_back() {
    // The chain hashes differently from what it declared.
    let mut harness = running_harness();
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    let head = harness.chain.add_block();
    harness.chain.edit(|pallet| {
        let challenge = pallet.open.values_mut().next().unwrap();
        challenge.mmr_root = cairn_primitives::H256::repeat_byte(6);
    });
    harness.chain.finalize_to(head.number);
    harness.chain.add_block();
    harness.run_until_idle();
    assert_eq!(submissions(&harness).0, 0);
    let alarm = harness.status().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("would slash"), "{alarm}");
}

#[test]
fn a_failing_dry_run_withholds_no_proof_past_the_deadline() {
    let mut harness = running_harness();
    *harness.dry_run_fails.lock() = true;
    harness.challenge(ID, harness.commitment(ID), at(0), None);
    // The deadline is near in the last 5 of 40 anchor blocks.
    harness.blocks(30);
    assert_eq!(submissions(&harness).0, 0);
    assert_eq!(harness.status().alarms().len(), 1);
    harness.blocks(9);
    assert_eq!((harness.defended(), harness.lost()), (1, 0));
    harness.assert_nothing_wrong();
}

/// A prover returns a verified answer, which may have been verified for something else.
#[test]
fn i5_a_proof_of_anything_else_than_was_asked_is_refused() {
    let content = vec![5; CHUNK_BYTES + 1];
    let mut bucket = MemoryBucket::new(HashingProfile::Plain);
    let older = bucket.commit(content.clone());
    let commitment = bucket.commit(content);
    let chunk = |leaf, chunk| ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(chunk),
    };
    let challenge = |location| OpenChallenge {
        id: ChallengeId {
            deadline: 40,
            index: 0,
        },
        bucket_id: ID,
        provider: AccountId([1; 32]),
        challenger: AccountId([2; 32]),
        mmr_root: commitment.mmr_root,
        start_seq: commitment.start_seq,
        leaf_count: Some(commitment.leaf_count),
        location,
        asked_at: 0,
    };
    let answer = |of: &Commitment, location| {
        let answer = bucket.answer(of.mmr_root, of.start_seq, location);
        answer.unwrap()
    };
    let asked = challenge(chunk(0, 1));
    let right = answer(&commitment, asked.location);
    let response = right.clone().into_response();
    assert_eq!(check_proof(right.clone(), &asked, &LIMITS), Ok(response));

    let refusal = |answer: &Answer, challenge: &OpenChallenge, limits: &Limits| {
        check_proof(answer.clone(), challenge, limits).unwrap_err()
    };
    let other_state = answer(&older, asked.location);
    let refused = refusal(&other_state, &asked, &LIMITS);
    assert!(refused.contains("another commitment"), "{refused}");
    let other_leaf = answer(&commitment, chunk(1, 1));
    let refused = refusal(&other_leaf, &asked, &LIMITS);
    assert!(refused.contains("strict rule refuses"), "{refused}");
    let other_chunk = answer(&commitment, chunk(0, 0));
    let refused = refusal(&other_chunk, &asked, &LIMITS);
    assert!(refused.contains("chain's rule refuses"), "{refused}");
    let tagged = Limits {
        profile: HashingProfile::Tagged,
        ..LIMITS
    };
    let refused = refusal(&right, &asked, &tagged);
    assert!(refused.contains("chain's rule refuses"), "{refused}");
    let small = Limits {
        chunk_bytes: 1_000,
        ..LIMITS
    };
    let refused = refusal(&other_chunk, &challenge(chunk(0, 0)), &small);
    assert!(refused.contains("at most 1000"), "{refused}");
}
