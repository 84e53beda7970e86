//! The queue against a log in memory: every request is written once, by one writer at a
//! time, and has its own outcome, however a write ends.

use super::*;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// A request: its number, and what its writer does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NumberedRequest {
    number: usize,
    action: WriterAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WriterAction {
    Written,
    /// The writer leaves it open.
    Forgotten,
    /// The writer panics.
    Panics,
}

/// The outcome of a request: its place in the log, or nothing.
type LogIndex = Option<usize>;

/// The requests in the order in which they were written, with their outcomes.
#[derive(Default)]
struct Log {
    entries: Mutex<Vec<(NumberedRequest, LogIndex)>>,
    is_writing: AtomicBool,
}

impl Log {
    fn write(&self, group: &[Arc<Ticket<NumberedRequest, LogIndex>>]) {
        assert!(!self.is_writing.swap(true, Ordering::SeqCst), "one at once");
        let mut entries = self.entries.lock();
        let mut is_panicking = false;
        for ticket in group {
            let asked = *ticket.request();
            is_panicking |= asked.action == WriterAction::Panics;
            let is_written = asked.action == WriterAction::Written && !is_panicking;
            let place = is_written.then_some(entries.len());
            entries.push((asked, place));
            if is_written {
                ticket.settle(|| place);
                // The first outcome counts.
                ticket.settle(|| None);
            }
        }
        drop(entries);
        std::thread::yield_now();
        self.is_writing.store(false, Ordering::SeqCst);
        if is_panicking {
            resume_unwind(Box::new("as the test has it"));
        }
    }
}

type Queue = GroupCommit<NumberedRequest, LogIndex>;

fn written(number: usize) -> NumberedRequest {
    let action = WriterAction::Written;
    NumberedRequest { number, action }
}

/// Returns once `waiting` callers wait.
fn wait_for(queue: &Queue, waiting: usize) {
    while queue.state.lock().waiting.len() < waiting {
        std::thread::yield_now();
    }
}

#[test]
fn callers_during_a_write_share_the_next_in_order() {
    let (queue, log) = (Queue::default(), Log::default());
    let (others, groups) = (5, Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            let write = |group: &[_]| {
                wait_for(&queue, others);
                log.write(group);
            };
            queue.run(written(0), write, || None)
        });
        while !queue.state.lock().writing {
            std::thread::yield_now();
        }
        let (queue, log, groups) = (&queue, &log, &groups);
        let mut callers = Vec::new();
        for number in 1..=others {
            callers.push(scope.spawn(move || {
                let write = |group: &[_]| {
                    groups.lock().push(group.len());
                    log.write(group);
                };
                queue.run(written(number), write, || None)
            }));
            if number < others {
                wait_for(queue, number);
            }
        }
        assert_eq!(first.join().unwrap(), Some(0));
        for (caller, place) in callers.into_iter().zip(1..) {
            assert_eq!(caller.join().unwrap(), Some(place));
        }
        assert_eq!(*groups.lock(), [others]);
    });
}

#[test]
fn a_taken_outcome_is_not_set_again() {
    let ticket = Ticket {
        request: (),
        outcome: Mutex::new(Outcome::Open),
    };
    ticket.settle(|| 1);
    assert_eq!(ticket.take(), Some(1));
    ticket.settle(|| unreachable!("it has its outcome"));
    assert_eq!(ticket.take(), None);
}

#[test]
fn a_panic_of_the_writer_loses_no_outcome() {
    let (queue, log) = (Queue::default(), Log::default());
    std::thread::scope(|scope| {
        let leader = scope.spawn(|| {
            let write = |group: &[_]| {
                wait_for(&queue, 3);
                log.write(group);
            };
            queue.run(written(0), write, || None)
        });
        while !queue.state.lock().writing {
            std::thread::yield_now();
        }
        // The second request of the next group makes its writer panic.
        let queue = &queue;
        let log = &log;
        let actions = [
            WriterAction::Written,
            WriterAction::Panics,
            WriterAction::Written,
        ];
        let callers: Vec<_> = (1..)
            .zip(actions)
            .map(|(number, action)| {
                let asked = NumberedRequest { number, action };
                let caller = scope.spawn(move || {
                    let run = || queue.run(asked, |group| log.write(group), || None);
                    catch_unwind(AssertUnwindSafe(run))
                });
                if number < 3 {
                    wait_for(queue, number);
                }
                caller
            })
            .collect();
        assert_eq!(leader.join().unwrap(), Some(0));
        let ended: Vec<_> = callers.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(ended.iter().filter(|ended| ended.is_err()).count(), 1);
        let expected = [Some(1), None, None];
        for (ended, expected) in ended.iter().zip(expected) {
            assert!(ended.as_ref().is_err() || *ended.as_ref().unwrap() == expected);
        }
        let next = queue.run(written(4), |group| log.write(group), || None);
        assert_eq!(next, Some(4), "the queue goes on");
    });
}

fn action() -> impl Strategy<Value = WriterAction> {
    prop_oneof![
        8 => Just(WriterAction::Written),
        1 => Just(WriterAction::Forgotten),
        1 => Just(WriterAction::Panics),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Checks against the log: each request is written once and in its thread's order, and
    /// each caller gets the logged outcome, except a writer that panicked.
    #[test]
    fn each_request_is_written_once_and_gets_its_outcome(
        threads in proptest::collection::vec(proptest::collection::vec(action(), 1..20), 1..6),
    ) {
        let (queue, log) = (&Queue::default(), &Log::default());
        let outcomes: Vec<Vec<_>> = std::thread::scope(|scope| {
            let callers: Vec<_> = (0..)
                .zip(&threads)
                .map(|(thread, actions)| scope.spawn(move || {
                    let asked = (0..).zip(actions).map(|(at, action)| NumberedRequest {
                        number: thread * 100 + at,
                        action: *action,
                    });
                    asked
                        .map(|asked| {
                            let run = || queue.run(asked, |group| log.write(group), || None);
                            (asked, catch_unwind(AssertUnwindSafe(run)).ok())
                        })
                        .collect()
                }))
                .collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let log = log.entries.lock();
        prop_assert_eq!(log.len(), threads.iter().map(Vec::len).sum::<usize>());
        let mut panicked = 0;
        for (thread, outcomes) in outcomes.iter().enumerate() {
            let of_thread = log.iter().filter(|(asked, _)| asked.number / 100 == thread);
            let of_thread: Vec<_> = of_thread.copied().collect();
            prop_assert_eq!(of_thread.len(), outcomes.len());
            for ((logged, place), (asked, outcome)) in of_thread.iter().zip(outcomes) {
                prop_assert_eq!(logged, asked);
                match outcome {
                    Some(outcome) => prop_assert_eq!(outcome, place),
                    None => panicked += 1,
                }
            }
        }
        let panics = threads.iter().flatten().filter(|action| **action == WriterAction::Panics).count();
        // One panic may end several requests of a group.
        prop_assert!(panicked <= panics && (panics == 0 || panicked > 0));
        let state = queue.state.lock();
        prop_assert!(!state.writing && state.waiting.is_empty());
    }
}
