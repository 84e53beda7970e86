//! The deadline block is the last one for an answer, and the sweep slashes after it.

use crate::mock::*;
use crate::types::ChallengeId;
use crate::{Error, Event};
#[cfg(relay_clock)]
use crate::{LastSweptChallengeBlock, NextChallengeIndex, PendingChallenges};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

fn slashed(events: &[Event<Test>]) -> Vec<ChallengeId> {
    let ids = events.iter().filter_map(|event| match event {
        Event::ChallengeSlashed { challenge_id, .. } => Some(*challenge_id),
        _ => None,
    });
    ids.collect()
}

fn with_checkpoint() -> Tree {
    bucket(2, 1);
    let tree = Tree::new(3);
    checkpoint(0, tree.commitment(), &PROVIDERS[..2]);
    tree
}

#[test]
fn an_answer_in_the_deadline_block_is_in_time() {
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let id = challenge(ADMIN, 0, at(0, 0));
        next_block(id.deadline);
        assert_ok!(respond(P, id, tree.answer(at(0, 0))));
        assert!(slashed(&pass(id.deadline)).is_empty());
        assert!(stake(P) > 0);
    });
}

#[test]
fn the_whole_stake_is_lost_after_the_deadline() {
    new_test_ext().execute_with(|| {
        with_checkpoint();
        let before = free(ADMIN);
        let treasury = free(TREASURY);
        let id = challenge(ADMIN, 0, at(0, 0));
        assert_eq!(slashed(&pass(id.deadline)), vec![id]);
        assert_eq!(stake(P), 0);
        assert_eq!(held(P), 0);
        assert!(!is_open(id));
        // The deployed chain burns the stake, and gives the challenger a tenth of it.
        let (reward, kept) = if cfg!(deployed) {
            (STAKE / 10, 0)
        } else {
            (0, STAKE)
        };
        assert_eq!(free(ADMIN), before + reward);
        assert_eq!(free(TREASURY), treasury + kept);
    });
}

#[test]
fn each_missed_challenge_counts_though_nothing_is_left_to_lose() {
    new_test_ext().execute_with(|| {
        with_checkpoint();
        let first = challenge(ADMIN, 0, at(0, 0));
        let second = challenge(STRANGER, 0, at(1, 0));
        assert_eq!(slashed(&pass(first.deadline)), vec![first, second]);
        let row = crate::Providers::<Test>::get(account(P)).unwrap();
        assert_eq!(row.stats.challenges_failed, 2);
        assert_eq!(held(STRANGER), 0);
    });
}

#[cfg(deployed)]
#[test]
fn an_answer_moves_the_later_challenges_of_its_deadline_up() {
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let ids = [0, 1, 2].map(|n| challenge(ADMIN, 0, at(n, n)));
        assert_eq!(ids.map(|id| id.index), [0, 1, 2]);
        let answer = |n| tree.answer(at(n, n));
        assert_ok!(respond(P, ids[0], answer(0)));
        // The challenge of leaf 1 is now the first: under its old id is that of leaf 2.
        assert_noop!(
            respond(P, ids[1], answer(1)),
            Error::<Test>::InvalidChallengeProof
        );
        assert_ok!(respond(P, ids[0], answer(1)));
        assert_ok!(respond(P, ids[0], answer(2)));
        assert!(!crate::Challenges::<Test>::contains_key(ids[0].deadline));
    });
}

#[cfg(not(deployed))]
#[test]
fn an_answer_leaves_the_ids_of_the_others_alone() {
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let ids = [0, 1, 2].map(|leaf| challenge(ADMIN, 0, at(leaf, 0)));
        for (leaf, id) in [(1, ids[1]), (0, ids[0]), (2, ids[2])] {
            assert_ok!(respond(P, id, tree.answer(at(leaf, 0))));
        }
        assert!(stake(P) > 0);
    });
}

#[cfg(relay_clock)]
#[test]
fn the_sweep_waits_while_blocks_share_the_deadline() {
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let id = challenge(ADMIN, 0, at(0, 0));
        for _ in 0..3 {
            next_block(id.deadline);
            assert!(slashed(&events()).is_empty());
        }
        // Another block with the deadline's number may follow, and its answer is in time.
        assert_ok!(respond(P, id, tree.answer(at(0, 0))));
    });
}

#[cfg(relay_clock)]
#[test]
fn a_late_answer_is_refused_also_before_the_sweep() {
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let id = challenge(ADMIN, 0, at(0, 0));
        next_block(id.deadline + 1);
        assert!(is_open(id));
        let late = respond(P, id, tree.answer(at(0, 0)));
        assert_noop!(late, Error::<Test>::ChallengeExpired);
    });
}

#[cfg(relay_clock)]
#[test]
fn a_jump_is_swept_over_several_blocks() {
    new_test_ext().execute_with(|| {
        with_checkpoint();
        let id = challenge(ADMIN, 0, at(0, 0));
        next_block(id.deadline + 1_000);
        let mut blocks = 0;
        while is_open(id) {
            next_block(id.deadline + 1_000);
            blocks += 1;
            assert!(blocks < 100, "the sweep does not get there");
        }
        // 32 deadlines a block, from the block before the start.
        assert_eq!(blocks, (PERIOD + 1).div_ceil(32));
        assert_eq!(slashed(&events()), vec![id]);
        assert_eq!(PendingChallenges::<Test>::get(account(P)), 0);
    });
}

#[cfg(relay_clock)]
#[test]
fn a_full_deadline_is_swept_over_several_blocks() {
    new_test_ext().execute_with(|| {
        with_checkpoint();
        MaxChallengesPerDeadline::set(3);
        let ids = [0, 1, 2].map(|leaf| challenge(ADMIN, 0, at(leaf, 0)));
        MaxChallengesPerDeadline::set(2);
        let deadline = ids[0].deadline;
        LastSweptChallengeBlock::<Test>::put(deadline - 1);
        next_block(deadline + 1);
        next_block(deadline + 1);
        assert_eq!(slashed(&events()).len(), 2);
        assert_eq!(LastSweptChallengeBlock::<Test>::get(), Some(deadline - 1));
        assert_eq!(NextChallengeIndex::<Test>::get(deadline), 3);
        next_block(deadline + 1);
        assert_eq!(slashed(&events()).len(), 1);
        assert_eq!(LastSweptChallengeBlock::<Test>::get(), Some(deadline));
        assert_eq!(NextChallengeIndex::<Test>::get(deadline), 0);
    });
}

#[cfg(not(deployed))]
#[test]
fn open_challenges_are_counted_and_keep_a_provider_from_leaving() {
    use crate::{PendingChallenges, PendingChallengesByBucket, Providers};
    new_test_ext().execute_with(|| {
        let tree = with_checkpoint();
        let id = challenge(ADMIN, 0, at(0, 0));
        challenge(ADMIN, 0, at(1, 0));
        assert_eq!(PendingChallenges::<Test>::get(account(P)), 2);
        assert_eq!(PendingChallengesByBucket::<Test>::get(0, account(P)), 2);
        // As if its agreements had ended, and the period passed.
        Providers::<Test>::mutate(account(P), |row| {
            let row = row.as_mut().unwrap();
            row.committed_bytes = 0;
            row.deregister_at = Some(START);
        });
        let refused = StorageProvider::complete_deregister(signed(P));
        frame_support::assert_noop!(refused, crate::Error::<Test>::ProviderHasPendingChallenges);
        assert_ok!(respond(P, id, tree.answer(at(0, 0))));
        assert_eq!(PendingChallenges::<Test>::get(account(P)), 1);
        pass(id.deadline);
        assert!(!PendingChallenges::<Test>::contains_key(account(P)));
        assert!(!PendingChallengesByBucket::<Test>::contains_key(
            0,
            account(P)
        ));
        assert_ok!(StorageProvider::complete_deregister(signed(P)));
    });
}
