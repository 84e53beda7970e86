//! Agreements run while the anchor block is below their end, and are settled once.

use crate::mock::*;
use crate::types::EndAction;
use crate::{Buckets, Error, Event, StorageAgreements};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];
const PAYMENT: u128 = PRICE * QUOTA as u128 * DURATION as u128;
const END: u32 = START + DURATION;

fn end(who: &str, action: EndAction) -> frame_support::dispatch::DispatchResult {
    StorageProvider::end_agreement(signed(who), 0, account(P), action)
}

#[test]
fn the_last_block_of_an_agreement_is_before_its_end() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let tree = Tree::new(3);
        checkpoint(0, tree.commitment(), &[P]);
        next_block(END - 1);
        assert_ok!(try_challenge_checkpoint(ADMIN, 0, P, at(0, 0)));
        next_block(END);
        let late = try_challenge_checkpoint(ADMIN, 0, P, at(0, 0));
        // The deployed chain does not look at the agreement here.
        if cfg!(deployed) {
            assert_ok!(late);
        } else {
            assert_noop!(late, Error::<Test>::AgreementExpired);
        }
    });
}

#[test]
fn an_admin_ends_a_primary_agreement_early_and_divides_the_payment() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let half = EndAction::Burn { burn_percent: 50 };
        assert_noop!(end(STRANGER, half), Error::<Test>::NotBucketAdmin);
        let treasury = free(TREASURY);
        let provider = free(P);
        assert_ok!(end(ADMIN, half));
        assert_eq!(free(TREASURY), treasury + PAYMENT / 2);
        assert_eq!(free(P), provider + PAYMENT / 2);
        assert_eq!(held(ADMIN), 0);
        assert!(
            Buckets::<Test>::get(0)
                .unwrap()
                .primary_providers
                .is_empty()
        );
        assert!(!StorageAgreements::<Test>::contains_key(0, account(P)));
    });
}

#[test]
fn after_its_end_the_owner_settles_for_a_while_then_the_provider() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let claim = || StorageProvider::claim_expired_agreement(signed(P), 0);
        next_block(END + SETTLEMENT);
        assert_noop!(claim(), Error::<Test>::AgreementNotExpired);
        next_block(END + SETTLEMENT + 1);
        let late = end(ADMIN, EndAction::Pay);
        assert_noop!(late, Error::<Test>::SettlementWindowPassed);
        let before = free(P);
        assert_ok!(claim());
        assert_eq!(free(P), before + PAYMENT);
        assert_noop!(claim(), Error::<Test>::AgreementNotFound);
    });
}

#[cfg(not(deployed))]
#[test]
fn an_agreement_with_an_open_challenge_is_not_settled() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        checkpoint(0, Tree::new(3).commitment(), &[P]);
        challenge(ADMIN, 0, at(0, 0));
        let refused = end(ADMIN, EndAction::Pay);
        assert_noop!(refused, Error::<Test>::AgreementHasPendingChallenge);
    });
}

#[test]
fn a_larger_quota_is_paid_for_the_time_that_is_left() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let settings = crate::types::ProviderSettings {
            price_per_byte: 3,
            ..Default::default()
        };
        assert_ok!(StorageProvider::update_provider_settings(
            signed(P),
            settings
        ));
        next_block(END - 100);
        let top_up =
            |most| StorageProvider::top_up_agreement(signed(ADMIN), 0, account(P), 10, most);
        let price = 3 * 10 * 100;
        assert_noop!(top_up(price - 1), Error::<Test>::PaymentExceedsMax);
        assert_ok!(top_up(price));
        let agreement = StorageAgreements::<Test>::get(0, account(P)).unwrap();
        assert_eq!(agreement.max_bytes, QUOTA + 10);
        assert_eq!(agreement.payment_locked, PAYMENT + price);
        assert_eq!(held(ADMIN), PAYMENT + price);
        next_block(END);
        assert_noop!(top_up(u128::MAX), Error::<Test>::AgreementExpired);
    });
}

#[test]
fn an_extension_pays_for_the_time_that_has_passed_and_starts_again() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        next_block(START + 100);
        let before = free(P);
        // At the default price of 0, anybody extends.
        let extend =
            |who| StorageProvider::extend_agreement(signed(who), 0, account(P), 500, u128::MAX);
        assert_ok!(extend(STRANGER));
        assert_eq!(free(P), before + PRICE * u128::from(QUOTA) * 100);
        let agreement = StorageAgreements::<Test>::get(0, account(P)).unwrap();
        assert_eq!(agreement.expires_at, START + 600);
        assert_eq!(agreement.started_at, START + 100);
        let block = |blocked| StorageProvider::set_extensions_blocked(signed(P), 0, blocked);
        assert_ok!(block(true));
        assert_noop!(extend(ADMIN), Error::<Test>::AgreementExtensionsBlocked);
        assert_ok!(block(false));
        let dearer = crate::types::ProviderSettings {
            price_per_byte: 1,
            ..Default::default()
        };
        assert_ok!(StorageProvider::update_provider_settings(signed(P), dearer));
        assert_noop!(extend(STRANGER), Error::<Test>::NotAgreementOwner);
        assert_ok!(extend(ADMIN));
    });
}

#[test]
fn the_payment_goes_with_the_agreement_to_its_new_owner() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let hand_over = |from, to| {
            StorageProvider::transfer_agreement_ownership(signed(from), 0, account(P), account(to))
        };
        assert_noop!(hand_over(STRANGER, P), Error::<Test>::NotAgreementOwner);
        #[cfg(challenger_tiers)]
        assert_noop!(hand_over(ADMIN, ADMIN), Error::<Test>::TransferToSelf);
        assert_ok!(hand_over(ADMIN, STRANGER));
        assert_eq!((held(ADMIN), held(STRANGER)), (0, PAYMENT));
    });
}

#[test]
fn a_slashed_provider_is_removed_by_anybody_and_the_owner_gets_the_payment_back() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let tree = Tree::new(3);
        checkpoint(0, tree.commitment(), &PROVIDERS[..2]);
        let remove = || StorageProvider::remove_slashed(signed(STRANGER), 0, account(P));
        assert_noop!(remove(), Error::<Test>::ProviderNotSlashed);
        let id = challenge(ADMIN, 0, at(0, 0));
        pass(id.deadline);
        assert_eq!(stake(P), 0);
        let before = free(ADMIN);
        assert_ok!(remove());
        assert_eq!(free(ADMIN), before + PAYMENT);
        let bucket = Buckets::<Test>::get(0).unwrap();
        assert_eq!(
            bucket.primary_providers.to_vec(),
            vec![account(PROVIDERS[1])]
        );
        // The bit of the other provider moves down with it.
        assert_eq!(bucket.snapshot.unwrap().primary_signers, vec![0b1]);
        let returned = events().into_iter().any(|event| {
            matches!(event, Event::SlashedProviderRemoved { payment_returned_to_owner, .. }
                if payment_returned_to_owner == PAYMENT)
        });
        assert!(returned);
    });
}
