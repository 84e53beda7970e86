//! Flags that say which chain is followed, when checkpoints are brought, and when a
//! challenge is answered without a proof.

use cairn_node_ext::schedule::{ChallengeConfig, CheckpointConfig};
use cairn_node_ext::{ExtensionConfig, OnCopy, OnOtherChain};
use cairn_rpc::CosignerLimits;
use clap::Args;

/// When checkpoints are brought, and challenges answered without a proof.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Checkpoints")]
pub(crate) struct ScheduleArgs {
    /// Bring one when so many leaves are new since the last
    #[arg(long, value_name = "LEAVES", default_value_t = CheckpointConfig::default().leaves)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_leaves: u64,
    /// Bring one when so many bytes are new since the last
    #[arg(long, value_name = "BYTES", default_value_t = CheckpointConfig::default().bytes)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_bytes: u64,
    /// Bring one when the last is so many anchor blocks old and anything is new
    #[arg(long, value_name = "BLOCKS", default_value_t = CheckpointConfig::default().age)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_age: u32,
    /// Ask other primary providers also at private addresses and on this machine, if they have
    /// registered such: within a network of one's own, or for development
    #[arg(long)]
    allow_private_endpoints: bool,
    /// Answer without a proof, by a deletion or a newer snapshot, with at most this many anchor
    /// blocks left
    #[arg(long, value_name = "BLOCKS", default_value_t = ChallengeConfig::default().claim_within)]
    #[arg(value_parser = clap::value_parser!(u32).range(4..), help_heading = "Challenges")]
    claim_within: u32,
    /// Do so also where others can undo such an answer before a block has it: then it loses the
    /// stake, as silence would
    #[arg(long, help_heading = "Challenges")]
    claim_at_risk: bool,
    /// Follow another chain than the base path has followed so far, and forget what that one told
    #[arg(long, help_heading = "Options")]
    new_chain: bool,
    /// Sign from a base path that is a copy: it is the newest one, and nothing else signs with its
    /// key
    #[arg(long, help_heading = "Options")]
    accept_copy: bool,
}

impl ScheduleArgs {
    /// How the other primary providers are asked.
    pub(crate) fn cosigners(self) -> CosignerLimits {
        CosignerLimits {
            allow_private: self.allow_private_endpoints,
            ..CosignerLimits::default()
        }
    }

    /// Whether a copy of a base path signs.
    pub(crate) const fn on_copy(self) -> OnCopy {
        match self.accept_copy {
            true => OnCopy::Accept,
            false => OnCopy::Refuse,
        }
    }

    /// The schedulers' configuration.
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
