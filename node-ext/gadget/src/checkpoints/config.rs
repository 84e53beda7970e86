//! The configuration of the checkpoint worker: defaults with their reasons, and their validation.

use crate::checkpoint_rules::CheckpointPolicy;
use std::num::NonZeroUsize;
use std::time::Duration;

/// New leaves that are not checkpointed at most: a challenge by checkpoint cannot reach them yet.
const DEFAULT_LEAVES: u64 = 256;
/// New bytes that are not checkpointed at most: 1 GiB.
const DEFAULT_BYTES: u64 = 1 << 30;
/// Anchor blocks until anything new is checkpointed at the latest: an hour.
const DEFAULT_AGE: u32 = 600;
/// Anchor blocks that each provider waits for the one before it: half a minute, in which an
/// extrinsic is included and finalized.
const DEFAULT_STAGGER: u32 = 5;
/// Anchor blocks until a failed attempt is retried.
const DEFAULT_RETRY: u32 = 5;
/// Anchor blocks until an extrinsic without news counts as lost: as long as one with an era of 64
/// blocks can be included.
const DEFAULT_SUBMISSION_TIMEOUT: u32 = 64;
/// Anchor blocks for which a bucket's on-chain state is cached while nothing is due.
const DEFAULT_REFRESH: u32 = 10;
/// The time that each other provider has to answer: less than two blocks, and enough to open a cold
/// bucket.
const DEFAULT_ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of concurrent attempts: each mostly waits for others.
const DEFAULT_CONCURRENCY: usize = 8;

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
    pub submission_timeout: u32,
    /// How long a bucket's on-chain state is cached while nothing is due.
    pub refresh: u32,
    /// The time that each other provider has to answer.
    pub answer_timeout: Duration,
    /// The maximum number of concurrent attempts.
    pub concurrency: usize,
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            leaves: DEFAULT_LEAVES,
            bytes: DEFAULT_BYTES,
            age: DEFAULT_AGE,
            stagger: DEFAULT_STAGGER,
            retry: DEFAULT_RETRY,
            submission_timeout: DEFAULT_SUBMISSION_TIMEOUT,
            refresh: DEFAULT_REFRESH,
            answer_timeout: DEFAULT_ANSWER_TIMEOUT,
            concurrency: DEFAULT_CONCURRENCY,
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
    pub(crate) fn validate(self) -> Result<CheckpointPolicy, CheckpointConfigError> {
        use CheckpointConfigError::Zero;
        let numbers = [
            ("leaves", self.leaves),
            ("bytes", self.bytes),
            ("age", self.age.into()),
            ("retry", self.retry.into()),
            ("submission_timeout", self.submission_timeout.into()),
            ("refresh", self.refresh.into()),
            ("answer_timeout", u64::from(!self.answer_timeout.is_zero())),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number == 0) {
            return Err(Zero(name));
        }
        let concurrency = NonZeroUsize::new(self.concurrency).ok_or(Zero("concurrency"))?;
        Ok(CheckpointPolicy {
            leaves: self.leaves,
            bytes: self.bytes,
            age: self.age,
            stagger: self.stagger,
            retry: self.retry,
            submission_timeout: self.submission_timeout,
            refresh: self.refresh,
            answer_timeout: self.answer_timeout,
            concurrency,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_a_zero_is_refused_by_name() {
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
