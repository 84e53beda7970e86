//! Queries of a provider's node: the runtime's `StorageProviderApi` calls these.

use crate::{
    Agreements, Buckets, Challenges, ChallengesAgainst, Config, CurrentRules, Event, Pallet,
    Providers,
};
use alloc::vec::Vec;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::checkpoint::REPLICA_PRIMES;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimaryProvider, ProviderInfo, ResponseRefusal,
};
use frame_support::traits::Get;
use sp_runtime::AccountId32;
use sp_runtime::traits::BlockNumberProvider;

fn to_raw_account(account: &AccountId32) -> AccountId {
    account.clone().into()
}

fn to_chain_account(account: &AccountId) -> AccountId32 {
    AccountId32::new(account.0)
}

impl<T: Config> Pallet<T> {
    /// Returns the number of the anchor block, in which deadlines are counted.
    pub fn anchor_block() -> u32 {
        T::AnchorBlock::current_block_number()
    }

    /// Returns the chain's limits for providers.
    pub fn limits() -> Limits {
        let rules = CurrentRules::<T>::get();
        Limits {
            chunk_bytes: u32::try_from(CHUNK_BYTES).unwrap_or(u32::MAX),
            primary_providers: T::MaxPrimaryProviders::get(),
            challenges_per_deadline: T::MaxChallengesPerDeadline::get(),
            challenge_period: rules.challenge_period,
            profile: rules.profile,
            strict_leaf_binding: rules.strict_leaf_binding,
        }
    }

    /// Returns a provider, if the account is one.
    pub fn provider_info(account: AccountId) -> Option<ProviderInfo> {
        let provider = Providers::<T>::get(to_chain_account(&account))?;
        Some(ProviderInfo {
            key: provider.key,
            endpoint: provider.endpoint.into_inner(),
            stake: provider.stake,
            defended: provider.defended,
            lost: provider.lost,
        })
    }

    /// Returns the challenges against an account that may still be answered, in the order
    /// of their deadlines.
    pub fn open_challenges(account: AccountId) -> Vec<OpenChallenge> {
        let anchor = Self::anchor_block();
        let mut ids: Vec<_> = ChallengesAgainst::<T>::iter_key_prefix(to_chain_account(&account))
            .filter(|id| id.deadline >= anchor)
            .collect();
        ids.sort_unstable();
        ids.into_iter()
            .filter_map(|id| {
                let challenge = Challenges::<T>::get(id.deadline, id.index)?;
                Some(OpenChallenge {
                    id,
                    bucket_id: challenge.bucket_id,
                    provider: to_raw_account(&challenge.provider),
                    challenger: to_raw_account(&challenge.challenger),
                    mmr_root: challenge.mmr_root,
                    start_seq: challenge.start_seq,
                    leaf_count: challenge.leaf_count,
                    location: challenge.location,
                    asked_at: challenge.asked_at,
                })
            })
            .collect()
    }

    /// Returns a bucket, if it exists.
    pub fn bucket_info(bucket_id: BucketId) -> Option<BucketInfo> {
        let bucket = Buckets::<T>::get(bucket_id)?;
        let primaries = bucket.primary_providers.iter();
        let members = bucket.members.iter();
        let historical = REPLICA_PRIMES.into_iter().zip(bucket.historical_roots);
        Some(BucketInfo {
            members: members
                .map(|(who, role)| (to_raw_account(who), *role))
                .collect(),
            min_providers: bucket.min_providers,
            primary_providers: primaries.map(|who| Self::primary(bucket_id, who)).collect(),
            frozen_start_seq: bucket.frozen_start_seq,
            snapshot: bucket.snapshot,
            historical_roots: historical
                .filter_map(|(prime, kept)| kept.map(|(quotient, root)| (prime, quotient, root)))
                .collect(),
            window: bucket.window,
            last_window: bucket.last_window,
        })
    }

    /// Returns a primary provider. One without stake has no key here, since its signatures
    /// are no longer accepted.
    fn primary(bucket_id: BucketId, who: &AccountId32) -> PrimaryProvider {
        let provider = Providers::<T>::get(who);
        let (key, endpoint) = match provider {
            Some(provider) => (
                (provider.stake > 0).then_some(provider.key),
                provider.endpoint.into_inner(),
            ),
            None => (None, Vec::new()),
        };
        PrimaryProvider {
            account: to_raw_account(who),
            key,
            endpoint,
            agreement: Agreements::<T>::get(who, bucket_id),
        }
    }

    /// Returns the buckets for which an account has an agreement and so is primary.
    pub fn buckets_of(account: AccountId) -> Vec<BucketId> {
        let mut buckets: Vec<_> =
            Agreements::<T>::iter_key_prefix(to_chain_account(&account)).collect();
        buckets.sort_unstable();
        buckets
    }

    /// Judges a response as if it were submitted now, with the same code.
    ///
    /// # Errors
    ///
    /// [`ResponseRefusal`] if it would not be judged at all, or would cost the stake.
    pub fn judge_response(
        account: AccountId,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<(), ResponseRefusal> {
        match Self::judged(&to_chain_account(&account), id, response) {
            Ok((_, verdict)) => verdict.map_err(ResponseRefusal::Slashable),
            Err(_) => Err(ResponseRefusal::NoSuchChallenge),
        }
    }

    /// Converts an event of this pallet to an outcome of a challenge or checkpoint.
    pub fn outcome_of(event: &Event<T>) -> Option<Outcome> {
        match event {
            Event::ChallengeDefended { id, provider } => Some(Outcome::Defended {
                id: *id,
                provider: to_raw_account(provider),
            }),
            Event::ProviderSlashed {
                id,
                provider,
                reason,
                ..
            } => Some(Outcome::Slashed {
                id: *id,
                provider: to_raw_account(provider),
                reason: *reason,
            }),
            Event::Checkpointed {
                bucket_id,
                mmr_root,
            } => Some(Outcome::Checkpointed {
                bucket_id: *bucket_id,
                mmr_root: *mmr_root,
            }),
            _ => None,
        }
    }
}
