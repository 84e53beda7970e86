//! The rules of a new chain, and their changes.

use crate::mock::*;
use crate::{CurrentRules, DEFAULT_CHALLENGE_PERIOD, Error, Rules};
use cairn_primitives::HashingProfile;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::{BuildStorage, DispatchError};

#[test]
fn a_chain_starts_with_the_deployed_rules_by_default() {
    let expected = Rules {
        challenge_period: DEFAULT_CHALLENGE_PERIOD,
        strict_leaf_binding: false,
        profile: HashingProfile::Plain,
    };
    assert_eq!(Rules::default(), expected);
    let storage = RuntimeGenesisConfig::default().build_storage().unwrap();
    sp_io::TestExternalities::new(storage)
        .execute_with(|| assert_eq!(CurrentRules::<Test>::get(), expected));
}

#[test]
#[should_panic(expected = "a challenge period of 0 leaves no block to answer in")]
fn a_chain_does_not_begin_with_a_period_of_0() {
    with_rules(Rules {
        challenge_period: 0,
        ..OLD
    });
}

#[test]
fn invalid_rule_changes_are_refused() {
    new_test_ext().execute_with(|| {
        let set = |rules| StorageProvider::set_rules(RuntimeOrigin::root(), rules);
        let tagged = Rules {
            profile: HashingProfile::Tagged,
            ..OLD
        };
        assert_ok!(set(tagged));
        assert_ok!(set(OLD));
        bucket(1, 1, None);
        assert_noop!(set(tagged), Error::<Test>::ProfileInUse);
        assert_ok!(set(STRICT));
        assert_eq!(CurrentRules::<Test>::get(), STRICT);
        let none = Rules {
            challenge_period: 0,
            ..OLD
        };
        assert_noop!(set(none), Error::<Test>::BadPeriod);
        assert_noop!(
            StorageProvider::set_rules(signed(ADMIN), OLD),
            DispatchError::BadOrigin
        );
    });
}

#[test]
fn a_new_period_keeps_existing_deadlines() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(3);
        let before = challenge(STRANGER, bucket, tree.commitment(), at(0, 0));
        let shorter = Rules {
            challenge_period: 5,
            ..OLD
        };
        assert_ok!(StorageProvider::set_rules(RuntimeOrigin::root(), shorter));
        let after = challenge(STRANGER, bucket, tree.commitment(), at(0, 0));
        assert_eq!(
            (before.deadline, after.deadline),
            (START + PERIOD, START + 5)
        );
        next_block(START + 5);
        assert_ok!(respond(PROVIDERS[0], after, tree.answer(at(0, 0))));
        next_block(START + PERIOD);
        assert_ok!(respond(PROVIDERS[0], before, tree.answer(at(0, 0))));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
    });
}

#[test]
fn rules_in_a_genesis_file_are_names_and_numbers() {
    let written = serde_json::to_string(&STRICT).unwrap();
    assert_eq!(
        written,
        r#"{"challengePeriod":100,"strictLeafBinding":true,"profile":"plain"}"#
    );
    let tagged = written.replace("plain", "tagged");
    let read: Rules = serde_json::from_str(&tagged).unwrap();
    assert_eq!(read.profile, HashingProfile::Tagged);
    let unknown = written.replace("plain", "sha");
    assert!(serde_json::from_str::<Rules>(&unknown).is_err());
}
