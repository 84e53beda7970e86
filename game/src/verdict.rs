//! The result of a game.

use cairn_primitives::challenge::SlashReason;
use std::fmt;

/// How the provider failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Its stake is gone.
    StakeLost {
        /// Why the chain took it.
        reason: SlashReason,
        /// The challenge, in words.
        challenge: String,
    },
    /// It signed two roots for the same leaves, or two commitments for a window.
    Contradiction {
        /// Both, in words.
        what: String,
    },
    /// It signed a root of which a leaf cannot be answered.
    Unanswerable {
        /// The leaf, and why, in words.
        what: String,
    },
    /// It handed an answer in that the chain would slash for.
    FalseSubmission {
        /// Why.
        reason: SlashReason,
    },
    /// The chain holds it to what it does not have, and it says nothing.
    Silence {
        /// Of what, in words.
        what: String,
    },
    /// It, or the game, did what it never should.
    Broken {
        /// The panic, or what did not end.
        what: String,
    },
}

impl Violation {
    /// What kind of violation it is, in a word or two.
    pub fn name(&self) -> String {
        match self {
            Self::StakeLost { reason, .. } => format!("stake lost, {reason:?}"),
            Self::Contradiction { .. } => "contradiction".into(),
            Self::Unanswerable { .. } => "unanswerable".into(),
            Self::FalseSubmission { reason } => format!("false submission, {reason:?}"),
            Self::Silence { .. } => "silence".into(),
            Self::Broken { .. } => "broken".into(),
        }
    }

    /// Whether another violation is of the same kind, so that the one is the
    /// other made shorter.
    pub fn is_like(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StakeLost { reason, challenge } => {
                write!(f, "the stake is lost ({reason:?}): {challenge}")
            }
            Self::Contradiction { what } => write!(f, "a contradiction was signed: {what}"),
            Self::Unanswerable { what } => write!(f, "signed, and cannot be answered: {what}"),
            Self::FalseSubmission { reason } => {
                write!(
                    f,
                    "an answer was handed in that the chain slashes for ({reason:?})"
                )
            }
            Self::Silence { what } => write!(f, "nothing was said: {what}"),
            Self::Broken { what } => write!(f, "broken: {what}"),
        }
    }
}

/// A game that has been played.
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// How the provider failed, if it did.
    pub violation: Option<Violation>,
    /// What happened, one move a line.
    pub story: Vec<String>,
    /// Moves that were made.
    pub moves: usize,
    /// Blocks that were made.
    pub blocks: u64,
    /// Challenges that were open at some time.
    pub challenges: u64,
    /// Signatures that were given.
    pub signatures: usize,
    /// Whether the promised bytes were gone by the operator's own hand, so that
    /// nothing more could be asked of the provider.
    pub void: bool,
}
