//! The background scrub: reads all buckets one after another at a limited rate, so that
//! damage is found before a challenge finds it.

use super::scrubbing::{ScrubPlan, ScrubStatistics};
use super::{Inner, ProviderError};
use crate::pool::LeaseRequest;
use cairn_bucket::{RateLimit, Scrub, ScrubPass, ScrubPoint, ScrubStepReport};
use cairn_primitives::BucketId;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A pass over no buckets ends at once; the next one must not follow without a pause.
const MIN_PERIOD: Duration = Duration::from_millis(100);
/// The cost of opening a bucket, in bytes of the rate: without it, thousands of small
/// buckets would be opened without a limit.
const OPEN_COST_BYTES: u64 = 256 << 10;
/// The cost of a record in addition to a chunk's bytes, in bytes of the rate.
const RECORD_COST_BYTES: u64 = 100;
/// How often the position is saved. What follows it is read again after a crash.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long to wait for a bucket at once, so that the provider can stop in between.
const LEASE_TIMEOUT: Duration = Duration::from_millis(500);
/// How many times to wait for one bucket: a minute in all.
const MAX_LEASE_ATTEMPTS: u32 = 120;
/// How long to wait after the buckets could not be listed.
const RETRY_DELAY: Duration = Duration::from_secs(60);

/// Signals that the provider is stopping.
struct Stopping;

/// The scrub thread, which keeps to the plan's rate.
struct ScrubWorker<'i> {
    inner: &'i Arc<Inner>,
    rate_limit: RateLimit,
    started: Instant,
    /// The last pass. Its saved state on disk may be older.
    last_pass: Option<ScrubPass>,
    last_save: Instant,
}

impl Inner {
    pub(super) fn run_scrubber(self: &Arc<Self>) {
        let Some(plan) = self.scrubbing.plan else {
            return;
        };
        let started = Instant::now();
        let mut walk = ScrubWorker {
            inner: self,
            rate_limit: RateLimit::new(Some(plan.bytes_per_second), Duration::ZERO),
            started,
            last_pass: None,
            last_save: started,
        };
        while walk.run_pass(plan).is_ok() {}
    }

    /// Waits for `time`, or until the provider stops.
    fn pause(&self, time: Duration) -> Result<(), Stopping> {
        let until = Instant::now().checked_add(time);
        let mut work = self.work.lock();
        loop {
            if work.is_stopping {
                return Err(Stopping);
            }
            match until {
                Some(until) if Instant::now() >= until => return Ok(()),
                Some(until) => {
                    self.work_changed.wait_until(&mut work, until);
                }
                None => self.work_changed.wait(&mut work),
            }
        }
    }
}

impl ScrubWorker<'_> {
    /// Waits until a pass is due or an interrupted one is to be resumed, and completes it.
    fn run_pass(&mut self, plan: ScrubPlan) -> Result<(), Stopping> {
        let (mut round, resumes_at) = self.next_pass(plan)?;
        let ids = match self.inner.ids_after(None) {
            Ok(ids) => ids,
            Err(error) => {
                tracing::error!(%error, "cannot list the buckets to scrub");
                return self.inner.pause(RETRY_DELAY);
            }
        };
        for id in ids {
            if round.has_read(id) {
                continue;
            }
            round.next = Some(id);
            if let Err(stopping) = self.scrub_bucket(id, &round, resumes_at == Some(id)) {
                self.save_pass(&round);
                return Err(stopping);
            }
            round.mark_read(id);
            if self.take_save_due() {
                self.save_pass(&round);
            }
        }
        round.end();
        self.save_pass(&round);
        self.last_pass = Some(round);
        self.count(|done| done.passes = done.passes.saturating_add(1));
        // Wakes tests that wait for a pass to end.
        self.inner.work_changed.notify_all();
        Ok(())
    }

    /// Returns the next pass once it is due, and the bucket in which an earlier process
    /// stopped.
    fn next_pass(&self, plan: ScrubPlan) -> Result<(ScrubPass, Option<BucketId>), Stopping> {
        let read = || self.inner.base.scrub_pass();
        let last = self.last_pass.map_or_else(read, |last| Ok(Some(last)));
        let last = last.unwrap_or_else(|error| {
            tracing::warn!(%error, "the time of the last scrub is unknown; a new pass starts");
            None
        });
        match last {
            Some(round) if !round.is_over() => return Ok((round, round.next)),
            Some(round) => {
                let every = plan.period.max(MIN_PERIOD);
                self.inner.pause(round.due_in(every, since_epoch()))?;
            }
            None => {}
        }
        Ok((ScrubPass::starting_at(since_epoch()), None))
    }

    /// Reads a bucket to its end, or as far as possible.
    fn scrub_bucket(
        &mut self,
        id: BucketId,
        round: &ScrubPass,
        resumes: bool,
    ) -> Result<(), Stopping> {
        let resumed = if resumes { self.load_point(id) } else { None };
        if resumed.is_none() {
            // A saved position would be of another pass, or of another bucket with this id.
            self.save_point(id, None);
        }
        let mut is_kept = resumed.is_some();
        let mut scrub = Scrub::new(resumed);
        self.wait_after(OPEN_COST_BYTES)?;
        while let Some(step) = self.step(id, &mut scrub)? {
            let Some(point) = step.point else {
                self.count(|done| done.buckets = done.buckets.saturating_add(1));
                break;
            };
            let cost = step.records.saturating_mul(RECORD_COST_BYTES);
            let paused = self.wait_after(step.bytes.saturating_add(cost));
            if paused.is_err() || self.take_save_due() {
                is_kept = true;
                self.save_pass(round);
                self.save_point(id, Some(&point));
            }
            paused?;
        }
        if is_kept {
            self.save_point(id, None);
        }
        Ok(())
    }

    fn load_point(&self, id: BucketId) -> Option<ScrubPoint> {
        self.inner.base.scrub_point(id).unwrap_or_else(|error| {
            tracing::warn!(bucket = %id, %error, "the scrub of the bucket starts from its beginning");
            None
        })
    }

    /// Checks one step of a bucket. Returns `None` if the bucket is not available.
    fn step(&self, id: BucketId, scrub: &mut Scrub) -> Result<Option<ScrubStepReport>, Stopping> {
        let wanted = LeaseRequest::background().with_timeout(LEASE_TIMEOUT);
        let mut tries = 0_u32;
        let lease = loop {
            match self.inner.lease(id, wanted) {
                Ok(lease) => break lease,
                // Other callers come first, but one bucket must not hold up the rest.
                Err(ProviderError::Busy { .. }) if tries < MAX_LEASE_ATTEMPTS => {
                    tries = tries.saturating_add(1);
                    self.inner.pause(Duration::ZERO)?;
                }
                Err(ProviderError::NoSuchBucket { .. } | ProviderError::Reserved { .. }) => {
                    return Ok(None);
                }
                Err(error) => {
                    tracing::warn!(bucket = %id, %error, "the bucket is not scrubbed");
                    return Ok(None);
                }
            }
        };
        let step = match lease.run(|bucket| scrub.step(bucket, self.rate_limit.step_bytes())) {
            Ok(step) => step,
            Err(error) => {
                tracing::warn!(bucket = %id, %error, "the scrub of the bucket ends here");
                return Ok(None);
            }
        };
        self.count(|done| done.add(&step));
        for found in &step.findings {
            tracing::error!(bucket = %id, place = %found.place, fault = %found.fault, "found by a scrub");
        }
        // A read error may pass, so it does not stop writes to the bucket.
        if let Some(first) = step.findings.iter().find(|found| found.is_damage)
            && self.inner.index_writer.quarantine_reason(id).is_none()
        {
            let reason = format!("a scrub found damage: {}: {}", first.place, first.fault);
            self.inner.index_writer.quarantine(id, reason);
        }
        Ok(Some(step))
    }

    fn count(&self, change: impl FnOnce(&mut ScrubStatistics)) {
        change(&mut self.inner.scrubbing.statistics.lock());
    }

    fn wait_after(&mut self, bytes: u64) -> Result<(), Stopping> {
        let wait = self.rate_limit.wait_after(bytes, self.started.elapsed());
        self.inner.pause(wait)
    }

    fn take_save_due(&mut self) -> bool {
        let is_time = self.last_save.elapsed() >= SAVE_INTERVAL;
        if is_time {
            self.last_save = Instant::now();
        }
        is_time
    }

    fn save_pass(&self, round: &ScrubPass) {
        if let Err(error) = self.inner.base.save_scrub_pass(round) {
            tracing::warn!(%error, "the state of the scrub could not be saved");
        }
    }

    fn save_point(&self, id: BucketId, point: Option<&ScrubPoint>) {
        if let Err(error) = self.inner.base.save_scrub_point(id, point) {
            tracing::warn!(bucket = %id, %error, "the position of the scrub could not be saved");
        }
    }
}

/// Returns the wall clock's time, since the period of passes spans restarts.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
