//! The rule for deletion: whether something signed can still be challenged (I10). It decides which
//! retired trees are released and which buckets may be deleted. Pure: its input is the chain's
//! state at one finalized block. `docs/internals/retention.md` has the rule in full.
//!
//! The rule asks not only what the chain's state leads to, but what anybody may make of it. As long
//! as an account is among a bucket's primary providers, even with an expired agreement, anyone with
//! an old signature may submit the old checkpoint again, or add the signature to the current one,
//! and challenge it. An agreement exposes all that was ever signed. Only without both can nobody
//! but the account itself enable a challenge, by another agreement; then tombstones raise the
//! alarm.
//!
//! A node may lie and a clock may jump, so the wait is measured twice: a challenge period in the
//! chain's anchor blocks, and as much in time that this provider measured. If the chain says
//! nothing, everything is kept.

use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, H256, Sequence};
use std::collections::HashSet;
use std::time::Duration;

/// The duration of an anchor block, to convert periods to time.
const ANCHOR_BLOCK: Duration = Duration::from_secs(6);

/// A candidate for deletion: one retired tree, or all trees of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct DeletionCandidate {
    pub(crate) trees: HashSet<Sequence>,
    /// Every signed root of these trees.
    pub(crate) signed_roots: HashSet<H256>,
}

/// The chain's state at one finalized block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainState<'c> {
    pub(crate) bucket: BucketId,
    pub(crate) account: AccountId,
    /// True if the account is a registered provider.
    pub(crate) is_registered: bool,
    pub(crate) anchor: u32,
    /// The longest challenge period, in anchor blocks, ever seen on the chain.
    pub(crate) challenge_period: u32,
    /// The minimum wait, whatever the chain's period is.
    pub(crate) min_wait: Duration,
    /// All open challenges against the account.
    pub(crate) open: &'c [OpenChallenge],
    /// The bucket's on-chain state, if it exists.
    pub(crate) info: Option<&'c BucketInfo>,
    /// True if the chain lists any agreement of the account for the bucket.
    pub(crate) is_listed: bool,
}

/// The time since which nothing has held an account to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FreeSince {
    /// The anchor block at which this was first seen.
    pub(crate) since: u32,
    /// The time since, as measured by this provider.
    pub(crate) elapsed: Duration,
}

/// Reasons for keeping something that was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetainReason {
    /// No finalized block has been read yet.
    #[error("no finalized block has been read yet")]
    ChainUnread,
    /// The account is not a registered provider, so this chain says nothing about what it
    /// signed.
    #[error(
        "the account is not a registered provider of this chain, which therefore says nothing \
             about it"
    )]
    NotRegistered,
    /// The chain does not know the bucket, so it says nothing about it.
    #[error("the chain does not know the bucket, and so says nothing about it")]
    NoSuchBucket,
    /// A challenge of the bucket is open.
    #[error("a challenge of the bucket is open, due at anchor block {}", .0.deadline)]
    Challenged(ChallengeId),
    /// The account is a primary provider, whose old signatures can make a checkpoint.
    #[error(
        "the account is among the bucket's primary providers, and anyone with an old signature may \
         submit it: have the agreement ended on chain"
    )]
    PrimaryProvider,
    /// While an agreement exists, all that was signed can be challenged.
    #[error("an agreement exists, and with it all that was signed can be challenged")]
    ActiveAgreement,
    /// The last checkpoint is of it.
    #[error("the last checkpoint on chain is of it")]
    Snapshot,
    /// The chain keeps one of its roots for replicas.
    #[error("the chain keeps one of its roots for replicas")]
    HistoricalRoot,
    /// Nothing holds it any more, but a challenge may have been made at the last moment.
    #[error(
        "a challenge may have been made at the last moment: it is kept until after anchor \
             block {until}"
    )]
    ChallengePeriod {
        /// The last anchor block at which it is kept.
        until: u32,
    },
    /// The chain's clock allows the deletion, but this provider's does not yet.
    #[error(
        "too little time has passed by this provider's own clock: it is kept for {} more hours of \
         running",
        .left.as_secs().div_ceil(3600)
    )]
    TooSoon {
        /// The remaining time, during which the provider must run and follow the chain.
        left: Duration,
    },
}

impl ChainState<'_> {
    /// Checks that nothing holds the account to the bucket, so that only another agreement of its
    /// own could expose what it signed.
    ///
    /// # Errors
    ///
    /// [`RetainReason`] with the reason, or with the missing knowledge.
    pub(crate) fn check_free(&self) -> Result<(), RetainReason> {
        // First, since it must be answered, whichever tree it names: if one challenge is possible,
        // more are.
        let names = |challenge: &&OpenChallenge| challenge.bucket_id == self.bucket;
        if let Some(challenge) = self.open.iter().find(names) {
            return Err(RetainReason::Challenged(challenge.id));
        }
        if !self.is_registered {
            return Err(RetainReason::NotRegistered);
        }
        let info = self.info.ok_or(RetainReason::NoSuchBucket)?;
        if info.primary_index_of(&self.account).is_some() {
            return Err(RetainReason::PrimaryProvider);
        }
        if self.is_listed {
            return Err(RetainReason::ActiveAgreement);
        }
        Ok(())
    }

    /// Checks that something may be deleted, if nothing has held the account since `free`, as far
    /// as this provider has seen.
    ///
    /// # Errors
    ///
    /// [`RetainReason`] with the way in which a challenge is still possible.
    pub(crate) fn check_deletable(
        &self,
        going: &DeletionCandidate,
        free: Option<FreeSince>,
    ) -> Result<(), RetainReason> {
        let is_of_it = |tree: &Sequence, root: &H256| {
            going.trees.contains(tree) || going.signed_roots.contains(root)
        };
        self.check_free()?;
        if let Some(info) = self.info {
            // With or without our bit: anyone with the signature can add the bit.
            let snapshot = info.snapshot.as_ref().map(|snapshot| snapshot.commitment);
            if snapshot.is_some_and(|last| is_of_it(&last.start_seq, &last.mmr_root)) {
                return Err(RetainReason::Snapshot);
            }
            let is_kept = |(_, _, root): &(u32, u32, H256)| going.signed_roots.contains(root);
            if info.historical_roots.iter().any(is_kept) {
                return Err(RetainReason::HistoricalRoot);
            }
        }
        self.check_wait(free)
    }

    /// Checks that enough time has passed, by both clocks, since nothing has held the account.
    ///
    /// # Errors
    ///
    /// [`RetainReason`] with the remaining time.
    pub(crate) fn check_wait(&self, free: Option<FreeSince>) -> Result<(), RetainReason> {
        let free = free.unwrap_or(FreeSince {
            since: self.anchor,
            elapsed: Duration::ZERO,
        });
        // The chain may lower its period at any block, also for challenges that were made under
        // a longer one which this provider never saw.
        let least = self.min_wait.as_secs() / ANCHOR_BLOCK.as_secs();
        let wait = u64::from(self.challenge_period).max(least);
        let wait = u32::try_from(wait).unwrap_or(u32::MAX);
        let until = free.since.saturating_add(wait);
        if self.anchor <= until {
            return Err(RetainReason::ChallengePeriod { until });
        }
        // An answer is accepted in the deadline block itself, which must be over too.
        let blocks = self.challenge_period.saturating_add(1);
        let period = ANCHOR_BLOCK.saturating_mul(blocks);
        let left = period.max(self.min_wait).saturating_sub(free.elapsed);
        if !left.is_zero() {
            return Err(RetainReason::TooSoon { left });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
