//! The offer: what would be signed now, by the operator's policy, the chain's settings and the
//! space; and the decision about one request. Pure: it reads nothing.

use super::{PriceMismatch, TermsPolicy};
use cairn_bucket::quota_for_content;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{ProviderInfo, TermsRules};
use cairn_primitives::terms::{AgreementTerms, BucketTarget, ReplicaTerms, TermsRefusal};

/// A client's request for terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsRequest {
    /// The account that will redeem them.
    pub owner: AccountId,
    /// The most bytes to store.
    pub max_bytes: u64,
    /// The agreement's duration, in anchor blocks.
    pub duration: u32,
    /// The most that the owner pays for a byte and an anchor block, in the chain's smallest
    /// unit; `None` for any price.
    pub max_price: Option<u128>,
    /// The bucket.
    pub bucket: BucketTarget,
    /// The replica terms that the owner proposes; their price is the most that the owner pays.
    pub replica: Option<ReplicaTerms>,
}

/// The facts that an offer depends on, as of one finalized head.
#[derive(Clone, Debug)]
pub(crate) struct OfferFacts<'f> {
    pub(crate) anchor: u32,
    pub(crate) info: &'f ProviderInfo,
    pub(crate) rules: &'f TermsRules,
    /// The terms that were signed and may still be redeemed.
    pub(crate) redeemable: &'f [AgreementTerms],
    /// The bytes of the disk that nothing is promised of.
    pub(crate) free_bytes: u64,
}

/// A reason why nothing is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoOffer {
    /// The deregistration is announced.
    #[error("the provider leaves the chain at anchor block {at}")]
    Leaving {
        /// The first anchor block at which it may have left.
        at: u32,
    },
    /// The policy and the record on chain have no role in common.
    #[error("the record on chain accepts no role that the policy accepts")]
    NoRole,
    /// The price is 0 on chain, and the policy has none.
    #[error("the price on chain is 0, and the policy has none: name it to store for nothing")]
    FreeByDefault,
    /// The policy's price is above the one on chain.
    #[error(transparent)]
    Price(PriceMismatch),
    /// No duration is both the policy's and the record's.
    #[error("the shortest agreement would be {min} anchor blocks, and the longest {max}")]
    Durations {
        /// The shortest that both allow.
        min: u32,
        /// The longest that both allow.
        max: u32,
    },
}

impl From<NoOffer> for TermsRefusal {
    fn from(reason: NoOffer) -> Self {
        match reason {
            NoOffer::Leaving { at } => Self::Leaving { at },
            NoOffer::NoRole
            | NoOffer::FreeByDefault
            | NoOffer::Price(_)
            | NoOffer::Durations { .. } => Self::NotOffered,
        }
    }
}

/// The offer of a provider at a finalized head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// True if it signs terms for a primary provider.
    pub primary: bool,
    /// Its terms for replicas, if it signs any.
    pub replica: Option<ReplicaOffer>,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: u128,
    /// The shortest agreement, in anchor blocks.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The least bytes of one agreement, by the policy.
    pub min_bytes: u64,
    /// The most bytes of one agreement, by the policy.
    pub max_bytes: u64,
    /// The bytes that it has space for now; 0 if they are too few for an agreement.
    pub available_bytes: u64,
    /// The last anchor block at which terms that are signed now may be redeemed.
    pub valid_until: u32,
}

/// The offer of a provider for replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaOffer {
    /// The price of a sync, in the chain's smallest unit.
    pub sync_price: u128,
    /// The least anchor blocks between two syncs.
    pub min_sync_interval: u32,
}

impl Offer {
    /// Returns the offer that follows from a policy and facts.
    pub(crate) fn new(policy: &TermsPolicy, facts: &OfferFacts<'_>) -> Result<Self, NoOffer> {
        let settings = &facts.info.settings;
        if let Some(at) = facts.info.deregister_at {
            return Err(NoOffer::Leaving { at });
        }
        // The chain knows no policy: an owner tops up and extends at the record's price.
        if let Some(above @ PriceMismatch::Above { .. }) = policy.compare_price(settings) {
            return Err(NoOffer::Price(above));
        }
        let min_bytes = policy.min_bucket_bytes.max(1);
        let available = available_bytes(policy, facts);
        let replica = settings
            .replica_sync_price
            .filter(|_| policy.accepts_replica);
        let offer = Self {
            primary: policy.accepts_primary && settings.accepting_primary,
            replica: replica.map(|sync_price| ReplicaOffer {
                sync_price,
                min_sync_interval: policy.min_sync_interval,
            }),
            price_per_byte: policy.price_per_byte.unwrap_or(settings.price_per_byte),
            min_duration: policy.min_duration.max(settings.min_duration).max(1),
            max_duration: policy.max_duration.min(settings.max_duration),
            min_bytes,
            max_bytes: policy.max_bucket_bytes,
            available_bytes: if available < min_bytes { 0 } else { available },
            valid_until: facts
                .anchor
                .saturating_add(policy.validity.min(facts.rules.request_timeout)),
        };
        // The chain's default price is 0: the operator has to mean it.
        let is_free_by_default = policy.price_per_byte.is_none() && offer.price_per_byte == 0;
        let (min, max) = (offer.min_duration, offer.max_duration);
        if !offer.primary && offer.replica.is_none() {
            Err(NoOffer::NoRole)
        } else if is_free_by_default {
            Err(NoOffer::FreeByDefault)
        } else if min > max {
            Err(NoOffer::Durations { min, max })
        } else {
            Ok(offer)
        }
    }

    /// Decides about a request. The terms have no nonce yet.
    pub(crate) fn decide(
        &self,
        policy: &TermsPolicy,
        redeemable: &[AgreementTerms],
        request: &TermsRequest,
    ) -> Result<AgreementTerms, TermsRefusal> {
        let replica = self.decide_role(request)?;
        if !policy.owners.accepts(&request.owner) {
            return Err(TermsRefusal::Owner);
        }
        if request.max_bytes == 0 {
            return Err(TermsRefusal::NoBytes);
        }
        if request.max_bytes < self.min_bytes {
            let least = self.min_bytes;
            return Err(TermsRefusal::TooSmall { least });
        }
        if request.max_bytes > self.max_bytes {
            let most = self.max_bytes;
            return Err(TermsRefusal::TooLarge { most });
        }
        let (min, max) = (self.min_duration, self.max_duration);
        if !(min..=max).contains(&request.duration) {
            return Err(TermsRefusal::Duration { min, max });
        }
        let price = self.price_per_byte;
        if request.max_price.is_some_and(|most| most < price) {
            return Err(TermsRefusal::Price { price });
        }
        if request.max_bytes > self.available_bytes {
            let available = self.available_bytes;
            return Err(TermsRefusal::Capacity { available });
        }
        check_number(policy, redeemable, &request.owner)?;
        let terms = AgreementTerms {
            owner: request.owner,
            max_bytes: request.max_bytes,
            duration: request.duration,
            price_per_byte: price,
            valid_until: self.valid_until,
            nonce: 0,
            bucket: request.bucket,
            replica,
        };
        // What is not free costs something.
        let payment = terms.payment().filter(|paid| *paid > 0 || price == 0);
        payment.map(|_| terms).ok_or(TermsRefusal::Payment)
    }

    /// Decides about the role and its bucket, and returns the replica terms.
    fn decide_role(&self, request: &TermsRequest) -> Result<Option<ReplicaTerms>, TermsRefusal> {
        let is_new = request.bucket == BucketTarget::New;
        let Some(proposed) = request.replica else {
            return match (self.primary, is_new) {
                (false, _) => Err(TermsRefusal::NoPrimary),
                (true, false) => Err(TermsRefusal::Target),
                (true, true) => Ok(None),
            };
        };
        let offered = self.replica.ok_or(TermsRefusal::NoReplica)?;
        if is_new {
            return Err(TermsRefusal::Target);
        }
        if proposed.sync_price < offered.sync_price {
            let price = offered.sync_price;
            return Err(TermsRefusal::SyncPrice { price });
        }
        if proposed.min_sync_interval < offered.min_sync_interval {
            let least = offered.min_sync_interval;
            return Err(TermsRefusal::SyncInterval { least });
        }
        Ok(Some(ReplicaTerms {
            sync_price: offered.sync_price,
            ..proposed
        }))
    }
}

/// Returns the bytes that an agreement may have now: what the disk, the policy, the settings on
/// chain and the stake have left after all agreements and all terms that may be redeemed.
fn available_bytes(policy: &TermsPolicy, facts: &OfferFacts<'_>) -> u64 {
    let promised = facts.redeemable.iter().map(|terms| terms.max_bytes);
    let promised = promised.fold(0, u64::saturating_add);
    let agreed = facts.info.committed_bytes.saturating_add(promised);
    let quotas = facts.redeemable.iter();
    let quotas = quotas.map(|terms| quota_for_content(terms.max_bytes));
    let free = facts
        .free_bytes
        .saturating_sub(quotas.fold(0, u64::saturating_add));
    let settings = &facts.info.settings;
    let chain_room = match settings.max_capacity {
        0 => u64::MAX,
        most => most.saturating_sub(agreed),
    };
    let policy_room = policy
        .max_agreed_bytes
        .map_or(u64::MAX, |most| most.saturating_sub(agreed));
    let staked = facts.info.stake.checked_div(facts.rules.min_stake_per_byte);
    let stake_room = staked.map_or(u64::MAX, |bytes| {
        u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .saturating_sub(agreed)
    });
    content_for_quota(free)
        .min(chain_room)
        .min(policy_room)
        .min(stake_room)
}

/// Returns bytes of content whose quota is at most `quota`: not the most, but within a percent.
pub(super) fn content_for_quota(quota: u64) -> u64 {
    let besides = quota_for_content(0).saturating_add(quota_for_content(1));
    let rest = quota.saturating_sub(besides);
    rest.saturating_sub(rest.div_ceil(128))
}

/// Checks that not too many signed terms may be redeemed.
fn check_number(
    policy: &TermsPolicy,
    redeemable: &[AgreementTerms],
    owner: &AccountId,
) -> Result<(), TermsRefusal> {
    let first_end = |terms: &mut dyn Iterator<Item = &AgreementTerms>, most: u32| {
        let ends: Vec<_> = terms.map(|terms| terms.valid_until).collect();
        let is_full = u32::try_from(ends.len()).is_ok_and(|number| number < most);
        match is_full {
            true => Ok(()),
            false => {
                let at = ends.into_iter().min().unwrap_or(u32::MAX);
                let at = at.saturating_add(1);
                Err(TermsRefusal::TooMany { at })
            }
        }
    };
    first_end(&mut redeemable.iter(), policy.max_redeemable)?;
    let of_owner = &mut redeemable.iter().filter(|terms| terms.owner == *owner);
    first_end(of_owner, policy.max_redeemable_per_owner)
}
