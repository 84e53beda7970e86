//! One tracked challenge and the state of its answer.

use super::news::{Fate, Level};
use crate::challenges::duty::{Duty, DutyState};
use cairn_primitives::H256;
use cairn_primitives::onchain::OpenChallenge;

/// A point in logical time: events are counted, no clock is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    pub(super) fn after(self, moments: u64) -> Self {
        Self(self.0.saturating_add(moments))
    }
}

/// Identifies one attempt at an answer, so that late results of another are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::challenges) struct Turn(pub(super) u64);

/// The location of a submitted extrinsic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the pool, as far as known.
    Pool,
    /// In a block that is not final.
    Block(H256),
    /// In a finalized block. If the challenge is still open after `scans_left` more scanned blocks,
    /// the answer had no effect.
    Final { scans_left: u8 },
    /// Not tracked any more.
    Unknown,
}

impl Place {
    /// Two, since a running scan may be of an earlier block.
    pub(super) const FINAL: Self = Self::Final { scans_left: 2 };
}

/// A submitted answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) turn: Turn,
    pub(super) extrinsic: H256,
    /// The best block's anchor block at submission.
    pub(super) anchor: u32,
    pub(super) bytes: usize,
    pub(super) place: Place,
}

impl Handed {
    pub(super) fn is_final(&self) -> bool {
        matches!(self.place, Place::Final { .. })
    }
}

/// The state of the work on a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Idle until `from`.
    Waiting { from: Moment },
    /// A job is making an answer; `bytes` are reserved for it.
    Making { turn: Turn, bytes: usize },
    /// An answer was submitted.
    Handed(Handed),
}

/// The anchor blocks of the last finalized and the best block; `is_new_block` is true if the
/// finalized one was not scanned before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) finalized: u32,
    pub(super) newest: u32,
    pub(super) is_new_block: bool,
}

/// A challenge and the progress of its answer.
pub(super) struct Entry {
    pub(super) challenge: OpenChallenge,
    pub(super) work: Work,
    /// The number of submitted answers.
    pub(super) attempts: u32,
    /// Failed jobs since the last successful one.
    pub(super) failures: u32,
    /// The number of answers that the pool dropped.
    pub(super) drops: u32,
    pub(super) level: Level,
    /// The reason why an operator must act.
    pub(super) alarm: Option<String>,
    /// True if no proof can ever exist.
    pub(super) is_unprovable: bool,
    /// How it ended, as read from a finalized block.
    pub(super) fate: Option<Fate>,
}

impl Entry {
    pub(super) fn new(challenge: OpenChallenge) -> Self {
        Self {
            challenge,
            work: Work::Waiting { from: Moment(0) },
            attempts: 0,
            failures: 0,
            drops: 0,
            level: Level::Calm,
            alarm: None,
            is_unprovable: false,
            fate: None,
        }
    }

    /// Restores an entry from the duty that an earlier process recorded.
    pub(super) fn restored(duty: Duty) -> Self {
        let work = match duty.state {
            DutyState::Submitted { extrinsic, anchor } => Work::Handed(Handed {
                turn: Turn(0),
                extrinsic,
                anchor,
                bytes: 0,
                place: Place::Unknown,
            }),
            // An alarm is raised again if it still holds.
            DutyState::Seen | DutyState::Alarmed { .. } => Work::Waiting { from: Moment(0) },
        };
        Self {
            work,
            attempts: duty.attempts,
            ..Self::new(duty.challenge)
        }
    }

    pub(super) fn duty(&self) -> Duty {
        let state = match (&self.alarm, &self.work) {
            (Some(reason), _) => DutyState::Alarmed {
                reason: reason.clone(),
            },
            (None, Work::Handed(handed)) => DutyState::Submitted {
                extrinsic: handed.extrinsic,
                anchor: handed.anchor,
            },
            (None, _) => DutyState::Seen,
        };
        Duty {
            challenge: self.challenge,
            state,
            attempts: self.attempts,
        }
    }

    pub(super) fn is_at_work(&self, at: Turn) -> bool {
        matches!(self.work, Work::Making { turn, .. } if turn == at)
    }

    /// Resets the work after its driver panicked.
    pub(super) fn broke_off(&mut self, now: Moment) {
        match &mut self.work {
            Work::Making { .. } => self.work = Work::Waiting { from: now },
            Work::Handed(handed) if !handed.is_final() => handed.place = Place::Unknown,
            Work::Handed(_) | Work::Waiting { .. } => {}
        }
    }

    pub(super) fn is_in_a_block(&self) -> bool {
        matches!(
            self.work,
            Work::Handed(Handed {
                place: Place::Block(_) | Place::Final { .. },
                ..
            })
        )
    }

    /// Returns the bytes that it occupies of the in-flight bound, if any.
    pub(super) fn bytes_in_flight(&self) -> Option<usize> {
        match self.work {
            Work::Making { bytes, .. } => Some(bytes),
            Work::Handed(handed) => (handed.place == Place::Pool).then_some(handed.bytes),
            Work::Waiting { .. } => None,
        }
    }

    /// Returns the reason why the submitted answer must be regarded as failed, given a scan that
    /// still lists the challenge. A repeated scan of the same block adds no evidence.
    pub(super) fn is_stuck(&mut self, seen: Seen, resubmit_after: u32) -> Option<String> {
        let deadline = self.challenge.id.deadline;
        let Work::Handed(handed) = &mut self.work else {
            return None;
        };
        // Each further attempt waits longer, but never more than half of the remaining time: so
        // there is always another one.
        let half = deadline.saturating_sub(handed.anchor) / 2;
        let doublings = self.attempts.saturating_sub(1).min(3);
        let (patience, now) = match &mut handed.place {
            Place::Final { scans_left } => {
                *scans_left = scans_left.saturating_sub(u8::from(seen.is_new_block));
                let why = "a finalized block includes it, and the challenge is still open";
                return (*scans_left == 0).then(|| why.into());
            }
            Place::Pool | Place::Unknown => {
                let patience = resubmit_after.saturating_mul(1 << doublings);
                (patience, seen.newest)
            }
            // Only finality is missing.
            Place::Block(_) => (resubmit_after.saturating_mul(8), seen.finalized),
        };
        let waited = now.saturating_sub(handed.anchor);
        let is_stuck = waited >= patience.min(half).max(1);
        is_stuck.then(|| format!("no finalized block has included it after {waited} anchor blocks"))
    }
}

/// The progress of the answer to a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No work on it is running.
    Waiting,
    /// The answer is being made.
    AtWork,
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
    pub stage: Stage,
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

impl Entry {
    pub(super) fn as_duty(&self, anchor: Option<u32>) -> ChallengeDuty {
        let (stage, extrinsic) = match &self.work {
            Work::Waiting { .. } => (Stage::Waiting, None),
            Work::Making { .. } => (Stage::AtWork, None),
            Work::Handed(handed) => {
                let stage = match handed.place {
                    Place::Pool | Place::Unknown => Stage::Submitted,
                    Place::Block(_) => Stage::InBlock,
                    Place::Final { .. } => Stage::Finalized,
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
                let is_critical = self.level == Level::Critical;
                is_critical.then(|| "its deadline is near, and no block has its answer".into())
            }),
        }
    }
}
