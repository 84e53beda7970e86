//! The workers that protect a provider's stake: they answer challenges before the deadline, keep
//! checkpoints up to date, compare the chain with the disk, and decide what may be deleted.

mod challenges;
mod checkpoint_rules;
mod checkpoints;
mod cosign;
mod heads;
mod own_chain;
mod promises;
mod retention;
#[cfg(test)]
pub(crate) mod village;

pub(crate) use challenges::broke_off;
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
pub(crate) use own_chain::OwnChain;
pub use promises::{PromiseBoard, PromiseConfig, PromiseStatistics, PromiseTrouble, PromiseWatch};
pub use retention::{
    Clock, Kept, NotJudged, Retention, RetentionBoard, RetentionConfig, RetentionStatistics,
};
