//! The pallet's storage types, and the chain's rules.

use crate::Config;
use cairn_primitives::challenge::{ChunkLocation, Role};
use cairn_primitives::checkpoint::{BucketSnapshot, REPLICA_PRIMES};
use cairn_primitives::onchain::{CheckpointWindow, MultiSigner};
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound};
use scale_info::TypeInfo;
use sp_runtime::{AccountId32, serde};

/// 48 hours of anchor blocks, 6 seconds each.
pub const DEFAULT_CHALLENGE_PERIOD: u32 = 28_800;

/// The chain's rules for providers. With them, one runtime can act as the deployed chain or
/// as the newer one.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
    TypeInfo,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(
    crate = "sp_runtime::serde",
    rename_all = "camelCase",
    deny_unknown_fields
)]
pub struct Rules {
    /// The number of anchor blocks from a challenge to its deadline; never 0. The deadline
    /// block itself counts.
    pub challenge_period: u32,
    /// True for the newer rule: new challenges keep the leaf count, and their proofs are
    /// bound to leaf index and leaf count.
    pub strict_leaf_binding: bool,
    /// The hashing of commitments. Fixed once there is a bucket, since a signed root cannot
    /// be converted.
    #[serde(with = "profile_by_name")]
    pub profile: HashingProfile,
}

impl Default for Rules {
    /// The deployed chain's rules.
    fn default() -> Self {
        Self {
            challenge_period: DEFAULT_CHALLENGE_PERIOD,
            strict_leaf_binding: false,
            profile: HashingProfile::Plain,
        }
    }
}

/// Serializes a profile in a genesis file by its name: `plain` or `tagged`.
mod profile_by_name {
    use super::serde::{Deserialize, Deserializer, Serializer, de::Error};
    use alloc::string::String;
    use cairn_primitives::HashingProfile;

    pub(super) fn serialize<S: Serializer>(
        profile: &HashingProfile,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(profile)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashingProfile, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "plain" => Ok(HashingProfile::Plain),
            "tagged" => Ok(HashingProfile::Tagged),
            _ => Err(D::Error::custom(
                "a hashing profile is `plain` or `tagged`: name one of them",
            )),
        }
    }
}

/// A registered provider. The row stays after its stake is lost, so that its record can
/// still be read.
#[derive(
    Encode, Decode, MaxEncodedLen, TypeInfo, CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound,
)]
#[scale_info(skip_type_params(T))]
pub struct Provider<T: Config> {
    /// The key that verifies its signatures.
    pub key: MultiSigner,
    /// The URL of its RPC, in UTF-8.
    pub endpoint: BoundedVec<u8, T::MaxEndpointBytes>,
    /// The held stake; 0 once it was slashed.
    pub stake: u128,
    /// Challenges that it has defended.
    pub defended: u64,
    /// Challenges that it has lost.
    pub lost: u64,
}

/// For each of [`REPLICA_PRIMES`], in their order: the last quotient `block / p`
/// in which there was a checkpoint, and the root of the first one in it.
pub type HistoricalRoots = [Option<(u32, H256)>; REPLICA_PRIMES.len()];

/// A bucket. It is never removed, since challenges may outlive its agreements.
#[derive(
    Encode, Decode, MaxEncodedLen, TypeInfo, CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound,
)]
#[scale_info(skip_type_params(T))]
pub struct Bucket<T: Config> {
    /// The members with their roles; always at least one admin.
    pub members: BoundedVec<(AccountId32, Role), T::MaxMembers>,
    /// The number of primary providers that must sign a checkpoint; never 0.
    pub min_providers: u32,
    /// The providers with an agreement, in the order of signer bits and leader election.
    pub primary_providers: BoundedVec<AccountId32, T::MaxPrimaryProviders>,
    /// If the bucket is frozen, the lowest `start_seq` of a checkpoint.
    pub frozen_start_seq: Option<Sequence>,
    /// The last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// Roots for replicas that lag.
    pub historical_roots: HistoricalRoots,
    /// The windows for checkpoints by providers, if the bucket has any.
    pub window: Option<CheckpointWindow>,
    /// The last window in which a provider submitted a checkpoint.
    pub last_window: Option<u64>,
}

impl<T: Config> Bucket<T> {
    /// Returns a member's role; `None` for other accounts.
    pub fn role_of(&self, who: &AccountId32) -> Option<Role> {
        self.members
            .iter()
            .find_map(|(member, role)| (member == who).then_some(*role))
    }

    /// Returns a provider's index among the primary providers.
    pub fn primary_index_of(&self, who: &AccountId32) -> Option<usize> {
        self.primary_providers
            .iter()
            .position(|primary| primary == who)
    }
}

/// An open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Challenge {
    /// The challenged bucket.
    pub bucket_id: BucketId,
    /// The challenged provider.
    pub provider: AccountId32,
    /// The challenger.
    pub challenger: AccountId32,
    /// The challenged root, which the provider has signed.
    pub mmr_root: H256,
    /// The `start_seq` of the challenged commitment.
    pub start_seq: Sequence,
    /// The leaf count of the challenged commitment, if the strict rule was in force when it
    /// was opened; the rule then holds for the answer too.
    pub leaf_count: Option<LeafCount>,
    /// The challenged chunk.
    pub location: ChunkLocation,
    /// The anchor block at which it was opened.
    pub asked_at: u32,
    /// The deposit held from the challenger.
    pub deposit: u128,
    /// True if the challenger was a member of the bucket when it opened the challenge.
    pub authorised: bool,
}

impl Challenge {
    /// Returns the challenged leaf's sequence in its bucket; `None` if it overflows.
    pub fn sequence(&self) -> Option<Sequence> {
        self.start_seq.checked_add(self.location.leaf_index)
    }
}

/// The subject of a challenge: a commitment, and a location in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) bucket_id: BucketId,
    pub(crate) commitment: Commitment,
    pub(crate) location: ChunkLocation,
}
