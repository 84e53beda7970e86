//! A scrub's pass over all buckets: its start and its progress. Pure: the caller passes in
//! the time.

use cairn_primitives::BucketId;
use codec::{Decode, Encode};
use std::time::Duration;

/// A pass over all buckets, in ascending order of their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ScrubPass {
    /// Start of the pass, in milliseconds of Unix time.
    began_ms: u64,
    /// The first bucket that is not fully read; `None` if all are.
    pub next: Option<BucketId>,
}

impl ScrubPass {
    /// Starts a pass at the given Unix time.
    pub fn starting_at(now: Duration) -> Self {
        Self {
            began_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            next: Some(BucketId(0)),
        }
    }

    /// Returns whether every bucket was read.
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// Returns whether a bucket was read in this pass.
    pub fn has_read(&self, id: BucketId) -> bool {
        self.next.is_none_or(|next| id < next)
    }

    /// Records that a bucket was read.
    pub fn mark_read(&mut self, id: BucketId) {
        self.next = id.0.checked_add(1).map(BucketId);
    }

    /// Ends the pass: no bucket is left.
    pub fn end(&mut self) {
        self.next = None;
    }

    /// Returns the time until the next pass, which starts once per period. Never longer than a
    /// period, even if the clock was set back.
    pub fn due_in(&self, every: Duration, now: Duration) -> Duration {
        let due = Duration::from_millis(self.began_ms).saturating_add(every);
        due.saturating_sub(now).min(every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_pass_begins_once_per_period_whatever_the_clock() {
        let began = HOUR * 1000;
        let mut round = ScrubPass::starting_at(began);
        assert!(!round.is_over());
        round.end();
        assert!(round.is_over());
        for (now, wait) in [
            (began, HOUR),
            (began + HOUR / 4, HOUR * 3 / 4),
            (began + HOUR, Duration::ZERO),
            (began + HOUR * 99, Duration::ZERO),
            // The clock is set back by a year.
            (Duration::ZERO, HOUR),
        ] {
            assert_eq!(round.due_in(HOUR, now), wait, "{now:?}");
        }
    }

    #[test]
    fn a_pass_continues_after_the_last_bucket_read() {
        let mut round = ScrubPass::starting_at(HOUR);
        assert!(!round.has_read(BucketId(0)));
        round.mark_read(BucketId(7));
        assert!(round.has_read(BucketId(7)) && !round.has_read(BucketId(8)));
        round.mark_read(BucketId(u64::MAX));
        assert!(round.is_over() && round.has_read(BucketId(u64::MAX)));
    }
}
