//! Checkpoints that anybody may submit, their signers, and the historical roots.

use crate::mock::*;
use crate::{Buckets, Error, Event};
use cairn_primitives::onchain::PrimarySignature;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload};
use frame_support::{assert_noop, assert_ok};

fn payload(commitment: Commitment) -> CommitmentPayload {
    CommitmentPayload::new(BucketId(0), commitment)
}

fn submit(
    commitment: Commitment,
    signatures: Vec<PrimarySignature>,
) -> frame_support::dispatch::DispatchResult {
    StorageProvider::checkpoint(signed(STRANGER), BucketId(0), commitment, signatures)
}

fn signers() -> Vec<u8> {
    let bucket = Buckets::<Test>::get(BucketId(0)).unwrap();
    bucket.snapshot.unwrap().primary_signers
}

#[test]
fn anybody_may_submit_a_signed_checkpoint() {
    new_test_ext().execute_with(|| {
        let id = bucket(3, 2, None);
        let commitment = Tree::new(5).commitment();
        assert_ok!(submit(
            commitment,
            signatures(&[2, 0], &payload(commitment))
        ));
        System::assert_last_event(RuntimeEvent::StorageProvider(Event::Checkpointed {
            bucket_id: id,
            mmr_root: commitment.mmr_root,
        }));
        let snapshot = StorageProvider::bucket_info(id).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.commitment, commitment);
        assert_eq!(snapshot.checkpoint_block, START);
        assert_eq!(snapshot.primary_signers, vec![0b101]);
        assert_noop!(
            StorageProvider::checkpoint(signed(STRANGER), BucketId(1), commitment, vec![]),
            Error::<Test>::NoSuchBucket
        );
    });
}

#[test]
fn a_signer_counts_once() {
    new_test_ext().execute_with(|| {
        bucket(3, 2, None);
        let commitment = Tree::new(5).commitment();
        let payload = payload(commitment);
        assert_noop!(
            submit(commitment, signatures(&[1, 1, 1], &payload)),
            Error::<Test>::TooFewSignatures
        );
        assert_ok!(submit(commitment, signatures(&[1, 0, 1], &payload)));
        assert_eq!(signers(), vec![0b11]);
    });
}

#[test]
fn too_few_or_too_many_signatures_are_refused() {
    new_test_ext().execute_with(|| {
        bucket(2, 2, None);
        let commitment = Tree::new(5).commitment();
        let payload = payload(commitment);
        let too_few = Error::<Test>::TooFewSignatures;
        assert_noop!(submit(commitment, vec![]), too_few);
        assert_noop!(
            submit(commitment, signatures(&[1], &payload)),
            Error::<Test>::TooFewSignatures
        );
        assert_noop!(
            submit(commitment, signatures(&[0, 1, 0], &payload)),
            Error::<Test>::TooManySignatures
        );
    });
}

#[test]
fn strangers_and_misplaced_signatures_are_refused() {
    new_test_ext().execute_with(|| {
        bucket(2, 1, None);
        register(PROVIDERS[2]);
        let commitment = Tree::new(5).commitment();
        let payload = payload(commitment);
        // Registered, but not primary here.
        assert_noop!(
            submit(commitment, signatures(&[2], &payload)),
            Error::<Test>::NotPrimary
        );
        assert_noop!(
            submit(commitment, vec![(0, sign(PROVIDERS[1], &payload))]),
            Error::<Test>::BadSignature
        );
        // One invalid signature rejects the list, though there are enough without it.
        let mixed = vec![
            (0, sign(PROVIDERS[0], &payload)),
            (1, sign(STRANGER, &payload)),
        ];
        assert_noop!(submit(commitment, mixed), Error::<Test>::BadSignature);
    });
}

#[test]
fn signatures_over_anything_else_are_refused() {
    new_test_ext().execute_with(|| {
        bucket(1, 1, None);
        let commitment = Tree::new(5).commitment();
        let ours = payload(commitment);
        let other_bucket = CommitmentPayload::new(BucketId(1), commitment);
        let other_version = CommitmentPayload { version: 0, ..ours };
        for wrong in [
            other_bucket,
            other_version,
            payload(Tree::new(4).commitment()),
        ] {
            assert_noop!(
                submit(commitment, signatures(&[0], &wrong)),
                Error::<Test>::BadSignature
            );
        }
        assert_ok!(submit(commitment, signatures(&[0], &ours)));
    });
}

#[test]
fn a_signed_older_commitment_replaces_a_newer_one() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        checkpoint(id, Tree::new(5).commitment(), &[0]);
        checkpoint(id, Tree::new(4).commitment(), &[0]);
        let snapshot = StorageProvider::bucket_info(id).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.commitment, Tree::new(4).commitment());
    });
}

#[test]
fn a_frozen_bucket_takes_no_checkpoint_that_starts_before_it() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        assert_noop!(
            StorageProvider::freeze_bucket(signed(ADMIN), id),
            Error::<Test>::NoSnapshot
        );
        let from = |start| Tree::starting_at(OLD.profile, start, 4).commitment();
        checkpoint(id, from(6), &[0]);
        assert_noop!(
            StorageProvider::freeze_bucket(signed(STRANGER), id),
            Error::<Test>::NotAdmin
        );
        checkpoint(id, from(5), &[0]);
        assert_ok!(StorageProvider::freeze_bucket(signed(ADMIN), id));
        assert_noop!(
            StorageProvider::freeze_bucket(signed(ADMIN), id),
            Error::<Test>::AlreadyFrozen
        );
        assert_noop!(
            submit(from(4), signatures(&[0], &payload(from(4)))),
            Error::<Test>::BelowFrozen
        );
        checkpoint(id, from(5), &[0]);
        checkpoint(id, from(6), &[0]);
        // The frozen start does not move.
        checkpoint(id, from(5), &[0]);
    });
}

#[test]
fn a_checkpoint_is_extended_by_signers_that_were_missing() {
    new_test_ext().execute_with(|| {
        let id = bucket(4, 1, None);
        let commitment = Tree::new(5).commitment();
        let payload = payload(commitment);
        let extend = |places: &[u32]| {
            let signatures = signatures(places, &payload);
            StorageProvider::extend_checkpoint(signed(STRANGER), id, signatures)
        };
        assert_noop!(extend(&[0]), Error::<Test>::NoSnapshot);
        checkpoint(id, commitment, &[1]);
        next_block(START + 5);
        assert_noop!(extend(&[1]), Error::<Test>::TooFewSignatures);
        assert_noop!(extend(&[]), Error::<Test>::TooFewSignatures);
        assert_ok!(extend(&[3, 1]));
        assert_eq!(signers(), vec![0b1010]);
        System::assert_last_event(RuntimeEvent::StorageProvider(Event::CheckpointExtended {
            bucket_id: id,
        }));
        // The checkpoint's age does not change, and its signatures are over its commitment.
        let snapshot = StorageProvider::bucket_info(id).unwrap().snapshot.unwrap();
        assert_eq!(snapshot.checkpoint_block, START);
        let wrong = signatures(&[0], &CommitmentPayload::new(id, Tree::new(6).commitment()));
        assert_noop!(
            StorageProvider::extend_checkpoint(signed(STRANGER), id, wrong),
            Error::<Test>::BadSignature
        );
        // The new signer can be challenged for it.
        assert_ok!(StorageProvider::challenge_checkpoint(
            signed(STRANGER),
            id,
            account(PROVIDERS[3]),
            at(0, 0)
        ));
    });
}

#[test]
fn a_provider_that_lost_its_stake_signs_no_more() {
    new_test_ext().execute_with(|| {
        let id = bucket(2, 1, None);
        let tree = Tree::new(5);
        let lost = challenge(STRANGER, id, tree.commitment(), at(0, 0));
        assert_ok!(respond(PROVIDERS[0], lost, Tree::new(6).answer(at(0, 0))));
        let payload = payload(tree.commitment());
        assert_noop!(
            submit(tree.commitment(), signatures(&[0, 1], &payload)),
            Error::<Test>::NoStake
        );
        assert_ok!(submit(tree.commitment(), signatures(&[1], &payload)));
        let info = StorageProvider::bucket_info(id).unwrap();
        assert_eq!(info.primary_providers[0].key, None);
        assert!(info.primary_providers[1].key.is_some());
    });
}

#[test]
fn the_first_root_of_each_quotient_is_kept_for_each_prime() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        let root = |n| Tree::new(n).commitment().mmr_root;
        let kept = || StorageProvider::bucket_info(id).unwrap().historical_roots;
        assert_eq!(kept(), vec![]);
        // 12 = 4 * 3 = 1 * 7 + 5 = 1 * 11 + 1 = 0 * 23 + 12.
        Anchor::set(12);
        checkpoint(id, Tree::new(1).commitment(), &[0]);
        let first = [(3, 4), (7, 1), (11, 1), (23, 0), (47, 0), (113, 0)];
        assert_eq!(
            kept(),
            first.map(|(prime, quotient)| (prime, quotient, root(1)))
        );
        // 14 is in the same quotients except for 7, and 15 except for 3.
        Anchor::set(14);
        checkpoint(id, Tree::new(2).commitment(), &[0]);
        Anchor::set(15);
        checkpoint(id, Tree::new(3).commitment(), &[0]);
        let after = vec![
            (3, 5, root(3)),
            (7, 2, root(2)),
            (11, 1, root(1)),
            (23, 0, root(1)),
            (47, 0, root(1)),
            (113, 0, root(1)),
        ];
        assert_eq!(kept(), after);
    });
}
