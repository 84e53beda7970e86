//! Lanes: places for each kind of work, which no other kind takes. What a stake
//! hangs on never waits behind what is only asked for.
//!
//! ```text
//! request ─► its lane: a place ─► a thread that may block ─► answer
//!               │ none free: wait, the nearest deadline first
//!               └ too many wait: "busy"
//! ```
//!
//! What is all in memory is done where it was asked for, in a place of its lane.

mod lane;

use crate::error::Error;
use crate::limits::Limits;
pub(crate) use lane::Place;
use lane::{Lane, NoPlace};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use substrate_prometheus_endpoint::{
    MetricSource, Opts, PrometheusError, Registry, SourcedCounter, SourcedGauge, register,
};
use tokio::time::Instant;

/// When a client may ask again where all places are taken.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// An answer to an open challenge, by its deadline in anchor blocks.
    Challenge(u32),
    /// A signature for another provider.
    Signature,
    /// Reading and proving.
    Read,
    /// Storing and committing. What has begun is not cut off, since nobody could
    /// tell whether it took effect.
    Write,
}

/// All lanes. Clones share them.
#[derive(Clone)]
pub(crate) struct Lanes {
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

    fn lane(&self, work: Work) -> (&Arc<Lane>, &'static str) {
        match work {
            Work::Challenge(_) => (&self.inner.challenges, "answers to challenges"),
            Work::Signature => (&self.inner.signatures, "signatures"),
            Work::Read => (&self.inner.reads, "reading"),
            Work::Write => (&self.inner.writes, "writing"),
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

    /// Takes nothing more. What has a place is done.
    pub(crate) fn stop(&self) {
        self.inner.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.inner.stopping.load(Ordering::Relaxed)
    }

    /// Requests that wait for a place.
    pub(crate) fn waiting(&self) -> u64 {
        let waiting = self.all().map(|(_, lane)| lane.counts().waiting);
        waiting.into_iter().fold(0, u64::saturating_add)
    }

    async fn place(&self, work: Work, until: Instant) -> Result<Place, Error> {
        if self.is_stopping() {
            return Err(Error::stopping());
        }
        let (lane, name) = self.lane(work);
        let order = match work {
            Work::Challenge(deadline) => deadline,
            Work::Signature | Work::Read | Work::Write => 0,
        };
        match lane.enter(order, until).await {
            Ok(place) => Ok(place),
            Err(NoPlace::Full) => Err(Error::busy(name, RETRY_AFTER)),
            Err(NoPlace::Late) => Err(Error::too_late(self.inner.request_time)),
        }
    }

    /// A place where one is free, for work that neither blocks nor waits.
    pub(crate) fn place_at_hand(&self, work: Work) -> Option<Place> {
        if self.is_stopping() {
            return None;
        }
        self.lane(work).0.enter_at_once()
    }

    /// Does work that may block, where it may. It is told how long it may take.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        doing: &'static str,
        job: impl FnOnce(Duration) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let until = Instant::now() + self.inner.request_time;
        let place = self.place(work, until).await?;
        let left = until.saturating_duration_since(Instant::now());
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the work ends, whether or not anybody waits for it.
            let _place = place;
            job(left)
        });
        let ended = match work {
            Work::Write => Ok(done.await),
            _ => tokio::time::timeout_at(until, done).await,
        };
        match ended {
            Ok(Ok(result)) => result,
            Ok(Err(broken_off)) => Err(Error::failed(doing, &broken_off)),
            Err(_) => {
                self.lane(work).0.was_late();
                Err(Error::too_late(self.inner.request_time))
            }
        }
    }

    /// Does work that only waits.
    pub(crate) async fn wait<T>(
        &self,
        work: Work,
        job: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let until = Instant::now() + self.inner.request_time;
        let _place = self.place(work, until).await?;
        match tokio::time::timeout_at(until, job).await {
            Ok(result) => result,
            Err(_) => {
                self.lane(work).0.was_late();
                Err(Error::too_late(self.inner.request_time))
            }
        }
    }

    /// Registers what the lanes count with a node's registry.
    pub(crate) fn register(&self, registry: &Registry) -> Result<(), PrometheusError> {
        type Reading = (&'static str, &'static str, fn(&lane::Counts) -> u64);
        let sourced = |(name, help, of): Reading| {
            let options = Opts::new(format!("cairn_rpc_lane_{name}"), help);
            let options = options.variable_label("lane");
            let lanes = self.clone();
            (options, Sourced { lanes, of })
        };
        let gauges: [Reading; 2] = [
            ("waiting", "Requests that wait for a place", |c| c.waiting),
            ("at_work", "Requests that are being done", |c| c.at_work),
        ];
        let counters: [Reading; 2] = [
            ("shed_total", "Requests that were told to come later", |c| {
                c.shed
            }),
            (
                "late_total",
                "Requests that were not done in their time",
                |c| c.late,
            ),
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
    use crate::error::Code;
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
    async fn full_lanes_say_so_and_leave_the_others_alone() {
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
                lanes.run(Work::Read, "a test", job).await
            }
        });
        at_work.await.unwrap();
        let second = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.run(Work::Read, "a test", |_| Ok(2)).await }
        });
        while lanes.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let third = lanes.run(Work::Read, "a test", |_| Ok(3)).await;
        assert_eq!(code(&third.unwrap_err()), Code::Busy);
        // What a stake hangs on has its own.
        let challenge = lanes.run(Work::Challenge(9), "a test", |_| Ok(4)).await;
        assert_eq!(challenge, Ok(4));
        drop(hold);
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(second.await.unwrap(), Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_longer_than_a_request_has_is_late_and_keeps_its_place_until_it_ends() {
        let lanes = Lanes::new(&small());
        let late = lanes
            .wait(Work::Read, std::future::pending::<Result<(), _>>())
            .await;
        assert_eq!(code(&late.unwrap_err()), Code::TooLate);
        let (hold, held) = mpsc::channel::<()>();
        let job = move |_| {
            let _ = held.recv();
            Ok(())
        };
        let late = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.run(Work::Read, "a test", job).await }
        });
        // The clock of the test stands still while somebody blocks.
        while lanes.lane(Work::Read).0.counts().at_work == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Limits::default().request_time).await;
        assert_eq!(code(&late.await.unwrap().unwrap_err()), Code::TooLate);
        let counts = lanes.lane(Work::Read).0.counts();
        assert_eq!((counts.at_work, counts.late), (1, 2));
        drop(hold);
    }

    #[tokio::test]
    async fn a_job_that_panics_is_told_as_a_failure_and_gives_its_place_back() {
        let lanes = Lanes::new(&small());
        for _ in 0..2 {
            let panics = |_| -> Result<(), Error> { panic!("a fault") };
            let failed = lanes.run(Work::Read, "a test", panics).await;
            assert_eq!(code(&failed.unwrap_err()), Code::Failed);
        }
        lanes.stop();
        let stopped = lanes.run(Work::Read, "a test", |_| Ok(())).await;
        assert_eq!(code(&stopped.unwrap_err()), Code::Stopping);
    }

    #[tokio::test]
    async fn what_the_lanes_count_is_registered_once() {
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
