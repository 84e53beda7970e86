//! Lanes: a concurrency limit for each class of work (bulkheads), so that reads and writes cannot
//! starve answers to challenges.
//!
//! ```text
//! request ─► its lane: a permit ─► a thread that may block ─► response
//!               │ none free: queued, nearest deadline first
//!               └ queue full: "busy"
//! ```
//!
//! WorkClass that needs nothing but memory is done on the async thread, with a permit of its lane.

mod lane;

use crate::error::{MethodError, failed, stopping, timed_out};
use crate::limits::Limits;
use cairn_rpc_api::Error;
pub(crate) use lane::Admission;
use lane::{AdmissionError, Lane};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use substrate_prometheus_endpoint::{
    MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge, register,
};
use tokio::time::Instant;

/// When a client may retry after its lane's queue was full.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A class of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkClass {
    /// An answer to an open challenge, with its deadline in anchor blocks.
    Challenge(u32),
    /// A signature for another provider.
    Signature,
    /// Reads and proofs.
    Read,
    /// Writes. One that has begun is not cut off, since its effect would be unknown.
    Write,
}

/// All lanes of a provider. Clones share them: a second server of the same provider takes its
/// permits from the same lanes.
#[derive(Clone)]
pub struct Lanes {
    inner: Arc<Inner>,
}

struct Inner {
    request_time: Duration,
    challenges: Arc<Lane>,
    signatures: Arc<Lane>,
    reads: Arc<Lane>,
    writes: Arc<Lane>,
    stopping: AtomicBool,
}

impl std::fmt::Debug for Lanes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = self.all().map(|(name, lane)| (name, lane.counts()));
        f.debug_map().entries(counts).finish()
    }
}

impl Lanes {
    pub(crate) fn new(limits: &Limits) -> Self {
        let inner = Inner {
            request_time: limits.request_time,
            challenges: Lane::new(limits.challenges),
            signatures: Lane::new(limits.signatures),
            reads: Lane::new(limits.reads),
            writes: Lane::new(limits.writes),
            stopping: AtomicBool::new(false),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn lane(&self, class: WorkClass) -> (&Arc<Lane>, &'static str) {
        match class {
            WorkClass::Challenge(_) => (&self.inner.challenges, "answers to challenges"),
            WorkClass::Signature => (&self.inner.signatures, "signatures"),
            WorkClass::Read => (&self.inner.reads, "reading"),
            WorkClass::Write => (&self.inner.writes, "writing"),
        }
    }

    fn all(&self) -> [(&'static str, &Arc<Lane>); 4] {
        let inner = &self.inner;
        [
            ("challenges", &inner.challenges),
            ("signatures", &inner.signatures),
            ("reads", &inner.reads),
            ("writes", &inner.writes),
        ]
    }

    /// Refuses further requests. Admitted ones are completed.
    pub(crate) fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// Returns the number of queued requests.
    pub(crate) fn waiting(&self) -> u64 {
        let waiting = self.all().map(|(_, lane)| lane.counts().waiting);
        waiting.into_iter().fold(0, u64::saturating_add)
    }

    async fn admit(&self, class: WorkClass, until: Instant) -> Result<Admission, Error> {
        if self.is_stopping() {
            return Err(stopping());
        }
        let (lane, name) = self.lane(class);
        let priority = match class {
            WorkClass::Challenge(deadline) => deadline,
            WorkClass::Signature | WorkClass::Read | WorkClass::Write => 0,
        };
        match lane.acquire(priority, until).await {
            Ok(admission) => Ok(admission),
            Err(AdmissionError::Full) => Err(Error::busy(name, RETRY_AFTER)),
            Err(AdmissionError::TimedOut) => Err(timed_out(self.inner.request_time)),
        }
    }

    /// Admits work that neither blocks nor waits, if a permit is free.
    pub(crate) fn try_admit(&self, class: WorkClass) -> Option<Admission> {
        if self.is_stopping() {
            return None;
        }
        self.lane(class).0.try_acquire()
    }

    /// Runs a job of another server of the same provider, on a thread that may block. The job gets
    /// the time it has left; its result, a failure included, is returned as it is.
    ///
    /// # Errors
    ///
    /// [`Error`] if the job was not admitted, took too long, or panicked.
    pub async fn serve<T: Send + 'static>(
        &self,
        class: WorkClass,
        doing: &'static str,
        job: impl FnOnce(Duration) -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.run(class, doing, move |left| Ok(job(left))).await
    }

    /// Awaits work of another server of the same provider that waits and does not block.
    ///
    /// # Errors
    ///
    /// [`Error`] if the work was not admitted or took too long.
    pub async fn serve_waiting<T>(
        &self,
        class: WorkClass,
        job: impl Future<Output = T>,
    ) -> Result<T, Error> {
        self.wait(class, async { Ok(job.await) }).await
    }

    /// Runs work that may block, on a thread that may. The job gets the time it has left.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        class: WorkClass,
        doing: &'static str,
        job: impl FnOnce(Duration) -> Result<T, MethodError> + Send + 'static,
    ) -> Result<T, Error> {
        let until = Instant::now() + self.inner.request_time;
        let admission = self.admit(class, until).await?;
        let left = until.saturating_duration_since(Instant::now());
        let done = tokio::task::spawn_blocking(move || {
            // Released when the work ends, even if nobody waits for it any more.
            let _admission = admission;
            job(left)
        });
        let ended = match class {
            WorkClass::Write => Ok(done.await),
            _ => tokio::time::timeout_at(until, done).await,
        };
        match ended {
            Ok(Ok(result)) => Ok(result?),
            Ok(Err(broken_off)) => Err(failed(doing, &broken_off)),
            Err(_) => {
                self.lane(class).0.record_timeout();
                Err(timed_out(self.inner.request_time))
            }
        }
    }

    /// Runs work that waits and does not block.
    pub(crate) async fn wait<T>(
        &self,
        class: WorkClass,
        job: impl Future<Output = Result<T, MethodError>>,
    ) -> Result<T, Error> {
        let until = Instant::now() + self.inner.request_time;
        let _admission = self.admit(class, until).await?;
        match tokio::time::timeout_at(until, job).await {
            Ok(result) => Ok(result?),
            Err(_) => {
                self.lane(class).0.record_timeout();
                Err(timed_out(self.inner.request_time))
            }
        }
    }

    /// Registers the lanes' counts with a Prometheus registry.
    pub(crate) fn register(&self, registry: &Registry) -> Result<(), PrometheusError> {
        type Reading = (&'static str, &'static str, fn(&lane::Counts) -> u64);
        let sourced = |(name, help, of): Reading| {
            let options = Opts::new(format!("cairn_rpc_lane_{name}"), help);
            let options = options.variable_label("lane");
            let lanes = self.clone();
            (options, Sourced { lanes, of })
        };
        let gauges: [Reading; 2] = [
            ("waiting", "Queued requests", |c| c.waiting),
            ("at_work", "Requests being served", |c| c.running),
        ];
        let counters: [Reading; 2] = [
            ("shed_total", "Requests refused as busy", |c| c.rejected),
            ("late_total", "Requests that timed out", |c| c.timed_out),
        ];
        for reading in gauges {
            let (options, source) = sourced(reading);
            register(SourcedGauge::new(&options, source)?, registry)?;
        }
        for reading in counters {
            let (options, source) = sourced(reading);
            register(SourcedCounter::new(&options, source)?, registry)?;
        }
        Ok(())
    }
}

#[derive(Clone)]
struct Sourced {
    lanes: Lanes,
    of: fn(&lane::Counts) -> u64,
}

impl MetricSource for Sourced {
    type N = u64;

    fn collect(&self, mut set: impl FnMut(&[&str], u64)) {
        for (name, lane) in self.lanes.all() {
            set(&[name], (self.of)(&lane.counts()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_rpc_api::Code;
    use std::sync::mpsc;

    fn code(error: &Error) -> Code {
        match error {
            Error::Coded { code, .. } => *code,
            other => panic!("{other} has no code of its own"),
        }
    }

    fn small() -> Limits {
        let mut limits = Limits::default();
        let one = crate::limits::LaneLimits {
            at_once: std::num::NonZeroU32::MIN,
            waiting: 1,
        };
        (limits.challenges, limits.reads) = (one, one);
        limits
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_lane_refuses_and_others_go_on() {
        let lanes = Lanes::new(&small());
        let (hold, held) = mpsc::channel::<()>();
        let (begun, at_work) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let lanes = lanes.clone();
            async move {
                let job = move |_| {
                    begun.send(()).unwrap();
                    // Ends when the sender is dropped.
                    let _ = held.recv();
                    Ok(1)
                };
                lanes.run(WorkClass::Read, "a test", job).await
            }
        });
        at_work.await.unwrap();
        let second = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.run(WorkClass::Read, "a test", |_| Ok(2)).await }
        });
        while lanes.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let third = lanes.run(WorkClass::Read, "a test", |_| Ok(3)).await;
        assert_eq!(code(&third.unwrap_err()), Code::Busy);
        // Challenges have their own lane.
        let challenge = lanes
            .run(WorkClass::Challenge(9), "a test", |_| Ok(4))
            .await;
        assert_eq!(challenge, Ok(4));
        drop(hold);
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await.unwrap(), Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_that_timed_out_keeps_its_permit_until_it_ends() {
        let lanes = Lanes::new(&small());
        let late = lanes
            .wait(
                WorkClass::Read,
                std::future::pending::<Result<(), MethodError>>(),
            )
            .await;
        assert_eq!(code(&late.unwrap_err()), Code::TooLate);
        let (hold, held) = mpsc::channel::<()>();
        let job = move |_| {
            let _ = held.recv();
            Ok(())
        };
        let late = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.run(WorkClass::Read, "a test", job).await }
        });
        // The test's clock stands still while a thread blocks.
        while lanes.lane(WorkClass::Read).0.counts().running == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Limits::default().request_time).await;
        assert_eq!(code(&late.await.unwrap().unwrap_err()), Code::TooLate);
        let counts = lanes.lane(WorkClass::Read).0.counts();
        assert_eq!((counts.running, counts.timed_out), (1, 2));
        drop(hold);
    }

    #[tokio::test]
    async fn a_job_that_panics_fails_and_releases_its_permit() {
        let lanes = Lanes::new(&small());
        for _ in 0..2 {
            let panics = |_| -> Result<(), MethodError> { panic!("a fault") };
            let failed = lanes.run(WorkClass::Read, "a test", panics).await;
            assert_eq!(code(&failed.unwrap_err()), Code::Failed);
        }
        lanes.stop();
        let stopped = lanes.run(WorkClass::Read, "a test", |_| Ok(())).await;
        assert_eq!(code(&stopped.unwrap_err()), Code::Stopping);
    }

    #[tokio::test]
    async fn the_lanes_counts_are_registered_once() {
        let (lanes, registry) = (Lanes::new(&Limits::default()), Registry::new());
        lanes.register(&registry).unwrap();
        assert!(lanes.register(&registry).is_err());
        let names: Vec<_> = registry
            .gather()
            .iter()
            .map(|family| family.get_name().to_owned())
            .collect();
        let expected = ["at_work", "late_total", "shed_total", "waiting"];
        assert_eq!(names, expected.map(|name| format!("cairn_rpc_lane_{name}")));
    }
}
