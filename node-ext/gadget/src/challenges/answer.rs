//! Chooses an answer that the chain will accept, and no other (I5).
//!
//! 1. A proof at the challenged root. Whoever made it, it is judged here against the very
//!    challenge, by the chain's rule and by the strict one.
//! 2. In the last blocks before the deadline, if there is still no proof, an admin's deletion of
//!    the leaf or a newer snapshot over it, by the rules of [`claim`].
//! 3. Otherwise an alarm. A wrong answer is slashed at once, silence only at the deadline, so
//!    nothing is ever guessed.

use super::book::{Job, Trouble};
use super::claim::{self, Claim, Step, Terms};
use super::no_proof::NoProof;
use async_trait::async_trait;
use cairn_bucket::AuthorisedDeletion;
use cairn_chain::{ChainClient, ChainError, Verdict};
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::onchain::{Limits, OpenChallenge, ResponseRefusal};
use cairn_primitives::{Answer, BucketId, chain_rule, chunk_tree, verify};

/// A source of proofs and of authorised deletions.
#[async_trait]
pub(super) trait Prover: Send + Sync + 'static {
    /// Makes the proof that a challenge asks for.
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof>;

    /// Returns the deletions that admins of a bucket authorised, newest first; none if they cannot
    /// be read.
    async fn deletions(&self, bucket: BucketId) -> Vec<AuthorisedDeletion>;
}

/// Returns the response to submit, or the reason for submitting none.
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
    let claims = match job.claims.is_time {
        true => claims(prover, chain, job).await.map_err(of_chain)?,
        false => Vec::new(),
    };
    match claim::step(&no_proof, job.claims, claims) {
        Step::Give(claim) => Ok(claim.response),
        step => Err(without_answer(no_proof, &step, job.claims)),
    }
}

/// Returns the claims that are valid in the best block's state, on top of which an answer would be
/// included.
async fn claims(
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
    Ok(claim::all(&job.challenge, &bucket, deletions))
}

/// Explains to an operator why nothing is submitted.
fn without_answer(no_proof: NoProof, step: &Step, terms: Terms) -> Trouble {
    let held = match step {
        Step::Held(claim) => claim.risk.map(|risk| (claim.name(), risk)),
        Step::Wait | Step::Nothing | Step::Give(_) => None,
    };
    match (no_proof, held) {
        (NoProof::Never(reason), _) => Trouble::Never(reason),
        (NoProof::Passing(reason), None) => Trouble::Passing(reason),
        (NoProof::Failing(reason), None) => Trouble::Alarm(reason),
        (NoProof::Impossible(reason), None) if terms.is_time => Trouble::Alarm(format!(
            "{reason}; and neither a deletion signed by an admin nor a newer snapshot answers it"
        )),
        (NoProof::Impossible(reason), None) => Trouble::Alarm(format!(
            "{reason}; a proof is tried again at each block, other answers only in the last blocks \
             before the deadline"
        )),
        (
            NoProof::Passing(reason) | NoProof::Failing(reason) | NoProof::Impossible(reason),
            Some((name, risk)),
        ) => Trouble::Alarm(format!(
            "{reason}; {name} would answer it now, but is held back: {risk}, which would cost the \
             stake at once, and `claim_at_risk` is off"
        )),
    }
}

/// Lets the chain judge an answer beforehand, if it offers that. A claim is not submitted without
/// the chain's verdict.
pub(super) async fn ask_chain(
    chain: &dyn ChainClient,
    challenge: &OpenChallenge,
    response: &ChallengeResponse,
) -> Result<(), Trouble> {
    let is_proof = matches!(response, ChallengeResponse::Proof { .. });
    match chain.judge(challenge.id, response).await {
        Ok(Verdict::Accepted) => Ok(()),
        Ok(Verdict::NotOffered) if is_proof => Ok(()),
        Ok(Verdict::NotOffered) => Err(Trouble::Alarm(
            "there is no proof, and other answers are held back: the chain does not judge answers \
             beforehand"
                .into(),
        )),
        Ok(Verdict::Refused(ResponseRefusal::NoSuchChallenge)) => Err(Trouble::Answered),
        Ok(Verdict::Refused(ResponseRefusal::Slashable(reason))) => Err(Trouble::Alarm(format!(
            "the answer passes all rules known to Cairn, but the chain would slash for it \
             ({reason:?}), so it is held back: is Cairn as new as the chain's runtime?"
        ))),
        Err(error) => Err(of_chain(error)),
    }
}

/// Converts a chain error: transient errors are retried, others raise an alarm.
pub(super) fn of_chain(error: ChainError) -> Trouble {
    if error.is_passing() {
        Trouble::Passing(error.to_string())
    } else {
        Trouble::Alarm(error.to_string())
    }
}

/// Returns the response if the proof is the one that this very challenge asks for; otherwise the
/// reason why it is not.
///
/// An [`Answer`] has passed both rules already. They are applied here a second time on purpose,
/// since a wrong response costs the stake at once: to what is sent, against the challenge and the
/// hashing profile as the chain states them, of which a bucket knows nothing.
pub(super) fn checked(
    answer: Answer,
    challenge: &OpenChallenge,
    limits: &Limits,
) -> Result<ChallengeResponse, String> {
    let promised = answer.commitment();
    let is_the_asked_one = promised.mmr_root == challenge.mmr_root
        && promised.start_seq == challenge.start_seq
        && challenge
            .leaf_count
            .is_none_or(|count| count == promised.leaf_count);
    if !is_the_asked_one {
        return Err(format!(
            "the proof is for {} leaves from sequence {} under {:?}, but the challenge is of \
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
        chunk_index: chunk_tree::slot(asked.chunk_index, data_size),
        ..asked
    };
    verify::answer(
        limits.profile,
        answer.chunk_data(),
        answer.mmr_proof(),
        answer.chunk_proof(),
        &location,
        &promised,
    )
    .map_err(|refusal| format!("the strict rule refuses the proof: {refusal}"))?;
    Ok(answer.into_response())
}
