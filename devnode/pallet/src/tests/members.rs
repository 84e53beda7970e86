//! Admins manage a bucket, and none can be pushed out.

use crate::mock::*;
use crate::types::Role;
use crate::{Error, MemberBuckets};
use frame_support::{assert_noop, assert_ok};

fn set(who: &str, member: &str, role: Role) -> frame_support::dispatch::DispatchResult {
    StorageProvider::set_member(signed(who), 0, account(member), role)
}

fn remove(who: &str, member: &str) -> frame_support::dispatch::DispatchResult {
    StorageProvider::remove_member(signed(who), 0, account(member))
}

#[test]
fn only_admins_set_members() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        assert_noop!(
            set(STRANGER, STRANGER, Role::Admin),
            Error::<Test>::NotBucketAdmin
        );
        assert_ok!(set(ADMIN, STRANGER, Role::Writer));
        assert_noop!(
            set(STRANGER, STRANGER, Role::Admin),
            Error::<Test>::NotBucketAdmin
        );
        assert_eq!(
            MemberBuckets::<Test>::get(account(STRANGER)).to_vec(),
            vec![0]
        );
        assert_ok!(remove(ADMIN, STRANGER));
        assert!(MemberBuckets::<Test>::get(account(STRANGER)).is_empty());
        assert_noop!(remove(ADMIN, STRANGER), Error::<Test>::MemberNotFound);
    });
}

#[test]
fn an_admin_steps_down_itself_and_not_the_last_one() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let last = Error::<Test>::LastAdminCannotBeRemoved;
        assert_noop!(set(ADMIN, ADMIN, Role::Reader), last);
        assert_ok!(set(ADMIN, STRANGER, Role::Admin));
        let other = Error::<Test>::CannotDemoteAdmin;
        assert_noop!(set(ADMIN, STRANGER, Role::Reader), other);
        let other = Error::<Test>::CannotDemoteAdmin;
        assert_noop!(remove(ADMIN, STRANGER), other);
        assert_ok!(set(ADMIN, ADMIN, Role::Reader));
        let last = Error::<Test>::LastAdminCannotBeRemoved;
        assert_noop!(remove(STRANGER, STRANGER), last);
    });
}

#[test]
fn a_bucket_has_as_many_members_as_it_may() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        for name in &PROVIDERS[..3] {
            assert_ok!(set(ADMIN, name, Role::Reader));
        }
        let full = Error::<Test>::MaxMembersReached;
        assert_noop!(set(ADMIN, PROVIDERS[3], Role::Reader), full);
    });
}

#[test]
fn no_more_signatures_are_required_than_there_are_primary_providers() {
    new_test_ext().execute_with(|| {
        bucket(2, 1);
        let require = |who, n| StorageProvider::set_min_providers(signed(who), 0, n);
        assert_noop!(require(ADMIN, 3), Error::<Test>::InvalidMinProviders);
        assert_noop!(require(STRANGER, 2), Error::<Test>::NotBucketAdmin);
        assert_ok!(require(ADMIN, 2));
    });
}
