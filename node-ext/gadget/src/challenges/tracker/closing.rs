//! How challenges end: by the outcomes in a finalized block, or, where those were not read, by the
//! account's losses, our answers and the deadline.

use super::ChallengeTracker;
use super::events::{Resolution, TrackerEvent};
use super::tracked_challenge::TrackedChallenge;
use cairn_chain::Head;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::{OpenChallenge, Outcome};
use std::collections::BTreeMap;

impl ChallengeTracker {
    /// Records how challenges ended in a finalized block.
    pub(in crate::challenges) fn record_outcomes(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let (id, provider, resolution) = match *outcome {
                Outcome::Defended { id, provider } => (id, provider, Resolution::Defended),
                Outcome::Slashed {
                    id,
                    provider,
                    reason,
                } => (id, provider, Resolution::Lost(reason)),
                Outcome::Checkpointed { .. } => continue,
            };
            if let Some(entry) = self.entries.get_mut(&id)
                && provider == self.account
            {
                entry.resolution = Some(resolution);
            }
        }
    }

    /// Removes the challenges that are no longer open, and reports how each ended.
    pub(super) fn remove_closed(
        &mut self,
        open: &BTreeMap<ChallengeId, OpenChallenge>,
        head: Head,
        lost: Option<u64>,
    ) {
        let is_open =
            |id: &ChallengeId, entry: &TrackedChallenge| open.get(id) == Some(&entry.challenge);
        let gone: Vec<_> = (self.entries.iter())
            .filter(|(id, entry)| !is_open(id, entry))
            .map(|(id, entry)| (*id, entry.resolution))
            .collect();
        let is_lost =
            |resolution: &Option<Resolution>| matches!(resolution, Some(Resolution::Lost(_)));
        let seen_losses = gone
            .iter()
            .filter(|(_, resolution)| is_lost(resolution))
            .count();
        let mut unseen_losses = self.lost_so_far.zip(lost).map(|(before, lost)| {
            let risen = lost.saturating_sub(before);
            risen.saturating_sub(u64::try_from(seen_losses).unwrap_or(u64::MAX))
        });
        for (id, resolution) in gone {
            let Some(entry) = self.entries.remove(&id) else {
                continue;
            };
            self.unsaved.insert(id);
            // Before the deadline, an answer ends a challenge, or the chain drops it.
            let is_overdue = id.deadline < head.anchor;
            let is_answered = entry.attempts > 0;
            let resolution = resolution.unwrap_or_else(|| match &mut unseen_losses {
                Some(unseen_losses) if *unseen_losses > 0 && is_overdue => {
                    *unseen_losses = unseen_losses.saturating_sub(1);
                    Resolution::Lost(None)
                }
                None if is_overdue => Resolution::Unobserved,
                _ if is_answered => Resolution::Defended,
                _ => Resolution::Dropped,
            });
            let count = match resolution {
                Resolution::Defended => &mut self.counters.defended,
                Resolution::Lost(_) => &mut self.counters.lost,
                Resolution::Dropped => &mut self.counters.dropped,
                Resolution::Unobserved => &mut self.counters.unobserved,
            };
            *count = count.saturating_add(1);
            let attempts = entry.attempts;
            let challenge = entry.challenge;
            self.events.push(TrackerEvent::Closed {
                challenge,
                resolution,
                attempts,
            });
        }
    }
}
