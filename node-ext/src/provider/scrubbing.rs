//! Reading all buckets again in the background, one after the other and no
//! faster than the plan allows, so that damage is found before a challenge does.

use super::{Inner, ProviderError};
use crate::metrics::{Reading, Readings};
use crate::pool::Wanted;
use crate::scrub::{Pace, Scrub, ScrubPoint, ScrubRound, StepReport};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// 1 TiB in a day and a half, and a twentieth of what a slow disk reads. That it
/// is not 0 is seen when this is compiled.
const USUAL_RATE: NonZeroU64 = NonZeroU64::new(8 << 20).unwrap();
/// What storage clusters take for their deep scrubs.
const USUAL_PERIOD: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A round through nothing is over at once, and the next one is not to follow
/// without a pause.
const SHORTEST_PERIOD: Duration = Duration::from_millis(100);
/// What opening a bucket counts for, in bytes: thousands of small ones are
/// otherwise opened as fast as it goes.
const OPENING_BYTES: u64 = 256 << 10;
/// What a record counts for besides a chunk's bytes.
const RECORD_BYTES: u64 = 100;
/// How often it is kept how far the scrub has come; what is lost is read again.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// How long to wait for a bucket at a time, so that a stop need not.
const WAIT_AT_ONCE: Duration = Duration::from_millis(500);
/// How often to wait so for one bucket: a minute in all.
const MOST_TRIES: u32 = 120;
/// How long to leave the disk alone when it could not be asked which buckets
/// there are.
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);

/// How all buckets are read again in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubPlan {
    /// The most to read in a second, in bytes.
    pub bytes_per_second: NonZeroU64,
    /// How long after the beginning of a round the next one begins, unless the
    /// round takes longer.
    pub every: Duration,
}

impl Default for ScrubPlan {
    /// 8 MiB a second, and a round a week.
    fn default() -> Self {
        Self {
            bytes_per_second: USUAL_RATE,
            every: USUAL_PERIOD,
        }
    }
}

/// What was read again in the background since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubStatistics {
    /// Rounds through all buckets that have ended.
    pub rounds: u64,
    /// Buckets that were read to their end.
    pub buckets: u64,
    /// Records that were checked.
    pub records: u64,
    /// Bytes of chunks that were checked.
    pub bytes: u64,
    /// What was not as its hash says.
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

/// The scrub of a provider: what it is to do, and what it has done.
#[derive(Default)]
pub(super) struct Scrubbing {
    /// `None` for no scrub.
    pub(super) plan: Option<ScrubPlan>,
    pub(super) done: Mutex<ScrubStatistics>,
}

impl Scrubbing {
    pub(super) fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<ScrubStatistics>; 5] = [
            ("rounds_total", "Rounds through all buckets", |s| s.rounds),
            ("buckets_total", "Buckets read to their end", |s| s.buckets),
            ("records_total", "Records checked", |s| s.records),
            ("bytes_total", "Bytes of chunks checked", |s| s.bytes),
            ("findings_total", "What is not as its hash says", |s| {
                s.findings
            }),
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

/// The provider is about to stop.
struct Stopping;

/// Goes at the plan's pace.
struct Walk<'i> {
    inner: &'i Arc<Inner>,
    pace: Pace,
    started: Instant,
    /// The last round. What is kept of it on disk may be older.
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

    /// Waits, unless the provider stops before.
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
    /// Waits until a round is due, or one is to be ended, and ends it.
    fn round(&mut self, plan: ScrubPlan) -> Result<(), Stopping> {
        let (mut round, resumes_at) = self.due_round(plan)?;
        let ids = match self.inner.ids_after(None) {
            Ok(ids) => ids,
            Err(error) => {
                tracing::error!(%error, "no bucket is scrubbed");
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
        // Whoever waits for a round to end.
        self.inner.changed.notify_all();
        Ok(())
    }

    /// The round that is to be gone through, once it is due; and the bucket that
    /// an earlier process was stopped in.
    fn due_round(&self, plan: ScrubPlan) -> Result<(ScrubRound, Option<BucketId>), Stopping> {
        let read = || self.inner.base.scrub_round();
        let last = self.last.map_or_else(read, |last| Ok(Some(last)));
        let last = last.unwrap_or_else(|error| {
            tracing::warn!(%error, "it is not known when the last scrub was; a round begins");
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

    /// Reads a bucket to its end, or as far as it can be.
    fn bucket(&mut self, id: BucketId, round: &ScrubRound, resumes: bool) -> Result<(), Stopping> {
        let resumed = if resumes { self.kept_point(id) } else { None };
        if resumed.is_none() {
            // Of another round, or of another bucket of this id.
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
            tracing::warn!(bucket = %id, %error, "its scrub begins anew");
            None
        })
    }

    /// Checks what one step may. `None` where the bucket cannot be had.
    fn step(&self, id: BucketId, scrub: &mut Scrub) -> Result<Option<StepReport>, Stopping> {
        let wanted = Wanted::background().within(WAIT_AT_ONCE);
        let mut tries = 0_u32;
        let lease = loop {
            match self.inner.lease(id, wanted) {
                Ok(lease) => break lease,
                // Others come first, but one bucket does not hold up the rest.
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
        // What could only not be read now is no reason to stop its writers.
        if let Some(first) = step.findings.iter().find(|found| found.is_damage)
            && self.inner.ledger.quarantined(id).is_none()
        {
            let reason = format!("a scrub found that of {}, {}", first.place, first.fault);
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
            tracing::warn!(%error, "it is not kept how far the scrub has come");
        }
    }

    fn keep_point(&self, id: BucketId, point: Option<&ScrubPoint>) {
        if let Err(error) = self.inner.base.keep_scrub_point(id, point) {
            tracing::warn!(bucket = %id, %error, "it is not kept how far the scrub has come");
        }
    }
}

/// By the clock on the wall, since rounds are counted across restarts.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
