//! Chooses an answer that the chain will accept, and no other (I5).
//!
//! 1. A proof at the challenged root. It is verified here against the very challenge,
//!    by the chain's rule and by the strict one, no matter what made it.
//! 2. In the last blocks before the deadline, if there is still no proof, an admin's deletion of
//!    the leaf or a newer snapshot over it, by the rules of [`claim`].
//! 3. Otherwise an alarm. A wrong answer is slashed at once, silence only at the deadline, so
//!    nothing is ever guessed.

use super::claim::{self, Claim, ClaimDecision, ClaimTerms};
use super::no_proof::NoProof;
use super::tracker::{Job, JobError};
use async_trait::async_trait;
use cairn_bucket::AuthorisedDeletion;
use cairn_chain::{ChainClient, ChainError, DryRunResult};
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::onchain::{Limits, OpenChallenge, ResponseRefusal};
use cairn_primitives::{Answer, BucketId, LeafIndex, chain_rule, chunk_tree, verify};

/// A source of proofs and of authorised deletions.
#[async_trait]
pub(super) trait Prover: Send + Sync + 'static {
    /// Makes the proof that a challenge asks for.
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof>;

    /// Makes a proof of another leaf under the challenged root, for a challenge of what no leaf
    /// has. Only a chain that does not bind proofs to leaves accepts it.
    async fn prove_another_leaf(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof>;

    /// Returns the deletions that admins of a bucket authorised, newest first; none if they cannot
    /// be read.
    async fn deletions(&self, bucket: BucketId) -> Vec<AuthorisedDeletion>;
}

/// Returns the response to submit, or the reason for submitting none.
pub(super) async fn choose_response(
    prover: &dyn Prover,
    chain: &dyn ChainClient,
    job: &Job,
) -> Result<ChallengeResponse, JobError> {
    let challenge = &job.challenge;
    let no_proof = match prover.prove(challenge).await {
        Ok(answer) => match check_proof(answer, challenge, &job.limits) {
            Ok(response) => return Ok(response),
            Err(refused) => NoProof::NeedsRepair(refused),
        },
        Err(no_proof) => no_proof,
    };
    if let Some(response) = answer_unprovable(prover, job, &no_proof).await {
        return Ok(response);
    }
    let claims = match job.claim_terms.in_last_blocks {
        true => query_claims(prover, chain, job)
            .await
            .map_err(from_chain_error)?,
        false => Vec::new(),
    };
    match claim::decide(&no_proof, job.claim_terms, claims) {
        ClaimDecision::Submit(claim) => Ok(claim.response),
        step => Err(explain_silence(no_proof, &step, job.claim_terms)),
    }
}

/// Answers a challenge of what no leaf has, such as padding or a leaf beyond the root's count: with
/// another leaf, if the chain does not bind proofs to leaves. Such a chain opens these challenges,
/// and slashes for silence.
async fn answer_unprovable(
    prover: &dyn Prover,
    job: &Job,
    no_proof: &NoProof,
) -> Option<ChallengeResponse> {
    let NoProof::Unprovable(reason) = no_proof else {
        return None;
    };
    if job.limits.strict_leaf_binding {
        return None;
    }
    let challenge = &job.challenge;
    let answer = prover.prove_another_leaf(challenge).await.ok()?;
    let leaf = answer.location().leaf_index;
    match check_proof_of(leaf, answer, challenge, &job.limits) {
        Ok(response) => {
            tracing::warn!(
                bucket = %challenge.bucket_id, %reason, %leaf,
                "a challenge of what no leaf has is answered with another leaf"
            );
            Some(response)
        }
        Err(refused) => {
            tracing::error!(bucket = %challenge.bucket_id, refused, "a proof is held back");
            None
        }
    }
}

/// Returns the claims that are valid in the best block's state, on top of which an answer would be
/// included.
async fn query_claims(
    prover: &dyn Prover,
    chain: &dyn ChainClient,
    job: &Job,
) -> Result<Vec<Claim>, ChainError> {
    let id = job.challenge.bucket_id;
    let at = chain.best_head().await.unwrap_or(job.head);
    let Some(bucket) = chain.bucket(at.hash, id).await? else {
        return Ok(Vec::new());
    };
    let deletions = prover.deletions(id).await;
    Ok(claim::valid_claims(&job.challenge, &bucket, deletions))
}

/// Explains to an operator why nothing is submitted.
fn explain_silence(no_proof: NoProof, step: &ClaimDecision, terms: ClaimTerms) -> JobError {
    let held = match step {
        ClaimDecision::HeldBack(claim) => claim.risk.map(|risk| (claim.name(), risk)),
        ClaimDecision::Wait | ClaimDecision::NoClaim | ClaimDecision::Submit(_) => None,
    };
    match (no_proof, held) {
        (NoProof::Unprovable(reason), _) => JobError::Unprovable(reason),
        (NoProof::Transient(reason), None) => JobError::Transient(reason),
        (NoProof::NeedsRepair(reason), None) => JobError::Alarm(reason),
        (NoProof::NotHere(reason), None) if terms.in_last_blocks => JobError::Alarm(format!(
            "{reason}; and neither a deletion signed by an admin nor a newer snapshot answers it"
        )),
        (NoProof::NotHere(reason), None) => JobError::Alarm(format!(
            "{reason}; a proof is tried again at each block, other answers only in the last blocks \
             before the deadline"
        )),
        (
            NoProof::Transient(reason) | NoProof::NeedsRepair(reason) | NoProof::NotHere(reason),
            Some((name, risk)),
        ) => JobError::Alarm(format!(
            "{reason}; {name} would answer it now, but is held back: {risk}, which would cost the \
             stake at once, and `claim_at_risk` is off"
        )),
    }
}

/// Lets the chain judge an answer beforehand, if it offers that. A claim is not submitted without
/// the chain's verdict. A proof is, once the deadline is near and the dry run fails: it was
/// verified twice, and silence loses for certain.
pub(super) async fn judge_on_chain(
    chain: &dyn ChainClient,
    job: &Job,
    response: &ChallengeResponse,
) -> Result<(), JobError> {
    let (bucket, id) = (job.challenge.bucket_id, job.challenge.id);
    let is_proof = matches!(response, ChallengeResponse::Proof { .. });
    match chain.dry_run(id, response).await {
        Ok(DryRunResult::Accepted) => Ok(()),
        Ok(DryRunResult::NotOffered) if is_proof => Ok(()),
        Ok(DryRunResult::NotOffered) => Err(JobError::Alarm(
            "there is no proof, and other answers are held back: the chain does not judge answers \
             beforehand"
                .into(),
        )),
        Ok(DryRunResult::Refused(ResponseRefusal::NoSuchChallenge)) => {
            Err(JobError::AlreadyAnswered)
        }
        Ok(DryRunResult::Refused(ResponseRefusal::Slashable(reason))) => {
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason:?})"));
            Err(JobError::Alarm(format!(
                "the answer passes all rules known to Cairn, but the chain would slash for \
                 it{reason}, so it is held back: does the chain hash as `--chain-hashing` says, and \
                 is Cairn as new as its runtime?"
            )))
        }
        Ok(DryRunResult::Refused(ResponseRefusal::Rejected(error))) => {
            Err(JobError::Alarm(format!(
                "the answer passes all rules known to Cairn, but the chain would refuse it with \
                 `{error}`, so it is held back: does the chain hash as `--chain-hashing` says, and \
                 is Cairn as new as its runtime?"
            )))
        }
        Err(error) if is_proof && job.is_near => {
            tracing::error!(
                %bucket, deadline = id.deadline, index = id.index, %error,
                "the dry run of an answer fails and its deadline is near; submitting the proof \
                 without it"
            );
            Ok(())
        }
        Err(error) => Err(from_chain_error(error)),
    }
}

/// Converts a chain error: transient errors are retried, others raise an alarm.
pub(super) fn from_chain_error(error: ChainError) -> JobError {
    if error.is_transient() {
        JobError::Transient(error.to_string())
    } else {
        JobError::Alarm(error.to_string())
    }
}

/// Returns whether a challenge tells the root alone, as of what a replica has confirmed where the
/// chain keeps no more of that: its start and its leaf count are then 0, or it has no leaf count.
/// The chain verifies an answer by the root in any case.
pub(super) fn tells_root_alone(challenge: &OpenChallenge) -> bool {
    let has_count = challenge.leaf_count.is_some_and(|count| count.get() > 0);
    challenge.start_seq.0 == 0 && !has_count
}

/// Returns the response if the proof is the one that this very challenge asks for; otherwise the
/// reason why it is not.
///
/// An [`Answer`] has passed both rules already. They are applied here a second time on purpose,
/// since a wrong response costs the stake at once: to what is sent, against the challenge and the
/// hashing profile as the chain states them, of which a bucket knows nothing.
pub(super) fn check_proof(
    answer: Answer,
    challenge: &OpenChallenge,
    limits: &Limits,
) -> Result<ChallengeResponse, String> {
    check_proof_of(challenge.location.leaf_index, answer, challenge, limits)
}

/// Does the same for a proof of a given leaf.
fn check_proof_of(
    leaf_index: LeafIndex,
    answer: Answer,
    challenge: &OpenChallenge,
    limits: &Limits,
) -> Result<ChallengeResponse, String> {
    let signed_root = answer.commitment();
    let is_of_its_tree = || {
        signed_root.start_seq == challenge.start_seq
            && challenge
                .leaf_count
                .is_none_or(|count| count == signed_root.leaf_count)
    };
    let is_the_asked_one = signed_root.mmr_root == challenge.mmr_root
        && (tells_root_alone(challenge) || is_of_its_tree());
    if !is_the_asked_one {
        return Err(format!(
            "the proof is for {} leaves from sequence {} under {:?}, but the challenge is of \
             another commitment ({:?} leaves from sequence {} under {:?})",
            signed_root.leaf_count,
            signed_root.start_seq,
            signed_root.mmr_root,
            challenge.leaf_count,
            challenge.start_seq,
            challenge.mmr_root,
        ));
    }
    let bound = usize::try_from(limits.chunk_bytes).unwrap_or(usize::MAX);
    if answer.chunk_data().len() > bound {
        return Err(format!(
            "the chunk has {} bytes, but the chain accepts at most {bound}",
            answer.chunk_data().len()
        ));
    }
    let asked = challenge.location;
    chain_rule::proof_response(
        limits.profile,
        answer.chunk_data(),
        answer.mmr_proof(),
        answer.chunk_proof(),
        asked.chunk_index,
        &challenge.mmr_root,
    )
    .map_err(|refusal| format!("the chain's rule refuses the proof: {refusal}"))?;
    // An index past the padded tree wraps to a slot within it; the strict rule is asked about that
    // slot.
    let data_size = answer.leaf().data_size;
    let location = ChunkLocation {
        leaf_index,
        chunk_index: chunk_tree::slot(asked.chunk_index, data_size),
    };
    verify::answer(
        limits.profile,
        answer.chunk_data(),
        answer.mmr_proof(),
        answer.chunk_proof(),
        &location,
        &signed_root,
    )
    .map_err(|refusal| format!("the strict rule refuses the proof: {refusal}"))?;
    Ok(answer.into_response())
}
