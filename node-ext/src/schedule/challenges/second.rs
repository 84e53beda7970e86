//! A second node's word for a challenge, before an answer to it is handed over.
//!
//! The node that is asked for challenges could name the leaf of another one: a
//! proof of that leaf is true, and a wrong answer, which costs the stake at
//! once. So where a second node is named it has to know the same challenge. What
//! it does not, waits, and is told:
//!
//! - A second node that is not reached, or does not know of the challenge,
//!   holds an answer up until the deadline is near, and no longer: a node that
//!   is down must not cost the stake, and an answer to a challenge that there
//!   is not costs a fee only.
//! - One that has another challenge under that name holds it up until the last
//!   blocks. Then one of the two lies, and silence loses for certain. The first
//!   is believed: it is to be the operator's own, and the answer goes to it.

use super::answer::of_chain;
use super::book::{Job, Trouble};
use crate::chain::{ChainClient, ChainError};
use cairn_primitives::onchain::OpenChallenge;

/// The word of a second node about a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Same,
    Other,
    Unknown,
    Silent(ChainError),
}

/// Whether an answer may be handed over, as far as the second node goes.
pub(super) async fn agrees(second: &dyn ChainClient, job: &Job) -> Result<(), Trouble> {
    let word = ask(second, &job.challenge).await;
    let (is_near, is_last) = (job.is_near, job.claims.is_time);
    let goes = match &word {
        Word::Same => return Ok(()),
        Word::Other => is_last,
        Word::Unknown | Word::Silent(_) => is_near,
    };
    let (bucket, id) = (job.challenge.bucket_id, job.challenge.id);
    if goes {
        tracing::error!(
            %bucket, deadline = id.deadline, index = id.index, second = ?word,
            "the second node does not agree to a challenge, whose deadline is near: it is answered \
             by the first one's word"
        );
        return Ok(());
    }
    Err(match word {
        Word::Other => Trouble::Alarm(
            "the second node has another challenge of this name, so that one of the two lies: it \
             is not answered before the last blocks. Find out which of them is on the chain"
                .into(),
        ),
        Word::Silent(error) => match of_chain(error) {
            Trouble::Passing(reason) => {
                Trouble::Passing(format!("the second node is asked first: {reason}"))
            }
            _ => Trouble::Alarm(
                "the second node cannot tell of challenges, and is asked first: name another one"
                    .into(),
            ),
        },
        Word::Same | Word::Unknown => Trouble::Passing(
            "the second node does not know of this challenge, and is asked first: is it in sync?"
                .into(),
        ),
    })
}

async fn ask(second: &dyn ChainClient, challenge: &OpenChallenge) -> Word {
    let open = async {
        let best = second.best_head().await?;
        second.open_challenges(best.hash).await
    };
    match open.await {
        Err(error) => Word::Silent(error),
        Ok(open) => match open.iter().find(|known| known.id == challenge.id) {
            None => Word::Unknown,
            Some(known) if known == challenge => Word::Same,
            Some(_) => Word::Other,
        },
    }
}
