//! Confirms a challenge with a second node before an answer is submitted.
//!
//! The first node could name another challenge's leaf: a proof of that leaf is valid, but a wrong
//! answer, which costs the stake at once. So a configured second node must know the same challenge.
//! Otherwise the answer waits, and the operator is warned:
//!
//! - A second node that is unreachable, or does not know the challenge, delays an answer until the
//!   deadline is near, and no longer: a node that is down must not cost the stake, and an answer to
//!   a challenge that does not exist costs a fee only.
//! - A second node that has another challenge under that id delays the answer until the last
//!   blocks. Then one of the two lies, and silence loses for certain. The first is believed: it
//!   should be the operator's own, and the answer goes to it.

use super::answer::from_chain_error;
use super::tracker::{Job, JobError};
use cairn_chain::{ChainClient, ChainError, OpenChallenges};
use cairn_primitives::onchain::OpenChallenge;

/// A second node's view of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SecondOpinion {
    Confirmed,
    Conflicting,
    Unknown,
    Unavailable(ChainError),
}

/// Returns an error if the second node holds the answer back.
pub(super) async fn confirm(second: &dyn ChainClient, job: &Job) -> Result<(), JobError> {
    let word = query(second, &job.challenge, job.limits.challenge_ids_shift).await;
    let (is_near, is_last) = (job.is_near, job.claim_terms.in_last_blocks);
    let goes = match &word {
        SecondOpinion::Confirmed => return Ok(()),
        SecondOpinion::Conflicting => is_last,
        SecondOpinion::Unknown | SecondOpinion::Unavailable(_) => is_near,
    };
    let (bucket, id) = (job.challenge.bucket_id, job.challenge.id);
    if goes {
        tracing::error!(
            %bucket, deadline = id.deadline, index = id.index, second = ?word,
            "the second node does not confirm a challenge whose deadline is near; answering as the \
             first node says"
        );
        return Ok(());
    }
    Err(match word {
        SecondOpinion::Conflicting => JobError::Alarm(
            "the second node has another challenge under this id, so one of the two nodes lies: it \
             is not answered before the last blocks. Find out which challenge is on the chain"
                .into(),
        ),
        SecondOpinion::Unavailable(error) => match from_chain_error(error) {
            JobError::Transient(reason) => {
                JobError::Transient(format!("the second node must confirm it first: {reason}"))
            }
            _ => JobError::Alarm(
                "the second node must confirm it first, but cannot list challenges: configure \
                 another node"
                    .into(),
            ),
        },
        SecondOpinion::Confirmed | SecondOpinion::Unknown => JobError::Transient(
            "the second node must confirm it first, but does not know this challenge: is it in \
             sync?"
                .into(),
        ),
    })
}

async fn query(
    second: &dyn ChainClient,
    challenge: &OpenChallenge,
    ids_shift: bool,
) -> SecondOpinion {
    let open = async {
        let best = second.best_head().await?;
        second.open_challenges(best.hash).await
    };
    match open.await {
        Err(error) => SecondOpinion::Unavailable(error),
        Ok(OpenChallenges { challenges, .. }) => {
            let mut same = challenges
                .iter()
                .filter(|known| known.is_same(challenge, ids_shift));
            let mut of_its_id = challenges.iter().filter(|known| known.id == challenge.id);
            match (same.next(), of_its_id.next()) {
                (Some(_), _) => SecondOpinion::Confirmed,
                (None, Some(_)) if !ids_shift => SecondOpinion::Conflicting,
                (None, _) => SecondOpinion::Unknown,
            }
        }
    }
}
