//! The results of a drill: counts, and the times of the answers.

use super::challenge::Challenge;
use crate::hashing::Hashing;
use crate::verification::Verification;
use cairn_bucket::Bucket;
use cairn_primitives::HashingProfile;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The counts of one bucket, or of all buckets.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) asked: u64,
    /// Answered, and accepted by both rules.
    pub(super) answered: u64,
    pub(super) failed: u64,
    pub(super) strict_passed: u64,
    pub(super) chain_passed: u64,
    pub(super) newest_root: u64,
    pub(super) older_roots: u64,
    /// Challenged by a chunk index past the tree.
    pub(super) aliased: u64,
}

/// The counts, and the time of every answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) counts: Counts,
    times: Vec<Duration>,
}

fn increment_if(counter: &mut u64, counts: bool) {
    *counter = counter.saturating_add(u64::from(counts));
}

impl Tally {
    /// Counts an answered challenge.
    pub(super) fn record_answer(
        &mut self,
        challenge: &Challenge,
        judgement: &Verification,
        took: Duration,
    ) {
        let counts = &mut self.counts;
        increment_if(&mut counts.strict_passed, judgement.strict.is_ok());
        increment_if(&mut counts.chain_passed, judgement.chain.is_ok());
        increment_if(&mut counts.answered, judgement.is_accepted());
        increment_if(&mut counts.failed, !judgement.is_accepted());
        self.times.push(took);
        self.record_challenge(challenge);
    }

    /// Counts an unanswered challenge.
    pub(super) fn record_unanswered(&mut self, challenge: &Challenge) {
        increment_if(&mut self.counts.failed, true);
        self.record_challenge(challenge);
    }

    /// Counts a challenge that could not be generated.
    pub(super) fn record_ungenerated(&mut self) {
        increment_if(&mut self.counts.failed, true);
    }

    fn record_challenge(&mut self, challenge: &Challenge) {
        increment_if(&mut self.counts.asked, true);
        increment_if(&mut self.counts.newest_root, challenge.of_newest);
        increment_if(&mut self.counts.older_roots, !challenge.of_newest);
        increment_if(&mut self.counts.aliased, challenge.aliased);
    }

    pub(super) fn add(&mut self, other: Self) {
        let (sum, more) = (&mut self.counts, other.counts);
        for (sum, more) in [
            (&mut sum.asked, more.asked),
            (&mut sum.answered, more.answered),
            (&mut sum.failed, more.failed),
            (&mut sum.strict_passed, more.strict_passed),
            (&mut sum.chain_passed, more.chain_passed),
            (&mut sum.newest_root, more.newest_root),
            (&mut sum.older_roots, more.older_roots),
            (&mut sum.aliased, more.aliased),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.times.extend(other.times);
    }

    /// Returns the report on one bucket.
    pub(super) fn bucket_report(&self, bucket: &Bucket, seed: u64) -> Report {
        self.report(Some((bucket.id().0, bucket.config().profile)), seed)
    }

    /// Returns the report on all buckets.
    pub(super) fn total_report(&self, seed: u64) -> Report {
        self.report(None, seed)
    }

    fn report(&self, of: Option<(u64, HashingProfile)>, seed: u64) -> Report {
        let mut times = self.times.clone();
        times.sort_unstable();
        Report {
            bucket: of.map(|(bucket, _)| bucket),
            hashing: of.map(|(_, profile)| profile.into()),
            counts: self.counts.clone(),
            p50_micros: percentile(&times, 50),
            p99_micros: percentile(&times, 99),
            max_micros: percentile(&times, 100),
            seed,
        }
    }
}

/// Returns the time within which `percent` of the answers were ready, by nearest rank.
fn percentile(sorted: &[Duration], percent: usize) -> Option<u64> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    let time = sorted.get(rank.checked_sub(1)?)?;
    u64::try_from(time.as_micros()).ok()
}

/// The output for one bucket, or for all.
#[derive(Serialize)]
pub(super) struct Report {
    /// The bucket; `None` for all buckets together.
    bucket: Option<u64>,
    hashing: Option<Hashing>,
    #[serde(flatten)]
    counts: Counts,
    p50_micros: Option<u64>,
    p99_micros: Option<u64>,
    max_micros: Option<u64>,
    seed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        match self.bucket {
            Some(bucket) => write!(f, "bucket {bucket}: ")?,
            None => write!(f, "all (seed {}): ", self.seed)?,
        }
        write!(
            f,
            "{} challenges, {} answered, {} failed; newest root {}, older roots {}, index past the \
             tree {}; {} passed the strict rule, {} the chain's rule",
            counts.asked,
            counts.answered,
            counts.failed,
            counts.newest_root,
            counts.older_roots,
            counts.aliased,
            counts.strict_passed,
            counts.chain_passed,
        )?;
        match (self.p50_micros, self.p99_micros) {
            (Some(p50), Some(p99)) => write!(f, "; p50 {p50} µs, p99 {p99} µs"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_time_of_the_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!(percentile(&times, 50), Some(100));
        assert_eq!(percentile(&times, 99), Some(198));
        assert_eq!(percentile(&times, 100), Some(200));
        assert_eq!(percentile(&times[..1], 50), Some(1));
        assert_eq!(percentile(&[], 50), None);
    }
}
