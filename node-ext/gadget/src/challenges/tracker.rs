//! The state machine of all open challenges: what is open, how far each answer has come, and what
//! to do next. It uses no disk, no chain and no clock; callers report what happened.
//!
//! ```text
//! scan ──► Waiting ──► Running ──► Submitted: InPool ⇄ InBlock ─► Finalized
//!             ▲           │                    │                      │
//!             └─ failed ──┴─ dropped, overdue ─┴────── no effect ─────┘
//!
//! any state ──► gone, once a scan no longer lists the challenge
//! ```
//!
//! - Challenges are ordered by deadline. No job starts while one with a nearer deadline waits.
//!   Where ids are positions, the last of a deadline is answered first.
//! - The last scan of a finalized block says what is open; nothing else adds or removes a
//!   challenge.
//! - Time is counted in anchor blocks and in *ticks*: one tick for each scan, and one for each
//!   interval without a scan. The best block says how near a deadline is; a finalized block says
//!   what is open.

mod closing;
mod events;
mod identity;
mod submission;
mod sync_status;
#[cfg(test)]
mod tests;
mod tracked_challenge;

pub(super) use events::TrackerEvent;
pub use sync_status::NotSynced;
pub(super) use tracked_challenge::AttemptId;
pub use tracked_challenge::{AnswerStage, ChallengeDuty};

use super::claim::ClaimTerms;
use super::config::{ANSWER_OVERHEAD_BYTES, CLAIM_DIVISOR, ValidatedConfig};
use super::duty::{DutyChange, StoredDuty};
use super::statistics::ChallengeStatistics;
use cairn_chain::{ChainError, Head};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation};
use cairn_primitives::onchain::{Limits, OpenChallenge, Outcome};
use cairn_primitives::{BucketId, H256};
use events::Urgency;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tracked_challenge::{HeadAnchors, JobState, Tick, TrackedChallenge};

/// The chain's state as read at one finalized block.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) head: Head,
    /// The best block's anchor block; deadlines are judged by it.
    pub(super) best_anchor: u32,
    pub(super) limits: Limits,
    /// The open challenges against the account.
    pub(super) open: Vec<OpenChallenge>,
    /// The error of a row that cannot be read, if there is one: then a challenge that is not listed
    /// need not be closed.
    pub(super) unreadable: Option<ChainError>,
    /// The number of challenges that the account has lost so far, if the chain says it.
    pub(super) lost: Option<u64>,
    /// The challenges that ended in that block.
    pub(super) outcomes: Vec<Outcome>,
}

/// A challenge to work on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) challenge: OpenChallenge,
    pub(super) attempt_id: AttemptId,
    /// The finalized block at which the chain's state is read.
    pub(super) head: Head,
    pub(super) limits: Limits,
    /// True if the deadline is critically near.
    pub(super) is_near: bool,
    /// The conditions under which a claim may be submitted.
    pub(super) claim_terms: ClaimTerms,
}

/// The reason why a job submitted nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JobError {
    /// No answer is valid as things are; an operator must act.
    Alarm(String),
    /// As `Alarm`, and no proof can ever exist.
    Unprovable(String),
    /// A transient failure; the next attempt may succeed.
    Transient(String),
    /// The best block no longer has the challenge: an answer is on its way to finality.
    AlreadyAnswered,
}

/// Tracks all open challenges against one account.
pub(super) struct ChallengeTracker {
    config: ValidatedConfig,
    account: AccountId,
    entries: BTreeMap<ChallengeId, TrackedChallenge>,
    /// The last scanned block, with the chain's limits there.
    last_scan: Option<(Head, Limits)>,
    /// The anchor block of the newest known best block.
    best_anchor: u32,
    /// True while the chain is reachable.
    is_connected: bool,
    /// True if the last scan failed.
    has_failed_scan: bool,
    /// The row that the last scan could not read.
    unreadable: Option<String>,
    /// Ticks of the clock since a new block was scanned.
    quiet_ticks: u32,
    /// Challenges that are in the best block and in no finalized one yet.
    unfinalized: BTreeMap<ChallengeId, OpenChallenge>,
    /// The account's number of lost challenges at the last scan.
    lost_so_far: Option<u64>,
    now: Tick,
    last_attempt: u64,
    /// The duties that must be written.
    unsaved: BTreeSet<ChallengeId>,
    events: Vec<TrackerEvent>,
    counters: ChallengeStatistics,
}

/// Returns 1 / `part` of the challenge period, at least one anchor block.
fn period_fraction(limits: &Limits, part: u32) -> u32 {
    limits
        .challenge_period
        .checked_div(part)
        .unwrap_or(0)
        .max(1)
}

impl ChallengeTracker {
    /// Creates a tracker with the duties that an earlier process recorded.
    pub(super) fn new(config: ValidatedConfig, account: AccountId, kept: Vec<StoredDuty>) -> Self {
        // Duties of another account that used this base path before are dropped without a report.
        let (ours, others): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .partition(|duty| duty.challenge.provider == account);
        let entries = ours
            .into_iter()
            .map(|duty| (duty.challenge.id, TrackedChallenge::from_stored(duty)))
            .collect();
        let unsaved = others.iter().map(|duty| duty.challenge.id).collect();
        Self {
            config,
            account,
            entries,
            last_scan: None,
            best_anchor: 0,
            is_connected: false,
            has_failed_scan: false,
            unreadable: None,
            quiet_ticks: 0,
            unfinalized: BTreeMap::new(),
            lost_so_far: None,
            now: Tick(0),
            last_attempt: 0,
            unsaved,
            events: Vec::new(),
            counters: ChallengeStatistics::default(),
        }
    }

    /// Sets the connection state; no job starts while disconnected.
    pub(super) fn set_connected(&mut self, is_connected: bool) {
        self.is_connected = is_connected;
    }

    /// Advances time by one tick, without a block.
    pub(super) fn tick(&mut self) {
        self.now = self.now.plus(1);
    }

    /// Resets jobs and followed extrinsics after a panic of the driver, which made and followed
    /// them.
    pub(super) fn reset_after_panic(&mut self) {
        for (id, entry) in &mut self.entries {
            entry.reset_after_panic(self.now);
            self.unsaved.insert(*id);
        }
    }

    /// Applies the chain's state at a finalized block.
    pub(super) fn on_scan(&mut self, scan: Scan) {
        let Scan {
            head,
            best_anchor,
            limits,
            open,
            unreadable,
            lost,
            outcomes,
        } = scan;
        self.tick();
        let before = self.last_scan.replace((head, limits));
        let is_new_block = before.is_none_or(|(before, _)| before.number < head.number);
        self.has_failed_scan = false;
        if is_new_block {
            self.quiet_ticks = 0;
        }
        self.best_anchor = best_anchor.max(head.anchor);
        self.record_outcomes(&outcomes);
        let ours = self.account;
        let mut open: BTreeMap<_, _> = open
            .into_iter()
            .filter(|challenge| challenge.provider == ours)
            .map(|challenge| (challenge.id, challenge))
            .collect();
        // If a row cannot be read, the ids that have moved cannot be told.
        if limits.challenge_ids_shift && unreadable.is_none() {
            self.follow_shifted_ids(&open);
        }
        self.keep_first_estimates(&mut open);
        self.note_unreadable(unreadable.as_ref());
        if unreadable.is_none() {
            self.remove_closed(&open, head, lost);
        }
        self.lost_so_far = lost.or(self.lost_so_far);
        self.unfinalized.retain(|id, _| !open.contains_key(id));
        for (id, challenge) in open {
            let known = self.entries.get(&id);
            // A different challenge under the same id: the chain was restarted from genesis.
            if known.is_none_or(|entry| entry.challenge != challenge) {
                self.entries.insert(id, TrackedChallenge::new(challenge));
                self.unsaved.insert(id);
                self.counters.opened = self.counters.opened.saturating_add(1);
                let left = self.blocks_left(id);
                self.events.push(TrackerEvent::Opened { challenge, left });
            }
        }
        self.review_deadlines(head, limits, is_new_block);
    }

    /// Reschedules overdue answers, and warns of near deadlines.
    fn review_deadlines(&mut self, head: Head, limits: Limits, is_new_block: bool) {
        let critical = period_fraction(&limits, self.config.critical_divisor);
        let warn = period_fraction(&limits, self.config.warn_divisor);
        let (newest, now) = (self.best_anchor, self.now);
        let hurry = self.claim_within(&limits).max(critical);
        let seen = HeadAnchors {
            finalized: head.anchor,
            best: newest,
            is_new_block,
        };
        for (id, entry) in &mut self.entries {
            let resubmit_after = self.config.resubmit_after;
            if let Some(why) = entry.resubmit_reason(seen, resubmit_after) {
                entry.state = JobState::Waiting { not_before: now };
                self.unsaved.insert(*id);
                let challenge = entry.challenge;
                self.events
                    .push(TrackerEvent::Resubmitting { challenge, why });
            }
            let left = id.deadline.saturating_sub(newest);
            // A longer pause was set when the deadline was farther away.
            if left <= hurry
                && let JobState::Waiting { not_before: from } = &mut entry.state
            {
                *from = now.min(*from);
            }
            let urgency = match left {
                _ if entry.is_in_block() => Urgency::Normal,
                left if left <= critical => Urgency::Critical,
                left if left <= warn => Urgency::Warning,
                _ => Urgency::Normal,
            };
            if urgency > entry.urgency {
                self.events.push(TrackerEvent::DeadlineNear {
                    challenge: entry.challenge,
                    left,
                    urgency,
                    alarm: entry.alarm.clone(),
                });
            }
            entry.urgency = urgency;
        }
    }

    /// Starts jobs, nearest deadlines first, within the in-flight bounds. Critical ones may exceed
    /// these by a quarter.
    pub(super) fn start_jobs(&mut self) -> Vec<Job> {
        let Some((head, limits)) = self.last_scan.filter(|_| self.is_connected) else {
            return Vec::new();
        };
        let (mut count, mut bytes) = self.in_flight();
        let critical = period_fraction(&limits, self.config.critical_divisor);
        let claim_within = self.claim_within(&limits);
        let (newest, accepts_risk) = (self.best_anchor, self.config.claim_at_risk);
        let one = usize::try_from(limits.chunk_bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(ANSWER_OVERHEAD_BYTES);
        let (now, mut turns, mut jobs) = (self.now, self.last_attempt, Vec::new());
        let with_reserve = |bound: usize, is_near: bool| match is_near {
            true => bound.saturating_add(bound.div_ceil(4)),
            false => bound,
        };
        // Where an answer renumbers the others of its deadline, only one is on its way.
        let mut busy_deadlines: BTreeSet<u32> = match limits.challenge_ids_shift {
            true => self.deadlines_in_work(),
            false => BTreeSet::new(),
        };
        let mut order: Vec<_> = self.entries.keys().copied().collect();
        if limits.challenge_ids_shift {
            // The last of a deadline first. An answer by anybody moves the later ones to the front.
            // So if another provider's answer comes first, our id names one that was behind our
            // last, or none: it is not ours, and the chain refuses the answer for a fee. From the
            // front, it could name the next of ours, for which the proof is wrong.
            order.sort_unstable_by_key(|id| (id.deadline, Reverse(id.index)));
        }
        for id in order {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let is_due =
                matches!(entry.state, JobState::Waiting { not_before } if not_before <= now);
            // Only a finalized block decides that a deadline has passed; any block may show that it
            // is near.
            if !is_due || id.deadline < head.anchor || busy_deadlines.contains(&id.deadline) {
                continue;
            }
            let left = id.deadline.saturating_sub(newest);
            let is_near = left <= critical;
            let most = with_reserve(self.config.in_flight, is_near);
            let most_bytes = with_reserve(self.config.bytes_in_flight, is_near);
            // One job may always run, whatever its size: the chain's chunks may be longer.
            let has_room = bytes.saturating_add(one) <= most_bytes || count == 0;
            if count >= most || !has_room {
                break;
            }
            (count, bytes) = (count.saturating_add(1), bytes.saturating_add(one));
            turns = turns.saturating_add(1);
            if limits.challenge_ids_shift {
                busy_deadlines.insert(id.deadline);
            }
            let attempt_id = AttemptId(turns);
            entry.state = JobState::Running {
                attempt_id,
                bytes: one,
            };
            jobs.push(Job {
                challenge: entry.challenge,
                attempt_id,
                head,
                limits,
                is_near,
                claim_terms: ClaimTerms {
                    in_last_blocks: left <= claim_within,
                    accepts_risk,
                },
            });
        }
        self.last_attempt = turns;
        jobs
    }

    /// Returns how many anchor blocks before the deadline claims may be submitted.
    fn claim_within(&self, limits: &Limits) -> u32 {
        self.config
            .claim_within
            .min(period_fraction(limits, CLAIM_DIVISOR))
    }

    /// Returns the chain's limits at the last scan.
    pub(super) fn limits(&self) -> Option<Limits> {
        self.last_scan.map(|(_, limits)| limits)
    }

    /// Returns the anchor blocks until a deadline, by the newest known block.
    fn blocks_left(&self, id: ChallengeId) -> u32 {
        id.deadline.saturating_sub(self.best_anchor)
    }

    /// Returns the number and total bytes of the answers that are being made or wait in the pool.
    fn in_flight(&self) -> (usize, usize) {
        let in_flight = self
            .entries
            .values()
            .filter_map(TrackedChallenge::bytes_in_flight);
        in_flight.fold((0, 0), |(count, bytes): (usize, usize), more| {
            (count.saturating_add(1), bytes.saturating_add(more))
        })
    }

    /// Takes the changes to write since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<DutyChange> {
        let dirty = std::mem::take(&mut self.unsaved);
        let duty = |id: &ChallengeId| self.entries.get(id).map(TrackedChallenge::to_stored);
        dirty.iter().map(|id| (*id, duty(id))).collect()
    }

    /// Marks changes as still to be written.
    pub(super) fn mark_unsaved(&mut self, ids: HashSet<ChallengeId>) {
        self.unsaved.extend(ids);
    }

    /// Takes the events since the last call.
    pub(super) fn take_events(&mut self) -> Vec<TrackerEvent> {
        std::mem::take(&mut self.events)
    }

    /// Returns all duties, by deadline.
    pub(super) fn duties(&self) -> Vec<ChallengeDuty> {
        let anchor = self.last_scan.map(|_| self.best_anchor);
        let duties = self.entries.values();
        duties.map(|entry| entry.to_duty(anchor)).collect()
    }

    /// Returns the nearest deadline of the challenges of a chunk under a root.
    pub(super) fn deadline_of(
        &self,
        bucket: BucketId,
        root: &H256,
        location: ChunkLocation,
    ) -> Option<u32> {
        let asks = |entry: &TrackedChallenge| {
            let challenge = &entry.challenge;
            (challenge.bucket_id, challenge.location) == (bucket, location)
                && challenge.mmr_root == *root
        };
        let mut entries = self.entries.iter();
        let (id, _) = entries.find(|(_, entry)| asks(entry))?;
        Some(id.deadline)
    }

    pub(super) fn needs_checkpoint(&self, bucket: BucketId) -> bool {
        let mut entries = self.entries.values();
        entries.any(|entry| entry.is_unprovable && entry.challenge.bucket_id == bucket)
    }

    pub(super) fn has_open_challenge(&self, bucket: BucketId) -> bool {
        let mut entries = self.entries.values();
        entries.any(|entry| entry.challenge.bucket_id == bucket)
    }

    /// Returns the counters and the current gauges.
    pub(super) fn statistics(&self) -> ChallengeStatistics {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (in_flight, bytes_in_flight) = self.in_flight();
        let alarmed =
            |entry: &&TrackedChallenge| entry.alarm.is_some() || entry.urgency == Urgency::Critical;
        let nearest = self.entries.values().find(|entry| !entry.is_in_block());
        let (anchor, period) = self.last_scan.map_or((0, 0), |(head, limits)| {
            (head.anchor, limits.challenge_period)
        });
        let left = nearest.map(|entry| self.blocks_left(entry.challenge.id));
        ChallengeStatistics {
            open: count(self.entries.len()),
            unfinalized: count(self.unfinalized.len()),
            in_flight: count(in_flight),
            bytes_in_flight: count(bytes_in_flight),
            alarmed: count(self.entries.values().filter(alarmed).count()),
            nearest_deadline: left.unwrap_or(period).into(),
            anchor: anchor.into(),
            ..self.counters
        }
    }
}
