//! The workers of a storage provider on chain: challenges, checkpoints, retention, as one future.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod challenges;
mod checkpoint_rules;
mod checkpoints;
mod cosign;
mod extension;
mod genesis_check;
mod heads;
#[cfg(test)]
mod network;
mod printable;
mod retention;
mod signed_roots;

pub use extension::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
pub use printable::{is_unprintable, printable, printable_json, printable_lines};

pub use challenges::panic_message;
pub use challenges::{
    AnswerStage, ChallengeConfig, ChallengeConfigError, ChallengeDuty, ChallengeError,
    ChallengeStatistics, ChallengeStatus, ChallengeWorker, DEFAULT_CLAIM_WITHIN,
    DEFAULT_CRITICAL_DIVISOR, DEFAULT_MAX_BYTES_IN_FLIGHT, DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_RESUBMIT_AFTER, DEFAULT_STALE_AFTER, DEFAULT_TICK_INTERVAL, DEFAULT_WARN_DIVISOR,
    NotSynced, RECONNECT_BACKOFF_MAX, RECONNECT_BACKOFF_MIN,
};
pub use checkpoint_rules::BlockedReason;
pub use checkpoints::{
    CheckpointConfig, CheckpointConfigError, CheckpointError, CheckpointStage,
    CheckpointStatistics, CheckpointStatus, CheckpointWorker,
};
pub use cosign::{
    CheckpointRequest, CosignError, CosignRequest, Cosigners, Countersigner, HeldState, Refusal,
};
pub use genesis_check::GenesisCheckedChain;
pub use retention::{
    Clock, RetainReason, RetentionConfig, RetentionError, RetentionStatistics, RetentionStatus,
    RetentionWorker,
};
pub use signed_roots::{
    SignedRootConfig, SignedRootProblem, SignedRootStatistics, SignedRootStatus, SignedRootWorker,
};
