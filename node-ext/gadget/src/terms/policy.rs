//! The operator's policy for new agreements.

use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::ProviderSettings;
use cairn_primitives::terms::REPLAY_WINDOW_NONCES;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// The default of [`TermsPolicy::validity`], in anchor blocks: an hour. Space is kept for terms as
/// long as they are valid.
const DEFAULT_VALIDITY: u32 = 600;
/// The default of [`TermsPolicy::min_duration`], in anchor blocks: six hours of 6 s. However short
/// an agreement is, its bucket is made, and is kept and proven from for a challenge period: two
/// days on the known chains. They give an owner as long to redeem terms.
const DEFAULT_MIN_DURATION: u32 = 3_600;
/// The default of [`TermsPolicy::min_bucket_bytes`]: 1 MiB. A quota has room for 256 leaves besides
/// the content, 112 KiB, which nobody pays for.
const DEFAULT_MIN_BUCKET_BYTES: u64 = 1 << 20;
/// The default of [`TermsPolicy::max_bucket_bytes`]: 1 TiB.
const DEFAULT_MAX_BUCKET_BYTES: u64 = 1 << 40;
/// The default of [`TermsPolicy::max_redeemable`]: half of the nonces that the chain tells apart.
const DEFAULT_MAX_REDEEMABLE: u32 = 128;
/// The default of [`TermsPolicy::max_redeemable_per_owner`].
const DEFAULT_MAX_REDEEMABLE_PER_OWNER: u32 = 4;

/// The owners with which agreements are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OwnerRule {
    /// Everybody.
    #[default]
    All,
    /// These alone.
    Only(Arc<HashSet<AccountId>>),
    /// Everybody but these.
    Except(Arc<HashSet<AccountId>>),
}

impl OwnerRule {
    /// Returns whether agreements are made with an owner.
    pub fn accepts(&self, owner: &AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Only(owners) => owners.contains(owner),
            Self::Except(owners) => !owners.contains(owner),
        }
    }
}

/// The operator's policy for new agreements. The settings that the provider has on chain hold
/// besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermsPolicy {
    /// True if terms for a primary provider are signed.
    pub accepts_primary: bool,
    /// True if terms for a replica are signed.
    pub accepts_replica: bool,
    /// The price of a byte for one anchor block, in the chain's smallest unit; `None` for the one
    /// that the provider has on chain, unless that is 0. It holds for an agreement as it is made:
    /// top-ups and extensions are at the price on chain, so that nothing is offered while that one
    /// is lower.
    pub price_per_byte: Option<u128>,
    /// The shortest agreement, in anchor blocks. One of 0 is never made.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The least bytes of one agreement. One of 0 is never made.
    pub min_bucket_bytes: u64,
    /// The most bytes of one agreement.
    pub max_bucket_bytes: u64,
    /// The most bytes that all agreements and signed terms may add up to; `None` for no bound but
    /// the disk's, the stake's and the chain's.
    pub max_agreed_bytes: Option<u64>,
    /// The owners with which agreements are made.
    pub owners: OwnerRule,
    /// The anchor blocks for which signed terms may be redeemed, from the finalized head on. The
    /// chain's bound holds besides.
    pub validity: u32,
    /// The least anchor blocks between syncs of a replica.
    pub min_sync_interval: u32,
    /// The most signed terms that may be redeemed at any time.
    pub max_redeemable: u32,
    /// The most signed terms of one owner that may be redeemed at any time.
    pub max_redeemable_per_owner: u32,
}

impl Default for TermsPolicy {
    fn default() -> Self {
        Self {
            accepts_primary: false,
            accepts_replica: false,
            price_per_byte: None,
            min_duration: DEFAULT_MIN_DURATION,
            max_duration: u32::MAX,
            min_bucket_bytes: DEFAULT_MIN_BUCKET_BYTES,
            max_bucket_bytes: DEFAULT_MAX_BUCKET_BYTES,
            max_agreed_bytes: None,
            owners: OwnerRule::All,
            validity: DEFAULT_VALIDITY,
            min_sync_interval: 0,
            max_redeemable: DEFAULT_MAX_REDEEMABLE,
            max_redeemable_per_owner: DEFAULT_MAX_REDEEMABLE_PER_OWNER,
        }
    }
}

/// The error of a policy that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermsPolicyError {
    /// The shortest agreement is longer than the longest.
    #[error("the shortest agreement, {min} anchor blocks, is longer than the longest, {max}")]
    Durations {
        /// The shortest.
        min: u32,
        /// The longest.
        max: u32,
    },
    /// The smallest agreement is larger than the largest.
    #[error("the smallest agreement, {min} bytes, is larger than the largest, {max}")]
    Sizes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// Terms would expire at once.
    #[error("terms must be valid for at least one anchor block")]
    NoValidity,
    /// The chain tells fewer nonces apart.
    #[error("at most {most} signed terms can be redeemed in any order, not {given}")]
    TooManyRedeemable {
        /// The most.
        most: u64,
        /// The given number.
        given: u32,
    },
}

/// A price of the policy that is not the one on chain, at which top-ups and extensions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceMismatch {
    /// The policy's price is above the one on chain.
    #[error(
        "the policy's price, {policy}, is above the one on chain, {on_chain}, at which anybody could \
         top up and extend: nothing is offered. Set the price on chain with `cairn provider settings \
         --price-per-byte {policy}`"
    )]
    Above {
        /// The policy's price.
        policy: u128,
        /// The price on chain.
        on_chain: u128,
    },
    /// The policy's price is below the one on chain.
    #[error(
        "the policy's price, {policy}, is below the one on chain, {on_chain}: agreements are made at \
         the one, and topped up and extended at the other"
    )]
    Below {
        /// The policy's price.
        policy: u128,
        /// The price on chain.
        on_chain: u128,
    },
}

impl TermsPolicy {
    /// Compares the price with the one that the provider has on chain; `None` if they agree.
    pub fn compare_price(&self, settings: &ProviderSettings) -> Option<PriceMismatch> {
        let (policy, on_chain) = (self.price_per_byte?, settings.price_per_byte);
        match policy.cmp(&on_chain) {
            Ordering::Greater => Some(PriceMismatch::Above { policy, on_chain }),
            Ordering::Less => Some(PriceMismatch::Below { policy, on_chain }),
            Ordering::Equal => None,
        }
    }

    /// Checks the policy.
    ///
    /// # Errors
    ///
    /// [`TermsPolicyError`] with the contradiction.
    pub fn validate(&self) -> Result<(), TermsPolicyError> {
        let (min, max) = (self.min_duration, self.max_duration);
        if min > max {
            return Err(TermsPolicyError::Durations { min, max });
        }
        let (min, max) = (self.min_bucket_bytes, self.max_bucket_bytes);
        if min > max {
            return Err(TermsPolicyError::Sizes { min, max });
        }
        if self.validity == 0 {
            return Err(TermsPolicyError::NoValidity);
        }
        if u64::from(self.max_redeemable) > REPLAY_WINDOW_NONCES {
            return Err(TermsPolicyError::TooManyRedeemable {
                most: REPLAY_WINDOW_NONCES,
                given: self.max_redeemable,
            });
        }
        Ok(())
    }
}
