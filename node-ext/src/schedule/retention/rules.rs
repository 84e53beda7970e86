//! Whether what was signed in a retired tree can still be challenged (I10).
//! Pure: what the chain says is handed in, all of one finalized block.
//!
//! A challenge comes by the last checkpoint, by anything that we ever signed
//! while our agreement lives, or by a root that the chain keeps for replicas.
//! As long as any of these may be, and for a challenge period after, the tree
//! stays. Where the chain says nothing, it stays too.

use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, H256, Sequence};
use std::collections::HashSet;

/// A retired tree, and what was signed of it.
#[derive(Clone, Debug)]
pub(crate) struct Retired {
    pub(crate) bucket: BucketId,
    pub(crate) tree: Sequence,
    /// Every root of it that was signed.
    pub(crate) promised: HashSet<H256>,
}

/// What the chain says at one finalized block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainSays<'c> {
    pub(crate) account: AccountId,
    pub(crate) anchor: u32,
    /// Anchor blocks in which a challenge is to be answered.
    pub(crate) challenge_period: u32,
    /// All open challenges against the account.
    pub(crate) open: &'c [OpenChallenge],
    /// The bucket, if there is one.
    pub(crate) info: Option<&'c BucketInfo>,
    /// Whether the bucket is listed as one of the account's.
    pub(crate) is_listed: bool,
}

/// Where our agreement with a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreed {
    /// It lives.
    Lives,
    /// It ended after this anchor block.
    Ended(u32),
    /// There is none; when it ended is not told.
    None,
}

/// Why a tree stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kept {
    /// The chain has no such bucket, so that it says nothing of it.
    #[error("the chain knows no such bucket: if that is so, an operator may delete the bucket")]
    NoSuchBucket,
    /// A challenge names it.
    #[error("a challenge that is due at anchor block {} names it", .0.deadline)]
    Challenged(ChallengeId),
    /// The last checkpoint is of it.
    #[error("the last checkpoint on chain is of it")]
    Snapshot,
    /// The chain keeps one of its roots for replicas.
    #[error("the chain keeps one of its roots for replicas")]
    Historical,
    /// All that was signed can be challenged while the agreement lives.
    #[error("the agreement lives, and with it all that was signed can be challenged")]
    AgreementLives,
    /// The agreement has ended, and a challenge may have come last of all.
    #[error("the agreement has ended, and it stays until anchor block {until} is over")]
    ChallengePeriod {
        /// The last anchor block at which it stays.
        until: u32,
    },
}

impl ChainSays<'_> {
    /// Where our agreement with the bucket stands.
    pub(crate) fn agreed(&self) -> Agreed {
        let info = self
            .info
            .zip(self.info.and_then(|info| info.place_of(&self.account)));
        let agreement = info
            .and_then(|(info, place)| info.primary_providers.get(place))
            .and_then(|primary| primary.agreement);
        match agreement {
            Some(agreement) if agreement.expires_at < self.anchor => {
                Agreed::Ended(agreement.expires_at)
            }
            Some(_) => Agreed::Lives,
            // Not as a primary one: of which kind, and until when, is not told.
            None if self.is_listed && info.is_none() => Agreed::Lives,
            None => Agreed::None,
        }
    }

    /// Whether a retired tree may go: when our agreement has ended after the
    /// anchor block `ended`, as far as is known.
    ///
    /// # Errors
    ///
    /// [`Kept`] with what may still bring a challenge.
    pub(crate) fn may_go(&self, retired: &Retired, ended: Option<u32>) -> Result<(), Kept> {
        let info = self.info.ok_or(Kept::NoSuchBucket)?;
        let names = |challenge: &&OpenChallenge| {
            challenge.bucket_id == retired.bucket
                && (challenge.start_seq == retired.tree
                    || retired.promised.contains(&challenge.mmr_root))
        };
        if let Some(challenge) = self.open.iter().find(names) {
            return Err(Kept::Challenged(challenge.id));
        }
        if let Some(snapshot) = &info.snapshot {
            let commitment = &snapshot.commitment;
            let is_of_it = commitment.start_seq == retired.tree
                || retired.promised.contains(&commitment.mmr_root);
            // Whoever is not listed now may be listed again where a bit stands.
            let place = info.place_of(&self.account);
            if is_of_it && place.is_none_or(|place| snapshot.signed_by(place)) {
                return Err(Kept::Snapshot);
            }
        }
        let is_kept = |(_, _, root): &(u32, u32, H256)| retired.promised.contains(root);
        if info.historical_roots.iter().any(is_kept) {
            return Err(Kept::Historical);
        }
        let ended = match self.agreed() {
            Agreed::Lives => return Err(Kept::AgreementLives),
            Agreed::Ended(ended) => ended,
            Agreed::None => ended.unwrap_or(self.anchor),
        };
        let until = ended.saturating_add(self.challenge_period);
        if self.anchor <= until {
            return Err(Kept::ChallengePeriod { until });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
