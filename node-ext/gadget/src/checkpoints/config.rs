//! The configuration of the checkpoint worker: defaults with their reasons, and their validation.

use crate::checkpoint_rules::Plan;
use std::num::NonZeroUsize;
use std::time::Duration;

/// New leaves that are not checkpointed at most: a challenge by checkpoint cannot reach them yet.
const USUAL_LEAVES: u64 = 256;
/// New bytes that are not checkpointed at most: 1 GiB.
const USUAL_BYTES: u64 = 1 << 30;
/// Anchor blocks until anything new is checkpointed at the latest: an hour.
const USUAL_AGE: u32 = 600;
/// Anchor blocks that each provider waits for the one before it: half a minute, in which an
/// extrinsic is included and finalized.
const USUAL_STAGGER: u32 = 5;
/// Anchor blocks until a failed attempt is retried.
const USUAL_RETRY: u32 = 5;
/// Anchor blocks until an extrinsic without news counts as lost: as long as one with an era of 64
/// blocks can be included.
const USUAL_PATIENCE: u32 = 64;
/// Anchor blocks for which a bucket's on-chain state is cached while nothing is due.
const USUAL_REFRESH: u32 = 10;
/// The time that each other provider has to answer: less than two blocks, and enough to open a cold
/// bucket.
const USUAL_LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of concurrent attempts: each mostly waits for others.
const USUAL_CONCURRENCY: usize = 8;

/// The configuration of the checkpoint worker. Ages and waits are in anchor blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// Submit a checkpoint after this many new leaves.
    pub leaves: u64,
    /// Submit a checkpoint after this many new bytes.
    pub bytes: u64,
    /// Submit a checkpoint when the last is this old and anything is new.
    pub age: u32,
    /// The wait of each provider for the one before it.
    pub stagger: u32,
    /// The pause after a failure.
    pub retry: u32,
    /// The wait until an extrinsic without news counts as lost.
    pub patience: u32,
    /// How long a bucket's on-chain state is cached while nothing is due.
    pub refresh: u32,
    /// The time that each other provider has to answer.
    pub limit: Duration,
    /// The maximum number of concurrent attempts.
    pub concurrency: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            leaves: USUAL_LEAVES,
            bytes: USUAL_BYTES,
            age: USUAL_AGE,
            stagger: USUAL_STAGGER,
            retry: USUAL_RETRY,
            patience: USUAL_PATIENCE,
            refresh: USUAL_REFRESH,
            limit: USUAL_LIMIT,
            concurrency: USUAL_CONCURRENCY,
        }
    }
}

/// Errors in a [`CheckpointConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointConfigError {
    /// A value that must not be 0.
    #[error("the checkpoint setting `{0}` is 0; it must be at least 1")]
    Zero(&'static str),
}

impl CheckpointConfig {
    /// Validates the configuration.
    ///
    /// # Errors
    ///
    /// [`CheckpointConfigError`] with the first value that is 0.
    pub(crate) fn validate(self) -> Result<Plan, CheckpointConfigError> {
        use CheckpointConfigError::Zero;
        let numbers = [
            ("leaves", self.leaves),
            ("bytes", self.bytes),
            ("age", self.age.into()),
            ("retry", self.retry.into()),
            ("submission_timeout", self.patience.into()),
            ("refresh", self.refresh.into()),
            ("answer_timeout", u64::from(!self.limit.is_zero())),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(Zero(name));
        }
        let concurrency = NonZeroUsize::new(self.concurrency).ok_or(Zero("concurrency"))?;
        Ok(Plan {
            leaves: self.leaves,
            bytes: self.bytes,
            age: self.age,
            stagger: self.stagger,
            retry: self.retry,
            patience: self.patience,
            refresh: self.refresh,
            limit: self.limit,
            concurrency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_taken_and_a_zero_is_refused_by_its_name() {
        assert!(CheckpointConfig::default().validate().is_ok());
        let idle = CheckpointConfig {
            concurrency: 0,
            ..CheckpointConfig::default()
        };
        assert_eq!(
            idle.validate().unwrap_err(),
            CheckpointConfigError::Zero("concurrency")
        );
        let hasty = CheckpointConfig {
            retry: 0,
            ..CheckpointConfig::default()
        };
        let refused = hasty.validate().unwrap_err();
        assert!(refused.to_string().contains("`retry`"), "{refused}");
    }
}
