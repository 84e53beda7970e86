//! The pallet's rows, and the rules that a chain is run by.

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

/// What a chain holds its providers to: by these, one runtime plays the
/// deployed chain and the newer one.
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
    /// How many anchor blocks after a challenge its answer is due, that block
    /// included; never 0.
    pub challenge_period: u32,
    /// Whether challenges made from now on keep the leaf count, and proofs in
    /// answer to them are bound to leaf index and leaf count: the newer rule.
    pub strict_leaf_binding: bool,
    /// How commitments are hashed. Fixed once there is a bucket, since a root
    /// that was signed cannot be converted.
    #[serde(with = "profile_by_name")]
    pub profile: HashingProfile,
}

impl Default for Rules {
    /// The deployed chain's.
    fn default() -> Self {
        Self {
            challenge_period: DEFAULT_CHALLENGE_PERIOD,
            strict_leaf_binding: false,
            profile: HashingProfile::Plain,
        }
    }
}

/// A profile in a genesis file is its name: `plain` or `tagged`.
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

/// A registered provider. The row stays when its stake is lost, so that its
/// account can be read to the end.
#[derive(
    Encode, Decode, MaxEncodedLen, TypeInfo, CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound,
)]
#[scale_info(skip_type_params(T))]
pub struct Provider<T: Config> {
    /// The key that its signatures are checked with.
    pub key: MultiSigner,
    /// Where its RPC is reached: a URL in UTF-8.
    pub endpoint: BoundedVec<u8, T::MaxEndpointBytes>,
    /// What is held of its balance; 0 once it was slashed.
    pub stake: u128,
    /// Challenges against it that were answered well.
    pub defended: u64,
    /// Challenges against it that were lost.
    pub lost: u64,
}

/// For each of [`REPLICA_PRIMES`], in their order: the last quotient `block / p`
/// in which there was a checkpoint, and the root of the first one in it.
pub type HistoricalRoots = [Option<(u32, H256)>; REPLICA_PRIMES.len()];

/// A bucket. It is never removed, since challenges may outlive whatever else
/// is known of it.
#[derive(
    Encode, Decode, MaxEncodedLen, TypeInfo, CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound,
)]
#[scale_info(skip_type_params(T))]
pub struct Bucket<T: Config> {
    /// Members and what they may do; always at least one admin.
    pub members: BoundedVec<(AccountId32, Role), T::MaxMembers>,
    /// How many primary providers must sign a checkpoint; never 0.
    pub min_providers: u32,
    /// Those who have an agreement, in the order that signer bits and leader
    /// election count in.
    pub primary_providers: BoundedVec<AccountId32, T::MaxPrimaryProviders>,
    /// Where frozen, the `start_seq` below which no checkpoint may fall.
    pub frozen_start_seq: Option<Sequence>,
    /// The last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// Roots for replicas that lag.
    pub historical_roots: HistoricalRoots,
    /// Whether and when providers may bring checkpoints by themselves.
    pub window: Option<CheckpointWindow>,
    /// The last window that a provider brought a checkpoint in.
    pub last_window: Option<u64>,
}

impl<T: Config> Bucket<T> {
    /// What a member may do; `None` for a stranger.
    pub fn role_of(&self, who: &AccountId32) -> Option<Role> {
        self.members
            .iter()
            .find_map(|(member, role)| (member == who).then_some(*role))
    }

    /// A provider's place among the primary ones.
    pub fn place_of(&self, who: &AccountId32) -> Option<usize> {
        self.primary_providers
            .iter()
            .position(|primary| primary == who)
    }
}

/// An open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub struct Challenge {
    /// The bucket that is asked about.
    pub bucket_id: BucketId,
    /// Who has to answer.
    pub provider: AccountId32,
    /// Who asks.
    pub challenger: AccountId32,
    /// The root that was signed and must be answered for.
    pub mmr_root: H256,
    /// The `start_seq` of the challenged commitment.
    pub start_seq: Sequence,
    /// The leaf count of the challenged commitment, where the strict rule held
    /// when it was asked; it then holds for the answer.
    pub leaf_count: Option<LeafCount>,
    /// The chunk that is asked for.
    pub location: ChunkLocation,
    /// The anchor block at which it was asked.
    pub asked_at: u32,
    /// What is held of the challenger's balance.
    pub deposit: u128,
    /// Whether the challenger was a member of the bucket when it asked.
    pub authorised: bool,
}

impl Challenge {
    /// The challenged leaf's place in its bucket; `None` past the end of the range.
    pub fn sequence(&self) -> Option<Sequence> {
        self.start_seq.of_leaf(self.location.leaf_index)
    }
}

/// What a challenge is about: a promise, and the place in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) bucket_id: BucketId,
    pub(crate) commitment: Commitment,
    pub(crate) location: ChunkLocation,
}
