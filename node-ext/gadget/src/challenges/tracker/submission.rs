//! The outcome of jobs and of the extrinsics that they submit. Overdue answers, of which nothing
//! was heard for too long, are rescheduled in `tracker.rs`, by `review_deadlines`.

use super::events::{TrackerEvent, Urgency};
use super::tracked_challenge::{AttemptId, ExtrinsicLocation, JobState, SubmittedAnswer};
use super::{ChallengeTracker, JobError};
use cairn_chain::ExtrinsicStatus;
use cairn_primitives::H256;
use cairn_primitives::challenge::ChallengeId;

/// After this many failures in a row the pauses stop growing: the longest is 2 to this power, in
/// ticks.
pub(super) const MAX_BACKOFF_DOUBLINGS: u32 = 3;

/// A transient failure that repeats this often in a row raises an alarm.
pub(super) const MAX_TRANSIENT_FAILURES: u32 = 5;

fn backoff_ticks(failures: u32) -> u64 {
    1 << failures.saturating_sub(1).min(MAX_BACKOFF_DOUBLINGS)
}

impl ChallengeTracker {
    /// Returns true if the answer of this attempt is still wanted.
    pub(in crate::challenges) fn is_wanted(&self, id: ChallengeId, attempt: AttemptId) -> bool {
        self.entries
            .get(&id)
            .is_some_and(|entry| entry.is_running(attempt))
    }

    /// Records that a job submitted an answer of `bytes` bytes. Returns true if the attempt is
    /// current.
    pub(in crate::challenges) fn on_submitted(
        &mut self,
        id: ChallengeId,
        attempt: AttemptId,
        extrinsic: H256,
        bytes: usize,
    ) -> bool {
        let anchor = self.best_anchor;
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        if !entry.is_running(attempt) {
            return false;
        }
        entry.state = JobState::Submitted(SubmittedAnswer {
            attempt_id: attempt,
            extrinsic,
            submitted_at: anchor,
            bytes,
            location: ExtrinsicLocation::InPool,
        });
        let count = match entry.attempts {
            0 => &mut self.counters.answered,
            _ => &mut self.counters.resubmitted,
        };
        *count = count.saturating_add(1);
        entry.attempts = entry.attempts.saturating_add(1);
        entry.failures = 0;
        entry.alarm = None;
        self.unsaved.insert(id);
        self.events.push(TrackerEvent::Submitted {
            challenge: entry.challenge,
            extrinsic,
            attempt: entry.attempts,
            left: id.deadline.saturating_sub(anchor),
        });
        true
    }

    /// Records that a job has failed.
    pub(in crate::challenges) fn on_job_failed(
        &mut self,
        id: ChallengeId,
        attempt: AttemptId,
        job_error: JobError,
    ) {
        let left = self.blocks_left(id);
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        if !entry.is_running(attempt) {
            return;
        }
        entry.failures = entry.failures.saturating_add(1);
        // An operator may repair the cause at any block.
        let pause = match (&job_error, entry.urgency) {
            (_, Urgency::Critical) | (JobError::Alarm(_), _) => 1,
            _ => backoff_ticks(entry.failures),
        };
        let from = self.now.plus(pause);
        entry.state = JobState::Waiting { not_before: from };
        let challenge = entry.challenge;
        match job_error {
            JobError::AlreadyAnswered => {
                if entry.alarm.take().is_some() {
                    self.unsaved.insert(id);
                }
            }
            JobError::Unprovable(reason) => {
                entry.is_unprovable = true;
                if entry.alarm.as_ref() != Some(&reason) {
                    entry.alarm = Some(reason.clone());
                    self.unsaved.insert(id);
                    self.events.push(TrackerEvent::Unprovable {
                        challenge,
                        left,
                        reason,
                    });
                }
            }
            JobError::Transient(reason) if entry.failures < MAX_TRANSIENT_FAILURES => {
                self.events.push(TrackerEvent::Delayed {
                    challenge,
                    left,
                    reason,
                });
            }
            JobError::Transient(reason) | JobError::Alarm(reason) => {
                if entry.alarm.as_ref() != Some(&reason) {
                    entry.alarm = Some(reason.clone());
                    self.unsaved.insert(id);
                    self.events.push(TrackerEvent::Alarm {
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
    pub(in crate::challenges) fn on_progress(
        &mut self,
        id: ChallengeId,
        attempt: AttemptId,
        progress: &ExtrinsicStatus,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        let JobState::Submitted(submitted) = &mut entry.state else {
            return matches!(progress, ExtrinsicStatus::Finalized(_));
        };
        let challenge = entry.challenge;
        match progress {
            ExtrinsicStatus::Finalized(_) => {
                submitted.location = ExtrinsicLocation::JUST_FINALIZED;
                return true;
            }
            ExtrinsicStatus::InBlock(block) if !submitted.is_finalized() => {
                submitted.location = ExtrinsicLocation::InBlock(*block);
            }
            ExtrinsicStatus::Retracted(block)
                if submitted.location == ExtrinsicLocation::InBlock(*block) =>
            {
                submitted.location = ExtrinsicLocation::InPool;
                self.events.push(TrackerEvent::Retracted { challenge });
            }
            ExtrinsicStatus::Dropped(reason)
                if submitted.attempt_id == attempt && !submitted.is_finalized() =>
            {
                // Retry at once the first time, but not without a pause if the pool keeps dropping.
                let pause = match entry.drops {
                    0 => 0,
                    drops => backoff_ticks(drops),
                };
                entry.drops = entry.drops.saturating_add(1);
                let from = self.now.plus(pause);
                entry.state = JobState::Waiting { not_before: from };
                self.unsaved.insert(id);
                let why = reason.clone();
                self.events
                    .push(TrackerEvent::Resubmitting { challenge, why });
            }
            _ => {}
        }
        false
    }

    /// Records that an extrinsic's stream ended without a final status.
    pub(in crate::challenges) fn on_tracking_lost(&mut self, id: ChallengeId, attempt: AttemptId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let JobState::Submitted(submitted) = &mut entry.state
            && submitted.attempt_id == attempt
            && !submitted.is_finalized()
        {
            submitted.location = ExtrinsicLocation::Untracked;
        }
    }
}
