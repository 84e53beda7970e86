//! Replicas confirm what they have, are paid for it, and can be challenged for it.

use crate::mock::*;
use crate::types::Commitment;
use crate::{Error, Event, StorageAgreements};
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::{assert_noop, assert_ok};
use sp_core::H256;

const P: &str = PROVIDERS[0];
const R: &str = PROVIDERS[3];

fn commitment(seed: u8) -> Commitment {
    Commitment {
        mmr_root: [seed; 32].into(),
        start_seq: 4,
        leaf_count: 3,
    }
}

fn roots(place: usize, root: H256) -> [Option<H256>; 7] {
    let mut roots = [None; 7];
    roots[place] = Some(root);
    roots
}

fn confirm(roots: [Option<H256>; 7]) -> DispatchResult {
    let signature = sign(R, &roots.encode());
    StorageProvider::confirm_replica_sync(signed(R), 0, roots, signature)
}

fn with_replica() {
    bucket(1, 1);
    checkpoint(0, commitment(1), &[P]);
    replica(0, R);
}

#[test]
fn a_confirmed_sync_is_paid_for_and_not_too_often() {
    new_test_ext().execute_with(|| {
        with_replica();
        let before = free(R);
        let unknown = roots(0, [9; 32].into());
        assert_noop!(confirm(unknown), Error::<Test>::InvalidSyncRoot);
        assert_ok!(confirm(roots(0, commitment(1).mmr_root)));
        assert_eq!(free(R), before + 300);
        next_block(START + 9);
        checkpoint(0, commitment(2), &[P]);
        let current = roots(0, commitment(2).mmr_root);
        assert_noop!(confirm(current), Error::<Test>::SyncTooFrequent);
        next_block(START + 10);
        let same = roots(1, commitment(1).mmr_root);
        assert!(confirm(same).is_err());
        assert_ok!(confirm(current));
    });
}

#[test]
fn a_historical_root_is_matched_at_its_own_place() {
    new_test_ext().execute_with(|| {
        with_replica();
        next_block(START + 1);
        checkpoint(0, commitment(2), &[P]);
        // The first root is still that of the quotients of all primes.
        assert_noop!(
            confirm(roots(0, commitment(1).mmr_root)),
            Error::<Test>::InvalidSyncRoot
        );
        System::reset_events();
        assert_ok!(confirm(roots(3, commitment(1).mmr_root)));
        let [
            Event::ReplicaSynced {
                position_matched: 3,
                ..
            },
        ] = &events()[..]
        else {
            panic!("{:?}", events());
        };
    });
}

#[test]
fn syncs_stop_when_there_is_nothing_left_to_pay_them() {
    new_test_ext().execute_with(|| {
        with_replica();
        for (round, seed) in (1..=3).enumerate() {
            next_block(START + 20 * (round as u32 + 1));
            checkpoint(0, commitment(seed), &[P]);
            assert_ok!(confirm(roots(0, commitment(seed).mmr_root)));
        }
        next_block(START + 100);
        checkpoint(0, commitment(4), &[P]);
        let current = roots(0, commitment(4).mmr_root);
        assert_noop!(confirm(current), Error::<Test>::InsufficientSyncBalance);
        assert_ok!(StorageProvider::top_up_replica_sync_balance(
            signed(STRANGER),
            0,
            account(R),
            200
        ));
        assert_ok!(confirm(current));
    });
}

#[test]
fn only_replicas_confirm() {
    new_test_ext().execute_with(|| {
        with_replica();
        let given = roots(0, commitment(1).mmr_root);
        let signature = sign(P, &given.encode());
        assert_noop!(
            StorageProvider::confirm_replica_sync(signed(P), 0, given, signature),
            Error::<Test>::NotReplica
        );
        let forged = sign(P, &given.encode());
        let confirmed = StorageProvider::confirm_replica_sync(signed(R), 0, given, forged);
        // Only the newer chains look at the signature.
        if cfg!(challenger_tiers) {
            assert_noop!(confirmed, Error::<Test>::InvalidSignature);
        } else {
            assert_ok!(confirmed);
        }
    });
}

#[test]
fn a_replica_is_challenged_by_what_it_confirmed_last() {
    new_test_ext().execute_with(|| {
        with_replica();
        let ask = |name| try_challenge_replica(STRANGER, 0, name, at(0, 0));
        assert_noop!(ask(P), Error::<Test>::NotReplica);
        assert_noop!(ask(R), Error::<Test>::InvalidSyncRoot);
        assert_ok!(confirm(roots(0, commitment(1).mmr_root)));
        assert_ok!(ask(R));
        let id = last_challenge();
        #[cfg(deployed)]
        let row = crate::Challenges::<Test>::get(id.deadline)
            .unwrap()
            .remove(0);
        #[cfg(not(deployed))]
        let row = crate::Challenges::<Test>::get(id.deadline, id.index).unwrap();
        assert_eq!(row.mmr_root, commitment(1).mmr_root);
        // The deployed chain does not keep where the replica's tree starts.
        assert_eq!(row.start_seq, if cfg!(deployed) { 0 } else { 4 });
    });
}

#[test]
fn a_replica_agreement_runs_to_its_end_and_returns_what_was_not_used() {
    new_test_ext().execute_with(|| {
        with_replica();
        let end = |action| StorageProvider::end_agreement(signed(ADMIN), 0, account(R), action);
        let pay = crate::types::EndAction::Pay;
        assert_noop!(end(pay), Error::<Test>::CannotTerminateReplica);
        let agreement = StorageAgreements::<Test>::get(0, account(R)).unwrap();
        next_block(agreement.expires_at);
        let before = held(ADMIN);
        assert_ok!(end(pay));
        assert_eq!(held(ADMIN), before - agreement.payment_locked - 1_000);
    });
}
