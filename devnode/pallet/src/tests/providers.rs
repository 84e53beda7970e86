//! A provider registers, changes its offer, and leaves.

use crate::mock::*;
use crate::types::ProviderSettings;
use crate::{Error, Providers};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

#[test]
fn a_registration_needs_a_stake_and_a_key_of_a_known_length() {
    new_test_ext().execute_with(|| {
        let refused = register_with(P, vec![1; 32], 99_999);
        assert_noop!(refused, Error::<Test>::InsufficientStake);
        for length in [0, 31, 34, 63] {
            let refused = register_with(P, vec![1; length], STAKE);
            assert_noop!(refused, Error::<Test>::InvalidPublicKey);
        }
        let long = register_with(P, vec![1; 64], STAKE);
        if cfg!(deployed) {
            assert_ok!(long);
        } else {
            assert_noop!(long, Error::<Test>::InvalidPublicKey);
        }
        assert_ok!(register_with(PROVIDERS[1], vec![1; 32], STAKE));
        assert_ok!(register_with(PROVIDERS[2], vec![1; 33], STAKE));
        let again = register_with(PROVIDERS[2], vec![1; 33], STAKE);
        assert_noop!(again, Error::<Test>::ProviderAlreadyRegistered);
        assert_eq!(held(PROVIDERS[2]), STAKE);
        assert_eq!(free(PROVIDERS[2]), BALANCE - STAKE);
    });
}

#[test]
fn more_stake_is_held_and_counted() {
    new_test_ext().execute_with(|| {
        register(P);
        assert_ok!(StorageProvider::add_stake(signed(P), 5));
        assert_eq!(stake(P), STAKE + 5);
        assert_eq!(held(P), STAKE + 5);
        let refused = StorageProvider::add_stake(signed(STRANGER), 5);
        assert_noop!(refused, Error::<Test>::ProviderNotFound);
    });
}

#[test]
fn an_offer_must_be_consistent_and_backed() {
    new_test_ext().execute_with(|| {
        register(P);
        let offer = |settings| StorageProvider::update_provider_settings(signed(P), settings);
        let inverted = ProviderSettings {
            min_duration: 2,
            max_duration: 1,
            ..Default::default()
        };
        assert_noop!(
            offer(inverted),
            Error::<Test>::MinDurationExceedsMaxDuration
        );
        let unbacked = ProviderSettings {
            max_capacity: STAKE as u64 + 1,
            ..Default::default()
        };
        assert_noop!(offer(unbacked), Error::<Test>::InsufficientStakeForCapacity);
        bucket(1, 1);
        let too_small = ProviderSettings {
            max_capacity: QUOTA - 1,
            ..Default::default()
        };
        assert_noop!(offer(too_small), Error::<Test>::CapacityBelowCommitted);
        let exact = ProviderSettings {
            max_capacity: QUOTA,
            ..Default::default()
        };
        assert_ok!(offer(exact));
        let full = terms(ADMIN, 7);
        let signature = sign_terms(P, &full);
        assert_noop!(
            redeem(ADMIN, P, full, signature),
            Error::<Test>::CapacityExceeded
        );
    });
}

#[test]
fn a_provider_leaves_in_two_steps_and_gets_its_stake_back() {
    new_test_ext().execute_with(|| {
        register(P);
        let early = StorageProvider::complete_deregister(signed(P));
        assert_noop!(early, Error::<Test>::DeregisterNotAnnounced);
        assert_ok!(StorageProvider::deregister_provider(signed(P)));
        let offer = StorageProvider::update_provider_settings(signed(P), Default::default());
        assert_noop!(offer, Error::<Test>::DeregisterAnnounced);
        let quote = terms(ADMIN, 1);
        let signature = sign_terms(P, &quote);
        assert_noop!(
            redeem(ADMIN, P, quote, signature),
            Error::<Test>::DeregisterAnnounced
        );
        next_block(START + ANNOUNCEMENT - 1);
        let early = StorageProvider::complete_deregister(signed(P));
        assert_noop!(early, Error::<Test>::DeregisterPeriodNotElapsed);
        next_block(START + ANNOUNCEMENT);
        assert_ok!(StorageProvider::complete_deregister(signed(P)));
        assert_eq!(free(P), BALANCE);
        assert!(!Providers::<Test>::contains_key(account(P)));
    });
}

#[test]
fn a_provider_that_stays_accepts_agreements_again() {
    new_test_ext().execute_with(|| {
        register(P);
        let early = StorageProvider::cancel_deregister(signed(P));
        assert_noop!(early, Error::<Test>::DeregisterNotAnnounced);
        assert_ok!(StorageProvider::deregister_provider(signed(P)));
        assert_ok!(StorageProvider::cancel_deregister(signed(P)));
        let row = Providers::<Test>::get(account(P)).unwrap();
        assert!(row.settings.accepting_primary && row.settings.accepting_extensions);
        bucket(1, 1);
        let bound = StorageProvider::deregister_provider(signed(P));
        assert_noop!(bound, Error::<Test>::ProviderHasActiveAgreements);
    });
}

#[test]
fn the_endpoint_is_what_was_set_last() {
    new_test_ext().execute_with(|| {
        register(P);
        let moved = b"/dns4/example.org/tcp/443".to_vec();
        assert_ok!(StorageProvider::update_provider_multiaddr(
            signed(P),
            moved.clone().try_into().unwrap()
        ));
        let row = Providers::<Test>::get(account(P)).unwrap();
        assert_eq!(row.multiaddr.to_vec(), moved);
    });
}
