//! The tracker against a naive model: after any sequence of events it starts the same jobs as a
//! plain list of the open challenges, sorted by deadline.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Move {
    /// Anchor blocks pass, challenges arrive, and some of the open ones end.
    Scan {
        anchors: u32,
        come: u8,
        go: u8,
    },
    Pass,
    Connected(bool),
    /// The n-th running job ends: it submits an answer of N bytes, or fails.
    Handed {
        which: usize,
        bytes: usize,
    },
    Failed {
        which: usize,
        alarm: bool,
    },
    /// The n-th submitted answer progresses.
    Step {
        which: usize,
        step: u8,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let which = 0..40usize;
    let one = prop_oneof![
        3 => (0..6u32, 0..5u8, 0..3u8)
            .prop_map(|(anchors, come, go)| Move::Scan { anchors, come, go }),
        1 => Just(Move::Pass),
        1 => prop::bool::weighted(0.8).prop_map(Move::Connected),
        4 => (which.clone(), 100..ONE).prop_map(|(which, bytes)| Move::Handed { which, bytes }),
        2 => (which.clone(), any::<bool>())
            .prop_map(|(which, alarm)| Move::Failed { which, alarm }),
        4 => (which, 0..5u8).prop_map(|(which, step)| Move::Step { which, step }),
    ];
    prop::collection::vec(one, 1..120)
}

/// The naive model's state: for each open challenge the attempt that is running or submitted,
/// whether it waits for a later tick, and its bytes.
#[derive(Default)]
struct Naive {
    open: BTreeMap<ChallengeId, State>,
    anchor: u32,
    next: u16,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Idle; it may or may not be due.
    Idle,
    AtWork(AttemptId),
    Pool(AttemptId, usize),
    Elsewhere(AttemptId),
}

impl Naive {
    fn nth(&self, which: usize, is: fn(&State) -> bool) -> Option<(ChallengeId, State)> {
        let of: Vec<_> = self.open.iter().filter(|(_, state)| is(state)).collect();
        let at = which.checked_rem(of.len())?;
        Some((*of[at].0, *of[at].1))
    }

    fn load(&self) -> (usize, usize) {
        let bytes = self.open.values().filter_map(|state| match state {
            State::AtWork(_) => Some(ONE),
            State::Pool(_, bytes) => Some(*bytes),
            _ => None,
        });
        bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
    }
}

proptest! {
    #[test]
    fn nearest_deadlines_run_first_within_the_bounds(moves in moves()) {
        const MOST: usize = 4;
        let config = ChallengeConfig {
            in_flight: MOST,
            bytes_in_flight: 3 * ONE,
            ..ChallengeConfig::default()
        };
        let mut tracker = ChallengeTracker::new(config.validate().unwrap(), OURS, vec![]);
        let mut naive = Naive { anchor: 1, ..Naive::default() };
        let (mut is_connected, mut kept) = (false, BTreeMap::new());
        for step in moves {
            match step {
                Move::Scan { anchors, come, go } => {
                    naive.anchor += anchors;
                    for _ in 0..go {
                        naive.open.pop_first();
                    }
                    for _ in 0..come {
                        naive.next += 1;
                        let deadline = naive.anchor + 10 + u32::from(naive.next * 7 % 30);
                        naive.open.insert(id(deadline, naive.next), State::Idle);
                    }
                    tracker.on_scan(scan(naive.anchor, naive.open.keys().copied()));
                }
                Move::Pass => tracker.tick(),
                Move::Connected(now) => {
                    is_connected = now;
                    tracker.set_connected(now);
                }
                Move::Handed { which, bytes } => {
                    let at_work = naive.nth(which, |state| matches!(state, State::AtWork(_)));
                    if let Some((id, State::AtWork(turn))) = at_work {
                        prop_assert!(tracker.is_wanted(id, turn));
                        prop_assert!(tracker.on_submitted(id, turn, H256::zero(), bytes));
                        naive.open.insert(id, State::Pool(turn, bytes));
                    }
                }
                Move::Failed { which, alarm } => {
                    let at_work = naive.nth(which, |state| matches!(state, State::AtWork(_)));
                    if let Some((id, State::AtWork(turn))) = at_work {
                        let job_error = match alarm {
                            true => JobError::Alarm("no".into()),
                            false => JobError::Transient("busy".into()),
                        };
                        tracker.on_job_failed(id, turn, job_error);
                        naive.open.insert(id, State::Idle);
                    }
                }
                Move::Step { which, step } => {
                    let handed = naive.nth(which, |state| {
                        matches!(state, State::Pool(..) | State::Elsewhere(_))
                    });
                    let Some((id, State::Pool(turn, _) | State::Elsewhere(turn))) = handed else {
                        continue;
                    };
                    let block = H256::repeat_byte(1);
                    match step {
                        0 => drop(tracker.on_progress(id, turn, &ExtrinsicStatus::InBlock(block))),
                        1 => drop(tracker.on_progress(id, turn, &ExtrinsicStatus::Retracted(block))),
                        2 => drop(tracker.on_progress(id, turn, &ExtrinsicStatus::Finalized(block))),
                        3 => drop(tracker.on_progress(id, turn, &ExtrinsicStatus::Dropped("x".into()))),
                        _ => tracker.on_tracking_lost(id, turn),
                    }
                }
            }
            // The tracker alone knows where an answer is now; the model copies it and checks the
            // consequences.
            for duty in tracker.duties() {
                let id = duty.challenge.id;
                let bytes = tracker.entries[&id].bytes_in_flight();
                let state = naive.open.get_mut(&id).unwrap();
                *state = match (*state, duty.stage) {
                    (State::Pool(turn, _) | State::Elsewhere(turn), AnswerStage::Waiting) => {
                        prop_assert!(turn.0 > 0);
                        State::Idle
                    }
                    (State::Pool(turn, _) | State::Elsewhere(turn), _) => match bytes {
                        Some(bytes) => State::Pool(turn, bytes),
                        None => State::Elsewhere(turn),
                    },
                    (before, _) => before,
                };
            }
            let open: Vec<_> = naive.open.keys().copied().collect();
            let known: Vec<_> = tracker.duties().iter().map(|duty| duty.challenge.id).collect();
            prop_assert_eq!(known, open, "what the last scan had, by deadline");

            let (count_before, _) = naive.load();
            let jobs = tracker.start_jobs();
            prop_assert!(jobs.is_empty() || is_connected);
            for job in &jobs {
                let id = job.challenge.id;
                prop_assert!(naive.open[&id] == State::Idle, "nothing is begun twice");
                prop_assert!(id.deadline >= naive.anchor, "nor when it is overdue");
                prop_assert_eq!(job.is_near, id.deadline - naive.anchor <= 5);
                naive.open.insert(id, State::AtWork(job.attempt_id));
            }
            let is_near = jobs.last().is_some_and(|job| job.is_near);
            let (count, bytes) = naive.load();
            prop_assert_eq!(tracker.statistics().in_flight, count as u64);
            prop_assert_eq!(tracker.statistics().bytes_in_flight, bytes as u64);
            if !jobs.is_empty() {
                let reserve = usize::from(is_near);
                prop_assert!(count <= MOST + reserve);
                let most = if is_near { 3 * ONE + (3 * ONE).div_ceil(4) } else { 3 * ONE };
                prop_assert!(bytes <= most || count_before == 0);
            }
            // A challenge that is not started has a later deadline than all that are, waits for a
            // later tick, or finds no capacity.
            if let Some(last) = jobs.last() {
                let waiting = naive.open.iter().filter(|(_, state)| **state == State::Idle);
                for (id, _) in waiting {
                    let entry = &tracker.entries[id];
                    let is_due =
                        matches!(entry.state, JobState::Waiting { not_before } if not_before <= tracker.now);
                    let is_overdue = id.deadline < naive.anchor;
                    prop_assert!(*id > last.challenge.id || !is_due || is_overdue);
                }
            } else if is_connected && count_before == 0 && tracker.last_scan.is_some() {
                for (id, entry) in &tracker.entries {
                    let is_due =
                        matches!(entry.state, JobState::Waiting { not_before } if not_before <= tracker.now);
                    prop_assert!(!is_due || id.deadline < naive.anchor, "nobody is left waiting");
                }
            }
            for (id, duty) in tracker.take_changes() {
                match duty {
                    Some(duty) => drop(kept.insert(id, duty)),
                    None => drop(kept.remove(&id)),
                }
            }
            // A process that starts now restores each, and the submitted extrinsics.
            let kept_ids: Vec<_> = kept.keys().copied().collect();
            let open: Vec<_> = naive.open.keys().copied().collect();
            prop_assert_eq!(kept_ids, open);
            for (id, entry) in &tracker.entries {
                prop_assert_eq!(kept[id].attempts, entry.attempts);
            }
        }
    }
}
