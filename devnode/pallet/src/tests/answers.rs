//! Right answers are paid for; wrong ones cost the stake, or on the deployed chain the fee.

use crate::mock::*;
use crate::types::{ChallengeId, ChallengeResponse, Commitment, Role, SignedRoot};
use crate::{Error, Event};
use frame_support::{assert_noop, assert_ok};

const P: &str = PROVIDERS[0];

/// A bucket with a checkpoint of three leaves, and a challenge of the second one.
fn challenged() -> (Tree, ChallengeId) {
    bucket(2, 1);
    let tree = Tree::new(3);
    checkpoint(0, tree.commitment(), &[P]);
    let id = challenge(ADMIN, 0, at(1, 1));
    (tree, id)
}

// The deployed chain's errors. The others slash instead, and the newer ones do not have them.
fn bad_proof() -> Error<Test> {
    #[cfg(checkpoint_windows)]
    return Error::InvalidChallengeProof;
    #[cfg(not(checkpoint_windows))]
    return Error::ChallengeNotFound;
}

fn bad_deletion() -> Error<Test> {
    #[cfg(checkpoint_windows)]
    return Error::InvalidDeletionProof;
    #[cfg(not(checkpoint_windows))]
    return Error::ChallengeNotFound;
}

fn beyond_canonical() -> Error<Test> {
    #[cfg(checkpoint_windows)]
    return Error::LeafBeyondCanonical;
    #[cfg(not(checkpoint_windows))]
    return Error::ChallengeNotFound;
}

/// Answers wrongly, and checks what that costs.
fn assert_wrong(id: ChallengeId, response: ChallengeResponse<Test>, error: Error<Test>) {
    if cfg!(deployed) {
        assert_noop!(respond(P, id, response), error);
        assert!(is_open(id));
        assert_eq!(stake(P), STAKE);
    } else {
        System::reset_events();
        assert_ok!(respond(P, id, response));
        assert!(!is_open(id));
        assert_eq!(stake(P), 0);
        let [Event::ChallengeSlashed { slashed_amount, .. }] = &events()[..] else {
            panic!("{:?}", events());
        };
        assert_eq!(*slashed_amount, STAKE);
    }
}

#[test]
fn the_right_answer_ends_the_challenge() {
    new_test_ext().execute_with(|| {
        let (tree, id) = challenged();
        assert_ok!(respond(P, id, tree.answer(at(1, 1))));
        assert!(!is_open(id));
        let told = events().into_iter().any(|event| {
            matches!(event, Event::ChallengeDefended { challenge_id, response_time_blocks: 0, .. }
                if challenge_id == id)
        });
        assert!(told);
        let again = respond(P, id, tree.answer(at(1, 1)));
        assert_noop!(again, Error::<Test>::ChallengeNotFound);
    });
}

#[test]
fn every_chunk_of_every_leaf_can_be_answered() {
    new_test_ext().execute_with(|| {
        bucket(1, 1);
        let tree = Tree::new(7);
        checkpoint(0, tree.commitment(), &[P]);
        for leaf in 0..7 {
            let padded = tree.chunks(leaf).next_power_of_two();
            for chunk in (0..tree.chunks(leaf)).chain([padded, padded * 1_000]) {
                let id = challenge(ADMIN, 0, at(leaf, chunk));
                assert_ok!(respond(P, id, tree.answer(at(leaf, chunk))));
                assert!(!is_open(id), "{leaf} {chunk}");
            }
        }
        assert!(stake(P) > 0);
    });
}

#[test]
fn only_the_challenged_provider_answers() {
    new_test_ext().execute_with(|| {
        let (tree, id) = challenged();
        let foreign = respond(PROVIDERS[1], id, tree.answer(at(1, 1)));
        assert_noop!(foreign, Error::<Test>::NotChallengeProvider);
        let unknown = ChallengeId { index: 9, ..id };
        let unknown = respond(P, unknown, tree.answer(at(1, 1)));
        assert_noop!(unknown, Error::<Test>::ChallengeNotFound);
    });
}

#[test]
fn another_chunk_is_wrong() {
    new_test_ext().execute_with(|| {
        let (tree, id) = challenged();
        let other = tree.answer(at(1, 0));
        assert_wrong(id, other, bad_proof());
    });
}

#[test]
fn a_proof_under_another_root_is_wrong() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        let other = Tree::new(4).answer(at(1, 1));
        assert_wrong(id, other, bad_proof());
    });
}

#[test]
fn one_changed_byte_is_wrong() {
    new_test_ext().execute_with(|| {
        let (tree, id) = challenged();
        let ChallengeResponse::Proof {
            mut chunk_data,
            mmr_proof,
            chunk_proof,
        } = tree.answer(at(1, 1))
        else {
            unreachable!("an honest answer is a proof");
        };
        chunk_data[0] ^= 1;
        let changed = ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        };
        assert_wrong(id, changed, bad_proof());
    });
}

/// Returns a deletion of all before `new_start_seq`, signed by `signer` for `admin`.
fn deletion(admin: &str, signer: &str, new_start_seq: u64) -> ChallengeResponse<Test> {
    let commitment = Commitment {
        mmr_root: [3; 32].into(),
        start_seq: new_start_seq,
        leaf_count: 0,
    };
    let SignedRoot {
        commitment,
        #[cfg(commitment_nonce)]
        nonce,
    } = signed_root(commitment);
    ChallengeResponse::Deleted {
        new_mmr_root: commitment.mmr_root,
        new_start_seq,
        #[cfg(commitment_nonce)]
        nonce,
        admin: account(admin),
        admin_signature: sign(signer, &signed_root(commitment).message(0)),
    }
}

#[test]
fn a_deletion_that_an_admin_signed_is_right_if_the_admin_is_a_provider() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        register(ADMIN);
        assert_ok!(respond(P, id, deletion(ADMIN, ADMIN, 2)));
        assert!(!is_open(id));
        assert!(stake(P) > 0);
    });
}

#[test]
fn a_deletion_by_an_admin_who_is_no_provider_is_wrong() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        assert_wrong(
            id,
            deletion(ADMIN, ADMIN, 2),
            Error::<Test>::ProviderNotFound,
        );
    });
}

#[test]
fn a_deletion_that_does_not_reach_the_leaf_is_wrong() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        register(ADMIN);
        let short = deletion(ADMIN, ADMIN, 1);
        assert_wrong(id, short, bad_deletion());
    });
}

#[test]
fn a_deletion_that_another_signed_is_wrong() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        register(ADMIN);
        let forged = deletion(ADMIN, STRANGER, 2);
        assert_wrong(id, forged, Error::<Test>::InvalidSignature);
    });
}

#[test]
fn a_deletion_by_a_writer_is_an_error_and_changes_nothing() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        register(STRANGER);
        set_role(STRANGER, Role::Writer);
        let refused = respond(P, id, deletion(STRANGER, STRANGER, 2));
        assert_noop!(refused, Error::<Test>::NotBucketAdmin);
        assert!(is_open(id));
    });
}

#[cfg(commitment_nonce)]
#[test]
fn a_deletion_with_an_old_nonce_is_an_error_and_changes_nothing() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        register(ADMIN);
        let old = deletion(ADMIN, ADMIN, 2);
        next_block(START + NONCE_AGE + 1);
        let refused = respond(P, id, old);
        assert_noop!(refused, Error::<Test>::CommitmentNonceTooOld);
        assert!(is_open(id));
    });
}

#[test]
fn a_later_checkpoint_over_the_leaf_supersedes() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        checkpoint(0, Tree::new(4).commitment(), &[P]);
        assert_ok!(respond(P, id, ChallengeResponse::Superseded));
        assert!(!is_open(id));
        assert!(stake(P) > 0);
    });
}

#[test]
fn the_challenged_checkpoint_itself_supersedes_only_on_the_deployed_chain() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        if cfg!(deployed) {
            assert_ok!(respond(P, id, ChallengeResponse::Superseded));
            assert!(!is_open(id));
        } else {
            let refused = Error::<Test>::ChallengeNotFound;
            assert_wrong(id, ChallengeResponse::Superseded, refused);
        }
    });
}

#[test]
fn a_later_checkpoint_that_ends_before_the_leaf_does_not_supersede() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        checkpoint(0, Tree::new(1).commitment(), &[P]);
        let beyond = beyond_canonical();
        assert_wrong(id, ChallengeResponse::Superseded, beyond);
    });
}

#[test]
fn a_later_checkpoint_that_starts_after_the_leaf_supersedes_only_on_the_deployed_chain() {
    new_test_ext().execute_with(|| {
        let (_, id) = challenged();
        checkpoint(0, Tree::starting_at(2, 3).commitment(), &[P]);
        if cfg!(deployed) {
            assert_ok!(respond(P, id, ChallengeResponse::Superseded));
        } else {
            let refused = Error::<Test>::ChallengeNotFound;
            assert_wrong(id, ChallengeResponse::Superseded, refused);
        }
    });
}

#[test]
fn a_prompt_answer_costs_the_provider_less() {
    let shares = [
        (0, 90),
        (1, 90),
        (2, 80),
        (5, 80),
        (6, 70),
        (24, 70),
        (25, 60),
        (95, 60),
        (96, 50),
    ];
    for (took, percent) in shares {
        new_test_ext().execute_with(|| {
            let (tree, id) = challenged();
            let (before, challenger) = (free(P), free(ADMIN));
            next_block(START + took);
            assert_ok!(respond(P, id, tree.answer(at(1, 1))));
            let cost = DEPOSIT * percent / 100;
            let rest = DEPOSIT - cost;
            assert_eq!(free(ADMIN), challenger + rest, "{took}");
            // The deployed chain pays nothing out.
            let paid = if cfg!(deployed) { 0 } else { cost };
            assert_eq!(free(P), before + paid, "{took}");
            let at_stake = if cfg!(challenger_tiers) { 0 } else { rest };
            assert_eq!(stake(P), STAKE - at_stake, "{took}");
            assert_eq!(held(P), STAKE - at_stake, "{took}");
        });
    }
}

#[cfg(challenger_tiers)]
#[test]
fn a_stranger_pays_all_of_an_answer() {
    new_test_ext().execute_with(|| {
        let (tree, _) = challenged();
        let id = challenge(STRANGER, 0, at(0, 0));
        let before = free(P);
        next_block(START + 96);
        assert_ok!(respond(P, id, tree.answer(at(0, 0))));
        assert_eq!(free(P), before + DEPOSIT);
        assert_eq!(held(STRANGER), 0);
    });
}
