//! How well the chain is seen: whether what the book says is of now.

use super::{Book, News};
use crate::chain::Head;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use std::collections::BTreeMap;

/// Why the chain is not followed. Tells nothing of how it is reached, since
/// strangers may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFollowed {
    /// There is no connection to it.
    #[error("the chain is not reached")]
    NotReached,
    /// It is reached, and its open challenges are not read.
    #[error("the chain's open challenges cannot be read")]
    NotRead,
    /// It is reached, and no finalized block of it was read yet.
    #[error("no finalized block of the chain has been read yet")]
    NoBlock,
    /// No block of it has become final for a while.
    #[error("no new block of the chain has become final for {seconds} s")]
    StandsStill {
        /// How long, at least.
        seconds: u64,
    },
}

impl Book {
    /// A while of the clock has passed.
    pub(in crate::schedule::challenges) fn tick(&mut self) {
        self.quiet = self.quiet.saturating_add(1);
    }

    /// A finalized block cannot be read.
    pub(in crate::schedule::challenges) fn not_scanned(&mut self) {
        self.is_blind = true;
    }

    /// Why the chain is not followed, where it is not.
    pub(in crate::schedule::challenges) fn not_followed(&self) -> Option<NotFollowed> {
        let config = &self.config;
        let quiet = config.tick.saturating_mul(self.quiet);
        let seconds = quiet.as_secs();
        match self.at {
            _ if !self.is_connected => Some(NotFollowed::NotReached),
            // One that fails is made up for by the next.
            _ if self.is_blind && quiet >= config.tick.saturating_mul(2) => {
                Some(NotFollowed::NotRead)
            }
            None => Some(NotFollowed::NoBlock),
            Some(_) if quiet >= config.stale_after => Some(NotFollowed::StandsStill { seconds }),
            Some(_) => None,
        }
    }

    /// Whether finality has not come on for so long that the best block is to be
    /// looked at as well.
    pub(in crate::schedule::challenges) fn is_quiet(&self) -> bool {
        const WHILES: u32 = 3;
        self.is_connected && self.at.is_some() && self.quiet >= WHILES
    }

    /// What the best block says while finality stands still. It tells how near
    /// deadlines are, and of challenges that are to come. Those are told of, and
    /// not answered before they are final: on another fork the same name may be
    /// another challenge's, for which the answer would be a wrong one.
    pub(in crate::schedule::challenges) fn glimpsed(
        &mut self,
        best: Head,
        open: Vec<OpenChallenge>,
    ) {
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
        // Deadlines come nearer also where no finalized block says so.
        if let Some((head, limits)) = self.at {
            self.look_after(head, limits, false);
        }
    }
}
