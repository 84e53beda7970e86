//! Providers make checkpoints in windows: the leader first, one for each window.

use crate::mock::*;
use crate::types::{CheckpointProposal, Commitment};
use crate::{Buckets, Error, LastCheckpointWindow};
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::{assert_noop, assert_ok};

fn commitment() -> Commitment {
    Tree::new(3).commitment()
}

/// The window of the start, which is its first block.
const WINDOW: u64 = (START / INTERVAL) as u64;

fn submit(who: &str, window: u64, names: &[&str]) -> DispatchResult {
    let commitment = commitment();
    let proposal = CheckpointProposal {
        version: 1,
        bucket_id: 0,
        commitment,
        window,
    };
    StorageProvider::provider_checkpoint(
        signed(who),
        0,
        #[cfg(not(deployed))]
        commitment,
        #[cfg(deployed)]
        commitment.mmr_root,
        #[cfg(deployed)]
        commitment.start_seq,
        #[cfg(deployed)]
        commitment.leaf_count,
        window,
        signatures(names, &proposal.encode()),
    )
}

/// Returns the leader of a window among the first two providers, and the other one.
fn leader(window: u64) -> (&'static str, &'static str) {
    let id = cairn_primitives::BucketId(0);
    match cairn_primitives::checkpoint::leader(id, window, 2) {
        Some(0) => (PROVIDERS[0], PROVIDERS[1]),
        _ => (PROVIDERS[1], PROVIDERS[0]),
    }
}

#[test]
fn the_leader_submits_first_and_then_any_primary_provider() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, second) = leader(WINDOW);
        next_block(START + GRACE);
        let early = submit(second, WINDOW, &[second]);
        assert_noop!(early, Error::<Test>::NotCheckpointLeader);
        assert_ok!(submit(first, WINDOW, &[first, second]));
        assert_eq!(LastCheckpointWindow::<Test>::get(0), Some(WINDOW));
        let again = submit(first, WINDOW, &[first]);
        assert_noop!(again, Error::<Test>::CheckpointAlreadySubmitted);
        let (_, fallback) = leader(WINDOW + 1);
        next_block(START + INTERVAL + GRACE + 1);
        let foreign = submit(STRANGER, WINDOW + 1, &[fallback]);
        assert_noop!(foreign, Error::<Test>::ProviderNotInSnapshot);
        assert_ok!(submit(fallback, WINDOW + 1, &[fallback]));
    });
}

#[test]
fn only_the_current_window_is_open() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, _) = leader(WINDOW);
        for window in [WINDOW - 1, WINDOW + 1, u64::MAX] {
            let refused = submit(first, window, &[first]);
            assert_noop!(refused, Error::<Test>::InvalidCheckpointWindow);
        }
        let windows = |enabled| {
            StorageProvider::configure_checkpoint_window(signed(ADMIN), 0, 10, 5, enabled)
        };
        assert_ok!(windows(false));
        let disabled = submit(first, WINDOW, &[first]);
        assert_noop!(disabled, Error::<Test>::ProviderCheckpointsDisabled);
        assert_ok!(windows(true));
        let (first, _) = leader(u64::from(START / 10));
        assert_ok!(submit(first, u64::from(START / 10), &[first]));
    });
}

#[test]
fn signatures_over_a_commitment_do_not_count_for_a_window() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, _) = leader(WINDOW);
        let given = signatures(&[first], &signed_root(commitment()).message(0));
        let refused = StorageProvider::provider_checkpoint(
            signed(first),
            0,
            #[cfg(not(deployed))]
            commitment(),
            #[cfg(deployed)]
            commitment().mmr_root,
            #[cfg(deployed)]
            0,
            #[cfg(deployed)]
            3,
            WINDOW,
            given,
        );
        assert_noop!(refused, Error::<Test>::InvalidSignature);
    });
}

#[test]
fn the_leader_of_a_missed_window_pays_once() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, _) = leader(WINDOW);
        let report =
            |window| StorageProvider::report_missed_checkpoint(signed(STRANGER), 0, window);
        assert_noop!(report(WINDOW), Error::<Test>::InvalidCheckpointWindow);
        next_block(START + INTERVAL);
        assert_noop!(report(WINDOW), Error::<Test>::WithinGracePeriod);
        next_block(START + INTERVAL + 1);
        let before = free(STRANGER);
        assert_ok!(report(WINDOW));
        assert_eq!(stake(first), STAKE - PENALTY);
        assert_eq!(free(STRANGER), before + PENALTY / 10);
        assert_noop!(report(WINDOW), Error::<Test>::CheckpointAlreadySubmitted);
    });
}

#[test]
fn a_window_earns_what_the_pool_has() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, _) = leader(WINDOW);
        assert_ok!(StorageProvider::fund_checkpoint_pool(
            signed(ADMIN),
            0,
            REWARD
        ));
        assert_ok!(submit(first, WINDOW, &[first]));
        let before = free(first);
        let claim = || StorageProvider::claim_checkpoint_rewards(signed(first), 0);
        assert_ok!(claim());
        assert_eq!(free(first), before + REWARD);
        assert_noop!(claim(), Error::<Test>::NoRewardsToClaim);
        // The pool is empty: the next checkpoint earns nothing.
        let (first, _) = leader(WINDOW + 1);
        next_block(START + INTERVAL);
        assert_ok!(submit(first, WINDOW + 1, &[first]));
        let nothing = StorageProvider::claim_checkpoint_rewards(signed(first), 0);
        assert_noop!(nothing, Error::<Test>::NoRewardsToClaim);
    });
}

#[test]
fn a_checkpoint_of_a_window_can_be_challenged() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let (first, second) = leader(WINDOW);
        assert_ok!(submit(first, WINDOW, &[first]));
        assert_eq!(Buckets::<Test>::get(0).unwrap().total_snapshots, 1);
        assert_ok!(try_challenge_checkpoint(ADMIN, 0, first, at(0, 0)));
        let unsigned = try_challenge_checkpoint(ADMIN, 0, second, at(0, 0));
        assert_noop!(unsigned, Error::<Test>::ProviderNotInSnapshot);
    });
}
