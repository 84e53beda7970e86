//! The identity of a challenge between two scans.
//!
//! A row's estimate of when it was opened changes with the chain's challenge period. On the oldest
//! chains an id's index is a position among the challenges of its deadline, and an answer to an
//! earlier one, by any provider, moves it.

use super::ChallengeTracker;
use super::tracked_challenge::{JobState, TrackedChallenge};
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use std::collections::{BTreeMap, BTreeSet};

impl ChallengeTracker {
    /// Sets the estimates of known challenges to those that were first read.
    pub(super) fn keep_first_estimates(&self, open: &mut BTreeMap<ChallengeId, OpenChallenge>) {
        for (id, challenge) in open {
            let known = self.entries.get(id).map(|entry| entry.challenge);
            if let Some(known) = known.filter(|known| known.is_same(challenge, false)) {
                challenge.asked_at = known.asked_at;
            }
        }
    }

    /// Moves entries to the ids that their challenges have now. An entry whose challenge is gone
    /// keeps an id that no open challenge has.
    ///
    /// Work under an old id is abandoned: its answer would be for another challenge, for which the
    /// chain refuses it.
    pub(super) fn follow_shifted_ids(&mut self, open: &BTreeMap<ChallengeId, OpenChallenge>) {
        let now = self.now;
        let mut free: BTreeMap<ChallengeId, OpenChallenge> = open.clone();
        let mut moved = BTreeMap::new();
        let mut gone = Vec::new();
        // In the order of the ids on both sides: answers keep the order of what is left, so that
        // equal challenges are matched in that order.
        for (id, mut entry) in std::mem::take(&mut self.entries) {
            let same = free
                .iter()
                .find(|(_, challenge)| entry.challenge.is_same(challenge, true))
                .map(|(new, _)| *new);
            let Some(new) = same else {
                gone.push((id, entry));
                continue;
            };
            free.remove(&new);
            if new != id {
                if matches!(
                    entry.state,
                    JobState::Running { .. } | JobState::Submitted(_)
                ) {
                    entry.state = JobState::Waiting { not_before: now };
                }
                entry.challenge.id = new;
                // How it ended was noted for another challenge under its old id.
                entry.resolution = None;
                self.unsaved.extend([id, new]);
            }
            moved.insert(new, entry);
        }
        self.entries = moved;
        for (id, entry) in gone {
            self.insert_gone(id, entry);
        }
    }

    /// Inserts an entry whose challenge is gone, under an id of its deadline that is free.
    fn insert_gone(&mut self, id: ChallengeId, mut entry: TrackedChallenge) {
        self.unsaved.insert(id);
        let free = (0..=u16::MAX)
            .rev()
            .map(|index| ChallengeId { index, ..id })
            .find(|id| !self.entries.contains_key(id));
        if let Some(free) = free {
            entry.challenge.id = free;
            self.entries.insert(free, entry);
        }
    }

    /// Returns the deadlines of which an answer is being made, or is not final yet.
    pub(super) fn deadlines_in_work(&self) -> BTreeSet<u32> {
        let in_work = |entry: &TrackedChallenge| !matches!(entry.state, JobState::Waiting { .. });
        self.entries
            .iter()
            .filter(|(_, entry)| in_work(entry))
            .map(|(id, _)| id.deadline)
            .collect()
    }
}
