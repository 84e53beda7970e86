//! What the book has to tell, and how an operator reads it.

use cairn_primitives::H256;
use cairn_primitives::challenge::SlashReason;
use cairn_primitives::onchain::OpenChallenge;

/// How near a deadline is that nothing in a block meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::schedule::challenges) enum Level {
    Calm,
    Warning,
    Critical,
}

/// What became of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule::challenges) enum Fate {
    /// It was answered well.
    Defended,
    /// It was lost; the reason where the chain was heard to say it.
    Lost(Option<SlashReason>),
    /// Its deadline passed while nobody here was looking.
    Unseen,
}

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::schedule::challenges) enum News {
    Asked {
        challenge: OpenChallenge,
        left: u32,
    },
    Handed {
        challenge: OpenChallenge,
        extrinsic: H256,
        attempt: u32,
        left: u32,
    },
    Retracted {
        challenge: OpenChallenge,
    },
    Again {
        challenge: OpenChallenge,
        why: String,
    },
    Trouble {
        challenge: OpenChallenge,
        left: u32,
        reason: String,
    },
    Alarm {
        challenge: OpenChallenge,
        left: u32,
        reason: String,
    },
    /// No proof can ever come.
    Unprovable {
        challenge: OpenChallenge,
        left: u32,
        reason: String,
    },
    /// The best block has it, and no finalized one does.
    Unsettled {
        challenge: OpenChallenge,
        left: u32,
    },
    Near {
        challenge: OpenChallenge,
        left: u32,
        level: Level,
        alarm: Option<String>,
    },
    Settled {
        challenge: OpenChallenge,
        fate: Fate,
        attempts: u32,
    },
}

/// The fields that every line about a challenge has, so that they can be
/// searched for, and then what is said.
macro_rules! say {
    ($level:ident, $challenge:expr, $($rest:tt)*) => {
        tracing::$level!(
            bucket = %$challenge.bucket_id,
            deadline = $challenge.id.deadline,
            index = $challenge.id.index,
            leaf = %$challenge.location.leaf_index,
            chunk = %$challenge.location.chunk_index,
            $($rest)*
        )
    };
}

impl News {
    /// Writes it to the log.
    pub(in crate::schedule::challenges) fn log(&self) {
        match self {
            Self::Asked { challenge, left } => {
                say!(info, challenge, left, "a challenge is to be answered");
            }
            Self::Handed {
                challenge,
                extrinsic,
                attempt,
                left,
            } => say!(
                info,
                challenge,
                ?extrinsic,
                attempt,
                left,
                "the answer to a challenge is handed over"
            ),
            Self::Retracted { challenge } => say!(
                warn,
                challenge,
                "the block with the answer to a challenge is retracted; the answer is watched"
            ),
            Self::Again { challenge, why } => say!(
                warn,
                challenge,
                why,
                "the answer to a challenge has not arrived, and is handed over again"
            ),
            Self::Trouble {
                challenge,
                left,
                reason,
            } => say!(
                warn,
                challenge,
                left,
                reason,
                "a challenge cannot be answered just now, and is tried again"
            ),
            Self::Alarm {
                challenge,
                left,
                reason,
            } => say!(
                error,
                challenge,
                left,
                reason,
                "A CHALLENGE CANNOT BE ANSWERED: see to its bucket before the deadline, or the \
                 stake is lost; it is tried again until then"
            ),
            Self::Unprovable {
                challenge,
                left,
                reason,
            } => say!(
                error,
                challenge,
                left,
                reason,
                "A CHALLENGE ASKS FOR WHAT NO BYTES CAN ANSWER, a fault of the chain's rules: have \
                 any file stored in the bucket, so that a checkpoint of another root is brought; \
                 in the last blocks before the deadline it is then claimed that this one is \
                 superseded (docs/operating.md, \"Padding\")"
            ),
            Self::Unsettled { challenge, left } => say!(
                error,
                challenge,
                left,
                "a challenge is in the best block, and no block becomes final: it is answered when \
                 its block is final; check the node and its peers"
            ),
            Self::Near {
                challenge,
                left,
                level: Level::Critical,
                alarm,
            } => say!(
                error,
                challenge,
                left,
                alarm,
                "A DEADLINE IS NEAR and no block has the answer: check the bucket, the node's \
                 peers and its transaction pool"
            ),
            Self::Near {
                challenge,
                left,
                alarm,
                ..
            } => say!(
                warn,
                challenge,
                left,
                alarm,
                "a challenge has waited long, and no block has its answer"
            ),
            Self::Settled {
                challenge,
                fate: Fate::Defended,
                attempts,
            } => say!(info, challenge, attempts, "a challenge is defended"),
            Self::Settled {
                challenge,
                fate: Fate::Lost(reason),
                attempts,
            } => say!(
                error,
                challenge,
                ?reason,
                attempts,
                "A CHALLENGE IS LOST, and the stake with it"
            ),
            Self::Settled {
                challenge,
                fate: Fate::Unseen,
                attempts,
            } => say!(
                warn,
                challenge,
                attempts,
                "a challenge's deadline has passed unseen: look at the provider's account on chain \
                 whether it was lost"
            ),
        }
    }
}
