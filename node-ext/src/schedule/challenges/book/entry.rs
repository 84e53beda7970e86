//! One challenge in the book.

use super::news::{Fate, Level};
use crate::schedule::challenges::duty::{Duty, DutyState};
use cairn_primitives::H256;
use cairn_primitives::onchain::OpenChallenge;

/// A point in the course of events: they are counted, not timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    pub(super) fn after(self, moments: u64) -> Self {
        Self(self.0.saturating_add(moments))
    }
}

/// One time that a challenge was worked on; tells the results of one from those
/// of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::schedule::challenges) struct Turn(pub(super) u64);

/// Where an extrinsic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the pool, as far as is known.
    Pool,
    /// In a block that is not final.
    Block(H256),
    /// In a finalized block. After scans of so many more blocks with the
    /// challenge still open, the answer has not taken effect.
    Final { scans_left: u8 },
    /// Nobody says.
    Unknown,
}

impl Place {
    /// The scan that is under way may be of a block before that one.
    pub(super) const FINAL: Self = Self::Final { scans_left: 2 };
}

/// An answer that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    pub(super) turn: Turn,
    pub(super) extrinsic: H256,
    /// The anchor block of the best block at that moment.
    pub(super) anchor: u32,
    pub(super) bytes: usize,
    pub(super) place: Place,
}

impl Handed {
    pub(super) fn is_final(&self) -> bool {
        matches!(self.place, Place::Final { .. })
    }
}

/// What is being done about a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing until a moment has come.
    Waiting { from: Moment },
    /// Somebody makes an answer; these bytes are set aside for it.
    Making { turn: Turn, bytes: usize },
    /// An answer was handed over.
    Handed(Handed),
}

/// The anchor blocks of the last finalized block and of the best one, and
/// whether the former is new.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) finalized: u32,
    pub(super) newest: u32,
    pub(super) is_new_block: bool,
}

/// A challenge, and how far its answer has come.
pub(super) struct Entry {
    pub(super) challenge: OpenChallenge,
    pub(super) work: Work,
    /// Answers that were handed over.
    pub(super) attempts: u32,
    /// Jobs that came to nothing since the last one that did not.
    pub(super) failures: u32,
    /// Answers that the pool dropped.
    pub(super) drops: u32,
    pub(super) level: Level,
    /// Why somebody must act.
    pub(super) alarm: Option<String>,
    /// Whether no proof can ever come.
    pub(super) is_unprovable: bool,
    /// What a finalized block said of it.
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

    /// As an earlier process left it.
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

    /// Nobody makes its answer any more, or follows it.
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

    /// What it takes of the pool, where it takes any.
    pub(super) fn bytes_in_flight(&self) -> Option<usize> {
        match self.work {
            Work::Making { bytes, .. } => Some(bytes),
            Work::Handed(handed) => (handed.place == Place::Pool).then_some(handed.bytes),
            Work::Waiting { .. } => None,
        }
    }

    /// Whether its answer has come to nothing, as a scan shows that still has
    /// the challenge, and how. A scan of a block that was scanned before says
    /// nothing new.
    pub(super) fn is_stuck(&mut self, seen: Seen, resubmit_after: u32) -> Option<String> {
        let deadline = self.challenge.id.deadline;
        let Work::Handed(handed) = &mut self.work else {
            return None;
        };
        // Each further attempt waits longer, and none for more than half of
        // the time that there was left: so there is always another one.
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
            // It only waits for finality.
            Place::Block(_) => (resubmit_after.saturating_mul(8), seen.finalized),
        };
        let waited = now.saturating_sub(handed.anchor);
        let is_stuck = waited >= patience.min(half).max(1);
        is_stuck.then(|| format!("no finalized block has included it after {waited} anchor blocks"))
    }
}

/// How far the answer to a challenge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits to be worked on.
    Waiting,
    /// It is being made.
    AtWork,
    /// It was handed to the chain's pool, and is not known to be in a block.
    Submitted,
    /// A block includes it that is not final yet.
    InBlock,
    /// A finalized block includes it, and no scan has been without it yet.
    Finalized,
}

/// A challenge that is open, and what was done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeDuty {
    /// The challenge.
    pub challenge: OpenChallenge,
    /// Anchor blocks until its deadline, as of the best block that was heard of;
    /// none before the first finalized one of a process.
    pub left: Option<u32>,
    /// How far its answer has come.
    pub stage: Stage,
    /// The last extrinsic that was handed over, if it still may do.
    pub extrinsic: Option<H256>,
    /// Answers that were handed over so far.
    pub attempts: u32,
    /// Why somebody must act, where nothing else helps.
    pub alarm: Option<String>,
    /// Whether no proof can ever come, as for a slot that only pads a tree: the
    /// operator has to have another checkpoint brought.
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
