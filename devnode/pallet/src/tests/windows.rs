//! Checkpoints that providers submit by themselves, one for each window.

use crate::mock::*;
use crate::{Error, NextBucket};
use cairn_primitives::checkpoint::{CheckpointProposal, leader};
use cairn_primitives::onchain::CheckpointWindow;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload};
use frame_support::{assert_noop, assert_ok};

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 20,
    grace: 5,
};
/// The window in which tests start, at its first block.
const FIRST: u64 = (START / WINDOW.interval) as u64;

fn proposal(commitment: Commitment, window: u64) -> CheckpointProposal {
    CheckpointProposal::new(BucketId(0), commitment, window)
}

fn submit(name: &str, window: u64) -> frame_support::dispatch::DispatchResult {
    let commitment = Tree::new(5).commitment();
    let signatures = signatures(&[0, 1], &proposal(commitment, window));
    StorageProvider::provider_checkpoint(signed(name), BucketId(0), commitment, window, signatures)
}

/// Returns the leader of a window among three, and another one.
fn leader_and_other(window: u64) -> (&'static str, &'static str) {
    let place = leader(BucketId(0), window, 3).unwrap() as usize;
    (PROVIDERS[place], PROVIDERS[(place + 1) % 3])
}

#[test]
fn only_the_leader_submits_in_the_grace_period() {
    new_test_ext().execute_with(|| {
        bucket(3, 2, Some(WINDOW));
        let (leader, other) = leader_and_other(FIRST);
        assert_noop!(submit(other, FIRST), Error::<Test>::NotLeader);
        next_block(START + WINDOW.grace - 1);
        assert_noop!(submit(other, FIRST), Error::<Test>::NotLeader);
        assert_ok!(submit(leader, FIRST));

        let (_, other) = leader_and_other(FIRST + 1);
        next_block(START + WINDOW.interval + WINDOW.grace);
        assert_noop!(submit(PROVIDERS[3], FIRST + 1), Error::<Test>::NotPrimary);
        assert_ok!(submit(other, FIRST + 1));
    });
}

#[test]
fn a_window_takes_one_checkpoint() {
    new_test_ext().execute_with(|| {
        let id = bucket(3, 2, Some(WINDOW));
        let (leader, other) = leader_and_other(FIRST);
        assert_ok!(submit(leader, FIRST));
        assert_eq!(
            StorageProvider::bucket_info(id).unwrap().last_window,
            Some(FIRST)
        );
        next_block(START + WINDOW.grace);
        assert_noop!(submit(other, FIRST), Error::<Test>::WindowTaken);
        // A checkpoint outside of windows does not count as the window's.
        checkpoint(id, Tree::new(6).commitment(), &[0, 1]);
    });
}

#[test]
fn only_the_current_window_is_accepted() {
    new_test_ext().execute_with(|| {
        bucket(3, 2, Some(WINDOW));
        next_block(START + WINDOW.interval - 1);
        for window in [FIRST - 1, FIRST + 1] {
            let (leader, _) = leader_and_other(window);
            assert_noop!(submit(leader, window), Error::<Test>::WrongWindow);
        }
        assert_ok!(submit(PROVIDERS[0], FIRST));
    });
}

#[test]
fn a_window_needs_enough_signatures_over_its_proposal() {
    new_test_ext().execute_with(|| {
        let id = bucket(3, 2, Some(WINDOW));
        let (leader, _) = leader_and_other(FIRST);
        let commitment = Tree::new(5).commitment();
        let bring = |signatures| {
            StorageProvider::provider_checkpoint(signed(leader), id, commitment, FIRST, signatures)
        };
        let payload = CommitmentPayload::new(id, commitment);
        let bad = Error::<Test>::BadSignature;
        assert_noop!(bring(signatures(&[0, 1], &payload)), bad);
        let later = proposal(commitment, FIRST + 1);
        assert_noop!(
            bring(signatures(&[0, 1], &later)),
            Error::<Test>::BadSignature
        );
        let now = proposal(commitment, FIRST);
        assert_noop!(
            bring(signatures(&[2], &now)),
            Error::<Test>::TooFewSignatures
        );
        assert_ok!(bring(signatures(&[2, 1], &now)));
        let snapshot = StorageProvider::bucket_info(id).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.primary_signers, vec![0b110]);
    });
}

#[test]
fn a_frozen_bucket_is_frozen_in_windows_too() {
    new_test_ext().execute_with(|| {
        let id = bucket(3, 2, Some(WINDOW));
        let later = Tree::starting_at(OLD.profile, 5, 3).commitment();
        checkpoint(id, later, &[0, 1]);
        assert_ok!(StorageProvider::freeze_bucket(signed(ADMIN), id));
        let (leader, _) = leader_and_other(FIRST);
        assert_noop!(submit(leader, FIRST), Error::<Test>::BelowFrozen);
    });
}

#[test]
fn a_bucket_without_windows_accepts_no_window_checkpoint() {
    new_test_ext().execute_with(|| {
        bucket(3, 2, None);
        assert_noop!(submit(PROVIDERS[0], FIRST), Error::<Test>::NoWindows);
    });
}

#[test]
fn an_invalid_window_is_refused() {
    new_test_ext().execute_with(|| {
        for (interval, grace) in [(0, 0), (5, 6)] {
            let window = Some(CheckpointWindow { interval, grace });
            assert_noop!(
                StorageProvider::create_bucket(signed(ADMIN), 1, window),
                Error::<Test>::BadWindow
            );
        }
        assert_eq!(NextBucket::<Test>::get(), 0);
        let always_the_leader = Some(CheckpointWindow {
            interval: 5,
            grace: 5,
        });
        assert_ok!(StorageProvider::create_bucket(
            signed(ADMIN),
            1,
            always_the_leader
        ));
    });
}
