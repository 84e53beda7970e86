//! Freshness: whether the tracked state is up to date with the chain.

use super::{Book, News};
use cairn_chain::Head;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use std::collections::BTreeMap;

/// Reasons why the chain is not followed. The texts reveal nothing about the connection, since
/// strangers may read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowed {
    /// There is no connection to the chain.
    #[error("the chain is not reachable")]
    NotReached,
    /// The chain is reachable, but its open challenges cannot be read.
    #[error("the chain's open challenges cannot be read")]
    NotRead,
    /// The chain is reachable, but no finalized block has been read yet.
    #[error("no finalized block of the chain has been read yet")]
    NoBlock,
    /// No new block has become final for a while.
    #[error("no new block of the chain has become final for {seconds} s")]
    StandsStill {
        /// The elapsed time in seconds, at least.
        seconds: u64,
    },
}

impl Book {
    /// Counts one tick of the clock.
    pub(in crate::challenges) fn tick(&mut self) {
        self.quiet = self.quiet.saturating_add(1);
    }

    /// Records that a scan has failed.
    pub(in crate::challenges) fn not_scanned(&mut self) {
        self.is_blind = true;
    }

    /// Returns the reason why the chain is not followed, or `None` if it is.
    pub(in crate::challenges) fn not_followed(&self) -> Option<NotFollowed> {
        let config = &self.config;
        let quiet = config.tick.saturating_mul(self.quiet);
        let seconds = quiet.as_secs();
        match self.at {
            _ if !self.is_connected => Some(NotFollowed::NotReached),
            // The next scan usually makes up for a failed one.
            _ if self.is_blind && quiet >= config.tick.saturating_mul(2) => {
                Some(NotFollowed::NotRead)
            }
            None => Some(NotFollowed::NoBlock),
            Some(_) if quiet >= config.stale_after => Some(NotFollowed::StandsStill { seconds }),
            Some(_) => None,
        }
    }

    /// Returns true if finality has stood still long enough that the best block must be read as
    /// well.
    pub(in crate::challenges) fn is_quiet(&self) -> bool {
        const WHILES: u32 = 3;
        self.is_connected && self.at.is_some() && self.quiet >= WHILES
    }

    /// Applies the best block while finality stalls. It tells how near deadlines are, and
    /// which challenges are coming. These are reported, but not answered before they are final: on
    /// another fork the same id may name another challenge, for which the answer would be wrong and
    /// slashed.
    pub(in crate::challenges) fn glimpsed(&mut self, best: Head, open: Vec<OpenChallenge>) {
        let finalized = self.at.map_or(0, |(head, _)| head.anchor);
        self.newest_anchor = best.anchor.max(finalized);
        let ours = self.account;
        let unsettled: BTreeMap<ChallengeId, OpenChallenge> = open
            .into_iter()
            .filter(|challenge| challenge.provider == ours)
            .filter(|challenge| !self.entries.contains_key(&challenge.id))
            .map(|challenge| (challenge.id, challenge))
            .collect();
        for (id, challenge) in &unsettled {
            if self.unsettled.get(id) != Some(challenge) {
                let (challenge, left) = (*challenge, self.left(*id));
                self.news.push(News::Unsettled { challenge, left });
            }
        }
        self.unsettled = unsettled;
        // Deadlines approach even if no finalized block says so.
        if let Some((head, limits)) = self.at {
            self.look_after(head, limits, false);
        }
    }
}
