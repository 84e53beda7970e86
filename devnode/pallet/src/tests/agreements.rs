//! Providers, buckets and their members, and the agreements between them.

use crate::mock::*;
use crate::{Buckets, Error, Event, HoldReason};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::Role;
use cairn_primitives::onchain::MultiSigner;
use frame_support::traits::fungible::InspectHold;
use frame_support::{assert_noop, assert_ok};

const KEY: MultiSigner = MultiSigner::Sr25519([1; 32]);

#[test]
fn a_provider_registers_once_and_its_stake_is_held() {
    new_test_ext().execute_with(|| {
        let register = |endpoint: Vec<u8>, stake| {
            StorageProvider::register_provider(signed(PROVIDERS[0]), KEY, endpoint, stake)
        };
        assert_noop!(register(vec![], 0), Error::<Test>::NoStake);
        assert_noop!(register(vec![b'a'; 257], 1), Error::<Test>::BadEndpoint);
        assert_noop!(register(vec![0xff], 1), Error::<Test>::BadEndpoint);
        assert!(register(vec![], BALANCE + 1).is_err());
        assert_ok!(register(vec![b'a'; 256], 70));
        let held = Balances::balance_on_hold(&HoldReason::Stake.into(), &account(PROVIDERS[0]));
        assert_eq!(held, 70);
        assert_noop!(register(vec![], 1), Error::<Test>::AlreadyProvider);
    });
}

#[test]
fn a_provider_changes_its_endpoint() {
    new_test_ext().execute_with(|| {
        let set = |endpoint: &[u8]| {
            StorageProvider::set_endpoint(signed(PROVIDERS[0]), endpoint.to_vec())
        };
        assert_noop!(set(b"ws://here"), Error::<Test>::NotProvider);
        register(PROVIDERS[0]);
        assert_noop!(set(&[0xff]), Error::<Test>::BadEndpoint);
        assert_ok!(set(b"ws://here"));
        let info = StorageProvider::provider_info(raw(PROVIDERS[0])).unwrap();
        assert_eq!(info.endpoint, b"ws://here".to_vec());
    });
}

#[test]
fn a_bucket_needs_a_possible_number_of_signers() {
    new_test_ext().execute_with(|| {
        for min_providers in [0, 6] {
            assert_noop!(
                StorageProvider::create_bucket(signed(ADMIN), min_providers, None),
                Error::<Test>::BadMinProviders
            );
        }
        for (id, min_providers) in [(0, 1), (1, 5)] {
            assert_ok!(StorageProvider::create_bucket(
                signed(ADMIN),
                min_providers,
                None
            ));
            System::assert_last_event(RuntimeEvent::StorageProvider(Event::BucketCreated {
                bucket_id: BucketId(id),
                admin: account(ADMIN),
            }));
        }
    });
}

#[test]
fn a_bucket_always_keeps_an_admin() {
    new_test_ext().execute_with(|| {
        let id = bucket(0, 1, None);
        let set = |by: &str, who: &str, role| {
            StorageProvider::set_member(signed(by), id, account(who), role)
        };
        assert_noop!(
            set(STRANGER, STRANGER, Some(Role::Admin)),
            Error::<Test>::NotAdmin
        );
        assert_noop!(set(ADMIN, ADMIN, None), Error::<Test>::LastAdmin);
        assert_noop!(
            set(ADMIN, ADMIN, Some(Role::Writer)),
            Error::<Test>::LastAdmin
        );
        assert_ok!(set(ADMIN, STRANGER, Some(Role::Writer)));
        assert_noop!(
            set(STRANGER, PROVIDERS[0], Some(Role::Reader)),
            Error::<Test>::NotAdmin
        );
        assert_ok!(set(ADMIN, PROVIDERS[0], Some(Role::Reader)));
        assert_ok!(set(ADMIN, PROVIDERS[1], Some(Role::Reader)));
        assert_noop!(
            set(ADMIN, PROVIDERS[2], Some(Role::Reader)),
            Error::<Test>::TooManyMembers
        );
        assert_ok!(set(ADMIN, STRANGER, Some(Role::Admin)));
        assert_ok!(set(STRANGER, ADMIN, None));
        let members = StorageProvider::bucket_info(id).unwrap().members;
        assert_eq!(
            members,
            vec![
                (raw(PROVIDERS[0]), Role::Reader),
                (raw(PROVIDERS[1]), Role::Reader),
                (raw(STRANGER), Role::Admin)
            ]
        );
    });
}

#[test]
fn an_agreement_needs_admin_and_provider() {
    new_test_ext().execute_with(|| {
        let id = bucket(0, 1, None);
        let ask = |by: &str, expires_at| {
            let provider = account(PROVIDERS[0]);
            StorageProvider::request_agreement(signed(by), id, provider, 9, expires_at)
        };
        let accept = || StorageProvider::accept_agreement(signed(PROVIDERS[0]), id);
        assert_noop!(ask(ADMIN, EXPIRES), Error::<Test>::NotProvider);
        register(PROVIDERS[0]);
        assert_noop!(ask(STRANGER, EXPIRES), Error::<Test>::NotAdmin);
        assert_noop!(ask(ADMIN, START), Error::<Test>::Expired);
        assert_noop!(accept(), Error::<Test>::NoSuchAgreement);
        assert_ok!(ask(ADMIN, START + 2));
        next_block(START + 2);
        assert_noop!(accept(), Error::<Test>::Expired);
        assert_ok!(ask(ADMIN, EXPIRES));
        assert_eq!(StorageProvider::buckets_of(raw(PROVIDERS[0])), vec![]);
        assert_ok!(accept());
        assert_eq!(StorageProvider::buckets_of(raw(PROVIDERS[0])), vec![id]);
        assert_noop!(accept(), Error::<Test>::NoSuchAgreement);
        // New terms replace the old, and the provider keeps its index.
        assert_ok!(ask(ADMIN, EXPIRES + 7));
        assert_ok!(accept());
        let primaries = StorageProvider::bucket_info(id).unwrap().primary_providers;
        assert_eq!(primaries.len(), 1);
        assert_eq!(primaries[0].agreement.unwrap().expires_at, EXPIRES + 7);
        assert_eq!(primaries[0].agreement.unwrap().max_bytes, 9);
    });
}

#[test]
fn a_bucket_has_at_most_five_primary_providers() {
    new_test_ext().execute_with(|| {
        let id = bucket(5, 1, None);
        register(PROVIDERS[5]);
        assert_ok!(StorageProvider::request_agreement(
            signed(ADMIN),
            id,
            account(PROVIDERS[5]),
            1,
            EXPIRES
        ));
        assert_noop!(
            StorageProvider::accept_agreement(signed(PROVIDERS[5]), id),
            Error::<Test>::TooManyPrimaries
        );
    });
}

#[test]
fn a_provider_without_stake_makes_no_new_agreement() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        let tree = Tree::new(3);
        assert_ok!(StorageProvider::request_agreement(
            signed(ADMIN),
            id,
            account(PROVIDERS[0]),
            1,
            EXPIRES
        ));
        let lost = challenge(STRANGER, id, tree.commitment(), at(0, 0));
        assert_ok!(respond(PROVIDERS[0], lost, Tree::new(4).answer(at(0, 0))));
        assert_noop!(
            StorageProvider::accept_agreement(signed(PROVIDERS[0]), id),
            Error::<Test>::NoStake
        );
        assert_noop!(
            StorageProvider::request_agreement(
                signed(ADMIN),
                id,
                account(PROVIDERS[0]),
                1,
                EXPIRES
            ),
            Error::<Test>::NoStake
        );
    });
}

#[test]
fn anybody_may_end_an_expired_agreement() {
    new_test_ext().execute_with(|| {
        let id = bucket(2, 1, None);
        let end =
            |by: &str, name: &str| StorageProvider::end_agreement(signed(by), id, account(name));
        assert_noop!(end(ADMIN, PROVIDERS[2]), Error::<Test>::NoSuchAgreement);
        assert_noop!(end(PROVIDERS[0], PROVIDERS[0]), Error::<Test>::NotAdmin);
        assert_ok!(end(ADMIN, PROVIDERS[0]));
        Anchor::set(EXPIRES);
        assert_noop!(end(PROVIDERS[1], PROVIDERS[1]), Error::<Test>::NotAdmin);
        Anchor::set(EXPIRES + 1);
        assert_ok!(end(PROVIDERS[1], PROVIDERS[1]));
        assert!(
            StorageProvider::bucket_info(id)
                .unwrap()
                .primary_providers
                .is_empty()
        );
        assert_eq!(StorageProvider::buckets_of(raw(PROVIDERS[1])), vec![]);
    });
}

#[test]
fn signer_bits_move_with_their_indices() {
    new_test_ext().execute_with(|| {
        let id = bucket(5, 1, None);
        let tree = Tree::new(3);
        checkpoint(id, tree.commitment(), &[0, 2, 4]);
        let signed_by = |name: &str| {
            let bucket = Buckets::<Test>::get(id).unwrap();
            let place = bucket.primary_index_of(&account(name)).unwrap();
            bucket.snapshot.unwrap().signed_by(place)
        };
        // First one that signed, then one that did not.
        for gone in [2, 1] {
            let provider = account(PROVIDERS[gone]);
            assert_ok!(StorageProvider::end_agreement(signed(ADMIN), id, provider));
        }
        let still = [0, 3, 4].map(|place| signed_by(PROVIDERS[place]));
        assert_eq!(still, [true, false, true]);
        // A provider that returns has another index, and has not signed.
        agree(id, PROVIDERS[2]);
        assert!(!signed_by(PROVIDERS[2]));
        assert_noop!(
            StorageProvider::challenge_checkpoint(
                signed(STRANGER),
                id,
                account(PROVIDERS[1]),
                at(0, 0)
            ),
            Error::<Test>::NotPrimary
        );
    });
}

#[test]
fn challenges_outlive_the_agreement() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        let tree = Tree::new(3);
        let open = challenge(STRANGER, id, tree.commitment(), at(0, 0));
        assert_ok!(StorageProvider::end_agreement(
            signed(ADMIN),
            id,
            account(PROVIDERS[0])
        ));
        assert_noop!(
            try_challenge(STRANGER, id, tree.commitment(), at(0, 0)),
            Error::<Test>::NoSuchAgreement
        );
        assert_eq!(StorageProvider::open_challenges(raw(PROVIDERS[0])).len(), 1);
        assert_ok!(respond(PROVIDERS[0], open, tree.answer(at(0, 0))));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
    });
}
