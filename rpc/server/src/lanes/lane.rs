//! One lane: a semaphore with a bounded queue, which is served in order of priority.

use crate::limits::LaneLimits;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// A request that was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AdmissionError {
    /// The queue is full.
    Full,
    /// No permit was free in time.
    TimedOut,
}

/// A lane's counts; the first two are gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) waiting: u64,
    pub(super) running: u64,
    pub(super) rejected: u64,
    pub(super) timed_out: u64,
}

/// A semaphore with a queue.
pub(super) struct Lane {
    limits: LaneLimits,
    state: Mutex<State>,
}

/// A place in the queue: by the given priority, lower first, then by arrival.
type QueueKey = (u32, u64);

#[derive(Default)]
struct State {
    running: u32,
    queue: BTreeMap<QueueKey, oneshot::Sender<Admission>>,
    /// The number of requests that were ever queued.
    arrivals: u64,
    rejected: u64,
    timed_out: u64,
}

/// An admitted request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Admission {
    /// `None` once it was passed on.
    lane: Option<Arc<Lane>>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Lane {
    pub(super) fn new(limits: LaneLimits) -> Arc<Self> {
        let state = Mutex::default();
        Arc::new(Self { limits, state })
    }

    pub(super) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            waiting: u64::try_from(state.queue.len()).unwrap_or(u64::MAX),
            running: state.running.into(),
            rejected: state.rejected,
            timed_out: state.timed_out,
        }
    }

    pub(super) fn record_timeout(&self) {
        let mut state = self.state.lock();
        state.timed_out = state.timed_out.saturating_add(1);
    }

    /// Waits for a permit, after requests of lower priority numbers and earlier ones of the same.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        priority: u32,
        until: Instant,
    ) -> Result<Admission, AdmissionError> {
        let queued = match self.take_or_queue(priority)? {
            Ok(admission) => return Ok(admission),
            Err(queued) => queued,
        };
        match tokio::time::timeout_at(until, queued).await {
            Ok(Ok(admission)) => Ok(admission),
            // A request with a nearer deadline has displaced it.
            Ok(Err(_displaced)) => {
                let mut state = self.state.lock();
                state.rejected = state.rejected.saturating_add(1);
                Err(AdmissionError::Full)
            }
            Err(_) => {
                self.record_timeout();
                Err(AdmissionError::TimedOut)
            }
        }
    }

    /// Returns a permit if one is free now.
    pub(super) fn try_acquire(self: &Arc<Self>) -> Option<Admission> {
        self.take(&mut self.state.lock())
    }

    fn take(self: &Arc<Self>, state: &mut State) -> Option<Admission> {
        if state.running >= self.limits.at_once.get() {
            return None;
        }
        state.running = state.running.saturating_add(1);
        let lane = Some(self.clone());
        Some(Admission { lane })
    }

    fn take_or_queue(
        self: &Arc<Self>,
        priority: u32,
    ) -> Result<Result<Admission, oneshot::Receiver<Admission>>, AdmissionError> {
        let mut state = self.state.lock();
        if let Some(admission) = self.take(&mut state) {
            return Ok(Ok(admission));
        }
        let key = (priority, state.arrivals);
        state.arrivals = state.arrivals.saturating_add(1);
        let is_full = |state: &State| {
            u32::try_from(state.queue.len()).unwrap_or(u32::MAX) >= self.limits.waiting
        };
        if is_full(&state) {
            // Requests that were given up take no place in the queue.
            state.queue.retain(|_, waiter| !waiter.is_closed());
        }
        if is_full(&state) {
            // The last one is displaced by one with a higher priority.
            let is_last = state
                .queue
                .keys()
                .next_back()
                .is_none_or(|last| key > *last);
            if is_last {
                state.rejected = state.rejected.saturating_add(1);
                return Err(AdmissionError::Full);
            }
            state.queue.pop_last();
        }
        let (waiter, queued) = oneshot::channel();
        state.queue.insert(key, waiter);
        Ok(Err(queued))
    }

    /// Passes a permit on to the first in the queue, or frees it.
    fn release(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let next = state.queue.pop_first();
                if next.is_none() {
                    state.running = state.running.saturating_sub(1);
                }
                next
            };
            let Some((_, waiter)) = next else { return };
            let lane = Some(self.clone());
            match waiter.send(Admission { lane }) {
                Ok(()) => return,
                // The waiter has given up: this call still holds the permit.
                Err(mut admission) => admission.lane = None,
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use proptest::prelude::*;
    use std::num::NonZeroU32;
    use std::time::Duration;

    fn lane(at_once: u32, waiting: u32) -> Arc<Lane> {
        Lane::new(LaneLimits {
            at_once: NonZeroU32::new(at_once).unwrap(),
            waiting,
        })
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn the_nearest_deadline_goes_first_and_displaces_the_last() {
        let lane = lane(1, 2);
        let first = lane.acquire(5, later()).await.unwrap();
        let until = later();
        let mut far = Box::pin(lane.acquire(90, until));
        let mut near = Box::pin(lane.acquire(10, until));
        assert!((&mut far).now_or_never().is_none());
        assert!((&mut near).now_or_never().is_none());
        // One that is due after all others is not queued.
        assert_eq!(
            lane.acquire(91, until).await.unwrap_err(),
            AdmissionError::Full
        );
        let mut middle = Box::pin(lane.acquire(50, until));
        assert!((&mut middle).now_or_never().is_none());
        assert_eq!(far.await.unwrap_err(), AdmissionError::Full);
        drop(first);
        let place = near.now_or_never().unwrap().unwrap();
        assert!((&mut middle).now_or_never().is_none());
        drop(place);
        drop(middle.await.unwrap());
        assert_eq!(
            lane.counts(),
            Counts {
                rejected: 2,
                ..Counts::default()
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_timed_out_takes_no_place() {
        let lane = lane(1, 1);
        let held = lane.acquire(0, later()).await.unwrap();
        let late = lane
            .acquire(0, Instant::now() + Duration::from_secs(1))
            .await;
        assert_eq!(late.unwrap_err(), AdmissionError::TimedOut);
        let mut next = Box::pin(lane.acquire(0, later()));
        assert!((&mut next).now_or_never().is_none());
        drop(held);
        drop(next.await.unwrap());
        assert_eq!(
            lane.counts(),
            Counts {
                timed_out: 1,
                ..Counts::default()
            }
        );
    }

    proptest! {
        /// Compares with a list of running and queued requests: there are never more permits than
        /// the limit, nothing is queued while one is free, and the order is kept.
        #[test]
        fn permits_are_neither_lost_nor_created(
            at_once in 1u32..4,
            waiting in 0u32..5,
            steps in proptest::collection::vec((0u8..4, 0u32..3, 0usize..8), 1..80),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap();
            runtime.block_on(async {
                let lane = lane(at_once, waiting);
                let mut inside = Vec::new();
                let mut queued = Vec::new();
                let mut arrivals = 0u64;
                for (step, priority, pick) in steps {
                    match step {
                        0 | 1 => {
                            arrivals += 1;
                            let mut acquire = {
                                let (lane, until) = (lane.clone(), later());
                                async move { lane.acquire(priority, until).await }.boxed()
                            };
                            match (&mut acquire).now_or_never() {
                                Some(Ok(place)) => inside.push(place),
                                Some(Err(_)) => {}
                                None => queued.push(((priority, arrivals), acquire)),
                            }
                        }
                        2 if !inside.is_empty() => drop(inside.swap_remove(pick % inside.len())),
                        3 if !queued.is_empty() => drop(queued.swap_remove(pick % queued.len())),
                        _ => {}
                    }
                    // Admitted and displaced requests learn it now, in order.
                    queued.sort_by_key(|(key, _)| *key);
                    let mut still = Vec::new();
                    for (key, mut acquire) in queued.drain(..) {
                        match (&mut acquire).now_or_never() {
                            Some(Ok(place)) => {
                                prop_assert!(still.is_empty(), "a queued request was passed over");
                                inside.push(place);
                            }
                            Some(Err(_)) => {}
                            None => still.push((key, acquire)),
                        }
                    }
                    queued = still;
                    prop_assert!(inside.len() <= at_once as usize);
                    prop_assert!(queued.len() <= waiting as usize);
                    prop_assert!(queued.is_empty() || inside.len() == at_once as usize);
                    let counts = lane.counts();
                    prop_assert_eq!(counts.running, inside.len() as u64);
                }
                drop((inside, queued));
                prop_assert_eq!(lane.counts().running, 0);
                Ok(())
            })?;
        }
    }
}
