//! Flags of the chain workers: thresholds for checkpoints, claims instead of proofs, and
//! which chain and base path to accept.

use cairn_gadget::{ChallengeConfig, CheckpointConfig, ExtensionConfig};
use cairn_provider::{OnCopy, OnOtherChain};
use cairn_rpc_server::CosignerLimits;
use clap::Args;

/// Flags for checkpoints, claims, and accepting another chain or a copy.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Checkpoints")]
pub(crate) struct WorkerArgs {
    /// Submit a checkpoint after this many new leaves
    #[arg(long, value_name = "LEAVES", default_value_t = CheckpointConfig::default().leaves)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_leaves: u64,
    /// Submit a checkpoint after this many new bytes
    #[arg(long, value_name = "BYTES", default_value_t = CheckpointConfig::default().bytes)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_bytes: u64,
    /// Submit a checkpoint when the last one is this many anchor blocks old, if anything is new
    #[arg(long, value_name = "BLOCKS", default_value_t = CheckpointConfig::default().age)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_age: u32,
    /// Also connect to other primary providers at private and local addresses, if they have
    /// registered such; for private networks and development
    #[arg(long)]
    allow_private_endpoints: bool,
    /// If there is no proof, claim a deletion or a newer snapshot when at most this many anchor
    /// blocks are left
    #[arg(long, value_name = "BLOCKS", default_value_t = ChallengeConfig::default().claim_within)]
    #[arg(value_parser = clap::value_parser!(u32).range(4..), help_heading = "Challenges")]
    claim_within: u32,
    /// Make such a claim even if others can invalidate it before it is in a block; it then loses
    /// the stake, as silence would
    #[arg(long, help_heading = "Challenges")]
    claim_at_risk: bool,
    /// Follow another chain than before, and discard what the base path knows of the old one
    #[arg(long, help_heading = "Options")]
    new_chain: bool,
    /// Sign from a base path that is a copy. Only if it is the newest copy, and nothing else signs
    /// with its key
    #[arg(long, help_heading = "Options")]
    accept_copy: bool,
}

impl WorkerArgs {
    /// Returns the limits for requests to other primary providers.
    pub(crate) fn cosigners(self) -> CosignerLimits {
        CosignerLimits {
            allow_private: self.allow_private_endpoints,
            ..CosignerLimits::default()
        }
    }

    /// Returns whether a copied base path may sign.
    pub(crate) const fn on_copy(self) -> OnCopy {
        match self.accept_copy {
            true => OnCopy::Accept,
            false => OnCopy::Refuse,
        }
    }

    /// Returns the configuration of the chain workers.
    pub(crate) fn config(self) -> ExtensionConfig {
        ExtensionConfig {
            challenges: ChallengeConfig {
                claim_within: self.claim_within,
                claim_at_risk: self.claim_at_risk,
                ..ChallengeConfig::default()
            },
            checkpoints: CheckpointConfig {
                leaves: self.checkpoint_leaves,
                bytes: self.checkpoint_bytes,
                age: self.checkpoint_age,
                ..CheckpointConfig::default()
            },
            on_other_chain: match self.new_chain {
                true => OnOtherChain::Adopt,
                false => OnOtherChain::Refuse,
            },
            ..ExtensionConfig::default()
        }
    }
}
