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
mod heads;
mod own_chain;
mod printable;
mod promises;
mod retention;
#[cfg(test)]
mod village;

pub use extension::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
pub use printable::{is_unprintable, printable, printable_json, printable_lines};

pub use challenges::broke_off;
pub use challenges::{
    BYTES_IN_FLIGHT, CLAIM_WITHIN, CRITICAL_PART, ChallengeBoard, ChallengeConfig,
    ChallengeConfigError, ChallengeDuty, ChallengeError, ChallengeScheduler, ChallengeStatistics,
    IN_FLIGHT, NotFollowed, RECONNECT_FIRST, RECONNECT_MOST, RESUBMIT_AFTER, STALE_AFTER, Stage,
    TICK, WARN_PART,
};
pub use checkpoint_rules::Stopped;
pub use checkpoints::{
    CheckpointBoard, CheckpointConfig, CheckpointConfigError, CheckpointError, CheckpointScheduler,
    CheckpointStage, CheckpointStatistics,
};
pub use cosign::{Ask, CheckpointRequest, CosignError, Cosigners, Countersigner, Holding, Refusal};
pub use own_chain::OwnChain;
pub use promises::{PromiseBoard, PromiseConfig, PromiseStatistics, PromiseTrouble, PromiseWatch};
pub use retention::{
    Clock, Kept, NotJudged, Retention, RetentionBoard, RetentionConfig, RetentionStatistics,
};
