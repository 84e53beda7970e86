//! The two answers without a proof, each by its exact predicate.

use crate::Event;
use crate::mock::*;
use cairn_primitives::challenge::{ChallengeResponse, Role, SlashReason};
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, Sequence};
use frame_support::assert_ok;

const NEW_ROOT: H256 = H256::repeat_byte(9);

/// Creates the claim that everything before `new_start` was deleted, in the name of `admin`
/// and signed by `signer` for `bucket`.
fn deletion_claim(
    admin: &str,
    signer: &str,
    bucket: BucketId,
    new_start: u64,
) -> ChallengeResponse {
    let new_start_seq = Sequence(new_start);
    let payload = CommitmentPayload::new(bucket, Commitment::deletion(NEW_ROOT, new_start_seq));
    ChallengeResponse::Deleted {
        new_mmr_root: NEW_ROOT,
        new_start_seq,
        admin: raw(admin),
        admin_signature: sign(signer, &payload),
    }
}

/// Answers a challenge of sequence 7 + 4 in bucket 0 as prepared by `prepare`, and returns
/// the reason of the slash, if there was one.
fn slash_of(prepare: impl FnOnce(BucketId), response: ChallengeResponse) -> Option<SlashReason> {
    new_test_ext().execute_with(|| {
        let bucket = bucket(1, 1, None);
        bucket_zero(bucket);
        let tree = Tree::starting_at(OLD.profile, 7, 6);
        let id = challenge(STRANGER, bucket, tree.commitment(), at(4, 0));
        prepare(bucket);
        assert_ok!(respond(PROVIDERS[0], id, response));
        match events().pop().unwrap() {
            Event::ChallengeDefended { .. } => {
                assert_eq!(stake(PROVIDERS[0]), STAKE);
                None
            }
            Event::ProviderSlashed { reason, amount, .. } => {
                assert_eq!((amount, stake(PROVIDERS[0])), (STAKE, 0));
                Some(reason)
            }
            other => panic!("{other:?}"),
        }
    })
}

fn bucket_zero(bucket: BucketId) {
    assert_eq!(bucket, BucketId(0));
}

const INVALID_DELETION: Option<SlashReason> = Some(SlashReason::InvalidDeletionClaim);
const INVALID_SUPERSEDED: Option<SlashReason> = Some(SlashReason::InvalidSupersededClaim);

#[test]
fn a_deletion_that_an_admin_signed_is_taken() {
    let claim = deletion_claim(ADMIN, ADMIN, BucketId(0), 12);
    assert_eq!(slash_of(|_| (), claim), None);
}

#[test]
fn a_deletion_up_to_the_challenged_leaf_does_not_delete_it() {
    let claim = deletion_claim(ADMIN, ADMIN, BucketId(0), 11);
    assert_eq!(slash_of(|_| (), claim), INVALID_DELETION);
}

#[test]
fn a_deletion_by_a_stranger_or_a_mere_writer_costs_the_stake() {
    let claim = deletion_claim(STRANGER, STRANGER, BucketId(0), 12);
    assert_eq!(slash_of(|_| (), claim.clone()), INVALID_DELETION);
    let writer = |_| set_role(STRANGER, Some(Role::Writer));
    assert_eq!(slash_of(writer, claim.clone()), INVALID_DELETION);
    let admin = |_| set_role(STRANGER, Some(Role::Admin));
    assert_eq!(slash_of(admin, claim), None);
}

#[test]
fn a_deletion_signed_by_another_costs_the_stake() {
    let claim = deletion_claim(ADMIN, PROVIDERS[0], BucketId(0), 12);
    assert_eq!(slash_of(|_| (), claim), INVALID_DELETION);
}

#[test]
fn a_deletion_in_another_bucket_costs_the_stake() {
    let claim = deletion_claim(ADMIN, ADMIN, BucketId(1), 12);
    assert_eq!(slash_of(|_| (), claim), INVALID_DELETION);
}

#[test]
fn a_removed_admin_authorises_nothing() {
    let claim = deletion_claim(ADMIN, ADMIN, BucketId(0), 12);
    let gone = |_| {
        set_role(STRANGER, Some(Role::Admin));
        set_role(ADMIN, None);
    };
    assert_eq!(slash_of(gone, claim), INVALID_DELETION);
}

/// Answers `Superseded`, with a snapshot of another tree that has the given sequences.
fn superseded_by(start: u64, leaves: u64) -> Option<SlashReason> {
    let snapshot = |bucket| {
        let tree = Tree::starting_at(OLD.profile, start, leaves);
        checkpoint(bucket, tree.commitment(), &[0]);
    };
    slash_of(snapshot, ChallengeResponse::Superseded)
}

#[test]
fn a_snapshot_of_another_root_that_holds_the_leaf_supersedes() {
    // Sequence 11 is the first of one tree and the last of the other.
    assert_eq!(superseded_by(11, 3), None);
    assert_eq!(superseded_by(9, 3), None);
}

#[test]
fn a_snapshot_without_the_leaf_does_not_supersede() {
    assert_eq!(superseded_by(12, 3), INVALID_SUPERSEDED);
    assert_eq!(superseded_by(9, 2), INVALID_SUPERSEDED);
}

#[test]
fn a_snapshot_of_the_challenged_root_does_not_supersede() {
    assert_eq!(superseded_by(7, 6), INVALID_SUPERSEDED);
}

#[test]
fn without_a_snapshot_nothing_supersedes() {
    let claim = ChallengeResponse::Superseded;
    assert_eq!(slash_of(|_| (), claim), INVALID_SUPERSEDED);
}
