//! Freshness: whether the tracked state is up to date with the chain.

use super::{ChallengeTracker, TrackerEvent};
use cairn_chain::{ChainError, Head};
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use std::collections::BTreeMap;

/// Reasons why the chain is not followed. The texts reveal nothing about the connection, since
/// strangers may read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSynced {
    /// There is no connection to the chain.
    #[error("the chain is not reachable")]
    Unreachable,
    /// The chain is reachable, but its open challenges cannot be read.
    #[error("the chain's open challenges cannot be read")]
    Unreadable,
    /// The chain has a row that may be a challenge and does not decode.
    #[error("a row of the chain's state that may be a challenge cannot be read")]
    UnreadableRow,
    /// The chain is reachable, but no finalized block has been read yet.
    #[error("no finalized block of the chain has been read yet")]
    NoFinalizedBlock,
    /// No new block has become final for a while.
    #[error("no new block of the chain has become final for {seconds} s")]
    FinalityStalled {
        /// The elapsed time in seconds, at least.
        seconds: u64,
    },
}

impl ChallengeTracker {
    /// Counts one tick of the clock.
    pub(in crate::challenges) fn count_quiet_tick(&mut self) {
        self.quiet_ticks = self.quiet_ticks.saturating_add(1);
    }

    /// Records that a scan has failed.
    pub(in crate::challenges) fn on_scan_failed(&mut self) {
        self.has_failed_scan = true;
    }

    /// Records the row that a scan could not read, and reports each once.
    pub(in crate::challenges) fn note_unreadable(&mut self, error: Option<&ChainError>) {
        let reason = error.map(ToString::to_string);
        if let Some(reason) = &reason
            && self.unreadable.as_ref() != Some(reason)
        {
            let reason = reason.clone();
            self.events.push(TrackerEvent::UnreadableRow { reason });
        }
        self.unreadable = reason;
    }

    /// Returns the reason why the chain is not followed, or `None` if it is.
    pub(in crate::challenges) fn not_synced(&self) -> Option<NotSynced> {
        let config = &self.config;
        let quiet = config.tick_interval.saturating_mul(self.quiet_ticks);
        let seconds = quiet.as_secs();
        match self.last_scan {
            _ if !self.is_connected => Some(NotSynced::Unreachable),
            // The next scan usually makes up for a failed one.
            _ if self.has_failed_scan && quiet >= config.tick_interval.saturating_mul(2) => {
                Some(NotSynced::Unreadable)
            }
            None => Some(NotSynced::NoFinalizedBlock),
            Some(_) if quiet >= config.stale_after => Some(NotSynced::FinalityStalled { seconds }),
            Some(_) if self.unreadable.is_some() => Some(NotSynced::UnreadableRow),
            Some(_) => None,
        }
    }

    /// Returns true if finality has stood still long enough that the best block must be read as
    /// well.
    pub(in crate::challenges) fn is_finality_stalled(&self) -> bool {
        const MIN_QUIET_TICKS: u32 = 3;
        self.is_connected && self.last_scan.is_some() && self.quiet_ticks >= MIN_QUIET_TICKS
    }

    /// Applies the best block while finality stalls. It tells how near deadlines are, and
    /// which challenges are coming. These are reported, but not answered before they are final: on
    /// another fork the same id may name another challenge, for which the answer would be wrong and
    /// slashed.
    pub(in crate::challenges) fn on_best_block(&mut self, best: Head, open: Vec<OpenChallenge>) {
        let finalized = self.last_scan.map_or(0, |(head, _)| head.anchor);
        self.best_anchor = best.anchor.max(finalized);
        let ours = self.account;
        let unfinalized: BTreeMap<ChallengeId, OpenChallenge> = open
            .into_iter()
            .filter(|challenge| challenge.provider == ours)
            .filter(|challenge| !self.entries.contains_key(&challenge.id))
            .map(|challenge| (challenge.id, challenge))
            .collect();
        for (id, challenge) in &unfinalized {
            if self.unfinalized.get(id) != Some(challenge) {
                let (challenge, left) = (*challenge, self.blocks_left(*id));
                self.events
                    .push(TrackerEvent::Unfinalized { challenge, left });
            }
        }
        self.unfinalized = unfinalized;
        // Deadlines approach even if no finalized block says so.
        if let Some((head, limits)) = self.last_scan {
            self.review_deadlines(head, limits, false);
        }
    }
}
