//! Conditions for opening a challenge, and the sharing of its cost.

use crate::Error;
use crate::mock::*;
use cairn_primitives::challenge::Role;
use cairn_primitives::{Commitment, CommitmentPayload, LeafCount, Sequence};
use frame_support::traits::fungible::{Inspect, InspectHold};
use frame_support::{assert_noop, assert_ok};

fn challenge_checkpoint(name: &str, leaf: u64) -> frame_support::dispatch::DispatchResult {
    StorageProvider::challenge_checkpoint(
        signed(STRANGER),
        cairn_primitives::BucketId(0),
        account(name),
        at(leaf, 0),
    )
}

#[test]
fn a_signer_is_challenged_by_the_current_checkpoint() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(3, 2, None);
        assert_noop!(
            challenge_checkpoint(PROVIDERS[0], 0),
            Error::<Test>::NoSnapshot
        );
        let tree = Tree::starting_at(OLD.profile, 3, 6);
        checkpoint(bucket, tree.commitment(), &[0, 2]);
        assert_ok!(challenge_checkpoint(PROVIDERS[2], 5));
        let open = StorageProvider::open_challenges(raw(PROVIDERS[2]));
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].id, last_challenge());
        assert_eq!(open[0].id.deadline, START + PERIOD);
        assert_eq!(open[0].mmr_root, tree.commitment().mmr_root);
        assert_eq!((open[0].start_seq, open[0].leaf_count), (Sequence(3), None));
        assert_eq!(
            (open[0].challenger, open[0].asked_at),
            (raw(STRANGER), START)
        );
        assert_noop!(
            challenge_checkpoint(PROVIDERS[1], 0),
            Error::<Test>::NotSigner
        );
        assert_noop!(
            challenge_checkpoint(PROVIDERS[3], 0),
            Error::<Test>::NotPrimary
        );
        assert_noop!(
            challenge_checkpoint(PROVIDERS[2], 6),
            Error::<Test>::NoSuchLeaf
        );
    });
}

#[test]
fn a_signed_commitment_is_challenged_until_expiry() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(2);
        let commitment = tree.commitment();
        let id = challenge(STRANGER, bucket, commitment, at(1, 0));
        assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(1, 0))));
        next_block(EXPIRES);
        assert_ok!(try_challenge(STRANGER, bucket, commitment, at(1, 0)));
        Anchor::set(EXPIRES + 1);
        assert_noop!(
            try_challenge(STRANGER, bucket, commitment, at(1, 0)),
            Error::<Test>::Expired
        );
        let other = cairn_primitives::BucketId(7);
        assert_noop!(
            try_challenge(STRANGER, other, commitment, at(1, 0)),
            Error::<Test>::NoSuchAgreement
        );
    });
}

#[test]
fn an_unsigned_commitment_cannot_be_challenged() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(2, 1, None);
        let commitment = Tree::new(2).commitment();
        let payload = CommitmentPayload::new(bucket, commitment);
        let later = CommitmentPayload {
            version: 2,
            ..payload
        };
        let longer = Commitment {
            leaf_count: LeafCount::new(3).unwrap(),
            ..commitment
        };
        let other = CommitmentPayload::new(cairn_primitives::BucketId(1), commitment);
        let signed_by = |name: &str, payload: CommitmentPayload| {
            StorageProvider::challenge_offchain(
                signed(STRANGER),
                bucket,
                account(PROVIDERS[0]),
                commitment,
                at(0, 0),
                sign(name, &payload),
            )
        };
        assert_ok!(signed_by(PROVIDERS[0], payload));
        let refused = Error::<Test>::BadSignature;
        assert_noop!(signed_by(PROVIDERS[1], payload), refused);
        assert_noop!(signed_by(PROVIDERS[0], later), Error::<Test>::BadSignature);
        assert_noop!(signed_by(PROVIDERS[0], other), Error::<Test>::BadSignature);
        let longer = CommitmentPayload::new(bucket, longer);
        assert_noop!(signed_by(PROVIDERS[0], longer), Error::<Test>::BadSignature);
    });
}

#[test]
fn a_challenged_leaf_must_be_in_the_commitment() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let commitment = Tree::new(3).commitment();
        assert_ok!(try_challenge(STRANGER, bucket, commitment, at(2, u64::MAX)));
        assert_noop!(
            try_challenge(STRANGER, bucket, commitment, at(3, 0)),
            Error::<Test>::NoSuchLeaf
        );
        let at_the_end = Commitment {
            start_seq: Sequence(u64::MAX - 1),
            ..commitment
        };
        assert_ok!(try_challenge(STRANGER, bucket, at_the_end, at(1, 0)));
        assert_noop!(
            try_challenge(STRANGER, bucket, at_the_end, at(2, 0)),
            Error::<Test>::NoSuchLeaf
        );
    });
}

#[test]
fn no_challenge_without_stake_or_by_oneself() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        checkpoint(bucket, tree.commitment(), &[0]);
        assert_noop!(
            try_challenge(PROVIDERS[0], bucket, tree.commitment(), at(0, 0)),
            Error::<Test>::SelfChallenge
        );
        let id = challenge(STRANGER, bucket, tree.commitment(), at(0, 0));
        assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(1, 0))));
        // The old rule does not bind the leaf; the next answer is wrong under both rules.
        let id = challenge(STRANGER, bucket, tree.commitment(), at(0, 0));
        assert_ok!(respond(PROVIDERS[0], id, Tree::new(4).answer(at(0, 0))));
        assert_eq!(stake(PROVIDERS[0]), 0);
        assert_noop!(
            challenge_checkpoint(PROVIDERS[0], 0),
            Error::<Test>::NoStake
        );
        assert_noop!(
            try_challenge(STRANGER, bucket, tree.commitment(), at(0, 0)),
            Error::<Test>::NoStake
        );
    });
}

#[test]
fn a_challenger_must_afford_the_deposit() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let commitment = Tree::new(3).commitment();
        let poor = "Poor";
        assert!(try_challenge(poor, bucket, commitment, at(0, 0)).is_err());
        assert!(StorageProvider::open_challenges(raw(PROVIDERS[0])).is_empty());
    });
}

/// Returns the challenger's final cost of an answer after `took` anchor blocks.
fn cost_borne(role: Option<Role>, took: u32) -> u128 {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        set_role(STRANGER, Some(Role::Reader));
        set_role(STRANGER, role);
        let tree = Tree::new(3);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(2, 1));
        let held =
            Balances::balance_on_hold(&crate::HoldReason::Challenge.into(), &account(STRANGER));
        assert_eq!(held, COST);
        next_block(START + took);
        assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(2, 1))));
        assert_eq!(Balances::total_balance_on_hold(&account(STRANGER)), 0);
        let paid = BALANCE - Balances::balance(&account(STRANGER));
        // The provider has received the challenger's share.
        assert_eq!(
            Balances::total_balance(&account(PROVIDERS[0])),
            BALANCE + paid
        );
        paid
    })
}

#[test]
fn a_fast_answer_costs_an_authorised_challenger_more() {
    let member = Some(Role::Reader);
    let by_time = [0, 1, 2, 5, 6, 24, 25, 95, 96, PERIOD].map(|took| cost_borne(member, took));
    assert_eq!(by_time, [900, 900, 800, 800, 700, 700, 600, 600, 500, 500]);
}

#[test]
fn a_stranger_bears_the_whole_cost() {
    assert_eq!([0, PERIOD].map(|took| cost_borne(None, took)), [COST, COST]);
}

#[test]
fn a_challenge_that_is_won_costs_the_challenger_nothing() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let id = challenge(STRANGER, bucket, Tree::new(3).commitment(), at(2, 1));
        next_block(START + PERIOD + 1);
        assert_eq!(Balances::balance(&account(STRANGER)), BALANCE);
        assert_noop!(
            respond(PROVIDERS[0], id, Tree::new(3).answer(at(2, 1))),
            Error::<Test>::NoSuchChallenge
        );
    });
}
