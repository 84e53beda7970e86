//! One lane: so many places, and a bounded number that waits for them in order.

use crate::limits::LaneLimits;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// Too many wait already.
    Full,
    /// None was free in time.
    Late,
}

/// What a lane counts; the first two are of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) waiting: u64,
    pub(super) at_work: u64,
    pub(super) shed: u64,
    pub(super) late: u64,
}

/// A lane.
pub(super) struct Lane {
    limits: LaneLimits,
    state: Mutex<State>,
}

/// Who goes first: the lower of the order that was given, then who came first.
type Turn = (u32, u64);

#[derive(Default)]
struct State {
    taken: u32,
    waiting: BTreeMap<Turn, oneshot::Sender<Place>>,
    /// Counts those who came, for their turns.
    came: u64,
    shed: u64,
    late: u64,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// None once it was handed on.
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
            waiting: u64::try_from(state.waiting.len()).unwrap_or(u64::MAX),
            at_work: state.taken.into(),
            shed: state.shed,
            late: state.late,
        }
    }

    pub(super) fn was_late(&self) {
        let mut state = self.state.lock();
        state.late = state.late.saturating_add(1);
    }

    /// A place: at once, or after those with a lower order and those who came
    /// before.
    pub(super) async fn enter(
        self: &Arc<Self>,
        order: u32,
        until: Instant,
    ) -> Result<Place, NoPlace> {
        let called = match self.take_or_queue(order)? {
            Ok(place) => return Ok(place),
            Err(called) => called,
        };
        match tokio::time::timeout_at(until, called).await {
            Ok(Ok(place)) => Ok(place),
            // Somebody with a nearer deadline has its place in the queue.
            Ok(Err(_displaced)) => {
                let mut state = self.state.lock();
                state.shed = state.shed.saturating_add(1);
                Err(NoPlace::Full)
            }
            Err(_) => {
                self.was_late();
                Err(NoPlace::Late)
            }
        }
    }

    /// A place, if one is free now.
    pub(super) fn enter_at_once(self: &Arc<Self>) -> Option<Place> {
        self.take(&mut self.state.lock())
    }

    fn take(self: &Arc<Self>, state: &mut State) -> Option<Place> {
        if state.taken >= self.limits.at_once.get() {
            return None;
        }
        state.taken = state.taken.saturating_add(1);
        let lane = Some(self.clone());
        Some(Place { lane })
    }

    fn take_or_queue(
        self: &Arc<Self>,
        order: u32,
    ) -> Result<Result<Place, oneshot::Receiver<Place>>, NoPlace> {
        let mut state = self.state.lock();
        if let Some(place) = self.take(&mut state) {
            return Ok(Ok(place));
        }
        let turn = (order, state.came);
        state.came = state.came.saturating_add(1);
        let is_full = |state: &State| {
            u32::try_from(state.waiting.len()).unwrap_or(u32::MAX) >= self.limits.waiting
        };
        if is_full(&state) {
            // Those who went away are no reason to turn anybody away.
            state.waiting.retain(|_, waiter| !waiter.is_closed());
        }
        if is_full(&state) {
            // The last one makes room for whom it would go after.
            let is_last = state
                .waiting
                .keys()
                .next_back()
                .is_none_or(|last| turn > *last);
            if is_last {
                state.shed = state.shed.saturating_add(1);
                return Err(NoPlace::Full);
            }
            state.waiting.pop_last();
        }
        let (waiter, called) = oneshot::channel();
        state.waiting.insert(turn, waiter);
        Ok(Err(called))
    }

    /// Hands a place on to whose turn it is.
    fn leave(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                let next = state.waiting.pop_first();
                if next.is_none() {
                    state.taken = state.taken.saturating_sub(1);
                }
                next
            };
            let Some((_, waiter)) = next else { return };
            let lane = Some(self.clone());
            match waiter.send(Place { lane }) {
                Ok(()) => return,
                // Gone meanwhile: the place is still here to be handed on.
                Err(mut place) => place.lane = None,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.take() {
            lane.leave();
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
    async fn the_nearest_deadline_goes_first_and_makes_room_for_itself() {
        let lane = lane(1, 2);
        let first = lane.enter(5, later()).await.unwrap();
        let until = later();
        let mut far = Box::pin(lane.enter(90, until));
        let mut near = Box::pin(lane.enter(10, until));
        assert!((&mut far).now_or_never().is_none());
        assert!((&mut near).now_or_never().is_none());
        // No room for one that is due after all others.
        assert_eq!(lane.enter(91, until).await.unwrap_err(), NoPlace::Full);
        let mut middle = Box::pin(lane.enter(50, until));
        assert!((&mut middle).now_or_never().is_none());
        assert_eq!(far.await.unwrap_err(), NoPlace::Full);
        drop(first);
        let place = near.now_or_never().unwrap().unwrap();
        assert!((&mut middle).now_or_never().is_none());
        drop(place);
        drop(middle.await.unwrap());
        assert_eq!(
            lane.counts(),
            Counts {
                shed: 2,
                ..Counts::default()
            }
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_too_long_is_late_and_in_nobodys_way() {
        let lane = lane(1, 1);
        let held = lane.enter(0, later()).await.unwrap();
        let late = lane.enter(0, Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(late.unwrap_err(), NoPlace::Late);
        let mut next = Box::pin(lane.enter(0, later()));
        assert!((&mut next).now_or_never().is_none());
        drop(held);
        drop(next.await.unwrap());
        assert_eq!(
            lane.counts(),
            Counts {
                late: 1,
                ..Counts::default()
            }
        );
    }

    proptest! {
        /// Against a list of who is in and who waits: whatever comes and goes, no
        /// more places are taken than there are, nobody waits while one is free,
        /// and the order is kept.
        #[test]
        fn places_are_neither_lost_nor_made(
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
                let mut came = 0u64;
                for (step, order, pick) in steps {
                    match step {
                        0 | 1 => {
                            came += 1;
                            let mut enter = {
                                let (lane, until) = (lane.clone(), later());
                                async move { lane.enter(order, until).await }.boxed()
                            };
                            match (&mut enter).now_or_never() {
                                Some(Ok(place)) => inside.push(place),
                                Some(Err(_)) => {}
                                None => queued.push(((order, came), enter)),
                            }
                        }
                        2 if !inside.is_empty() => drop(inside.swap_remove(pick % inside.len())),
                        3 if !queued.is_empty() => drop(queued.swap_remove(pick % queued.len())),
                        _ => {}
                    }
                    // Whoever was called or turned away finds out now, in order.
                    queued.sort_by_key(|(turn, _)| *turn);
                    let mut still = Vec::new();
                    for (turn, mut enter) in queued.drain(..) {
                        match (&mut enter).now_or_never() {
                            Some(Ok(place)) => {
                                prop_assert!(still.is_empty(), "one that waits was passed over");
                                inside.push(place);
                            }
                            Some(Err(_)) => {}
                            None => still.push((turn, enter)),
                        }
                    }
                    queued = still;
                    prop_assert!(inside.len() <= at_once as usize);
                    prop_assert!(queued.len() <= waiting as usize);
                    prop_assert!(queued.is_empty() || inside.len() == at_once as usize);
                    let counts = lane.counts();
                    prop_assert_eq!(counts.at_work, inside.len() as u64);
                }
                drop((inside, queued));
                prop_assert_eq!(lane.counts().at_work, 0);
                Ok(())
            })?;
        }
    }
}
