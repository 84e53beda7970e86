//! The capabilities that a provider needs of a chain, and their support.

use serde::Serialize;
use std::fmt;

/// Something that a provider does with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Follow the chain: its anchor block and its limits.
    Follow,
    /// Read open challenges.
    ReadChallenges,
    /// Answer a challenge with a proof.
    Answer,
    /// Answer that the content was deleted.
    ClaimDeleted,
    /// Answer that a newer checkpoint covers the leaf.
    ClaimSuperseded,
    /// Judge an answer by a dry run.
    DryRun,
    /// Read what became of challenges and checkpoints.
    Outcomes,
    /// Sign commitments.
    Sign,
    /// Read buckets, agreements and providers.
    Buckets,
    /// Submit checkpoints.
    Checkpoint,
    /// Submit checkpoints in windows.
    Windows,
    /// Register, change the provider's record, and leave.
    Register,
    /// Sign terms of agreements.
    Terms,
    /// Sign extrinsics.
    Extrinsics,
    /// Read balances.
    Funds,
    /// Estimate fees.
    Fees,
}

impl Capability {
    /// The capabilities without which no provider can run.
    pub const NEEDED: [Self; 7] = [
        Self::Follow,
        Self::ReadChallenges,
        Self::Answer,
        Self::Outcomes,
        Self::Sign,
        Self::Buckets,
        Self::Extrinsics,
    ];
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Follow => "follow the chain",
            Self::ReadChallenges => "read open challenges",
            Self::Answer => "answer a challenge",
            Self::ClaimDeleted => "claim a deletion",
            Self::ClaimSuperseded => "claim a newer checkpoint",
            Self::DryRun => "judge answers by a dry run",
            Self::Outcomes => "read what became of challenges",
            Self::Sign => "sign commitments",
            Self::Buckets => "read buckets and agreements",
            Self::Checkpoint => "submit checkpoints",
            Self::Windows => "submit checkpoints in windows",
            Self::Register => "register and leave",
            Self::Terms => "sign terms of agreements",
            Self::Extrinsics => "sign extrinsics",
            Self::Funds => "read balances",
            Self::Fees => "estimate fees",
        })
    }
}

/// The support of a capability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "support", content = "reason")]
pub enum Support {
    /// It is supported.
    Supported,
    /// The runtime does not offer it.
    NotOffered(String),
    /// The runtime has it in a form that Cairn does not understand.
    Refused(String),
}
