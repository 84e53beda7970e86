//! An answer in the deadline block itself is in time, however the anchor block moves.

use crate::mock::*;
use crate::{ChallengesAgainst, ChallengesMade, Error, Event, NextSweep};
use cairn_primitives::challenge::{ChallengeId, SlashReason};
use cairn_primitives::onchain::ResponseRefusal;
use frame_support::{assert_noop, assert_ok};

/// Returns the challenges that this block slashed for, with the stakes slashed.
fn slashed() -> Vec<(ChallengeId, u128)> {
    let slashes = events().into_iter().filter_map(|event| match event {
        Event::ProviderSlashed {
            id, reason, amount, ..
        } => {
            assert_eq!(reason, SlashReason::Timeout);
            Some((id, amount))
        }
        _ => None,
    });
    slashes.collect()
}

#[test]
fn the_deadline_block_is_the_last_in_time() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        let [first, second] =
            [(); 2].map(|()| challenge(ADMIN, bucket, tree.commitment(), at(0, 0)));
        next_block(START + PERIOD);
        assert_eq!(slashed(), vec![]);
        assert_eq!(StorageProvider::open_challenges(raw(PROVIDERS[0])).len(), 2);
        assert_ok!(respond(PROVIDERS[0], first, tree.answer(at(0, 0))));
        // As on a parachain, where the anchor block is known only after the sweep.
        Anchor::set(START + PERIOD + 1);
        let late = tree.answer(at(0, 0));
        assert_eq!(StorageProvider::open_challenges(raw(PROVIDERS[0])), vec![]);
        assert_eq!(
            StorageProvider::judge_response(raw(PROVIDERS[0]), second, &late),
            Err(ResponseRefusal::NoSuchChallenge)
        );
        assert_noop!(
            respond(PROVIDERS[0], second, late),
            Error::<Test>::DeadlinePassed
        );
        next_block(START + PERIOD + 1);
        assert_eq!(slashed(), vec![(second, STAKE)]);
        assert_eq!(stake(PROVIDERS[0]), 0);
        let info = StorageProvider::provider_info(raw(PROVIDERS[0])).unwrap();
        assert_eq!((info.defended, info.lost), (1, 1));
    });
}

#[test]
fn challenges_of_one_deadline_are_lost_in_order() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        let ids: Vec<_> = (0..20)
            .map(|_| challenge(ADMIN, bucket, tree.commitment(), at(0, 0)))
            .collect();
        next_block(START + PERIOD + 1);
        assert!(slashed().into_iter().map(|(id, _)| id).eq(ids));
        assert_eq!(ChallengesAgainst::<Test>::iter().count(), 0);
    });
}

#[test]
fn a_stalled_anchor_block_keeps_the_deadline_open() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        let id = challenge(ADMIN, bucket, tree.commitment(), at(0, 0));
        for _ in 0..3 {
            next_block(START + PERIOD);
        }
        assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(0, 0))));
    });
}

#[test]
fn a_jump_of_the_anchor_block_sweeps_every_deadline() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        let ids: Vec<_> = (0..60)
            .map(|block| {
                next_block(START + block);
                challenge(ADMIN, bucket, tree.commitment(), at(0, 0))
            })
            .collect();
        next_block(START + PERIOD);
        assert_eq!(slashed(), vec![]);
        next_block(START + PERIOD + 50);
        // The first took the stake; nothing was left for the others, which were still open.
        let expected: Vec<_> = (0..50)
            .map(|n| (ids[n], if n == 0 { STAKE } else { 0 }))
            .collect();
        assert_eq!(slashed(), expected);
        // The one due in this block can still be answered, with or without a stake.
        assert_ok!(respond(PROVIDERS[0], ids[50], tree.answer(at(0, 0))));
        let info = StorageProvider::provider_info(raw(PROVIDERS[0])).unwrap();
        assert_eq!((info.defended, info.lost), (1, 50));
        assert_eq!(NextSweep::<Test>::get(), Some(START + PERIOD + 50));
    });
}

#[test]
fn a_deadline_has_at_most_1000_challenges() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        for index in 0..1_000u16 {
            let id = challenge_quickly(bucket, &tree);
            assert_eq!(id.index, index);
            if index % 2 == 0 {
                assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(0, 0))));
            }
        }
        assert_noop!(
            try_challenge(ADMIN, bucket, tree.commitment(), at(0, 0)),
            Error::<Test>::TooManyChallenges
        );
        next_block(START + 1);
        let id = challenge(ADMIN, bucket, tree.commitment(), at(0, 0));
        assert_eq!((id.deadline, id.index), (START + 1 + PERIOD, 0));
        next_block(START + PERIOD + 1);
        assert_eq!(slashed().len(), 500);
        assert!(!ChallengesMade::<Test>::contains_key(START + PERIOD));
    });
}

#[test]
fn the_slashes_of_one_block_are_bounded() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        for block in 0..2 {
            next_block(START + block);
            for _ in 0..600 {
                challenge_quickly(bucket, &tree);
            }
        }
        let after = START + PERIOD + 2;
        next_block(after);
        assert_eq!(slashed().len(), 1_000);
        assert_eq!(NextSweep::<Test>::get(), Some(START + PERIOD + 1));
        next_block(after);
        assert_eq!(slashed().len(), 200);
        assert_eq!(NextSweep::<Test>::get(), Some(after));
    });
}

#[test]
fn a_long_sweep_continues_in_the_next_blocks() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let id = challenge(ADMIN, bucket, Tree::new(3).commitment(), at(0, 0));
        let far = START + 25_000;
        next_block(far);
        assert_eq!(slashed(), vec![(id, STAKE)]);
        assert_eq!(NextSweep::<Test>::get(), Some(START + 10_000));
        next_block(far);
        next_block(far);
        assert_eq!(NextSweep::<Test>::get(), Some(far));
    });
}

/// Challenges as `challenge` does, without searching all events of the block.
fn challenge_quickly(bucket: cairn_primitives::BucketId, tree: &Tree) -> ChallengeId {
    System::reset_events();
    challenge(ADMIN, bucket, tree.commitment(), at(0, 0))
}
