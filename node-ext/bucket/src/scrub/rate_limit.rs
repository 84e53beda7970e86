//! The rate limit of a scrub. The caller passes in the time.

use cairn_primitives::chunk_tree::CHUNK_BYTES;
use std::num::NonZeroU64;
use std::time::Duration;

/// How much lost time a scrub may catch up on. After an hour without a turn, it must not
/// occupy the disk for an hour.
const MAX_CATCH_UP: Duration = Duration::from_secs(1);

/// Bytes of a step without a limit; takes some tenths of a second.
const MAX_STEP_BYTES: u64 = 64 << 20;

/// A limit in bytes per second.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    bytes_per_second: Option<NonZeroU64>,
    /// The time at which the bytes read so far are within the limit.
    due: Duration,
}

impl RateLimit {
    /// Makes a limit in bytes per second that starts at `now`; `None` for no limit.
    pub const fn new(bytes_per_second: Option<NonZeroU64>, now: Duration) -> Self {
        Self {
            bytes_per_second,
            due: now,
        }
    }

    /// Returns the bytes for the next step: a quarter of a second's, and at least a chunk.
    pub fn step_bytes(&self) -> u64 {
        let smallest = u64::try_from(CHUNK_BYTES).unwrap_or(MAX_STEP_BYTES);
        self.bytes_per_second.map_or(MAX_STEP_BYTES, |rate| {
            (rate.get() >> 2).clamp(smallest, MAX_STEP_BYTES)
        })
    }

    /// Records that `bytes` were read by `now`. Returns how long to wait before the next step.
    pub fn wait_after(&mut self, bytes: u64, now: Duration) -> Duration {
        let Some(rate) = self.bytes_per_second else {
            return Duration::ZERO;
        };
        let nanos = u128::from(bytes)
            .saturating_mul(1_000_000_000)
            .checked_div(rate.get().into())
            .unwrap_or(0);
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let from = self.due.max(now.saturating_sub(MAX_CATCH_UP));
        self.due = from.saturating_add(takes);
        self.due.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_limit_there_is_no_wait() {
        let mut pace = RateLimit::new(None, Duration::ZERO);
        assert_eq!(pace.step_bytes(), MAX_STEP_BYTES);
        assert_eq!(pace.wait_after(u64::MAX, Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_step_waits_for_its_bytes_minus_its_own_time() {
        let seconds = Duration::from_secs;
        let mut pace = RateLimit::new(NonZeroU64::new(1 << 20), seconds(100));
        assert_eq!(pace.step_bytes(), 1 << 18);
        assert_eq!(pace.wait_after(3 << 20, seconds(101)), seconds(2));
        assert_eq!(pace.wait_after(1 << 20, seconds(103)), seconds(1));
        // After an hour's pause, it catches up on one second.
        assert_eq!(pace.wait_after(4 << 20, seconds(3700)), seconds(3));
    }

    proptest! {
        #[test]
        fn no_period_exceeds_the_limit_by_more_than_one_step(
            rate in 1u64..1 << 30,
            steps in proptest::collection::vec((0u64..1 << 26, 0u64..5_000), 1..60),
        ) {
            let mut now = Duration::from_secs(7);
            let mut pace = RateLimit::new(NonZeroU64::new(rate), now);
            // Start, end and bytes of each step.
            let mut read: Vec<(Duration, Duration, u64)> = vec![];
            for (bytes, took) in steps {
                let began = now;
                now += Duration::from_millis(took);
                read.push((began, now, bytes));
                now += pace.wait_after(bytes, now);
            }
            for first in 0..read.len() {
                for last in first..read.len() {
                    // Nothing has waited for the last step.
                    let bytes: u64 = read[first..last].iter().map(|(_, _, bytes)| bytes).sum();
                    let stretch = read[last].0 - read[first].0 + MAX_CATCH_UP;
                    let most = stretch.as_nanos() * u128::from(rate) / 1_000_000_000;
                    prop_assert!(u128::from(bytes) <= most + read.len() as u128, "{} of {}", bytes, most);
                }
            }
        }
    }
}
