//! Which answer is given, and when none is: one scene each.

use super::play::*;
use super::scenes::{ID, OTHER, number, play};
use crate::chain::scripted::Resolution;
use crate::schedule::challenges::answer::NoProof;
use crate::schedule::challenges::duty::DutyState;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{ChunkIndex, LeafIndex, Sequence};
use sp_core::{Pair, sr25519};

#[test]
fn a_bucket_that_fails_raises_the_alarm_at_once_and_the_others_go_on() {
    let mut play = play();
    let fault = NoProof::Failing("bucket 7 is in quarantine".into());
    play.prover.faults.lock().insert(ID, fault);
    play.ask(ID, play.commitment(ID), at(0), None);
    play.ask(OTHER, play.commitment(OTHER), at(0), None);
    play.block();
    let alarms = play.board().alarms();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].challenge.bucket_id, ID);
    assert!(alarms[0].alarm.as_ref().unwrap().contains("quarantine"));
    let state = play.log.kept.lock()[&alarms[0].challenge.id].state.clone();
    assert!(matches!(state, DutyState::Alarmed { .. }));
    play.blocks(10);
    assert_eq!(play.defended(), 1);
    // Its operator puts it right before the deadline.
    play.prover.faults.lock().clear();
    play.blocks(10);
    assert_eq!((play.defended(), play.lost()), (2, 0));
    assert_eq!(play.board().alarms(), []);
}

#[test]
fn a_padding_slot_is_alarmed_at_once_and_never_guessed() {
    let mut play = play();
    {
        let mut buckets = play.prover.buckets.lock();
        let bucket = buckets.get_mut(&ID).unwrap();
        bucket.commit(vec![7; 2 * CHUNK_BYTES + 1]);
    }
    let slot = |chunk| ChunkLocation {
        leaf_index: LeafIndex(5),
        chunk_index: ChunkIndex(chunk),
    };
    // Slots 0 to 2 are content, and 6 means 2; 3 and 7 are padding.
    for chunk in [0, 2, 3, 6, 7] {
        play.ask(ID, play.commitment(ID), slot(chunk), Some(20));
    }
    play.block();
    assert_eq!(play.board().alarms().len(), 2);
    play.blocks(30);
    assert_eq!((play.defended(), play.lost()), (3, 2));
    let resolved = play.chain.finalized().resolved.clone();
    let timeouts = Resolution::Slashed(SlashReason::Timeout);
    assert_eq!(resolved.values().filter(|how| **how == timeouts).count(), 2);
    assert_eq!(play.board().statistics().lost, 2);
    play.assert_nothing_wrong();
}

#[test]
fn i5_a_wrong_proof_is_never_handed_over_whoever_made_it() {
    for offers in [true, false] {
        let mut play = play();
        play.chain.offer_judging(offers);
        *play.prover.lies.lock() = true;
        play.ask(ID, play.commitment(ID), at(0), Some(30));
        play.blocks(20);
        assert_eq!(number(&play).0, 0);
        let alarm = play.board().alarms()[0].alarm.clone().unwrap();
        assert!(alarm.contains("rule refuses"), "{alarm}");
        // Whoever spoils it stops.
        *play.prover.lies.lock() = false;
        play.blocks(8);
        assert_eq!((play.defended(), play.lost()), (1, 0));
        play.assert_nothing_wrong();
    }
}

#[test]
fn i5_a_deletion_is_an_answer_only_if_an_admin_of_the_chain_signed_it_for_the_leaf() {
    let mallory = sr25519::Pair::from_seed(&[8; 32]);
    let old = |play: &Play| play.commitment(ID);
    let root = cairn_primitives::H256::repeat_byte(5);
    let good = deletion(ID, root, Sequence(1), &admin());
    let mut other_root = good.clone();
    other_root.new_root = cairn_primitives::H256::zero();
    let cases = [
        (good, true),
        (deletion(ID, root, Sequence(1), &mallory), false),
        (deletion(OTHER, root, Sequence(1), &admin()), false),
        // The leaf survives that one.
        (deletion(ID, root, Sequence(0), &admin()), false),
        (other_root, false),
    ];
    for (deletion, holds) in cases {
        let mut play = play();
        // It cannot say beforehand that it would slash.
        play.chain.offer_judging(false);
        let commitment = old(&play);
        let gone = NoProof::Impossible("it is released".into());
        play.prover.faults.lock().insert(ID, gone);
        play.prover.deletions.lock().push(deletion);
        play.ask(ID, commitment, at(0), Some(10));
        play.blocks(15);
        let expected = if holds { (1, 0) } else { (0, 1) };
        assert_eq!((play.defended(), play.lost()), expected);
        play.assert_nothing_wrong();
    }
}

#[test]
fn a_newer_snapshot_is_an_answer_where_a_proof_is_impossible_or_fails_near_the_deadline() {
    let impossible = NoProof::Impossible("never signed".into());
    let failing = NoProof::Failing("damaged".into());
    for (fault, is_at_once) in [(impossible, true), (failing, false)] {
        let mut play = play();
        play.chain.offer_judging(false);
        let old = play.commitment(ID);
        let newer = play
            .prover
            .buckets
            .lock()
            .get_mut(&ID)
            .unwrap()
            .commit(vec![1]);
        play.chain.edit(move |pallet| {
            let taken = pallet.checkpoint(OURS, ID, newer, None, &[]);
            assert!(taken.is_ok());
        });
        play.prover.faults.lock().insert(ID, fault);
        play.ask(ID, old, at(0), None);
        // Of the snapshot's own root it is no answer.
        play.ask(ID, newer, at(0), None);
        play.blocks(3);
        assert_eq!(play.defended(), u64::from(is_at_once));
        play.blocks(40);
        assert_eq!((play.defended(), play.lost()), (1, 1));
        play.assert_nothing_wrong();
    }
}

#[test]
fn a_chain_that_would_slash_what_we_take_for_right_is_not_answered() {
    // The chain hashes in another way than it said.
    let mut play = play();
    play.ask(ID, play.commitment(ID), at(0), None);
    let head = play.chain.add_block();
    play.chain.edit(|pallet| {
        let challenge = pallet.open.values_mut().next().unwrap();
        challenge.mmr_root = cairn_primitives::H256::repeat_byte(6);
    });
    play.chain.finalize_to(head.number);
    play.chain.add_block();
    play.settle();
    assert_eq!(number(&play).0, 0);
    let alarm = play.board().alarms()[0].alarm.clone().unwrap();
    assert!(alarm.contains("would slash"), "{alarm}");
}
