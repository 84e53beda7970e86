//! The outcome of jobs and of the extrinsics that they submit.

use super::entry::{Handed, Place, Turn, Work};
use super::news::{Level, News};
use super::{Book, Trouble};
use cairn_chain::Progress;
use cairn_primitives::H256;
use cairn_primitives::challenge::ChallengeId;

/// After this many failures in a row the pauses stop growing: the longest is 2 to this power, in
/// ticks.
pub(super) const MOST_DOUBLINGS: u32 = 3;

/// A transient failure that repeats this often in a row raises an alarm.
pub(super) const MOST_PASSING: u32 = 5;

fn pause(failures: u32) -> u64 {
    1 << failures.saturating_sub(1).min(MOST_DOUBLINGS)
}

impl Book {
    /// Returns true if the answer of this attempt is still wanted.
    pub(in crate::challenges) fn is_wanted(&self, id: ChallengeId, turn: Turn) -> bool {
        self.entries
            .get(&id)
            .is_some_and(|entry| entry.is_at_work(turn))
    }

    /// Records that a job submitted an answer of `bytes` bytes. Returns true if the attempt is
    /// current.
    pub(in crate::challenges) fn handed(
        &mut self,
        id: ChallengeId,
        turn: Turn,
        extrinsic: H256,
        bytes: usize,
    ) -> bool {
        let anchor = self.newest_anchor;
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        if !entry.is_at_work(turn) {
            return false;
        }
        entry.work = Work::Handed(Handed {
            turn,
            extrinsic,
            anchor,
            bytes,
            place: Place::Pool,
        });
        let count = match entry.attempts {
            0 => &mut self.counts.answered,
            _ => &mut self.counts.resubmitted,
        };
        *count = count.saturating_add(1);
        entry.attempts = entry.attempts.saturating_add(1);
        entry.failures = 0;
        entry.alarm = None;
        self.dirty.insert(id);
        self.news.push(News::Handed {
            challenge: entry.challenge,
            extrinsic,
            attempt: entry.attempts,
            left: id.deadline.saturating_sub(anchor),
        });
        true
    }

    /// Records that a job has failed.
    pub(in crate::challenges) fn failed(&mut self, id: ChallengeId, turn: Turn, trouble: Trouble) {
        let left = self.left(id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !entry.is_at_work(turn) {
            return;
        }
        entry.failures = entry.failures.saturating_add(1);
        // An operator may repair the cause at any block.
        let pause = match (&trouble, entry.level) {
            (_, Level::Critical) | (Trouble::Alarm(_), _) => 1,
            _ => pause(entry.failures),
        };
        let from = self.now.after(pause);
        entry.work = Work::Waiting { from };
        let challenge = entry.challenge;
        match trouble {
            Trouble::Answered => {
                if entry.alarm.take().is_some() {
                    self.dirty.insert(id);
                }
            }
            Trouble::Never(reason) => {
                entry.is_unprovable = true;
                if entry.alarm.as_ref() != Some(&reason) {
                    entry.alarm = Some(reason.clone());
                    self.dirty.insert(id);
                    self.news.push(News::Unprovable {
                        challenge,
                        left,
                        reason,
                    });
                }
            }
            Trouble::Passing(reason) if entry.failures < MOST_PASSING => {
                self.news.push(News::Trouble {
                    challenge,
                    left,
                    reason,
                });
            }
            Trouble::Passing(reason) | Trouble::Alarm(reason) => {
                if entry.alarm.as_ref() != Some(&reason) {
                    entry.alarm = Some(reason.clone());
                    self.dirty.insert(id);
                    self.news.push(News::Alarm {
                        challenge,
                        left,
                        reason,
                    });
                }
            }
        }
    }

    /// Applies the progress of an extrinsic. Returns true if a finalized block includes it, whose
    /// outcomes are then worth reading.
    pub(in crate::challenges) fn progressed(
        &mut self,
        id: ChallengeId,
        turn: Turn,
        progress: &Progress,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        let Work::Handed(handed) = &mut entry.work else {
            return matches!(progress, Progress::Finalized(_));
        };
        let challenge = entry.challenge;
        match progress {
            Progress::Finalized(_) => {
                handed.place = Place::FINAL;
                return true;
            }
            Progress::InBlock(block) if !handed.is_final() => {
                handed.place = Place::Block(*block);
            }
            Progress::Retracted(block) if handed.place == Place::Block(*block) => {
                handed.place = Place::Pool;
                self.news.push(News::Retracted { challenge });
            }
            Progress::Gone(reason) if handed.turn == turn && !handed.is_final() => {
                // Retry at once the first time, but not without a pause if the pool keeps dropping.
                let pause = match entry.drops {
                    0 => 0,
                    drops => pause(drops),
                };
                entry.drops = entry.drops.saturating_add(1);
                let from = self.now.after(pause);
                entry.work = Work::Waiting { from };
                self.dirty.insert(id);
                let why = reason.clone();
                self.news.push(News::Again { challenge, why });
            }
            _ => {}
        }
        false
    }

    /// Records that an extrinsic's stream ended without a final status.
    pub(in crate::challenges) fn lost_sight(&mut self, id: ChallengeId, turn: Turn) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let Work::Handed(handed) = &mut entry.work
            && handed.turn == turn
            && !handed.is_final()
        {
            handed.place = Place::Unknown;
        }
    }
}
