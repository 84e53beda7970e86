//! The runtime API's answers.

#[cfg(challenger_tiers)]
use crate::runtime_api::ChallengeCandidate;
use crate::runtime_api::{
    AgreementResponse, BucketMemberResponse, BucketResponse, ChallengeResponse, MatchedProvider,
    PartialMatchReason, ProviderInfoResponse, StorageRequirements,
};
#[cfg(challenger_tiers)]
use crate::types::ProviderStats;
use crate::types::{BucketId, Challenge, ChallengeId, ProviderInfo, StorageAgreement};
use crate::{Buckets, Challenges, Config, Pallet, Providers, StorageAgreements};
use alloc::vec::Vec;
use codec::Encode;
use core::cmp::Reverse;
use sp_runtime::AccountId32;

/// The most providers that [`Pallet::challenge_candidates`] returns.
#[cfg(challenger_tiers)]
const MAX_CANDIDATES: u32 = 256;

impl<T: Config> Pallet<T> {
    /// Returns a provider.
    pub fn provider_info(provider: &AccountId32) -> Option<ProviderInfoResponse> {
        Providers::<T>::get(provider).map(describe)
    }

    /// Returns a page of all providers.
    pub fn providers(offset: u32, limit: u32) -> Vec<(AccountId32, ProviderInfoResponse)> {
        let all = Providers::<T>::iter().map(|(account, row)| (account, describe(row)));
        page(all, offset, limit)
    }

    /// Returns a bucket.
    pub fn bucket_info(bucket_id: BucketId) -> Option<BucketResponse> {
        let bucket = Buckets::<T>::get(bucket_id)?;
        let members = bucket.members.iter().map(|member| BucketMemberResponse {
            account: member.account.encode(),
            role: member.role,
        });
        Some(BucketResponse {
            bucket_id,
            members: members.collect(),
            frozen_start_seq: bucket.frozen_start_seq,
            min_providers: bucket.min_providers,
            primary_providers: bucket
                .primary_providers
                .iter()
                .map(Encode::encode)
                .collect(),
            snapshot: bucket.snapshot,
            total_snapshots: bucket.total_snapshots,
            #[cfg(challenger_tiers)]
            visibility: bucket.visibility,
        })
    }

    /// Returns a page of all buckets.
    pub fn bucket_ids(offset: u32, limit: u32) -> Vec<BucketId> {
        page(Buckets::<T>::iter_keys(), offset, limit)
    }

    /// Returns the providers with an agreement of a bucket.
    pub fn bucket_providers(bucket_id: BucketId) -> Vec<AccountId32> {
        StorageAgreements::<T>::iter_key_prefix(bucket_id).collect()
    }

    /// Returns an agreement.
    pub fn agreement_info(
        bucket_id: BucketId,
        provider: &AccountId32,
    ) -> Option<AgreementResponse> {
        let agreement = StorageAgreements::<T>::get(bucket_id, provider)?;
        Some(describe_agreement(bucket_id, provider, agreement))
    }

    /// Returns the agreements of a bucket.
    pub fn bucket_agreements(bucket_id: BucketId) -> Vec<AgreementResponse> {
        StorageAgreements::<T>::iter_prefix(bucket_id)
            .map(|(provider, row)| describe_agreement(bucket_id, &provider, row))
            .collect()
    }

    /// Returns the agreements of a provider.
    pub fn provider_agreements(provider: &AccountId32) -> Vec<AgreementResponse> {
        StorageAgreements::<T>::iter()
            .filter(|(_, account, _)| account == provider)
            .map(|(bucket_id, account, row)| describe_agreement(bucket_id, &account, row))
            .collect()
    }

    /// Returns the challenges that satisfy a condition.
    pub fn challenges_where(
        condition: impl Fn(&ChallengeId, &Challenge) -> bool,
    ) -> Vec<ChallengeResponse> {
        let mut found: Vec<_> = all_challenges::<T>();
        found.retain(|(id, challenge)| condition(id, challenge));
        found
            .into_iter()
            .map(|(id, challenge)| describe_challenge(id, &challenge))
            .collect()
    }

    /// Returns whether a provider's stake covers more bytes.
    pub fn can_accept_bytes(provider: &AccountId32, additional_bytes: u64) -> bool {
        Providers::<T>::get(provider).is_some_and(|row| has_stake_for(&row, additional_bytes))
    }

    /// Returns the providers that match best.
    pub fn find_matching_providers(
        requirements: &StorageRequirements,
        limit: u32,
    ) -> Vec<MatchedProvider> {
        let staying = Providers::<T>::iter().filter(|(_, row)| row.deregister_at.is_none());
        let mut found: Vec<_> = staying
            .map(|(account, row)| {
                let (match_score, partial_reason) = rate(&row, requirements);
                let info = describe(row);
                MatchedProvider {
                    account: account.encode(),
                    match_score,
                    available_capacity: info.available_capacity,
                    partial_reason,
                    info,
                }
            })
            .collect();
        found.sort_by_key(|one| (Reverse(one.match_score), one.info.price_per_byte));
        page(found, 0, limit)
    }

    /// Returns a page of the providers that take a number of bytes.
    pub fn providers_with_capacity(
        bytes_needed: u64,
        offset: u32,
        limit: u32,
    ) -> Vec<(AccountId32, ProviderInfoResponse)> {
        let able = Providers::<T>::iter().filter(|(_, row)| {
            accepts(row, false)
                && available(row).is_none_or(|left| left >= bytes_needed)
                && has_stake_for(row, bytes_needed)
        });
        page(
            able.map(|(account, row)| (account, describe(row))),
            offset,
            limit,
        )
    }

    /// Returns the providers whose record is worse, the worst first, with a bucket of each.
    #[cfg(challenger_tiers)]
    pub fn challenge_candidates(max_reputation: u8, limit: u32) -> Vec<ChallengeCandidate> {
        let mut bucket_of = alloc::collections::BTreeMap::new();
        for (bucket_id, provider) in StorageAgreements::<T>::iter_keys() {
            bucket_of.entry(provider).or_insert(bucket_id);
        }
        let mut found: Vec<_> = bucket_of
            .into_iter()
            .filter_map(|(provider, bucket_id)| {
                let row = Providers::<T>::get(&provider)?;
                let reputation = reputation(&row.stats);
                (max_reputation > 100 || reputation < max_reputation).then(|| ChallengeCandidate {
                    bucket_id,
                    provider: provider.encode(),
                    stake: row.stake,
                    challenges_received_authorized: row.stats.challenges_received_authorized,
                    challenges_received_public: row.stats.challenges_received_public,
                    challenges_failed: row.stats.challenges_failed,
                    reputation,
                })
            })
            .collect();
        found.sort_by_key(|one| one.reputation);
        page(found, 0, limit.min(MAX_CANDIDATES))
    }
}

fn page<I>(all: impl IntoIterator<Item = I>, offset: u32, limit: u32) -> Vec<I> {
    let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
    let taken = usize::try_from(limit).unwrap_or(usize::MAX);
    all.into_iter().skip(skipped).take(taken).collect()
}

#[cfg(deployed)]
fn all_challenges<T: Config>() -> Vec<(ChallengeId, Challenge)> {
    Challenges::<T>::iter()
        .flat_map(|(deadline, list)| {
            (0u16..)
                .zip(list)
                .map(move |(index, challenge)| (ChallengeId { deadline, index }, challenge))
        })
        .collect()
}

#[cfg(not(deployed))]
fn all_challenges<T: Config>() -> Vec<(ChallengeId, Challenge)> {
    Challenges::<T>::iter()
        .map(|(deadline, index, challenge)| (ChallengeId { deadline, index }, challenge))
        .collect()
}

fn available<T: Config>(row: &ProviderInfo<T>) -> Option<u64> {
    let capacity = row.settings.max_capacity;
    (capacity > 0).then(|| capacity.saturating_sub(row.committed_bytes))
}

fn accepts<T: Config>(row: &ProviderInfo<T>, primary_only: bool) -> bool {
    let settings = &row.settings;
    settings.accepting_primary || (!primary_only && settings.replica_sync_price.is_some())
}

fn has_stake_for<T: Config>(row: &ProviderInfo<T>, additional_bytes: u64) -> bool {
    row.committed_bytes
        .checked_add(additional_bytes)
        .and_then(|bytes| Pallet::<T>::stake_for(bytes).ok())
        .is_some_and(|needed| row.stake >= needed)
}

/// Returns how well a provider matches, and the first reason against it.
fn rate<T: Config>(
    row: &ProviderInfo<T>,
    wanted: &StorageRequirements,
) -> (u8, Option<PartialMatchReason>) {
    if !accepts(row, wanted.primary_only) {
        return (0, Some(PartialMatchReason::NotAccepting));
    }
    let settings = &row.settings;
    let durations = settings.min_duration..=settings.max_duration;
    let faults = [
        (
            available(row).is_some_and(|left| left < wanted.bytes_needed),
            50,
            PartialMatchReason::InsufficientCapacity,
        ),
        (
            settings.price_per_byte > wanted.max_price_per_byte,
            30,
            PartialMatchReason::PriceTooHigh,
        ),
        (
            !durations.contains(&wanted.min_duration),
            20,
            PartialMatchReason::DurationMismatch,
        ),
    ];
    let mut score: u8 = 100;
    let mut reason = None;
    for (applies, cost, fault) in faults {
        if applies {
            score = score.saturating_sub(cost);
            reason = reason.or(Some(fault));
        }
    }
    (score, reason)
}

#[cfg(challenger_tiers)]
fn reputation(stats: &ProviderStats) -> u8 {
    let defended = u64::from(stats.challenges_received_authorized)
        .saturating_add(u64::from(stats.challenges_received_public));
    let decided = defended.saturating_add(u64::from(stats.challenges_failed));
    let percent = defended.saturating_mul(100).checked_div(decided);
    percent.map_or(100, |percent| u8::try_from(percent).unwrap_or(100))
}

fn describe<T: Config>(row: ProviderInfo<T>) -> ProviderInfoResponse {
    let available_capacity = available(&row);
    #[cfg(challenger_tiers)]
    let reputation = reputation(&row.stats);
    let ProviderInfo {
        multiaddr,
        public_key,
        stake,
        committed_bytes,
        settings,
        stats,
        ..
    } = row;
    ProviderInfoResponse {
        multiaddr: multiaddr.into_inner(),
        public_key: public_key.into_inner(),
        stake,
        committed_bytes,
        min_duration: settings.min_duration,
        max_duration: settings.max_duration,
        price_per_byte: settings.price_per_byte,
        accepting_primary: settings.accepting_primary,
        replica_sync_price: settings.replica_sync_price,
        accepting_extensions: settings.accepting_extensions,
        registered_at: stats.registered_at,
        agreements_total: stats.agreements_total,
        agreements_extended: stats.agreements_extended,
        agreements_not_extended: stats.agreements_not_extended,
        agreements_burned: stats.agreements_burned,
        #[cfg(not(challenger_tiers))]
        challenges_received: stats.challenges_received,
        #[cfg(challenger_tiers)]
        challenges_received_authorized: stats.challenges_received_authorized,
        #[cfg(challenger_tiers)]
        challenges_received_public: stats.challenges_received_public,
        challenges_failed: stats.challenges_failed,
        max_capacity: settings.max_capacity,
        available_capacity,
        #[cfg(challenger_tiers)]
        deregister_at: row.deregister_at,
        #[cfg(challenger_tiers)]
        reputation,
    }
}

fn describe_agreement(
    bucket_id: BucketId,
    provider: &AccountId32,
    row: StorageAgreement,
) -> AgreementResponse {
    AgreementResponse {
        bucket_id,
        owner: row.owner.encode(),
        provider: provider.encode(),
        max_bytes: row.max_bytes,
        payment_locked: row.payment_locked,
        price_per_byte: row.price_per_byte,
        expires_at: row.expires_at,
        extensions_blocked: row.extensions_blocked,
        role: row.role,
        started_at: row.started_at,
    }
}

fn describe_challenge(id: ChallengeId, challenge: &Challenge) -> ChallengeResponse {
    let target = challenge.target();
    ChallengeResponse {
        bucket_id: challenge.bucket_id,
        provider: challenge.provider.encode(),
        challenger: challenge.challenger.encode(),
        mmr_root: challenge.mmr_root,
        start_seq: challenge.start_seq,
        leaf_index: target.leaf_index,
        chunk_index: target.chunk_index,
        deadline: id.deadline,
        index: id.index,
        deposit: challenge.deposit,
        #[cfg(challenger_tiers)]
        authorized: challenge.authorized,
    }
}
