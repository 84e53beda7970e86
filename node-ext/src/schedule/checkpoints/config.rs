//! When checkpoints are brought, and what an attempt may take.

use std::num::NonZeroUsize;
use std::time::Duration;

/// Leaves that the chain may not know of: what a challenge by checkpoint cannot
/// reach yet.
const USUAL_LEAVES: u64 = 256;
/// Bytes that the chain may not know of: 1 GiB.
const USUAL_BYTES: u64 = 1 << 30;
/// Anchor blocks until something new is on chain at the latest: an hour.
const USUAL_AGE: u32 = 600;
/// Anchor blocks that each provider leaves to the one before it: half a minute,
/// in which an extrinsic is included and finalized.
const USUAL_STAGGER: u32 = 5;
/// Anchor blocks until an attempt that failed is made again.
const USUAL_RETRY: u32 = 5;
/// Anchor blocks until an extrinsic of which nothing is heard counts as lost:
/// as long as one signed for an era of 64 blocks can be included.
const USUAL_PATIENCE: u32 = 64;
/// Anchor blocks for which it is taken that the chain's rules for a bucket
/// stay as they are, while nothing is due.
const USUAL_REFRESH: u32 = 10;
/// How long each of the others may take to answer: less than two blocks, and
/// enough to open a cold bucket.
const USUAL_LIMIT: Duration = Duration::from_secs(10);
/// Attempts at once: each waits for others most of the time.
const USUAL_CONCURRENCY: usize = 8;

/// When checkpoints are brought, and what an attempt may take. Ages and waits
/// are in anchor blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// Bring one when so many leaves are new since the last.
    pub leaves: u64,
    /// Bring one when so many bytes are new since the last.
    pub bytes: u64,
    /// Bring one when the last is so old and anything is new.
    pub age: u32,
    /// How long each provider waits for the one before it.
    pub stagger: u32,
    /// How long after a failure to try again.
    pub retry: u32,
    /// How long to wait for an extrinsic of which nothing is heard.
    pub patience: u32,
    /// How long what the chain said of a bucket is good while nothing is due.
    pub refresh: u32,
    /// How long each of the other providers may take to answer.
    pub limit: Duration,
    /// Attempts at once.
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

/// Why a configuration is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointConfigError {
    /// A number that must not be 0 is.
    #[error("the checkpoints' `{0}` is 0, and has to be 1 or more")]
    Zero(&'static str),
}

/// A configuration that makes sense.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) leaves: u64,
    pub(crate) bytes: u64,
    pub(crate) age: u32,
    pub(crate) stagger: u32,
    pub(crate) retry: u32,
    pub(crate) patience: u32,
    pub(crate) refresh: u32,
    pub(crate) limit: Duration,
    pub(crate) concurrency: NonZeroUsize,
}

impl CheckpointConfig {
    /// The configuration as the scheduler takes it.
    ///
    /// # Errors
    ///
    /// [`CheckpointConfigError`] with the first number that makes no sense.
    pub(crate) fn validate(self) -> Result<Plan, CheckpointConfigError> {
        use CheckpointConfigError::Zero;
        let numbers = [
            ("leaves", self.leaves),
            ("bytes", self.bytes),
            ("age", self.age.into()),
            ("retry", self.retry.into()),
            ("patience", self.patience.into()),
            ("refresh", self.refresh.into()),
            ("limit", u64::from(!self.limit.is_zero())),
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
