//! The result of a game.

use cairn_primitives::challenge::SlashReason;
use std::fmt;

/// How the provider failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The stake is gone.
    StakeLost {
        /// The chain's reason, if it tells one.
        reason: Option<SlashReason>,
        /// A description of the challenge.
        challenge: String,
    },
    /// It signed two roots for the same leaves, or two commitments for a window.
    Contradiction {
        /// A description of both.
        what: String,
    },
    /// It signed a root with a leaf that cannot be answered.
    Unanswerable {
        /// A description of the leaf and the reason.
        what: String,
    },
    /// It submitted an answer that the chain would slash for.
    FalseSubmission {
        /// The chain's reason, if it tells one.
        reason: Option<SlashReason>,
    },
    /// The chain holds it to data that it lacks, and it raises no alarm.
    NoAlarm {
        /// A description of the data.
        what: String,
    },
    /// The provider or the game panicked or hung.
    Broken {
        /// The panic, or what hung.
        what: String,
    },
}

impl Violation {
    /// Returns the kind of the violation in a word or two.
    pub fn name(&self) -> String {
        match self {
            Self::StakeLost { reason, .. } => format!("stake lost, {}", reason_name(*reason)),
            Self::Contradiction { .. } => "contradiction".into(),
            Self::Unanswerable { .. } => "unanswerable".into(),
            Self::FalseSubmission { reason } => {
                format!("false submission, {}", reason_name(*reason))
            }
            Self::NoAlarm { .. } => "silence".into(),
            Self::Broken { .. } => "broken".into(),
        }
    }

    /// Returns true if another violation is of the same kind, so that one is a shrunk form of the
    /// other.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

fn reason_name(reason: Option<SlashReason>) -> String {
    reason.map_or_else(|| "no reason told".into(), |reason| format!("{reason:?}"))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StakeLost { reason, challenge } => {
                write!(
                    f,
                    "the stake is lost ({}): {challenge}",
                    reason_name(*reason)
                )
            }
            Self::Contradiction { what } => write!(f, "a contradiction was signed: {what}"),
            Self::Unanswerable { what } => write!(f, "signed but unanswerable: {what}"),
            Self::FalseSubmission { reason } => {
                write!(
                    f,
                    "an answer was submitted that the chain slashes for ({})",
                    reason_name(*reason)
                )
            }
            Self::NoAlarm { what } => write!(f, "no alarm was raised: {what}"),
            Self::Broken { what } => write!(f, "broken: {what}"),
        }
    }
}

/// The record of a finished game.
#[derive(Clone, Debug, Default)]
pub struct GameResult {
    /// How the provider failed, if it did.
    pub violation: Option<Violation>,
    /// The events, one line for each move.
    pub log: Vec<String>,
    /// The number of moves made.
    pub moves: usize,
    /// The number of blocks made.
    pub blocks: u64,
    /// The number of challenges that were ever open.
    pub challenges: u64,
    /// The number of signatures given.
    pub signatures: usize,
    /// True if the operator itself destroyed promised data, so that nothing more can be expected of
    /// the provider.
    pub is_void: bool,
}
