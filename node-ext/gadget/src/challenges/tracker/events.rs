//! The events of challenges, and their log lines.

use cairn_primitives::H256;
use cairn_primitives::challenge::SlashReason;
use cairn_primitives::onchain::OpenChallenge;

/// How urgent a challenge is whose answer is in no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::challenges) enum Urgency {
    Normal,
    Warning,
    Critical,
}

/// How a challenge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::challenges) enum Resolution {
    /// The chain accepted the answer.
    Defended,
    /// The challenge was lost; with the reason, if the chain's event was read.
    Lost(Option<SlashReason>),
    /// The chain dropped the challenge, by a migration or with its bucket: nothing is lost.
    Dropped,
    /// The deadline passed while the provider did not run or could not read the chain.
    Unobserved,
}

/// Something that an operator should read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::challenges) enum TrackerEvent {
    Opened {
        challenge: OpenChallenge,
        left: u32,
    },
    Submitted {
        challenge: OpenChallenge,
        extrinsic: H256,
        attempt: u32,
        left: u32,
    },
    Retracted {
        challenge: OpenChallenge,
    },
    Resubmitting {
        challenge: OpenChallenge,
        why: String,
    },
    Delayed {
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
    Unfinalized {
        challenge: OpenChallenge,
        left: u32,
    },
    DeadlineNear {
        challenge: OpenChallenge,
        left: u32,
        urgency: Urgency,
        alarm: Option<String>,
    },
    /// The chain has a row that may be a challenge and cannot be read.
    UnreadableRow {
        reason: String,
    },
    Closed {
        challenge: OpenChallenge,
        resolution: Resolution,
        attempts: u32,
    },
}

/// Logs with the fields that every line about a challenge has, so that they can be searched for.
macro_rules! log_challenge {
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

impl TrackerEvent {
    /// Writes the event to the log.
    pub(in crate::challenges) fn log(&self) {
        match self {
            Self::Opened { challenge, left } => {
                log_challenge!(info, challenge, left, "new challenge");
            }
            Self::Submitted {
                challenge,
                extrinsic,
                attempt,
                left,
            } => log_challenge!(
                info,
                challenge,
                ?extrinsic,
                attempt,
                left,
                "submitted an answer to a challenge"
            ),
            Self::Retracted { challenge } => log_challenge!(
                warn,
                challenge,
                "the block with the answer to a challenge was retracted; still tracking the answer"
            ),
            Self::Resubmitting { challenge, why } => log_challenge!(
                warn,
                challenge,
                why,
                "the answer to a challenge was not included; submitting it again"
            ),
            Self::Delayed {
                challenge,
                left,
                reason,
            } => log_challenge!(
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
            } => log_challenge!(
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
            } => log_challenge!(
                error,
                challenge,
                left,
                reason,
                "A CHALLENGE CANNOT BE ANSWERED BY ANY PROOF, a defect of the chain's rules: store \
                 any file in the bucket, so that a checkpoint of another root is submitted; in the \
                 last blocks before the deadline this root is then claimed to be superseded \
                 (docs/operating.md, \"Padding\")"
            ),
            Self::Unfinalized { challenge, left } => log_challenge!(
                error,
                challenge,
                left,
                "a challenge is in the best block, but finality has stalled: it is answered once \
                 its block is final; check the node and its peers"
            ),
            Self::DeadlineNear {
                challenge,
                left,
                urgency: Urgency::Critical,
                alarm,
            } => log_challenge!(
                error,
                challenge,
                left,
                alarm,
                "A DEADLINE IS NEAR and no block includes the answer: check the bucket, the node's \
                 peers and its transaction pool"
            ),
            Self::DeadlineNear {
                challenge,
                left,
                alarm,
                ..
            } => log_challenge!(
                warn,
                challenge,
                left,
                alarm,
                "a challenge has been open for long, and no block includes its answer"
            ),
            Self::UnreadableRow { reason } => tracing::error!(
                reason,
                "A CHALLENGE MAY NOT BE SEEN: a row of the chain's state cannot be read. The others \
                 are answered. Update Cairn, or ask the chain's maintainers to migrate the row"
            ),
            Self::Closed {
                challenge,
                resolution: Resolution::Defended,
                attempts,
            } => log_challenge!(info, challenge, attempts, "challenge defended"),
            Self::Closed {
                challenge,
                resolution: Resolution::Lost(reason),
                attempts,
            } => log_challenge!(
                error,
                challenge,
                ?reason,
                attempts,
                "CHALLENGE LOST, and the stake with it"
            ),
            Self::Closed {
                challenge,
                resolution: Resolution::Dropped,
                attempts,
            } => log_challenge!(
                info,
                challenge,
                attempts,
                "the chain dropped a challenge without an outcome"
            ),
            Self::Closed {
                challenge,
                resolution: Resolution::Unobserved,
                attempts,
            } => log_challenge!(
                warn,
                challenge,
                attempts,
                "a challenge's deadline passed unobserved: check the provider's account on chain \
                 for a loss"
            ),
        }
    }
}
