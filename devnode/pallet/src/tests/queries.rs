//! The queries behind the runtime's API.

use crate::Event;
use crate::mock::*;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, SlashReason};
use cairn_primitives::onchain::{Limits, MultiSigner, Outcome, ResponseRefusal};
use frame_support::assert_ok;
use sp_core::Pair;
use sp_core::storage::StateVersion;

#[test]
fn the_limits_are_those_of_the_rules_and_the_runtime() {
    with_rules(STRICT).execute_with(|| {
        let expected = Limits {
            chunk_bytes: 262_144,
            primary_providers: 5,
            challenges_per_deadline: 1_000,
            challenge_period: PERIOD,
            profile: STRICT.profile,
            strict_leaf_binding: true,
        };
        assert_eq!(StorageProvider::limits(), expected);
        assert_eq!(StorageProvider::anchor_block(), START);
    });
}

#[test]
fn unknown_providers_and_buckets_are_none() {
    new_test_ext().execute_with(|| {
        assert_eq!(StorageProvider::provider_info(raw(STRANGER)), None);
        assert_eq!(StorageProvider::bucket_info(BucketId(0)), None);
        assert_eq!(StorageProvider::buckets_of(raw(STRANGER)), vec![]);
        assert_eq!(StorageProvider::open_challenges(raw(STRANGER)), vec![]);
    });
}

#[test]
fn a_bucket_is_returned_with_its_signers() {
    new_test_ext().execute_with(|| {
        let id = bucket(3, 2, None);
        let info = StorageProvider::bucket_info(id).unwrap();
        assert!(info.is_admin(&raw(ADMIN)) && !info.is_admin(&raw(STRANGER)));
        assert_eq!(
            (info.min_providers, info.window, info.snapshot),
            (2, None, None)
        );
        for (place, name) in PROVIDERS[..3].iter().enumerate() {
            let primary = &info.primary_providers[place];
            assert_eq!(primary.account, raw(name));
            assert_eq!(
                primary.key,
                Some(MultiSigner::Sr25519(pair(name).public().0))
            );
            assert_eq!(primary.endpoint, b"ws://localhost:1".to_vec());
            assert_eq!(primary.agreement.unwrap().expires_at, EXPIRES);
        }
    });
}

#[test]
fn buckets_and_challenges_are_returned_in_order() {
    new_test_ext().execute_with(|| {
        let ids: Vec<_> = (0..12).map(|_| bucket(1, 1, None)).collect();
        assert_eq!(StorageProvider::buckets_of(raw(PROVIDERS[0])), ids);
        let commitment = Tree::new(3).commitment();
        let mut asked = Vec::new();
        for block in 0..10 {
            next_block(START + block);
            for bucket in &ids[..3] {
                asked.push(challenge(STRANGER, *bucket, commitment, at(1, 0)));
            }
        }
        let open = StorageProvider::open_challenges(raw(PROVIDERS[0]));
        assert_eq!(open.iter().map(|open| open.id).collect::<Vec<_>>(), asked);
        assert!(asked.is_sorted());
    });
}

#[test]
fn a_dry_run_changes_nothing() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        let tree = Tree::new(3);
        let open = challenge(STRANGER, id, tree.commitment(), at(2, 0));
        let judge =
            |name: &str, id, response| StorageProvider::judge_response(raw(name), id, response);
        let good = tree.answer(at(2, 0));
        let bad = ChallengeResponse::Superseded;
        let before = sp_io::storage::root(StateVersion::V1);
        assert_eq!(judge(PROVIDERS[0], open, &good), Ok(()));
        assert_eq!(
            judge(PROVIDERS[0], open, &bad),
            Err(ResponseRefusal::Slashable(
                SlashReason::InvalidSupersededClaim
            ))
        );
        let none = Err(ResponseRefusal::NoSuchChallenge);
        assert_eq!(judge(STRANGER, open, &good), none);
        let other = ChallengeId { index: 1, ..open };
        assert_eq!(judge(PROVIDERS[0], other, &good), none);
        assert_eq!(before, sp_io::storage::root(StateVersion::V1));
        assert_ok!(respond(PROVIDERS[0], open, good));
    });
}

#[test]
fn only_challenge_and_checkpoint_events_are_outcomes() {
    new_test_ext().execute_with(|| {
        let id = bucket(1, 1, None);
        let tree = Tree::new(3);
        next_block(START + 1);
        checkpoint(id, tree.commitment(), &[0]);
        let [won, lost] = [(); 2].map(|()| challenge(STRANGER, id, tree.commitment(), at(2, 0)));
        assert_ok!(respond(PROVIDERS[0], won, tree.answer(at(2, 0))));
        assert_ok!(respond(PROVIDERS[0], lost, Tree::new(4).answer(at(2, 0))));
        let events = events();
        assert!(
            events
                .iter()
                .any(|event| matches!(event, Event::ChallengeCreated { .. }))
        );
        let outcomes: Vec<_> = events
            .iter()
            .filter_map(StorageProvider::outcome_of)
            .collect();
        let provider = raw(PROVIDERS[0]);
        let expected = vec![
            Outcome::Checkpointed {
                bucket_id: id,
                mmr_root: tree.commitment().mmr_root,
            },
            Outcome::Defended { id: won, provider },
            Outcome::Slashed {
                id: lost,
                provider,
                reason: SlashReason::InvalidProof,
            },
        ];
        assert_eq!(outcomes, expected);
    });
}
