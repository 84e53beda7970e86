//! The background scrub: reads all buckets one after another at a limited rate, so that
//! damage is found before a challenge finds it.

use super::{Inner, ProviderError};
use crate::metrics::{Reading, Readings};
use crate::pool::Wanted;
use cairn_bucket::{Pace, Scrub, ScrubPoint, ScrubRound, StepReport};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// 1 TiB in a day and a half, and a twentieth of a slow disk's read rate. The compiler
/// checks that it is not 0.
const USUAL_RATE: NonZeroU64 = NonZeroU64::new(8 << 20).unwrap();
/// As usual for deep scrubs of storage clusters.
const USUAL_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A pass over no buckets ends at once; the next one must not follow without a pause.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// The cost of opening a bucket, in bytes of the rate: without it, thousands of small
/// buckets would be opened without a limit.
const OPENING_BYTES: u64 = 256 << 10;
/// The cost of a record in addition to a chunk's bytes, in bytes of the rate.
const RECORD_BYTES: u64 = 100;
/// How often the position is saved. What follows it is read again after a crash.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// How long to wait for a bucket at once, so that the provider can stop in between.
const WAIT_AT_ONCE: Duration = Duration::from_millis(500);
/// How many times to wait for one bucket: a minute in all.
const MOST_TRIES: u32 = 120;
/// How long to wait after the buckets could not be listed.
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// The rate and period of the background scrub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPlan {
    /// The highest read rate, in bytes per second.
    pub bytes_per_second: NonZeroU64,
    /// The time from the start of one pass to the start of the next, unless a pass takes
    /// longer.
    pub every: Duration,
}

impl Default for ScrubPlan {
    /// 8 MiB per second, and one pass a week.
    fn default() -> Self {
        Self {
            bytes_per_second: USUAL_RATE,
            every: USUAL_PERIOD,
        }
    }
}

/// Counts of the background scrub since the provider started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubStatistics {
    /// Completed passes over all buckets.
    pub rounds: u64,
    /// Buckets read to their end.
    pub buckets: u64,
    /// Records checked.
    pub records: u64,
    /// Bytes of chunks checked.
    pub bytes: u64,
    /// Records that do not match their hash.
    pub findings: u64,
}

impl ScrubStatistics {
    fn add(&mut self, step: &StepReport) {
        let findings = u64::try_from(step.findings.len()).unwrap_or(u64::MAX);
        self.records = self.records.saturating_add(step.records);
        self.bytes = self.bytes.saturating_add(step.bytes);
        self.findings = self.findings.saturating_add(findings);
    }
}

/// The plan and the counts of a provider's scrub.
#[derive(Default)]
pub(super) struct Scrubbing {
    /// `None` for no scrub.
    pub(super) plan: Option<ScrubPlan>,
    pub(super) done: Mutex<ScrubStatistics>,
}

impl Scrubbing {
    pub(super) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<ScrubStatistics>; 5] = [
            ("rounds_total", "Completed passes over all buckets", |s| {
                s.rounds
            }),
            ("buckets_total", "Buckets read to their end", |s| s.buckets),
            ("records_total", "Records checked", |s| s.records),
            ("bytes_total", "Bytes of chunks checked", |s| s.bytes),
            (
                "findings_total",
                "Records that do not match their hash",
                |s| s.findings,
            ),
        ];
        let scrubbing = self.clone();
        let readings = Readings {
            prefix: "cairn_scrub_",
            source: Arc::new(move || *scrubbing.done.lock()),
            registry,
        };
        readings.counters(&counters)
    }
}

/// Signals that the provider is stopping.
struct Stopping;

/// The scrub thread, which keeps to the plan's rate.
struct Walk<'i> {
    inner: &'i Arc<Inner>,
    pace: Pace,
    started: Instant,
    /// The last pass. Its saved state on disk may be older.
    last: Option<ScrubRound>,
    kept: Instant,
}

impl Inner {
    pub(super) fn keep_scrubbing(self: &Arc<Self>) {
        let Some(plan) = self.scrubbing.plan else {
            return;
        };
        let started = Instant::now();
        let mut walk = Walk {
            inner: self,
            pace: Pace::new(Some(plan.bytes_per_second), Duration::ZERO),
            started,
            last: None,
            kept: started,
        };
        while walk.round(plan).is_ok() {}
    }

    /// Waits for `time`, or until the provider stops.
    fn pause(&self, time: Duration) -> Result<(), Stopping> {
        let until = Instant::now().checked_add(time);
        let mut work = self.work.lock();
        loop {
            if work.stopping {
                return Err(Stopping);
            }
            match until {
                Some(until) if Instant::now() >= until => return Ok(()),
                Some(until) => {
                    self.changed.wait_until(&mut work, until);
                }
                None => self.changed.wait(&mut work),
            }
        }
    }
}

impl Walk<'_> {
    /// Waits until a pass is due or an interrupted one is to be resumed, and completes it.
    fn round(&mut self, plan: ScrubPlan) -> Result<(), Stopping> {
        let (mut round, resumes_at) = self.due_round(plan)?;
        let ids = match self.inner.ids_after(None) {
            Ok(ids) => ids,
            Err(error) => {
                tracing::error!(%error, "cannot list the buckets to scrub");
                return self.inner.pause(AFTER_A_FAILURE);
            }
        };
        for id in ids {
            if round.has_passed(id) {
                continue;
            }
            round.next = Some(id);
            if let Err(stopping) = self.bucket(id, &round, resumes_at == Some(id)) {
                self.keep(&round);
                return Err(stopping);
            }
            round.pass(id);
            if self.is_time_to_keep() {
                self.keep(&round);
            }
        }
        round.end();
        self.keep(&round);
        self.last = Some(round);
        self.count(|done| done.rounds = done.rounds.saturating_add(1));
        // Wakes tests that wait for a pass to end.
        self.inner.changed.notify_all();
        Ok(())
    }

    /// Returns the next pass once it is due, and the bucket in which an earlier process
    /// stopped.
    fn due_round(&self, plan: ScrubPlan) -> Result<(ScrubRound, Option<BucketId>), Stopping> {
        let read = || self.inner.base.scrub_round();
        let last = self.last.map_or_else(read, |last| Ok(Some(last)));
        let last = last.unwrap_or_else(|error| {
            tracing::warn!(%error, "the time of the last scrub is unknown; a new pass starts");
            None
        });
        match last {
            Some(round) if !round.is_over() => return Ok((round, round.next)),
            Some(round) => {
                let every = plan.every.max(SHORTEST_PERIOD);
                self.inner.pause(round.due_in(every, since_epoch()))?;
            }
            None => {}
        }
        Ok((ScrubRound::beginning(since_epoch()), None))
    }

    /// Reads a bucket to its end, or as far as possible.
    fn bucket(&mut self, id: BucketId, round: &ScrubRound, resumes: bool) -> Result<(), Stopping> {
        let resumed = if resumes { self.kept_point(id) } else { None };
        if resumed.is_none() {
            // A saved position would be of another pass, or of another bucket with this id.
            self.keep_point(id, None);
        }
        let mut is_kept = resumed.is_some();
        let mut scrub = Scrub::new(resumed);
        self.wait_after(OPENING_BYTES)?;
        while let Some(step) = self.step(id, &mut scrub)? {
            let Some(point) = step.point else {
                self.count(|done| done.buckets = done.buckets.saturating_add(1));
                break;
            };
            let cost = step.records.saturating_mul(RECORD_BYTES);
            let paused = self.wait_after(step.bytes.saturating_add(cost));
            if paused.is_err() || self.is_time_to_keep() {
                is_kept = true;
                self.keep(round);
                self.keep_point(id, Some(&point));
            }
            paused?;
        }
        if is_kept {
            self.keep_point(id, None);
        }
        Ok(())
    }

    fn kept_point(&self, id: BucketId) -> Option<ScrubPoint> {
        self.inner.base.scrub_point(id).unwrap_or_else(|error| {
            tracing::warn!(bucket = %id, %error, "the scrub of the bucket starts from its beginning");
            None
        })
    }

    /// Checks one step of a bucket. Returns `None` if the bucket is not available.
    fn step(&self, id: BucketId, scrub: &mut Scrub) -> Result<Option<StepReport>, Stopping> {
        let wanted = Wanted::background().within(WAIT_AT_ONCE);
        let mut tries = 0_u32;
        let lease = loop {
            match self.inner.lease(id, wanted) {
                Ok(lease) => break lease,
                // Other callers come first, but one bucket must not hold up the rest.
                Err(ProviderError::Busy { .. }) if tries < MOST_TRIES => {
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
        let step = match lease.run(|bucket| scrub.step(bucket, self.pace.step_bytes())) {
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
            && self.inner.ledger.quarantined(id).is_none()
        {
            let reason = format!("a scrub found damage: {}: {}", first.place, first.fault);
            self.inner.ledger.quarantine(id, reason);
        }
        Ok(Some(step))
    }

    fn count(&self, change: impl FnOnce(&mut ScrubStatistics)) {
        change(&mut self.inner.scrubbing.done.lock());
    }

    fn wait_after(&mut self, bytes: u64) -> Result<(), Stopping> {
        let wait = self.pace.wait_after(bytes, self.started.elapsed());
        self.inner.pause(wait)
    }

    fn is_time_to_keep(&mut self) -> bool {
        let is_time = self.kept.elapsed() >= KEEP_EVERY;
        if is_time {
            self.kept = Instant::now();
        }
        is_time
    }

    fn keep(&self, round: &ScrubRound) {
        if let Err(error) = self.inner.base.keep_scrub_round(round) {
            tracing::warn!(%error, "the state of the scrub could not be saved");
        }
    }

    fn keep_point(&self, id: BucketId, point: Option<&ScrubPoint>) {
        if let Err(error) = self.inner.base.keep_scrub_point(id, point) {
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
