//! Waiting to be written: commits that arrive while another is being written
//! share the next batch and its fsync.
//!
//! Whoever finds nobody writing writes for all that wait. However a turn ends,
//! each of its group gets an outcome.

use super::Bucket;
use super::charge::OverQuota;
use super::commit::{Committed, NewLeaf};
use cairn_engine::{Durability, EngineError};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::sync::Arc;

/// How often a writer steps aside for each caller that may still come. Once and
/// three times were measured and do not differ beyond the noise: eight threads
/// made 15,000 to 18,000 commits a second with either, and 11,000 in a run
/// without.
const STEPS_ASIDE: usize = 3;

/// What a caller asks of the next write.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) leaves: Vec<NewLeaf>,
    pub(super) durability: Durability,
    /// When to promise the commitment, in milliseconds since the Unix epoch.
    pub(super) promise_at: Option<u64>,
}

/// How a write ended for one of those that it was for.
pub(super) type Outcome = Result<Committed, GroupError>;

/// A failure that all of a group share.
#[derive(Clone)]
pub(super) enum GroupError {
    Exhausted,
    NothingToSign,
    Quota(OverQuota),
    Engine(EngineError),
    Poisoned(String),
}

/// One caller's place in the queue.
pub(super) struct Ticket {
    pub(super) request: Request,
    pub(super) outcome: Mutex<Option<Outcome>>,
}

/// Those who wait, and whether somebody is writing.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    turn: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: Vec<Arc<Ticket>>,
    writing: bool,
    /// How many may come to the next turn: those of the last group, who are on
    /// their way back, and those who came meanwhile.
    expected: usize,
}

/// The right to write, for a group. However it ends, nobody is left waiting.
struct Turn<'b> {
    bucket: &'b Bucket,
    group: Vec<Arc<Ticket>>,
    /// Whether all of the group have an outcome, or have already taken it.
    ended: bool,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let unsettled = if self.ended { &[][..] } else { &self.group };
        for ticket in unsettled {
            // The writer has panicked, who knows how far it got.
            ticket.outcome.lock().get_or_insert_with(|| {
                Err(GroupError::Poisoned(
                    self.bucket.poisoned_by("the writer panicked").into(),
                ))
            });
        }
        let mut state = self.bucket.commits.state.lock();
        state.writing = false;
        state.expected = self.group.len().saturating_add(state.waiting.len());
        drop(state);
        self.bucket.commits.turn.notify_all();
    }
}

impl Bucket {
    /// Waits for the request to be written, by whoever's turn it is.
    pub(super) fn run(&self, request: Request) -> Outcome {
        let ticket = Arc::new(Ticket {
            request,
            outcome: Mutex::new(None),
        });
        let mut state = self.commits.state.lock();
        state.waiting.push(ticket.clone());
        loop {
            if let Some(outcome) = ticket.outcome.lock().take() {
                return outcome;
            }
            if state.writing {
                self.commits.turn.wait(&mut state);
                continue;
            }
            state.writing = true;
            // Who would write alone, because they were the first, lets others
            // come: a sync costs far more than to step aside for each of them.
            for _ in state.waiting.len()..state.expected.saturating_mul(STEPS_ASIDE) {
                MutexGuard::unlocked(&mut state, std::thread::yield_now);
                if state.waiting.len() >= state.expected {
                    break;
                }
            }
            let mut turn = Turn {
                bucket: self,
                group: std::mem::take(&mut state.waiting),
                ended: false,
            };
            drop(state);
            self.write_group(&turn.group);
            turn.ended = true;
            drop(turn);
            state = self.commits.state.lock();
        }
    }
}

#[cfg(test)]
mod tests;
