//! A challenge is opened by a checkpoint, by a signature, or by a replica's sync, and only
//! against a root that binds.

use crate::mock::*;
use crate::types::{Commitment, ProviderStats};
#[cfg(challenger_tiers)]
use crate::types::{Role, Visibility};
use crate::{Error, Event};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

fn stats() -> ProviderStats {
    crate::Providers::<Test>::get(account(P)).unwrap().stats
}

#[test]
fn a_checkpoint_can_be_challenged_if_the_provider_signed_it() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let ask = |name| try_challenge_checkpoint(ADMIN, 0, name, at(0, 0));
        assert_noop!(ask(P), Error::<Test>::NoSnapshot);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        assert_noop!(ask(PROVIDERS[1]), Error::<Test>::ProviderNotInSnapshot);
        assert_noop!(ask(STRANGER), Error::<Test>::ProviderNotInSnapshot);
        let before = (free(ADMIN), held(ADMIN));
        assert_ok!(ask(P));
        assert_eq!(
            (free(ADMIN), held(ADMIN)),
            (before.0 - DEPOSIT, before.1 + DEPOSIT)
        );
        let id = last_challenge();
        assert_eq!((id.deadline, id.index), (START + PERIOD, 0));
        assert_ok!(ask(P));
        assert_eq!(last_challenge().index, 1);
    });
}

#[test]
fn a_period_set_by_the_operators_holds_for_the_next_challenge() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        let first = challenge(ADMIN, 0, at(0, 0));
        ChallengeTimeout::set(10);
        let second = challenge(ADMIN, 0, at(0, 0));
        assert_eq!(first.deadline, START + PERIOD);
        assert_eq!(second.deadline, START + 10);
    });
}

#[test]
fn a_signed_commitment_can_be_challenged_without_a_checkpoint() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        // The deployed chain checks the signature with a leaf count of 0.
        let leaf_count = if cfg!(deployed) { 0 } else { 3 };
        let signed_root = signed_root(Commitment {
            leaf_count,
            ..Tree::new(3).commitment()
        });
        let signature = sign(P, &signed_root.message(0));
        let ask = |challenger, signature| {
            try_challenge_offchain(challenger, 0, P, signed_root, at(0, 0), signature)
        };
        let foreign = sign(PROVIDERS[1], &signed_root.message(0));
        assert_noop!(ask(ADMIN, foreign), Error::<Test>::InvalidSignature);
        let other_bucket = sign(P, &signed_root.message(1));
        assert_noop!(ask(ADMIN, other_bucket), Error::<Test>::InvalidSignature);
        assert_ok!(ask(STRANGER, signature));
    });
}

#[cfg(deployed)]
#[test]
fn a_signature_over_a_leaf_count_cannot_be_challenged_on_the_deployed_chain() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let signed_root = signed_root(Tree::new(3).commitment());
        let signature = sign(P, &signed_root.message(0));
        let refused = try_challenge_offchain(ADMIN, 0, P, signed_root, at(0, 0), signature);
        assert_noop!(refused, Error::<Test>::InvalidSignature);
    });
}

#[test]
fn a_provider_without_an_agreement_cannot_be_challenged() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        register(PROVIDERS[1]);
        let signed_root = signed_root(Tree::new(3).commitment());
        let signature = sign(PROVIDERS[1], &signed_root.message(0));
        let refused =
            try_challenge_offchain(ADMIN, 0, PROVIDERS[1], signed_root, at(0, 0), signature);
        assert_noop!(refused, Error::<Test>::AgreementNotFound);
    });
}

#[cfg(commitment_nonce)]
#[test]
fn an_old_signature_cannot_be_challenged() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let signed_root = signed_root(Tree::new(3).commitment());
        let signature = sign(P, &signed_root.message(0));
        next_block(START + NONCE_AGE + 1);
        let refused = try_challenge_offchain(ADMIN, 0, P, signed_root, at(0, 0), signature);
        assert_noop!(refused, Error::<Test>::CommitmentNonceTooOld);
    });
}

#[cfg(not(deployed))]
#[test]
fn as_many_challenges_share_a_deadline_as_may() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let tree = Tree::new(3);
        checkpoint(0, tree.commitment(), &[P]);
        MaxChallengesPerDeadline::set(2);
        let first = challenge(ADMIN, 0, at(0, 0));
        challenge(ADMIN, 0, at(1, 0));
        // An answered one still counts.
        assert_ok!(respond(P, first, tree.answer(at(0, 0))));
        let refused = try_challenge_checkpoint(ADMIN, 0, P, at(2, 0));
        assert_noop!(refused, Error::<Test>::TooManyChallengesThisBlock);
        next_block(START + 1);
        assert_ok!(try_challenge_checkpoint(ADMIN, 0, P, at(2, 0)));
    });
}

#[cfg(challenger_tiers)]
#[test]
fn a_private_bucket_is_challenged_by_members_and_owners_only() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        let show =
            |visibility| StorageProvider::set_bucket_visibility(signed(ADMIN), 0, visibility);
        let ask = |who| try_challenge_checkpoint(who, 0, P, at(0, 0));
        assert_noop!(ask(P), Error::<Test>::SelfChallenge);
        assert_ok!(ask(STRANGER));
        assert_ok!(show(Visibility::Private));
        assert_noop!(ask(STRANGER), Error::<Test>::NotAuthorizedForPrivateBucket);
        set_role(STRANGER, Role::Reader);
        assert_ok!(ask(STRANGER));
        assert_ok!(ask(ADMIN));
    });
}

#[cfg(not(challenger_tiers))]
#[test]
fn anybody_may_challenge_and_a_challenge_counts_when_it_is_opened() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        for who in [STRANGER, ADMIN, P] {
            assert_ok!(try_challenge_checkpoint(who, 0, P, at(0, 0)));
        }
        assert_eq!(stats().challenges_received, 3);
    });
}

#[cfg(challenger_tiers)]
#[test]
fn a_challenge_counts_when_it_is_decided() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let tree = Tree::new(3);
        checkpoint(0, tree.commitment(), &[P]);
        let by_member = challenge(ADMIN, 0, at(0, 0));
        let by_other = challenge(STRANGER, 0, at(0, 0));
        assert_eq!(stats().challenges_received_authorized, 0);
        assert_ok!(respond(P, by_member, tree.answer(at(0, 0))));
        assert_ok!(respond(P, by_other, tree.answer(at(0, 0))));
        let stats = stats();
        assert_eq!(stats.challenges_received_authorized, 1);
        assert_eq!(stats.challenges_received_public, 1);
        assert_eq!(stats.challenges_failed, 0);
    });
}

#[test]
fn a_challenge_tells_its_last_block() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        let id = challenge(ADMIN, 0, at(1, 0));
        let told = events().into_iter().any(|event| {
            matches!(event, Event::ChallengeCreated { challenge_id, respond_by, .. }
                if challenge_id == id && respond_by == START + PERIOD)
        });
        assert!(told);
    });
}
