//! The runtime API that answers questions from state. Accounts inside of rows are SCALE bytes.

#[cfg(challenger_tiers)]
use crate::types::Visibility;
use crate::types::{BucketId, BucketSnapshot, ProviderRole, Role};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use scale_info::TypeInfo;
use sp_core::H256;

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ProviderInfoResponse {
    /// Its endpoint.
    pub multiaddr: Vec<u8>,
    /// Its key.
    pub public_key: Vec<u8>,
    /// Its stake.
    pub stake: u128,
    /// The sum of its quotas.
    pub committed_bytes: u64,
    /// Its shortest agreement.
    pub min_duration: u32,
    /// Its longest agreement.
    pub max_duration: u32,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// True if it accepts primary agreements.
    pub accepting_primary: bool,
    /// The price of a sync.
    pub replica_sync_price: Option<u128>,
    /// True if it accepts extensions.
    pub accepting_extensions: bool,
    /// The anchor block of its registration.
    pub registered_at: u32,
    /// Agreements ever made.
    pub agreements_total: u32,
    /// Extensions.
    pub agreements_extended: u32,
    /// Agreements that ended without an extension.
    pub agreements_not_extended: u32,
    /// Agreements that ended with a burned payment.
    pub agreements_burned: u32,
    /// Challenges ever opened.
    #[cfg(not(challenger_tiers))]
    pub challenges_received: u32,
    /// Challenges by authorised challengers that it defended.
    #[cfg(challenger_tiers)]
    pub challenges_received_authorized: u32,
    /// Challenges by others that it defended.
    #[cfg(challenger_tiers)]
    pub challenges_received_public: u32,
    /// Challenges that it lost.
    pub challenges_failed: u32,
    /// The most bytes that it takes; 0 is no bound.
    pub max_capacity: u64,
    /// The bytes that are left of them.
    pub available_capacity: Option<u64>,
    /// The anchor block from which it can leave.
    #[cfg(challenger_tiers)]
    pub deregister_at: Option<u32>,
    /// The percentage of decided challenges that it defended.
    #[cfg(challenger_tiers)]
    pub reputation: u8,
}

/// The requirements of a client.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct StorageRequirements {
    /// The quota.
    pub bytes_needed: u64,
    /// The duration.
    pub min_duration: u32,
    /// The highest price.
    pub max_price_per_byte: u128,
    /// True if it must be a primary provider.
    pub primary_only: bool,
}

/// A reason for which a provider does not match.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum PartialMatchReason {
    /// Its price is too high.
    PriceTooHigh,
    /// It has too little capacity left.
    InsufficientCapacity,
    /// It does not take that duration.
    DurationMismatch,
    /// It accepts no agreements.
    NotAccepting,
}

/// A provider that matches to some degree.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct MatchedProvider {
    /// The account.
    pub account: Vec<u8>,
    /// The provider.
    pub info: ProviderInfoResponse,
    /// The degree, at most 100.
    pub match_score: u8,
    /// The bytes that are left of its capacity.
    pub available_capacity: Option<u64>,
    /// The first reason for which it does not match fully.
    pub partial_reason: Option<PartialMatchReason>,
}

/// A bucket's member.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct BucketMemberResponse {
    /// The account.
    pub account: Vec<u8>,
    /// Its role.
    pub role: Role,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct BucketResponse {
    /// The bucket.
    pub bucket_id: BucketId,
    /// Its members.
    pub members: Vec<BucketMemberResponse>,
    /// The first sequence, if it is frozen.
    pub frozen_start_seq: Option<u64>,
    /// The signatures that a checkpoint needs.
    pub min_providers: u32,
    /// Its primary providers.
    pub primary_providers: Vec<Vec<u8>>,
    /// Its last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// Checkpoints ever made.
    pub total_snapshots: u32,
    /// The accounts that may read it.
    #[cfg(challenger_tiers)]
    pub visibility: Visibility,
}

/// An agreement.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct AgreementResponse {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The owner.
    pub owner: Vec<u8>,
    /// The provider.
    pub provider: Vec<u8>,
    /// The quota.
    pub max_bytes: u64,
    /// The payment that is held.
    pub payment_locked: u128,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// The first anchor block at which it no longer holds.
    pub expires_at: u32,
    /// True if the provider refuses extensions.
    pub extensions_blocked: bool,
    /// The provider's part.
    pub role: ProviderRole,
    /// The anchor block of its start or last extension.
    pub started_at: u32,
}

/// An open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ChallengeResponse {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The challenged provider.
    pub provider: Vec<u8>,
    /// The challenger.
    pub challenger: Vec<u8>,
    /// The challenged root.
    pub mmr_root: H256,
    /// The sequence of its first leaf.
    pub start_seq: u64,
    /// The challenged leaf.
    pub leaf_index: u64,
    /// The challenged chunk.
    pub chunk_index: u64,
    /// The last anchor block for an answer.
    pub deadline: u32,
    /// The index among those with this deadline.
    pub index: u16,
    /// The amount that is held from the challenger.
    pub deposit: u128,
    /// True if the challenger was authorised.
    #[cfg(challenger_tiers)]
    pub authorized: bool,
}

/// A provider with agreements, and with a bad record.
#[cfg(challenger_tiers)]
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct ChallengeCandidate {
    /// One of its buckets.
    pub bucket_id: BucketId,
    /// The provider.
    pub provider: Vec<u8>,
    /// Its stake.
    pub stake: u128,
    /// Challenges by authorised challengers that it defended.
    pub challenges_received_authorized: u32,
    /// Challenges by others that it defended.
    pub challenges_received_public: u32,
    /// Challenges that it lost.
    pub challenges_failed: u32,
    /// The percentage of decided challenges that it defended.
    pub reputation: u8,
}

/// Declares the trait: all variants have the same methods, and the newer ones more.
macro_rules! declare {
    ($version:tt, { $($more:tt)* }) => {
        sp_api::decl_runtime_apis! {
            /// Answers questions from state.
            #[api_version($version)]
            pub trait StorageProviderApi<AccountId, BlockNumber, Balance>
            where
                AccountId: Encode + Decode,
                BlockNumber: Encode + Decode,
                Balance: Encode + Decode,
            {
                /// Returns a provider.
                fn provider_info(provider: AccountId) -> Option<ProviderInfoResponse>;
                /// Returns a page of all providers.
                fn providers(offset: u32, limit: u32) -> Vec<(AccountId, ProviderInfoResponse)>;
                /// Returns a bucket.
                fn bucket_info(bucket_id: BucketId) -> Option<BucketResponse>;
                /// Returns a page of all buckets.
                fn bucket_ids(offset: u32, limit: u32) -> Vec<BucketId>;
                /// Returns the providers with an agreement of a bucket.
                fn bucket_providers(bucket_id: BucketId) -> Vec<AccountId>;
                /// Returns an agreement.
                fn agreement_info(
                    bucket_id: BucketId,
                    provider: AccountId
                ) -> Option<AgreementResponse>;
                /// Returns the agreements of a bucket.
                fn bucket_agreements(bucket_id: BucketId) -> Vec<AgreementResponse>;
                /// Returns the agreements of a provider.
                fn provider_agreements(provider: AccountId) -> Vec<AgreementResponse>;
                /// Returns the challenges with a deadline.
                fn challenges_at(block: BlockNumber) -> Vec<ChallengeResponse>;
                /// Returns the challenges in a bucket.
                fn bucket_challenges(bucket_id: BucketId) -> Vec<ChallengeResponse>;
                /// Returns the challenges of a provider.
                fn provider_challenges(provider: AccountId) -> Vec<ChallengeResponse>;
                /// Returns the challenges by a challenger.
                fn challenger_challenges(challenger: AccountId) -> Vec<ChallengeResponse>;
                /// Returns whether a provider's stake covers more bytes.
                fn can_accept_bytes(provider: AccountId, additional_bytes: u64) -> bool;
                /// Returns the providers that match best.
                fn find_matching_providers(
                    requirements: StorageRequirements,
                    limit: u32
                ) -> Vec<MatchedProvider>;
                /// Returns a page of the providers that take a number of bytes.
                fn providers_with_capacity(
                    bytes_needed: u64,
                    offset: u32,
                    limit: u32
                ) -> Vec<(AccountId, ProviderInfoResponse)>;
                $($more)*
            }
        }
    };
}

#[cfg(not(relay_clock))]
declare!(1, {});

#[cfg(all(relay_clock, not(challenger_tiers)))]
declare!(1, {
    /// Returns the anchor block.
    fn current_anchor_block() -> BlockNumber;
    /// Returns the milliseconds of an anchor block.
    fn anchor_block_time_millis() -> u64;
});

#[cfg(challenger_tiers)]
declare!(3, {
    /// Returns the providers whose record is worse, the worst first.
    fn challenge_candidates(max_reputation: u8, limit: u32) -> Vec<ChallengeCandidate>;
    /// Returns the anchor block.
    fn current_anchor_block() -> BlockNumber;
    /// Returns the milliseconds of an anchor block.
    fn anchor_block_time_millis() -> u64;
});
