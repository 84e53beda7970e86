//! Choosing the answer whose predicate holds, and nothing else (I5).
//!
//! 1. A proof, at the challenged root. It is judged here against the very
//!    challenge, by the chain's rule and by ours, whoever made it.
//! 2. Where a proof is impossible for good, or the deadline is near and it still
//!    fails: an admin's deletion of the leaf, and then a newer snapshot over it;
//!    each only if the chain's state at the finalized head says that it holds.
//! 3. Otherwise an alarm. A wrong answer is slashed at once, silence only at the
//!    deadline, so nothing is ever guessed.

use super::book::{Job, Trouble};
use crate::bucket::{Answer, AuthorisedDeletion};
use crate::chain::{ChainClient, ChainError, Verdict};
use crate::layout::Deletion;
use async_trait::async_trait;
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation, MultiSignature};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, ResponseRefusal};
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, H256, Sequence, chain_rule, chunk_tree, verify,
};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoProof {
    /// Asking again may help, with nothing done: busy, or a passing fault.
    #[error("{0}")]
    Passing(String),
    /// Somebody must mend the bucket first.
    #[error("{0}")]
    Failing(String),
    /// There is none, and never will be.
    #[error("{0}")]
    Impossible(String),
}

/// Who makes proofs, and knows what was deleted.
#[async_trait]
pub(super) trait Prover: Send + Sync + 'static {
    /// The proof that a challenge asks for.
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof>;

    /// The deletions that admins authorised of a bucket, the newest first; none
    /// where it cannot be asked.
    async fn deletions(&self, bucket: BucketId) -> Vec<AuthorisedDeletion>;
}

/// The answer that holds, or why there is none.
pub(super) async fn choose(
    prover: &dyn Prover,
    chain: &dyn ChainClient,
    job: &Job,
) -> Result<ChallengeResponse, Trouble> {
    let challenge = &job.challenge;
    let no_proof = match prover.prove(challenge).await {
        Ok(answer) => match checked(answer, challenge, &job.limits) {
            Ok(response) => return Ok(response),
            Err(refused) => NoProof::Failing(refused),
        },
        Err(no_proof) => no_proof,
    };
    if job.is_near || matches!(no_proof, NoProof::Impossible(_)) {
        let other = instead_of_proof(prover, chain, job).await;
        if let Some(response) = other.map_err(of_chain)? {
            return Ok(response);
        }
    }
    Err(match no_proof {
        NoProof::Passing(reason) => Trouble::Passing(reason),
        NoProof::Failing(reason) => Trouble::Alarm(reason),
        NoProof::Impossible(reason) => Trouble::Alarm(format!(
            "{reason}; and neither a deletion that an admin signed nor a newer snapshot answers \
             for it"
        )),
    })
}

/// What the chain itself says of an answer beforehand, where it can be asked.
pub(super) async fn ask_chain(
    chain: &dyn ChainClient,
    challenge: &OpenChallenge,
    response: &ChallengeResponse,
) -> Result<(), Trouble> {
    match chain.judge(challenge.id, response).await {
        Ok(Verdict::Accepted | Verdict::NotOffered) => Ok(()),
        Ok(Verdict::Refused(ResponseRefusal::NoSuchChallenge)) => Err(Trouble::Answered),
        Ok(Verdict::Refused(ResponseRefusal::Slashable(reason))) => Err(Trouble::Alarm(format!(
            "the answer passes the rules that are known here, and the chain would slash for it \
             ({reason:?}), so it is held back: is Cairn as new as the chain's runtime?"
        ))),
        Err(error) => Err(of_chain(error)),
    }
}

/// What a chain's failure means for a challenge.
pub(super) fn of_chain(error: ChainError) -> Trouble {
    if error.is_passing() {
        Trouble::Passing(error.to_string())
    } else {
        Trouble::Alarm(error.to_string())
    }
}

/// A proof as it goes to the chain, if it is the one that this very challenge
/// asks for; otherwise what is wrong with it.
pub(super) fn checked(
    answer: Answer,
    challenge: &OpenChallenge,
    limits: &Limits,
) -> Result<ChallengeResponse, String> {
    let promised = &answer.commitment;
    let is_the_asked_one = promised.mmr_root == challenge.mmr_root
        && promised.start_seq == challenge.start_seq
        && challenge
            .leaf_count
            .is_none_or(|count| count == promised.leaf_count);
    if !is_the_asked_one {
        return Err(format!(
            "the proof is for {} leaves from sequence {} under {:?}, and the challenge is of \
             another commitment ({:?} leaves from sequence {} under {:?})",
            promised.leaf_count,
            promised.start_seq,
            promised.mmr_root,
            challenge.leaf_count,
            challenge.start_seq,
            challenge.mmr_root,
        ));
    }
    let bound = usize::try_from(limits.chunk_bytes).unwrap_or(usize::MAX);
    if answer.chunk_data.len() > bound {
        return Err(format!(
            "the chunk has {} bytes, and the chain takes {bound}",
            answer.chunk_data.len()
        ));
    }
    let asked = challenge.location;
    chain_rule::proof_response(
        limits.profile,
        &answer.chunk_data,
        &answer.mmr_proof,
        &answer.chunk_proof,
        asked.chunk_index,
        &challenge.mmr_root,
    )
    .map_err(|refusal| format!("the chain's rule refuses the proof: {refusal}"))?;
    // An index past the padded tree means a slot within it, and that slot is
    // what the strict rule is asked about.
    let data_size = answer.mmr_proof.leaf.data_size;
    let location = ChunkLocation {
        chunk_index: chunk_tree::slot(asked.chunk_index, data_size),
        ..asked
    };
    verify::answer(
        limits.profile,
        &answer.chunk_data,
        &answer.mmr_proof,
        &answer.chunk_proof,
        &location,
        promised,
    )
    .map_err(|refusal| format!("the strict rule refuses the proof: {refusal}"))?;
    Ok(answer.into_response())
}

/// Another answer than a proof, if one holds by the chain's state at the
/// finalized head. The admin's word first: a snapshot may be replaced by one
/// that does not hold the leaf.
async fn instead_of_proof(
    prover: &dyn Prover,
    chain: &dyn ChainClient,
    job: &Job,
) -> Result<Option<ChallengeResponse>, ChainError> {
    let challenge = &job.challenge;
    let bucket = chain.bucket(job.head.hash, challenge.bucket_id).await?;
    let Some((bucket, sequence)) = bucket.zip(challenge.sequence()) else {
        return Ok(None);
    };
    let deletions = prover.deletions(challenge.bucket_id).await;
    let deleted = deletions
        .into_iter()
        .find(|deletion| holds(deletion, challenge.bucket_id, &bucket, sequence));
    if let Some(AuthorisedDeletion {
        new_start_seq,
        new_root,
        deletion,
    }) = deleted
    {
        return Ok(Some(ChallengeResponse::Deleted {
            new_mmr_root: new_root,
            new_start_seq,
            admin: deletion.admin,
            admin_signature: deletion.signature,
        }));
    }
    let is_superseded = bucket.supersedes(&challenge.mmr_root, sequence);
    Ok(is_superseded.then_some(ChallengeResponse::Superseded))
}

/// Whether the chain would take a deletion for an answer about a sequence.
fn holds(
    deletion: &AuthorisedDeletion,
    id: BucketId,
    bucket: &BucketInfo,
    sequence: Sequence,
) -> bool {
    let AuthorisedDeletion {
        new_start_seq,
        new_root,
        deletion,
    } = deletion;
    sequence < *new_start_seq
        && bucket.is_admin(&deletion.admin)
        && is_signed(deletion, id, *new_root, *new_start_seq)
}

/// Whether an admin's signature is theirs over this deletion. Only sr25519 is
/// checked, as where deletions are taken.
fn is_signed(deletion: &Deletion, id: BucketId, root: H256, start: Sequence) -> bool {
    let MultiSignature::Sr25519(signature) = &deletion.signature else {
        return false;
    };
    let payload = CommitmentPayload::new(id, Commitment::deletion(root, start)).encode();
    sr25519::Pair::verify(
        &sr25519::Signature::from_raw(*signature),
        payload,
        &sr25519::Public::from_raw(deletion.admin.0),
    )
}
