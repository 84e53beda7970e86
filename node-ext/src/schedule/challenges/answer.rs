//! Choosing the answer whose predicate holds, and nothing else (I5).
//!
//! 1. A proof, at the challenged root. It is judged here against the very
//!    challenge, by the chain's rule and by ours, whoever made it.
//! 2. In the last blocks before the deadline, where there is still none, an
//!    admin's deletion of the leaf or a newer snapshot over it, by the rules of
//!    [`claim`].
//! 3. Otherwise an alarm. A wrong answer is slashed at once, silence only at the
//!    deadline, so nothing is ever guessed.

use super::book::{Job, Trouble};
use super::claim::{self, Claim, Step, Terms};
use crate::bucket::{Answer, AuthorisedDeletion};
use crate::chain::{ChainClient, ChainError, Verdict};
use async_trait::async_trait;
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::onchain::{Limits, OpenChallenge, ResponseRefusal};
use cairn_primitives::{BucketId, chain_rule, chunk_tree, verify};

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoProof {
    /// Asking again may help, with nothing done: busy, or a passing fault.
    #[error("{0}")]
    Passing(String),
    /// Somebody must mend the bucket first.
    #[error("{0}")]
    Failing(String),
    /// There is none in what is here; a backup may have it.
    #[error("{0}")]
    Impossible(String),
    /// There is none, whatever anybody brings: the chain asks for what is not
    /// the content of any chunk, or in a shape that it cannot verify.
    #[error("{0}")]
    Never(String),
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
    let claims = match job.claims.is_time {
        true => claims(prover, chain, job).await.map_err(of_chain)?,
        false => Vec::new(),
    };
    match claim::step(&no_proof, job.claims, claims) {
        Step::Give(claim) => Ok(claim.response),
        step => Err(without_answer(no_proof, &step, job.claims)),
    }
}

/// All that holds by the chain's state in its best block, on top of which an
/// answer would be included.
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

/// What an operator is told where nothing is handed over.
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
            "{reason}; and neither a deletion that an admin signed nor a newer snapshot answers \
             for it"
        )),
        (NoProof::Impossible(reason), None) => Trouble::Alarm(format!(
            "{reason}; a proof is tried again at each block, and other answers only in the last \
             blocks before the deadline"
        )),
        (
            NoProof::Passing(reason) | NoProof::Failing(reason) | NoProof::Impossible(reason),
            Some((name, risk)),
        ) => Trouble::Alarm(format!(
            "{reason}; {name} would answer for it just now, and is held back: {risk}, which would \
             cost the stake at once. `--claim-at-risk` gives it all the same"
        )),
    }
}

/// What the chain itself says of an answer beforehand, where it can be asked.
/// What is no proof is not given without its word.
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
            "there is no proof, and what else would answer is held back: the chain does not judge \
             answers beforehand"
                .into(),
        )),
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
