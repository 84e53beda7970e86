//! Challenges that are possible after an agreement has expired or was renewed. Each step is
//! a legal call of an account that is no provider. A provider's retention rule depends on
//! these.

use crate::Error;
use crate::mock::*;
use cairn_primitives::challenge::ChallengeResponse;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload};
use frame_support::dispatch::DispatchResult;
use frame_support::{assert_noop, assert_ok};

/// Long after the agreements have expired.
const AFTER_EXPIRY: u32 = EXPIRES + PERIOD + 9;

fn challenge_checkpoint(id: BucketId) -> DispatchResult {
    let provider = account(PROVIDERS[0]);
    StorageProvider::challenge_checkpoint(signed(STRANGER), id, provider, at(0, 0))
}

/// Lets the deadline pass without an answer.
fn let_deadline_pass() {
    let id = last_challenge();
    next_block(id.deadline + 1);
    assert_eq!(stake(PROVIDERS[0]), 0);
}

/// Creates a bucket with a checkpoint of `old` and then of `new`, both signed by the first
/// provider.
fn bucket_with_two_checkpoints() -> (BucketId, Commitment, Commitment) {
    let id = bucket(1, 1, None);
    let (old, new) = (Tree::new(3).commitment(), Tree::new(5).commitment());
    checkpoint(id, old, &[0]);
    checkpoint(id, new, &[0]);
    (id, old, new)
}

#[test]
fn s1a_a_checkpoint_can_be_challenged_after_expiry() {
    new_test_ext().execute_with(|| {
        let (id, _, new) = bucket_with_two_checkpoints();
        next_block(AFTER_EXPIRY);
        assert_noop!(
            try_challenge(STRANGER, id, new, at(0, 0)),
            Error::<Test>::Expired
        );
        assert_ok!(challenge_checkpoint(id));
        let_deadline_pass();
    });
}

#[test]
fn s1b_an_older_checkpoint_can_be_restored_and_challenged() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = bucket_with_two_checkpoints();
        next_block(AFTER_EXPIRY);
        // By anybody, with signatures that any client has.
        checkpoint(id, old, &[0]);
        assert_ok!(challenge_checkpoint(id));
        let_deadline_pass();
    });
}

#[test]
fn s1b_an_old_signature_can_extend_anothers_checkpoint() {
    new_test_ext().execute_with(|| {
        let id = bucket(2, 1, None);
        let old = Tree::new(3).commitment();
        next_block(AFTER_EXPIRY);
        checkpoint(id, old, &[1]);
        assert_noop!(challenge_checkpoint(id), Error::<Test>::NotSigner);
        let signature = signatures(&[0], &CommitmentPayload::new(id, old));
        assert_ok!(StorageProvider::extend_checkpoint(
            signed(STRANGER),
            id,
            signature
        ));
        assert_ok!(challenge_checkpoint(id));
        let_deadline_pass();
    });
}

#[test]
fn s1c_a_new_agreement_makes_old_roots_challengeable() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = bucket_with_two_checkpoints();
        let provider = account(PROVIDERS[0]);
        assert_ok!(StorageProvider::end_agreement(
            signed(ADMIN),
            id,
            provider.clone()
        ));
        assert_noop!(
            try_challenge(STRANGER, id, old, at(0, 0)),
            Error::<Test>::NoSuchAgreement
        );
        assert_noop!(challenge_checkpoint(id), Error::<Test>::NotPrimary);
        // It can be challenged only after the provider's own call.
        let signature = signatures(&[0], &CommitmentPayload::new(id, old));
        assert_noop!(
            StorageProvider::checkpoint(signed(STRANGER), id, old, signature.clone()),
            Error::<Test>::TooManySignatures
        );
        assert_noop!(
            StorageProvider::extend_checkpoint(signed(STRANGER), id, signature),
            Error::<Test>::TooManySignatures
        );
        agree(id, PROVIDERS[0]);
        assert_ok!(try_challenge(STRANGER, id, old, at(0, 0)));
        let_deadline_pass();
    });
}

#[test]
fn s1_a_challenge_outlives_its_agreement() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = bucket_with_two_checkpoints();
        let asked = challenge(STRANGER, id, old, at(0, 0));
        let provider = account(PROVIDERS[0]);
        assert_ok!(StorageProvider::end_agreement(signed(ADMIN), id, provider));
        // It can be answered as before, up to the deadline block.
        next_block(asked.deadline);
        let answer = ChallengeResponse::Superseded;
        assert_ok!(StorageProvider::respond_to_challenge(
            signed(PROVIDERS[0]),
            asked,
            answer
        ));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
    });
}
