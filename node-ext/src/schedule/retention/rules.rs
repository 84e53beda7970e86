//! Whether something that was signed can still be asked for (I10): the one rule
//! by which retired trees are released and whole buckets may be deleted. Pure:
//! what the chain says is handed in, all of one finalized block.
//!
//! What counts is not only what the chain's state leads to, but what anybody may
//! make of it. As long as an account is among a bucket's primary providers,
//! whether or not its agreement has expired, anyone who has an old signature may
//! bring the old checkpoint back, or add the signature to the one that stands,
//! and challenge it. An agreement makes all that was ever signed askable. Only
//! where there is neither can nobody but the account itself bring a challenge
//! about, by agreeing again; then tombstones raise the alarm.
//!
//! A node may lie and a clock may jump, so what must pass is waited for twice:
//! a challenge period by the chain's anchor blocks, and as much of time that
//! this provider saw pass. Where the chain says nothing, all stays.

use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, H256, Sequence};
use std::collections::HashSet;
use std::time::Duration;

/// How long an anchor block takes, by which periods are told in time.
const ANCHOR_BLOCK: Duration = Duration::from_secs(6);

/// What is to go: one retired tree, or all trees of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct Going {
    pub(crate) trees: HashSet<Sequence>,
    /// Every root of them that was signed.
    pub(crate) promised: HashSet<H256>,
}

/// What the chain says at one finalized block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainSays<'c> {
    pub(crate) bucket: BucketId,
    pub(crate) account: AccountId,
    /// Whether the account is a registered provider.
    pub(crate) is_registered: bool,
    pub(crate) anchor: u32,
    /// The longest time, in anchor blocks, that the chain was ever seen to give
    /// for an answer.
    pub(crate) challenge_period: u32,
    /// The least time that is waited whatever the chain says of its period.
    pub(crate) least_wait: Duration,
    /// All open challenges against the account.
    pub(crate) open: &'c [OpenChallenge],
    /// The bucket, if there is one.
    pub(crate) info: Option<&'c BucketInfo>,
    /// Whether the chain lists the bucket as one that the account has an
    /// agreement with, of whatever kind.
    pub(crate) is_listed: bool,
}

/// Since when nothing has held an account to a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Free {
    /// The anchor block at which that was first seen.
    pub(crate) since: u32,
    /// How much time this provider has seen pass since.
    pub(crate) passed: Duration,
}

/// Why something that was signed stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// Nothing has been seen of the chain yet.
    #[error("the chain has not been asked yet")]
    NotAsked,
    /// The account is nobody on this chain, which says nothing of its promises.
    #[error("the account is no registered provider of this chain, which says nothing of it")]
    NotRegistered,
    /// The chain has no such bucket, so that it says nothing of it.
    #[error("the chain knows no such bucket, and says nothing of it")]
    NoSuchBucket,
    /// A challenge of the bucket is open.
    #[error("a challenge of the bucket is open, which is due at anchor block {}", .0.deadline)]
    Challenged(ChallengeId),
    /// The account is a primary provider, whose old signatures make a checkpoint.
    #[error(
        "the account is among the bucket's primary providers, and anyone who has an old signature may \
         bring it to the chain: have the agreement ended there"
    )]
    Primary,
    /// All that was signed can be challenged while an agreement lives.
    #[error("an agreement lives, and with it all that was signed can be challenged")]
    AgreementLives,
    /// The last checkpoint is of it.
    #[error("the last checkpoint on chain is of it")]
    Snapshot,
    /// The chain keeps one of its roots for replicas.
    #[error("the chain keeps one of its roots for replicas")]
    Historical,
    /// Nothing holds it any more, and a challenge may have come last of all.
    #[error("a challenge may have come last of all: it stays until anchor block {until} is over")]
    ChallengePeriod {
        /// The last anchor block at which it stays.
        until: u32,
    },
    /// The chain's clock says that it may go, and this provider's does not.
    #[error(
        "by this provider's own clock too little time has passed: it stays for {} hours more of \
         running",
        .left.as_secs().div_ceil(3600)
    )]
    TooSoon {
        /// What is to pass yet, while the provider runs and follows the chain.
        left: Duration,
    },
}

impl ChainSays<'_> {
    /// What holds the account to the bucket, so that whatever it signed can be
    /// asked for; nothing where only an agreement of its own could.
    ///
    /// # Errors
    ///
    /// [`Kept`] with what holds it, or what is not known.
    pub(crate) fn is_free(&self) -> Result<(), Kept> {
        // First of all, since somebody is to answer it. Whichever tree it names:
        // where one can come, more can.
        let names = |challenge: &&OpenChallenge| challenge.bucket_id == self.bucket;
        if let Some(challenge) = self.open.iter().find(names) {
            return Err(Kept::Challenged(challenge.id));
        }
        if !self.is_registered {
            return Err(Kept::NotRegistered);
        }
        let info = self.info.ok_or(Kept::NoSuchBucket)?;
        if info.place_of(&self.account).is_some() {
            return Err(Kept::Primary);
        }
        if self.is_listed {
            return Err(Kept::AgreementLives);
        }
        Ok(())
    }

    /// Whether something may go: where nothing has held the account since
    /// `free`, as far as this provider has seen.
    ///
    /// # Errors
    ///
    /// [`Kept`] with what may still bring a challenge.
    pub(crate) fn may_go(&self, going: &Going, free: Option<Free>) -> Result<(), Kept> {
        let is_of_it = |tree: &Sequence, root: &H256| {
            going.trees.contains(tree) || going.promised.contains(root)
        };
        self.is_free()?;
        if let Some(info) = self.info {
            // With our bit or without: a bit is added by who has the signature.
            let snapshot = info.snapshot.as_ref().map(|snapshot| snapshot.commitment);
            if snapshot.is_some_and(|last| is_of_it(&last.start_seq, &last.mmr_root)) {
                return Err(Kept::Snapshot);
            }
            let is_kept = |(_, _, root): &(u32, u32, H256)| going.promised.contains(root);
            if info.historical_roots.iter().any(is_kept) {
                return Err(Kept::Historical);
            }
        }
        self.is_over(free)
    }

    /// Whether enough has passed, by both clocks, since nothing has held the
    /// account.
    ///
    /// # Errors
    ///
    /// [`Kept`] with what has to pass yet.
    pub(crate) fn is_over(&self, free: Option<Free>) -> Result<(), Kept> {
        let free = free.unwrap_or(Free {
            since: self.anchor,
            passed: Duration::ZERO,
        });
        let until = free.since.saturating_add(self.challenge_period);
        if self.anchor <= until {
            return Err(Kept::ChallengePeriod { until });
        }
        // An answer is taken in the deadline's own block, which is to be over too.
        let blocks = self.challenge_period.saturating_add(1);
        let period = ANCHOR_BLOCK.saturating_mul(blocks);
        let left = period.max(self.least_wait).saturating_sub(free.passed);
        if !left.is_zero() {
            return Err(Kept::TooSoon { left });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
