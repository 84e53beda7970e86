//! Writers and admins make checkpoints, with the signatures of primary providers.

use crate::mock::*;
use crate::types::{Commitment, Role, SignedRoot};
use crate::{Buckets, Error, Event};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

fn commitment(seed: u8) -> Commitment {
    Commitment {
        mmr_root: [seed; 32].into(),
        start_seq: 0,
        leaf_count: 3,
    }
}

#[test]
fn providers_strangers_and_readers_make_no_checkpoints() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        set_role(PROVIDERS[1], Role::Reader);
        for who in [STRANGER, P, PROVIDERS[1]] {
            let refused = try_checkpoint(who, 0, signed_root(commitment(1)), &[P]);
            assert_noop!(refused, Error::<Test>::NotBucketWriter);
        }
        set_role(STRANGER, Role::Writer);
        assert_ok!(try_checkpoint(
            STRANGER,
            0,
            signed_root(commitment(1)),
            &[P]
        ));
    });
}

#[test]
fn a_checkpoint_needs_enough_signatures_of_primary_providers() {
    new_test_ext().execute_with(|| {
        bucket(3, 2);
        register(PROVIDERS[4]);
        let make = |names: &[&str]| try_checkpoint(ADMIN, 0, signed_root(commitment(1)), names);
        assert_noop!(make(&[]), Error::<Test>::InsufficientSignatures);
        assert_noop!(make(&[P]), Error::<Test>::InsufficientSignatures);
        let foreign = [P, PROVIDERS[4]];
        assert_noop!(make(&foreign), Error::<Test>::ProviderNotInSnapshot);
        assert_ok!(make(&[P, PROVIDERS[2]]));
        let snapshot = Buckets::<Test>::get(0).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.primary_signers, vec![0b101]);
        assert_eq!(snapshot.checkpoint_block, START);
        assert_eq!(snapshot.commitment(), commitment(1));
    });
}

#[test]
fn the_chain_counts_signatures_and_not_signers() {
    new_test_ext().execute_with(|| {
        bucket(2, 2);
        assert_ok!(try_checkpoint(
            ADMIN,
            0,
            signed_root(commitment(1)),
            &[P, P]
        ));
        let snapshot = Buckets::<Test>::get(0).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.primary_signers, vec![0b01]);
    });
}

#[test]
fn signatures_over_anything_else_are_refused() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1);
        let other = bucket(1, 1);
        let signed_for = signed_root(commitment(1)).message(other);
        let given = signatures(&[P], &signed_for);
        let refused = StorageProvider::checkpoint(
            signed(ADMIN),
            id,
            #[cfg(not(deployed))]
            commitment(1),
            #[cfg(deployed)]
            commitment(1).mmr_root,
            #[cfg(deployed)]
            0,
            #[cfg(deployed)]
            3,
            #[cfg(commitment_nonce)]
            u64::from(START),
            given,
        );
        assert_noop!(refused, Error::<Test>::InvalidSignature);
    });
}

#[cfg(commitment_nonce)]
#[test]
fn a_nonce_is_neither_old_nor_to_come() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let with = |nonce| SignedRoot {
            commitment: commitment(1),
            nonce,
        };
        let now = u64::from(START);
        for nonce in [now + 1, now - u64::from(NONCE_AGE) - 1, 0, u64::MAX] {
            let refused = try_checkpoint(ADMIN, 0, with(nonce), &[P]);
            assert_noop!(refused, Error::<Test>::CommitmentNonceTooOld);
        }
        let oldest = with(now - u64::from(NONCE_AGE));
        assert_ok!(try_checkpoint(ADMIN, 0, oldest, &[P]));
        let snapshot = Buckets::<Test>::get(0).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.commitment_nonce, now - u64::from(NONCE_AGE));
    });
}

#[cfg(not(commitment_nonce))]
#[test]
fn a_signed_commitment_is_57_bytes_of_version_1() {
    let message = SignedRoot {
        commitment: commitment(7),
    }
    .message(0x0102);
    assert_eq!(message.len(), 57);
    assert_eq!(message[..9], [1, 2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(message[9..41], [7; 32]);
}

#[cfg(commitment_nonce)]
#[test]
fn a_signed_commitment_is_65_bytes_of_version_2_with_the_nonce_last() {
    let message = SignedRoot {
        commitment: commitment(7),
        nonce: 9,
    }
    .message(0x0102);
    assert_eq!(message.len(), 65);
    assert_eq!(message[..9], [2, 2, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(message[57..], [9, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn late_signatures_are_added_and_known_ones_skipped() {
    new_test_ext().execute_with(|| {
        bucket(3, 1);
        let extend = |who, names: &[&str]| {
            let signed_root = signed_root(commitment(1));
            let given = signatures(names, &signed_root.message(0));
            StorageProvider::extend_checkpoint(signed(who), 0, given)
        };
        assert_noop!(extend(ADMIN, &[P]), Error::<Test>::NoSnapshot);
        checkpoint(0, commitment(1), &[PROVIDERS[1]]);
        assert_noop!(extend(P, &[P]), Error::<Test>::NotBucketWriter);
        System::reset_events();
        assert_ok!(extend(ADMIN, &[PROVIDERS[1], PROVIDERS[2]]));
        let snapshot = Buckets::<Test>::get(0).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.primary_signers, vec![0b110]);
        let [Event::BucketCheckpointed { providers, .. }] = &events()[..] else {
            panic!("{:?}", events());
        };
        assert_eq!(*providers, vec![account(PROVIDERS[2])]);
    });
}

#[test]
fn a_frozen_bucket_keeps_its_start() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let freeze = |who| StorageProvider::freeze_bucket(signed(who), 0);
        assert_noop!(freeze(ADMIN), Error::<Test>::NoSnapshot);
        let later = Commitment {
            start_seq: 5,
            ..commitment(1)
        };
        checkpoint(0, later, &[P]);
        assert_noop!(freeze(STRANGER), Error::<Test>::NotBucketAdmin);
        assert_ok!(freeze(ADMIN));
        assert_noop!(freeze(ADMIN), Error::<Test>::BucketFrozen);
        let earlier = Commitment {
            start_seq: 4,
            ..later
        };
        let refused = try_checkpoint(ADMIN, 0, signed_root(earlier), &[P]);
        assert_noop!(refused, Error::<Test>::SnapshotViolatesFrozen);
        assert_ok!(try_checkpoint(ADMIN, 0, signed_root(later), &[P]));
    });
}

#[test]
fn each_prime_keeps_the_first_root_of_its_last_quotient() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        // 10_000 is in one quotient of 3 with 10_001, and 10_002 begins the next one.
        for (block, seed) in [(10_000, 1), (10_001, 2), (10_002, 3)] {
            next_block(block);
            checkpoint(0, commitment(seed), &[P]);
        }
        let row = Buckets::<Test>::get(0).unwrap();
        let roots = row
            .historical_roots
            .map(|(quotient, root)| (quotient, root[0]));
        let expected = [
            (3_334, 3),
            (1_428, 1),
            (909, 1),
            (434, 1),
            (212, 1),
            (88, 1),
        ];
        assert_eq!(roots, expected);
        assert_eq!(row.total_snapshots, 3);
    });
}
