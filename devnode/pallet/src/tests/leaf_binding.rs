//! With leaf binding, a proof must prove the challenged leaf; without, any leaf of the root
//! will do, as long as its chunk has the challenged index.

use crate::mock::*;
use crate::types::{ChallengeResponse, MmrProof};
use frame_support::assert_ok;

const P: &str = PROVIDERS[0];

fn with_challenge(leaf: u64) -> (Tree, crate::types::ChallengeId) {
    bucket(1, 1);
    let tree = Tree::new(7);
    checkpoint(0, tree.commitment(), &[P]);
    let id = challenge(ADMIN, 0, at(leaf, 0));
    (tree, id)
}

#[test]
fn another_leaf_answers_only_without_binding() {
    new_test_ext().execute_with(|| {
        let (tree, id) = with_challenge(1);
        assert_ok!(respond(P, id, tree.answer(at(2, 0))));
        assert_eq!(stake(P) > 0, !cfg!(leaf_binding));
    });
}

#[test]
fn peaks_that_the_leaf_count_does_not_have_answer_only_without_binding() {
    new_test_ext().execute_with(|| {
        let (tree, id) = with_challenge(0);
        let ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        } = tree.answer(at(0, 0))
        else {
            unreachable!("an honest answer is a proof");
        };
        // The last two of the three peaks, bagged into one: the root is the same.
        let [first, second, third] = mmr_proof.peaks[..] else {
            panic!("seven leaves have three mountains");
        };
        let bagged = cairn_primitives::HashingProfile::Plain.node(&second, &third);
        let mmr_proof = MmrProof {
            peaks: vec![first, bagged],
            ..mmr_proof
        };
        let response = ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        };
        assert_ok!(respond(P, id, response));
        assert_eq!(stake(P) > 0, !cfg!(leaf_binding));
    });
}

#[cfg(not(leaf_binding))]
#[test]
fn the_chain_takes_a_missing_bit_for_a_left_child() {
    new_test_ext().execute_with(|| {
        let (tree, id) = with_challenge(0);
        let ChallengeResponse::Proof {
            chunk_data,
            mut mmr_proof,
            chunk_proof,
        } = tree.answer(at(0, 0))
        else {
            unreachable!("an honest answer is a proof");
        };
        // The first leaf is a left child on all levels.
        mmr_proof.leaf_proof.path.clear();
        let response = ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        };
        assert_ok!(respond(P, id, response));
        assert!(stake(P) > 0);
    });
}

#[test]
fn a_leaf_that_there_is_not_can_be_challenged_only_without_binding() {
    new_test_ext().execute_with(|| {
        with_challenge(0);
        let asked = try_challenge_checkpoint(ADMIN, 0, P, at(7, 0));
        #[cfg(leaf_binding)]
        frame_support::assert_noop!(asked, crate::Error::<Test>::LeafOutOfRange);
        #[cfg(not(leaf_binding))]
        assert_ok!(asked);
    });
}
