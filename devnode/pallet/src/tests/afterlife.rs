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
const AFTERWARDS: u32 = EXPIRES + PERIOD + 9;

fn challenge_checkpoint(id: BucketId) -> DispatchResult {
    let provider = account(PROVIDERS[0]);
    StorageProvider::challenge_checkpoint(signed(STRANGER), id, provider, at(0, 0))
}

/// Lets the deadline pass without an answer.
fn is_lost() {
    let id = last_challenge();
    next_block(id.deadline + 1);
    assert_eq!(stake(PROVIDERS[0]), 0);
}

/// Creates a bucket with a checkpoint of `old` and then of `new`, both signed by the first
/// provider.
fn checkpointed() -> (BucketId, Commitment, Commitment) {
    let id = bucket(1, 1, None);
    let (old, new) = (Tree::new(3).commitment(), Tree::new(5).commitment());
    checkpoint(id, old, &[0]);
    checkpoint(id, new, &[0]);
    (id, old, new)
}

#[test]
fn s1a_a_checkpoint_is_challenged_long_after_the_agreement_has_expired() {
    new_test_ext().execute_with(|| {
        let (id, _, new) = checkpointed();
        next_block(AFTERWARDS);
        assert_noop!(
            try_challenge(STRANGER, id, new, at(0, 0)),
            Error::<Test>::Expired
        );
        assert_ok!(challenge_checkpoint(id));
        is_lost();
    });
}

#[test]
fn s1b_an_older_checkpoint_is_brought_back_and_challenged_after_the_agreement() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = checkpointed();
        next_block(AFTERWARDS);
        // By anybody, with signatures that any client has.
        checkpoint(id, old, &[0]);
        assert_ok!(challenge_checkpoint(id));
        is_lost();
    });
}

#[test]
fn s1b_an_old_signature_is_added_to_a_checkpoint_of_others_and_challenged() {
    new_test_ext().execute_with(|| {
        let id = bucket(2, 1, None);
        let old = Tree::new(3).commitment();
        next_block(AFTERWARDS);
        checkpoint(id, old, &[1]);
        assert_noop!(challenge_checkpoint(id), Error::<Test>::NotSigner);
        let signature = signatures(&[0], &CommitmentPayload::new(id, old));
        assert_ok!(StorageProvider::extend_checkpoint(
            signed(STRANGER),
            id,
            signature
        ));
        assert_ok!(challenge_checkpoint(id));
        is_lost();
    });
}

#[test]
fn s1c_who_agrees_again_can_be_asked_for_all_that_it_ever_signed() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = checkpointed();
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
        is_lost();
    });
}

#[test]
fn s1_a_challenge_outlives_the_agreement_that_it_was_made_under() {
    new_test_ext().execute_with(|| {
        let (id, old, _) = checkpointed();
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
