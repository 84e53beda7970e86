//! Proofs that both rules accept, proofs that cost the stake, and proofs that only the
//! deployed chain's rule accepts.

use crate::mock::*;
use crate::{ChallengesAgainst, Error, Event, Rules};
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, SlashReason};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::ResponseRefusal;
use cairn_primitives::{H256, HashingProfile};
use frame_support::dispatch::GetDispatchInfo;
use frame_support::traits::fungible::Inspect;
use frame_support::{assert_noop, assert_ok};
use sp_runtime::DispatchError;

/// Challenges each chunk of each leaf of a tree and answers honestly.
fn assert_all_defended(rules: Rules, leaves: u64) {
    with_rules(rules).execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::starting_at(rules.profile, 7, leaves);
        let mut asked = 0;
        for leaf in 0..leaves {
            for chunk in 0..tree.chunks(leaf) {
                let location = at(leaf, chunk);
                let id = challenge(STRANGER, bucket, tree.commitment(), location);
                assert_ok!(respond(PROVIDERS[0], id, tree.answer(location)));
                asked += 1;
            }
        }
        let info = StorageProvider::provider_info(raw(PROVIDERS[0])).unwrap();
        assert_eq!((info.defended, info.lost, info.stake), (asked, 0, STAKE));
    });
}

#[test]
fn every_chunk_is_defended_under_each_rule_and_profile() {
    for strict_leaf_binding in [false, true] {
        for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
            let rules = Rules {
                strict_leaf_binding,
                profile,
                ..OLD
            };
            for leaves in [1, 2, 3, 11, 16] {
                assert_all_defended(rules, leaves);
            }
        }
    }
}

/// Checks that a spoiled proof costs the stake.
fn assert_costs_the_stake(rules: Rules, spoil: impl FnOnce(&Tree) -> ChallengeResponse) {
    with_rules(rules).execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(11);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(8, 2));
        let response = spoil(&tree);
        let slashable = Err(ResponseRefusal::Slashable(SlashReason::InvalidProof));
        assert_eq!(
            StorageProvider::judge_response(raw(PROVIDERS[0]), id, &response),
            slashable
        );
        // The call succeeds all the same: only the events show the result.
        assert_ok!(respond(PROVIDERS[0], id, response));
        System::assert_last_event(RuntimeEvent::StorageProvider(Event::ProviderSlashed {
            id,
            provider: account(PROVIDERS[0]),
            reason: SlashReason::InvalidProof,
            amount: STAKE,
        }));
        assert_eq!(stake(PROVIDERS[0]), 0);
        assert_eq!(
            Balances::total_balance(&account(PROVIDERS[0])),
            BALANCE - STAKE
        );
    });
}

#[test]
fn another_chunks_bytes_cost_the_stake() {
    for rules in [OLD, STRICT] {
        assert_costs_the_stake(rules, |tree| {
            let mut response = tree.answer(at(8, 2));
            if let ChallengeResponse::Proof { chunk_data, .. } = &mut response {
                chunk_data[0] ^= 1;
            }
            response
        });
    }
}

#[test]
fn another_chunks_proof_costs_the_stake() {
    assert_costs_the_stake(OLD, |tree| tree.answer(at(8, 1)));
}

#[test]
fn a_path_with_more_bits_than_siblings_costs_the_stake() {
    assert_costs_the_stake(OLD, |tree| {
        let mut response = tree.answer(at(8, 2));
        if let ChallengeResponse::Proof { chunk_proof, .. } = &mut response {
            chunk_proof.path.push(false);
        }
        response
    });
}

#[test]
fn a_proof_at_another_root_costs_the_stake() {
    assert_costs_the_stake(OLD, |_| Tree::new(12).answer(at(8, 2)));
}

#[test]
fn a_surplus_peak_costs_the_stake() {
    assert_costs_the_stake(OLD, |tree| {
        let mut response = tree.answer(at(8, 2));
        if let ChallengeResponse::Proof { mmr_proof, .. } = &mut response {
            mmr_proof.peaks.push(H256::zero());
        }
        response
    });
}

#[test]
fn only_the_strict_rule_refuses_another_leafs_proof() {
    let other = |tree: &Tree| tree.answer(at(3, 2));
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(11);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(8, 2));
        assert_ok!(respond(PROVIDERS[0], id, other(&tree)));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
    });
    assert_costs_the_stake(STRICT, other);
}

#[test]
fn a_large_chunk_index_names_a_slot_by_its_low_bits() {
    for rules in [OLD, STRICT] {
        with_rules(rules).execute_with(|| {
            let bucket = bucket(1, 1, None);
            let tree = Tree::new(11);
            // Leaf 8 has 4 chunks: index 4 means slot 0, and the highest index slot 3.
            for index in [4, 7, 1 << 40, u64::MAX] {
                let location = at(8, index);
                let id = challenge(STRANGER, bucket, tree.commitment(), location);
                assert_ok!(respond(PROVIDERS[0], id, tree.answer(location)));
            }
            let info = StorageProvider::provider_info(raw(PROVIDERS[0])).unwrap();
            assert_eq!((info.defended, info.stake), (4, STAKE));
        });
    }
}

#[test]
fn a_full_chunk_is_judged() {
    with_rules(STRICT).execute_with(|| {
        let bucket = bucket(1, 1, None);
        let mut tree = Tree::new(2);
        tree.push(vec![vec![7; CHUNK_BYTES], vec![8; 9]]);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(2, 0));
        assert_ok!(respond(PROVIDERS[0], id, tree.answer(at(2, 0))));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
    });
}

#[test]
fn the_weight_of_an_answer_follows_its_chunk() {
    new_test_ext().execute_with(|| {
        let weight = |bytes| {
            let mut tree = Tree::new(0);
            tree.push(vec![vec![7; bytes]]);
            let response = tree.answer(at(0, 0));
            let id = ChallengeId {
                deadline: 0,
                index: 0,
            };
            let call = crate::Call::<Test>::respond_to_challenge { id, response };
            call.get_dispatch_info().call_weight
        };
        let (empty, full) = (weight(0), weight(CHUNK_BYTES));
        assert!(full.ref_time() > empty.ref_time() + 1_000_000_000);
        // Blocks have at least 500 ms.
        assert!(full.ref_time() < 500 * 1_000_000_000 / 50);
    });
}

#[test]
fn an_old_root_is_answered_at_its_own_leaf_count() {
    for rules in [OLD, STRICT] {
        with_rules(rules).execute_with(|| {
            let bucket = bucket(1, 1, None);
            let old = Tree::new(5);
            checkpoint(bucket, Tree::new(11).commitment(), &[0]);
            let id = challenge(STRANGER, bucket, old.commitment(), at(4, 0));
            assert_ok!(respond(PROVIDERS[0], id, old.answer(at(4, 0))));
            // The same leaf at the newest root answers another challenge.
            let id = challenge(STRANGER, bucket, old.commitment(), at(4, 0));
            assert_ok!(respond(PROVIDERS[0], id, Tree::new(11).answer(at(4, 0))));
            assert_eq!(stake(PROVIDERS[0]), 0);
        });
    }
}

#[test]
fn only_the_challenged_provider_answers_and_only_once() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(2, 1, None);
        let tree = Tree::new(3);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(1, 0));
        let answer = tree.answer(at(1, 0));
        assert_noop!(
            respond(PROVIDERS[1], id, answer.clone()),
            Error::<Test>::NotChallenged
        );
        assert_noop!(
            StorageProvider::respond_to_challenge(RuntimeOrigin::root(), id, answer.clone()),
            DispatchError::BadOrigin
        );
        assert_ok!(respond(PROVIDERS[0], id, answer.clone()));
        System::assert_last_event(RuntimeEvent::StorageProvider(Event::ChallengeDefended {
            id,
            provider: account(PROVIDERS[0]),
        }));
        assert_noop!(
            respond(PROVIDERS[0], id, answer),
            Error::<Test>::NoSuchChallenge
        );
        assert_eq!(ChallengesAgainst::<Test>::iter().count(), 0);
    });
}

#[test]
fn a_challenge_keeps_its_leaf_binding() {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        let tree = Tree::new(11);
        let lenient = challenge(STRANGER, bucket, tree.commitment(), at(8, 2));
        assert_ok!(StorageProvider::set_rules(RuntimeOrigin::root(), STRICT));
        let strict = challenge(STRANGER, bucket, tree.commitment(), at(8, 2));
        let open = StorageProvider::open_challenges(raw(PROVIDERS[0]));
        let kept: Vec<_> = open.iter().map(|open| open.leaf_count).collect();
        assert_eq!(kept, vec![None, Some(tree.count())]);
        let other = tree.answer(at(3, 2));
        assert_ok!(respond(PROVIDERS[0], lenient, other.clone()));
        assert_eq!(stake(PROVIDERS[0]), STAKE);
        assert_ok!(respond(PROVIDERS[0], strict, other));
        assert_eq!(stake(PROVIDERS[0]), 0);
    });
}
