//! Judges answers, with the verifiers that providers compile too.
//!
//! It reads and writes no storage: the same function judges submitted answers and dry runs.

use crate::signatures::by_account;
use crate::{Bucket, Challenge, Config};
use cairn_primitives::challenge::{
    AccountId, ChallengeResponse, MultiSignature, Role, SlashReason,
};
use cairn_primitives::{
    Commitment, CommitmentPayload, H256, HashingProfile, MerkleProof, MmrProof, Sequence,
    chain_rule, verify,
};
use codec::Encode;
use sp_runtime::AccountId32;

/// Judges an answer to a challenge. The error is the reason of the slash.
pub(crate) fn verdict<T: Config>(
    profile: HashingProfile,
    challenge: &Challenge,
    bucket: &Bucket<T>,
    response: &ChallengeResponse,
) -> Result<(), SlashReason> {
    let (holds, reason) = match response {
        ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        } => (
            proves(profile, challenge, chunk_data, mmr_proof, chunk_proof),
            SlashReason::InvalidProof,
        ),
        ChallengeResponse::Deleted {
            new_mmr_root,
            new_start_seq,
            admin,
            admin_signature,
        } => {
            let deletion = Commitment::deletion(*new_mmr_root, *new_start_seq);
            let payload = CommitmentPayload::new(challenge.bucket_id, deletion);
            (
                is_deleted(challenge.sequence(), *new_start_seq)
                    && authorises(bucket, admin, admin_signature, &payload),
                SlashReason::InvalidDeletionClaim,
            )
        }
        ChallengeResponse::Superseded => (
            supersedes(bucket, &challenge.mmr_root, challenge.sequence()),
            SlashReason::InvalidSupersededClaim,
        ),
    };
    if holds { Ok(()) } else { Err(reason) }
}

/// Checks the chunk against the leaf and the leaf against the challenged root; under the
/// strict rule also the leaf's index in a tree of its count.
fn proves(
    profile: HashingProfile,
    challenge: &Challenge,
    chunk_data: &[u8],
    mmr_proof: &MmrProof,
    chunk_proof: &MerkleProof,
) -> bool {
    let root = &challenge.mmr_root;
    let location = &challenge.location;
    chain_rule::proof_response(
        profile,
        chunk_data,
        mmr_proof,
        chunk_proof,
        location.chunk_index,
        root,
    )
    .is_ok()
        && challenge.leaf_count.is_none_or(|count| {
            verify::mmr_proof(profile, mmr_proof, location.leaf_index, count, root).is_ok()
        })
}

/// Returns whether the leaf is before the new start.
fn is_deleted(sequence: Option<Sequence>, new_start: Sequence) -> bool {
    sequence.is_some_and(|sequence| sequence < new_start)
}

/// Returns whether a current admin signed the deletion.
fn authorises<T: Config>(
    bucket: &Bucket<T>,
    admin: &AccountId,
    signature: &MultiSignature,
    payload: &CommitmentPayload,
) -> bool {
    let admin = AccountId32::new(admin.0);
    bucket.role_of(&admin) == Some(Role::Admin) && by_account(signature, &payload.encode(), &admin)
}

/// Returns whether a snapshot with another root covers the challenged leaf.
fn supersedes<T: Config>(bucket: &Bucket<T>, root: &H256, sequence: Option<Sequence>) -> bool {
    bucket.snapshot.as_ref().is_some_and(|snapshot| {
        snapshot.commitment.mmr_root != *root
            && sequence.is_some_and(|sequence| snapshot.commitment.covers_sequence(sequence))
    })
}
