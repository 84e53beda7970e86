//! One tracked challenge and the state of its answer.

use super::events::{Resolution, Urgency};
use crate::challenges::duty::{DutyState, StoredDuty};
use cairn_primitives::H256;
use cairn_primitives::onchain::OpenChallenge;

/// A point in logical time: events are counted, no clock is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(pub(super) u64);

impl Tick {
    pub(super) fn plus(self, moments: u64) -> Self {
        Self(self.0.saturating_add(moments))
    }
}

/// Identifies one attempt at an answer, so that late results of another are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::challenges) struct AttemptId(pub(super) u64);

/// The location of a submitted extrinsic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtrinsicLocation {
    /// In the pool, as far as known.
    InPool,
    /// In a block that is not final.
    InBlock(H256),
    /// In a finalized block. If the challenge is still open after `scans_left` more scanned blocks,
    /// the answer had no effect.
    Finalized { scans_left: u8 },
    /// Not tracked any more.
    Untracked,
}

impl ExtrinsicLocation {
    /// Two, since a running scan may be of an earlier block.
    pub(super) const JUST_FINALIZED: Self = Self::Finalized { scans_left: 2 };
}

/// A submitted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SubmittedAnswer {
    pub(super) attempt_id: AttemptId,
    pub(super) extrinsic: H256,
    /// The best block's anchor block at submission.
    pub(super) submitted_at: u32,
    pub(super) bytes: usize,
    pub(super) location: ExtrinsicLocation,
}

impl SubmittedAnswer {
    pub(super) fn is_finalized(&self) -> bool {
        matches!(self.location, ExtrinsicLocation::Finalized { .. })
    }
}

/// The state of the work on a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    /// Idle until `from`.
    Waiting { not_before: Tick },
    /// A job is making an answer; `bytes` are reserved for it.
    Running { attempt_id: AttemptId, bytes: usize },
    /// An answer was submitted.
    Submitted(SubmittedAnswer),
}

/// The anchor blocks of the last finalized and the best block; `is_new_block` is true if the
/// finalized one was not scanned before.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadAnchors {
    pub(super) finalized: u32,
    pub(super) best: u32,
    pub(super) is_new_block: bool,
}

/// A challenge and the progress of its answer.
pub(super) struct TrackedChallenge {
    pub(super) challenge: OpenChallenge,
    pub(super) state: JobState,
    /// The number of submitted answers.
    pub(super) attempts: u32,
    /// Failed jobs since the last successful one.
    pub(super) failures: u32,
    /// The number of answers that the pool dropped.
    pub(super) drops: u32,
    pub(super) urgency: Urgency,
    /// The reason why an operator must act.
    pub(super) alarm: Option<String>,
    /// True if no proof can ever exist.
    pub(super) is_unprovable: bool,
    /// How it ended, as read from a finalized block.
    pub(super) resolution: Option<Resolution>,
}

impl TrackedChallenge {
    pub(super) fn new(challenge: OpenChallenge) -> Self {
        Self {
            challenge,
            state: JobState::Waiting {
                not_before: Tick(0),
            },
            attempts: 0,
            failures: 0,
            drops: 0,
            urgency: Urgency::Normal,
            alarm: None,
            is_unprovable: false,
            resolution: None,
        }
    }

    /// Restores an entry from the duty that an earlier process recorded.
    pub(super) fn from_stored(duty: StoredDuty) -> Self {
        let state = match duty.state {
            DutyState::Submitted { extrinsic, anchor } => JobState::Submitted(SubmittedAnswer {
                attempt_id: AttemptId(0),
                extrinsic,
                submitted_at: anchor,
                bytes: 0,
                location: ExtrinsicLocation::Untracked,
            }),
            // An alarm is raised again if it still holds.
            DutyState::Open | DutyState::Alarmed { .. } => JobState::Waiting {
                not_before: Tick(0),
            },
        };
        Self {
            state,
            attempts: duty.attempts,
            ..Self::new(duty.challenge)
        }
    }

    pub(super) fn to_stored(&self) -> StoredDuty {
        let state = match (&self.alarm, &self.state) {
            (Some(reason), _) => DutyState::Alarmed {
                reason: reason.clone(),
            },
            (None, JobState::Submitted(handed)) => DutyState::Submitted {
                extrinsic: handed.extrinsic,
                anchor: handed.submitted_at,
            },
            (None, _) => DutyState::Open,
        };
        StoredDuty {
            challenge: self.challenge,
            state,
            attempts: self.attempts,
        }
    }

    pub(super) fn is_running(&self, at: AttemptId) -> bool {
        matches!(self.state, JobState::Running { attempt_id, .. } if attempt_id == at)
    }

    /// Resets the work after its driver panicked.
    pub(super) fn reset_after_panic(&mut self, now: Tick) {
        match &mut self.state {
            JobState::Running { .. } => self.state = JobState::Waiting { not_before: now },
            JobState::Submitted(handed) if !handed.is_finalized() => {
                handed.location = ExtrinsicLocation::Untracked
            }
            JobState::Submitted(_) | JobState::Waiting { .. } => {}
        }
    }

    pub(super) fn is_in_block(&self) -> bool {
        matches!(
            self.state,
            JobState::Submitted(SubmittedAnswer {
                location: ExtrinsicLocation::InBlock(_) | ExtrinsicLocation::Finalized { .. },
                ..
            })
        )
    }

    /// Returns the bytes that it occupies of the in-flight bound, if any.
    pub(super) fn bytes_in_flight(&self) -> Option<usize> {
        match self.state {
            JobState::Running { bytes, .. } => Some(bytes),
            JobState::Submitted(handed) => {
                (handed.location == ExtrinsicLocation::InPool).then_some(handed.bytes)
            }
            JobState::Waiting { .. } => None,
        }
    }

    /// Returns the reason why the submitted answer must be regarded as failed, given a scan that
    /// still lists the challenge. A repeated scan of the same block adds no evidence.
    pub(super) fn resubmit_reason(
        &mut self,
        seen: HeadAnchors,
        resubmit_after: u32,
    ) -> Option<String> {
        let deadline = self.challenge.id.deadline;
        let JobState::Submitted(handed) = &mut self.state else {
            return None;
        };
        // Each further attempt waits longer, but never more than half of the remaining time: so
        // there is always another one.
        let half = deadline.saturating_sub(handed.submitted_at) / 2;
        let doublings = self.attempts.saturating_sub(1).min(3);
        let (timeout, now) = match &mut handed.location {
            ExtrinsicLocation::Finalized { scans_left } => {
                *scans_left = scans_left.saturating_sub(u8::from(seen.is_new_block));
                let why = "a finalized block includes it, and the challenge is still open";
                return (*scans_left == 0).then(|| why.into());
            }
            ExtrinsicLocation::InPool | ExtrinsicLocation::Untracked => {
                let timeout = resubmit_after.saturating_mul(1 << doublings);
                (timeout, seen.best)
            }
            // Only finality is missing.
            ExtrinsicLocation::InBlock(_) => (resubmit_after.saturating_mul(8), seen.finalized),
        };
        let waited = now.saturating_sub(handed.submitted_at);
        let is_stuck = waited >= timeout.min(half).max(1);
        is_stuck.then(|| format!("no finalized block has included it after {waited} anchor blocks"))
    }
}

/// The progress of the answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerStage {
    /// No work on it is running.
    Waiting,
    /// The answer is being made.
    Preparing,
    /// The answer was submitted to the pool and is not known to be in a block.
    Submitted,
    /// A block that is not final yet includes the answer.
    InBlock,
    /// A finalized block includes the answer; a scan has yet to confirm that the challenge is gone.
    Finalized,
}

/// An open challenge and the progress of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeDuty {
    /// The challenge.
    pub challenge: OpenChallenge,
    /// Anchor blocks until its deadline, as of the newest known best block; `None` before the first
    /// finalized block of a process.
    pub left: Option<u32>,
    /// The progress of the answer.
    pub stage: AnswerStage,
    /// The last submitted extrinsic, unless it has failed.
    pub extrinsic: Option<H256>,
    /// The number of answers submitted so far.
    pub attempts: u32,
    /// The reason why an operator must act, if one must.
    pub alarm: Option<String>,
    /// True if no proof can ever exist, as for a padding slot: the operator must have another
    /// checkpoint submitted.
    pub is_unprovable: bool,
}

impl TrackedChallenge {
    pub(super) fn to_duty(&self, anchor: Option<u32>) -> ChallengeDuty {
        let (stage, extrinsic) = match &self.state {
            JobState::Waiting { .. } => (AnswerStage::Waiting, None),
            JobState::Running { .. } => (AnswerStage::Preparing, None),
            JobState::Submitted(handed) => {
                let stage = match handed.location {
                    ExtrinsicLocation::InPool | ExtrinsicLocation::Untracked => {
                        AnswerStage::Submitted
                    }
                    ExtrinsicLocation::InBlock(_) => AnswerStage::InBlock,
                    ExtrinsicLocation::Finalized { .. } => AnswerStage::Finalized,
                };
                (stage, Some(handed.extrinsic))
            }
        };
        let deadline = self.challenge.id.deadline;
        ChallengeDuty {
            challenge: self.challenge,
            left: anchor.map(|anchor| deadline.saturating_sub(anchor)),
            stage,
            extrinsic,
            attempts: self.attempts,
            is_unprovable: self.is_unprovable,
            alarm: self.alarm.clone().or_else(|| {
                let is_critical = self.urgency == Urgency::Critical;
                is_critical.then(|| "its deadline is near, and no block has its answer".into())
            }),
        }
    }
}
