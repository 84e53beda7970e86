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
//! - The last scan of a finalized block says what is open; nothing else adds or removes a
//!   challenge.
//! - Time is counted in anchor blocks and in *ticks*: one tick for each scan, and one for each
//!   interval without a scan. The best block says how near a deadline is; a finalized block says
//!   what is open.

mod entry;
mod fate;
mod news;
mod sight;
#[cfg(test)]
mod tests;

pub(super) use entry::Turn;
pub use entry::{ChallengeDuty, Stage};
pub(super) use news::News;
pub use sight::NotFollowed;

use super::claim::Terms;
use super::config::{BYTES_BESIDE_CHUNK, CLAIM_PART, Checked};
use super::duty::{Change, Duty};
use super::statistics::ChallengeStatistics;
use cairn_chain::Head;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation};
use cairn_primitives::onchain::{Limits, OpenChallenge, Outcome};
use cairn_primitives::{BucketId, H256};
use entry::{Entry, Moment, Seen, Work};
use news::{Fate, Level};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The chain's state as read at one finalized block.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) head: Head,
    /// The best block's anchor block; deadlines are judged by it.
    pub(super) best_anchor: u32,
    pub(super) limits: Limits,
    /// All open challenges against the account.
    pub(super) open: Vec<OpenChallenge>,
    /// The number of challenges that the account has lost so far, if the chain says it.
    pub(super) lost: Option<u64>,
    /// The challenges that ended in that block.
    pub(super) outcomes: Vec<Outcome>,
}

/// A challenge to work on now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) challenge: OpenChallenge,
    pub(super) turn: Turn,
    /// The finalized block at which the chain's state is read.
    pub(super) head: Head,
    pub(super) limits: Limits,
    /// True if the deadline is critically near.
    pub(super) is_near: bool,
    /// The conditions under which a claim may be submitted.
    pub(super) claims: Terms,
}

/// The reason why a job submitted nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No answer is valid as things are; an operator must act.
    Alarm(String),
    /// As `Alarm`, and no proof can ever exist.
    Never(String),
    /// A transient failure; the next attempt may succeed.
    Passing(String),
    /// The best block no longer has the challenge: an answer is on its way to finality.
    Answered,
}

/// Tracks all open challenges against one account.
pub(super) struct Book {
    config: Checked,
    account: AccountId,
    entries: BTreeMap<ChallengeId, Entry>,
    /// The last scanned block, with the chain's limits there.
    at: Option<(Head, Limits)>,
    /// The anchor block of the newest known best block.
    newest_anchor: u32,
    /// True while the chain is reachable.
    is_connected: bool,
    /// True if the last scan failed.
    is_blind: bool,
    /// Ticks of the clock since a new block was scanned.
    quiet: u32,
    /// Challenges that are in the best block and in no finalized one yet.
    unsettled: BTreeMap<ChallengeId, OpenChallenge>,
    /// The account's number of lost challenges at the last scan.
    lost: Option<u64>,
    now: Moment,
    turns: u64,
    /// The duties that must be written.
    dirty: BTreeSet<ChallengeId>,
    news: Vec<News>,
    counts: ChallengeStatistics,
}

/// Returns 1 / `part` of the challenge period, at least one anchor block.
fn margin(limits: &Limits, part: u32) -> u32 {
    limits
        .challenge_period
        .checked_div(part)
        .unwrap_or(0)
        .max(1)
}

impl Book {
    /// Creates a tracker with the duties that an earlier process recorded.
    pub(super) fn new(config: Checked, account: AccountId, kept: Vec<Duty>) -> Self {
        // Duties of another account that used this base path before are dropped without a report.
        let (ours, others): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .partition(|duty| duty.challenge.provider == account);
        let entries = ours
            .into_iter()
            .map(|duty| (duty.challenge.id, Entry::restored(duty)))
            .collect();
        let dirty = others.iter().map(|duty| duty.challenge.id).collect();
        Self {
            config,
            account,
            entries,
            at: None,
            newest_anchor: 0,
            is_connected: false,
            is_blind: false,
            quiet: 0,
            unsettled: BTreeMap::new(),
            lost: None,
            now: Moment(0),
            turns: 0,
            dirty,
            news: Vec::new(),
            counts: ChallengeStatistics::default(),
        }
    }

    /// Sets the connection state; no job starts while disconnected.
    pub(super) fn connected(&mut self, is_connected: bool) {
        self.is_connected = is_connected;
    }

    /// Advances time by one tick, without a block.
    pub(super) fn pass(&mut self) {
        self.now = self.now.after(1);
    }

    /// Resets jobs and followed extrinsics after a panic of the driver, which made and followed
    /// them.
    pub(super) fn broke_off(&mut self) {
        for (id, entry) in &mut self.entries {
            entry.broke_off(self.now);
            self.dirty.insert(*id);
        }
    }

    /// Applies the chain's state at a finalized block.
    pub(super) fn scanned(&mut self, scan: Scan) {
        let Scan {
            head,
            best_anchor,
            limits,
            open,
            lost,
            outcomes,
        } = scan;
        self.pass();
        let before = self.at.replace((head, limits));
        let is_new_block = before.is_none_or(|(before, _)| before.number < head.number);
        self.is_blind = false;
        if is_new_block {
            self.quiet = 0;
        }
        self.newest_anchor = best_anchor.max(head.anchor);
        self.learn(&outcomes);
        let ours = self.account;
        let open: BTreeMap<_, _> = open
            .into_iter()
            .filter(|challenge| challenge.provider == ours)
            .map(|challenge| (challenge.id, challenge))
            .collect();
        self.settle(&open, head, lost);
        self.lost = lost.or(self.lost);
        self.unsettled.retain(|id, _| !open.contains_key(id));
        for (id, challenge) in open {
            let known = self.entries.get(&id);
            // A different challenge under the same id: the chain was restarted from genesis.
            if known.is_none_or(|entry| entry.challenge != challenge) {
                self.entries.insert(id, Entry::new(challenge));
                self.dirty.insert(id);
                self.counts.asked = self.counts.asked.saturating_add(1);
                let left = self.left(id);
                self.news.push(News::Asked { challenge, left });
            }
        }
        self.look_after(head, limits, is_new_block);
    }

    /// Records how challenges ended in a finalized block.
    pub(super) fn learn(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let (id, provider, fate) = match *outcome {
                Outcome::Defended { id, provider } => (id, provider, Fate::Defended),
                Outcome::Slashed {
                    id,
                    provider,
                    reason,
                } => (id, provider, Fate::Lost(Some(reason))),
                Outcome::Checkpointed { .. } => continue,
            };
            if let Some(entry) = self.entries.get_mut(&id)
                && provider == self.account
            {
                entry.fate = Some(fate);
            }
        }
    }

    /// Removes the challenges that are no longer open, and reports how each ended.
    fn settle(
        &mut self,
        open: &BTreeMap<ChallengeId, OpenChallenge>,
        head: Head,
        lost: Option<u64>,
    ) {
        let is_open = |id: &ChallengeId, entry: &Entry| open.get(id) == Some(&entry.challenge);
        let gone: Vec<_> = (self.entries.iter())
            .filter(|(id, entry)| !is_open(id, entry))
            .map(|(id, entry)| (*id, entry.fate))
            .collect();
        let told = |fate: &Option<Fate>| matches!(fate, Some(Fate::Lost(_)));
        let told = gone.iter().filter(|(_, fate)| told(fate)).count();
        let mut untold = self.lost.zip(lost).map(|(before, lost)| {
            let risen = lost.saturating_sub(before);
            risen.saturating_sub(u64::try_from(told).unwrap_or(u64::MAX))
        });
        for (id, fate) in gone {
            let Some(entry) = self.entries.remove(&id) else {
                continue;
            };
            self.dirty.insert(id);
            // Before the deadline only an answer ends a challenge.
            let is_overdue = id.deadline < head.anchor;
            let fate = fate.unwrap_or_else(|| match &mut untold {
                Some(untold) if *untold > 0 && is_overdue => {
                    *untold = untold.saturating_sub(1);
                    Fate::Lost(None)
                }
                None if is_overdue => Fate::Unseen,
                _ => Fate::Defended,
            });
            let count = match fate {
                Fate::Defended => &mut self.counts.defended,
                Fate::Lost(_) => &mut self.counts.lost,
                Fate::Unseen => &mut self.counts.unseen,
            };
            *count = count.saturating_add(1);
            let attempts = entry.attempts;
            let challenge = entry.challenge;
            self.news.push(News::Settled {
                challenge,
                fate,
                attempts,
            });
        }
    }

    /// Reschedules overdue answers, and warns of near deadlines.
    fn look_after(&mut self, head: Head, limits: Limits, is_new_block: bool) {
        let critical = margin(&limits, self.config.critical_part);
        let warn = margin(&limits, self.config.warn_part);
        let (newest, now) = (self.newest_anchor, self.now);
        let hurry = self.claim_within(&limits).max(critical);
        let seen = Seen {
            finalized: head.anchor,
            newest,
            is_new_block,
        };
        for (id, entry) in &mut self.entries {
            let resubmit_after = self.config.resubmit_after;
            if let Some(why) = entry.is_stuck(seen, resubmit_after) {
                entry.work = Work::Waiting { from: now };
                self.dirty.insert(*id);
                let challenge = entry.challenge;
                self.news.push(News::Again { challenge, why });
            }
            let left = id.deadline.saturating_sub(newest);
            // A longer pause was set when the deadline was farther away.
            if left <= hurry
                && let Work::Waiting { from } = &mut entry.work
            {
                *from = now.min(*from);
            }
            let level = match left {
                _ if entry.is_in_a_block() => Level::Calm,
                left if left <= critical => Level::Critical,
                left if left <= warn => Level::Warning,
                _ => Level::Calm,
            };
            if level > entry.level {
                self.news.push(News::Near {
                    challenge: entry.challenge,
                    left,
                    level,
                    alarm: entry.alarm.clone(),
                });
            }
            entry.level = level;
        }
    }

    /// Starts jobs, nearest deadlines first, within the in-flight bounds. Critical ones may exceed
    /// these by a quarter.
    pub(super) fn jobs(&mut self) -> Vec<Job> {
        let Some((head, limits)) = self.at.filter(|_| self.is_connected) else {
            return Vec::new();
        };
        let (mut count, mut bytes) = self.in_flight();
        let critical = margin(&limits, self.config.critical_part);
        let claim_within = self.claim_within(&limits);
        let (newest, at_risk) = (self.newest_anchor, self.config.claim_at_risk);
        let one = usize::try_from(limits.chunk_bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(BYTES_BESIDE_CHUNK);
        let (now, mut turns, mut jobs) = (self.now, self.turns, Vec::new());
        let with_reserve = |bound: usize, is_near: bool| match is_near {
            true => bound.saturating_add(bound.div_ceil(4)),
            false => bound,
        };
        for (id, entry) in &mut self.entries {
            let is_due = matches!(entry.work, Work::Waiting { from } if from <= now);
            // Only a finalized block decides that a deadline has passed; any block may show that it
            // is near.
            if !is_due || id.deadline < head.anchor {
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
            let turn = Turn(turns);
            entry.work = Work::Making { turn, bytes: one };
            jobs.push(Job {
                challenge: entry.challenge,
                turn,
                head,
                limits,
                is_near,
                claims: Terms {
                    is_time: left <= claim_within,
                    at_risk,
                },
            });
        }
        self.turns = turns;
        jobs
    }

    /// Returns how many anchor blocks before the deadline claims may be submitted.
    fn claim_within(&self, limits: &Limits) -> u32 {
        self.config.claim_within.min(margin(limits, CLAIM_PART))
    }

    /// Returns the chain's limits at the last scan.
    pub(super) fn limits(&self) -> Option<Limits> {
        self.at.map(|(_, limits)| limits)
    }

    /// Returns the anchor blocks until a deadline, by the newest known block.
    fn left(&self, id: ChallengeId) -> u32 {
        id.deadline.saturating_sub(self.newest_anchor)
    }

    /// Returns the number and total bytes of the answers that are being made or wait in the pool.
    fn in_flight(&self) -> (usize, usize) {
        let in_flight = self.entries.values().filter_map(Entry::bytes_in_flight);
        in_flight.fold((0, 0), |(count, bytes): (usize, usize), more| {
            (count.saturating_add(1), bytes.saturating_add(more))
        })
    }

    /// Takes the changes to write since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        let duty = |id: &ChallengeId| self.entries.get(id).map(Entry::duty);
        dirty.iter().map(|id| (*id, duty(id))).collect()
    }

    /// Marks changes as still to be written.
    pub(super) fn not_written(&mut self, ids: HashSet<ChallengeId>) {
        self.dirty.extend(ids);
    }

    /// Takes the events since the last call.
    pub(super) fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Returns all duties, by deadline.
    pub(super) fn duties(&self) -> Vec<ChallengeDuty> {
        let anchor = self.at.map(|_| self.newest_anchor);
        let duties = self.entries.values();
        duties.map(|entry| entry.as_duty(anchor)).collect()
    }

    /// Returns the nearest deadline of the challenges of a chunk under a root.
    pub(super) fn deadline_of(
        &self,
        bucket: BucketId,
        root: &H256,
        location: ChunkLocation,
    ) -> Option<u32> {
        let asks = |entry: &Entry| {
            let challenge = &entry.challenge;
            (challenge.bucket_id, challenge.location) == (bucket, location)
                && challenge.mmr_root == *root
        };
        let mut entries = self.entries.iter();
        let (id, _) = entries.find(|(_, entry)| asks(entry))?;
        Some(id.deadline)
    }

    pub(super) fn wants_a_checkpoint(&self, bucket: BucketId) -> bool {
        let mut entries = self.entries.values();
        entries.any(|entry| entry.is_unprovable && entry.challenge.bucket_id == bucket)
    }

    pub(super) fn is_asked_about(&self, bucket: BucketId) -> bool {
        let mut entries = self.entries.values();
        entries.any(|entry| entry.challenge.bucket_id == bucket)
    }

    /// Returns the counters and the current gauges.
    pub(super) fn statistics(&self) -> ChallengeStatistics {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let (in_flight, bytes_in_flight) = self.in_flight();
        let alarmed = |entry: &&Entry| entry.alarm.is_some() || entry.level == Level::Critical;
        let nearest = self.entries.values().find(|entry| !entry.is_in_a_block());
        let (anchor, period) = self.at.map_or((0, 0), |(head, limits)| {
            (head.anchor, limits.challenge_period)
        });
        let left = nearest.map(|entry| self.left(entry.challenge.id));
        ChallengeStatistics {
            open: count(self.entries.len()),
            unsettled: count(self.unsettled.len()),
            in_flight: count(in_flight),
            bytes_in_flight: count(bytes_in_flight),
            alarmed: count(self.entries.values().filter(alarmed).count()),
            nearest: left.unwrap_or(period).into(),
            anchor: anchor.into(),
            ..self.counts
        }
    }
}
