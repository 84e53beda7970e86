//! An owner redeems what a provider signed, once, and only that.

use crate::mock::*;
use crate::types::{AgreementTerms, Replay, ReplayWindow};
use crate::{Error, ProviderReplayStates, StorageAgreements};
use codec::Encode;
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

fn redeemed(terms: AgreementTerms) -> frame_support::dispatch::DispatchResult {
    let signature = sign_terms(P, &terms);
    redeem(ADMIN, P, terms, signature)
}

#[test]
fn redeeming_makes_a_bucket_with_the_provider_and_holds_the_payment() {
    new_test_ext().execute_with(|| {
        register(P);
        assert_ok!(redeemed(terms(ADMIN, 1)));
        let agreement = StorageAgreements::<Test>::get(0, account(P)).unwrap();
        assert_eq!(agreement.expires_at, START + DURATION);
        assert_eq!(agreement.payment_locked, PRICE * u128::from(QUOTA) * 400);
        assert_eq!(held(ADMIN), agreement.payment_locked);
        let bucket = crate::Buckets::<Test>::get(0).unwrap();
        assert_eq!(bucket.primary_providers.to_vec(), vec![account(P)]);
        assert_eq!(bucket.min_providers, 1);
        let row = crate::Providers::<Test>::get(account(P)).unwrap();
        assert_eq!(row.committed_bytes, QUOTA);
    });
}

#[test]
fn terms_are_redeemed_once() {
    new_test_ext().execute_with(|| {
        register(P);
        assert_ok!(redeemed(terms(ADMIN, 9)));
        assert_noop!(redeemed(terms(ADMIN, 9)), Error::<Test>::NonceAlreadyUsed);
        assert_ok!(redeemed(terms(ADMIN, 3)));
        assert_ok!(redeemed(terms(ADMIN, 300)));
        assert_noop!(redeemed(terms(ADMIN, 44)), Error::<Test>::NonceTooOld);
        assert_ok!(redeemed(terms(ADMIN, 45)));
        assert_eq!(ProviderReplayStates::<Test>::get(account(P)).hsn, 300);
    });
}

#[test]
fn a_refused_redemption_does_not_use_up_the_nonce() {
    new_test_ext().execute_with(|| {
        register(P);
        let too_much = AgreementTerms {
            max_bytes: STAKE as u64 + 1,
            ..terms(ADMIN, 1)
        };
        assert_noop!(redeemed(too_much), Error::<Test>::InsufficientStakeForBytes);
        assert_ok!(redeemed(terms(ADMIN, 1)));
    });
}

#[test]
fn only_the_owner_that_was_named_redeems() {
    new_test_ext().execute_with(|| {
        register(P);
        let quote = terms(ADMIN, 1);
        let signature = sign_terms(P, &quote);
        assert_noop!(
            redeem(STRANGER, P, quote, signature),
            Error::<Test>::TermsOwnerMismatch
        );
    });
}

#[test]
fn changed_terms_and_others_signatures_are_refused() {
    new_test_ext().execute_with(|| {
        register(P);
        register(PROVIDERS[1]);
        let quote = terms(ADMIN, 1);
        let signature = sign_terms(P, &quote);
        let cheaper = AgreementTerms {
            price_per_byte: 0,
            ..quote.clone()
        };
        let refused = Error::<Test>::InvalidProviderSignature;
        assert_noop!(redeem(ADMIN, P, cheaper, signature.clone()), refused);
        let refused = Error::<Test>::InvalidProviderSignature;
        assert_noop!(
            redeem(ADMIN, PROVIDERS[1], quote.clone(), signature),
            refused
        );
        // The signature is over the hash, not over the terms.
        let bare = sign(P, &quote.encode());
        let refused = Error::<Test>::InvalidProviderSignature;
        assert_noop!(redeem(ADMIN, P, quote, bare), refused);
    });
}

#[test]
fn terms_are_valid_for_a_while_and_not_for_long() {
    new_test_ext().execute_with(|| {
        register(P);
        let long = AgreementTerms {
            valid_until: START + VALIDITY + 1,
            ..terms(ADMIN, 1)
        };
        assert_noop!(redeemed(long), Error::<Test>::TermsValidityTooLong);
        let short = AgreementTerms {
            valid_until: START + 5,
            ..terms(ADMIN, 1)
        };
        next_block(START + 6);
        assert_noop!(redeemed(short.clone()), Error::<Test>::TermsExpired);
        let last = AgreementTerms {
            valid_until: START + 6,
            ..short
        };
        assert_ok!(redeemed(last));
    });
}

#[test]
fn terms_for_a_replica_or_of_nothing_are_refused() {
    new_test_ext().execute_with(|| {
        register(P);
        assert_ok!(redeemed(terms(ADMIN, 1)));
        let refused = redeemed(replica_terms(ADMIN, 2, 0));
        assert_noop!(refused, Error::<Test>::TermsBucketMismatch);
        let nothing = AgreementTerms {
            max_bytes: 0,
            ..terms(ADMIN, 2)
        };
        assert_noop!(redeemed(nothing), Error::<Test>::InvalidMaxBytesRequest);
    });
}

#[test]
fn a_window_knows_256_nonces() {
    let mut window = ReplayWindow::default();
    assert_eq!(window.redeem(0), Ok(()));
    assert_eq!(window.redeem(0), Err(Replay::Used));
    for nonce in [3, 1, 10, 2, 255] {
        assert_eq!(window.redeem(nonce), Ok(()));
    }
    for nonce in [0, 3, 1, 10, 2, 255] {
        assert_eq!(window.redeem(nonce), Err(Replay::Used));
    }
    assert_eq!(window.redeem(256), Ok(()));
    assert_eq!(window.redeem(0), Err(Replay::TooOld));
    assert_eq!(window.redeem(1), Err(Replay::Used));
    assert_eq!(window.redeem(u64::MAX), Ok(()));
    assert_eq!(window.bitmap[0], 1);
    assert_eq!(window.redeem(u64::MAX - 255), Ok(()));
    assert_eq!(window.redeem(u64::MAX - 256), Err(Replay::TooOld));
}
