//! The events of challenges, and their log lines.

use cairn_primitives::H256;
use cairn_primitives::challenge::SlashReason;
use cairn_primitives::onchain::OpenChallenge;

/// How urgent a challenge is whose answer is in no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::challenges) enum Level {
    Calm,
    Warning,
    Critical,
}

/// How a challenge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::challenges) enum Fate {
    /// The chain accepted the answer.
    Defended,
    /// The challenge was lost; with the reason, if the chain's event was read.
    Lost(Option<SlashReason>),
    /// The deadline passed while the provider did not run or could not read the chain.
    Unseen,
}

/// Something that an operator should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::challenges) enum News {
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
    /// No proof can ever exist.
    Unprovable {
        challenge: OpenChallenge,
        left: u32,
        reason: String,
    },
    /// The challenge is in the best block and in no finalized one.
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

/// Logs with the fields that every line about a challenge has, so that they can be searched for.
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
    /// Writes the event to the log.
    pub(in crate::challenges) fn log(&self) {
        match self {
            Self::Asked { challenge, left } => {
                say!(info, challenge, left, "new challenge");
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
                "submitted an answer to a challenge"
            ),
            Self::Retracted { challenge } => say!(
                warn,
                challenge,
                "the block with the answer to a challenge was retracted; still tracking the answer"
            ),
            Self::Again { challenge, why } => say!(
                warn,
                challenge,
                why,
                "the answer to a challenge was not included; submitting it again"
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
                "a challenge cannot be answered at present; trying again"
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
                "A CHALLENGE CANNOT BE ANSWERED: repair its bucket before the deadline, or the \
                 stake is lost; retrying until then"
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
                "A CHALLENGE CANNOT BE ANSWERED BY ANY PROOF, a defect of the chain's rules: store \
                 any file in the bucket, so that a checkpoint of another root is submitted; in the \
                 last blocks before the deadline this root is then claimed to be superseded \
                 (docs/operating.md, \"Padding\")"
            ),
            Self::Unsettled { challenge, left } => say!(
                error,
                challenge,
                left,
                "a challenge is in the best block, but finality has stalled: it is answered once \
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
                "A DEADLINE IS NEAR and no block includes the answer: check the bucket, the node's \
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
                "a challenge has been open for long, and no block includes its answer"
            ),
            Self::Settled {
                challenge,
                fate: Fate::Defended,
                attempts,
            } => say!(info, challenge, attempts, "challenge defended"),
            Self::Settled {
                challenge,
                fate: Fate::Lost(reason),
                attempts,
            } => say!(
                error,
                challenge,
                ?reason,
                attempts,
                "CHALLENGE LOST, and the stake with it"
            ),
            Self::Settled {
                challenge,
                fate: Fate::Unseen,
                attempts,
            } => say!(
                warn,
                challenge,
                attempts,
                "a challenge's deadline passed unobserved: check the provider's account on chain \
                 for a loss"
            ),
        }
    }
}
