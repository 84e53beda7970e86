//! The state of a chain's storage pallet, as far as a provider needs it to keep its stake.
//! Every value holds at one block, which the query names.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::challenge::{AccountId, ChallengeId, ChunkLocation, MultiSignature, Role, SlashReason};
use crate::checkpoint::BucketSnapshot;
use crate::hash::HashingProfile;
use crate::ids::{BucketId, LeafCount, LeafIndex, Sequence};
use crate::terms::ReplayWindow;
use alloc::string::String;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use primitive_types::H256;

/// The public key that a provider has registered: raw bytes, of which the chain stores no
/// scheme.
///
/// A signature's variant tells the scheme: 32 bytes are an Sr25519 and an Ed25519 key at
/// once, 33 bytes an ECDSA key over secp256k1 for both message hashes. Early chains also
/// registered keys of 64 bytes, which verify nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct RegisteredKey(pub Vec<u8>);

impl RegisteredKey {
    /// Returns whether the key has the length that the signature's scheme needs.
    pub fn fits(&self, signature: &MultiSignature) -> bool {
        let length = match signature {
            MultiSignature::Ed25519(_) | MultiSignature::Sr25519(_) => 32,
            MultiSignature::Ecdsa(_) | MultiSignature::Eth(_) => 33,
        };
        self.0.len() == length
    }

    /// Returns whether this is the key of 32 bytes with these bytes.
    pub fn is(&self, public: &[u8; 32]) -> bool {
        self.0 == public
    }
}

impl From<[u8; 32]> for RegisteredKey {
    fn from(public: [u8; 32]) -> Self {
        Self(public.to_vec())
    }
}

/// The chain's limits and rules for providers. Most may change from block to block without
/// a new runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Limits {
    /// The largest chunk in an answer, in bytes.
    pub chunk_bytes: u32,
    /// The most primary providers of a bucket.
    pub primary_providers: u32,
    /// The most challenges due at one anchor block; `u32::MAX` if the chain has no bound.
    pub challenges_per_deadline: u32,
    /// The number of anchor blocks from a challenge to its deadline. The deadline block
    /// itself counts.
    pub challenge_period: u32,
    /// The hashing of commitments. No chain states it: the operator does, and a dry run of
    /// an answer shows whether that is right.
    pub profile: HashingProfile,
    /// True if proofs are bound to leaf index and leaf count, as by the newer rule.
    pub strict_leaf_binding: bool,
    /// The payload that a provider signs for a commitment.
    pub payload: PayloadFormat,
    /// True if a wrong answer is slashed. On the oldest chains the extrinsic fails, and
    /// costs its fee.
    pub wrong_answers_slash: bool,
    /// True if an answer renumbers the later challenges of its deadline, so that an id names
    /// a challenge in one state only.
    pub challenge_ids_shift: bool,
}

/// The payload that a provider signs for a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum PayloadFormat {
    /// Version 1: bucket and commitment.
    #[codec(index = 0)]
    V1,
    /// Version 2: with a nonce at the end, an anchor block that is at most `max_age` blocks
    /// old when the chain sees the signature.
    #[codec(index = 1)]
    V2 {
        /// `MaxNonceAge`, in anchor blocks.
        max_age: u32,
    },
    /// A payload that Cairn does not know: nothing may be signed for this chain.
    #[codec(index = 2)]
    Unknown,
}

/// A challenge that is not answered and not overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct OpenChallenge {
    /// Its id, with the deadline.
    pub id: ChallengeId,
    /// The challenged bucket.
    pub bucket_id: BucketId,
    /// The challenged provider.
    pub provider: AccountId,
    /// The challenger.
    pub challenger: AccountId,
    /// The challenged root, which the provider has signed.
    pub mmr_root: H256,
    /// The `start_seq` of the challenged commitment.
    pub start_seq: Sequence,
    /// The leaf count of the challenged commitment; older chains do not keep it.
    pub leaf_count: Option<LeafCount>,
    /// The challenged chunk.
    pub location: ChunkLocation,
    /// The anchor block at which it was opened. Chains do not keep it: it is estimated from
    /// the deadline and the challenge period now.
    pub asked_at: u32,
}

impl PayloadFormat {
    /// Returns the nonce of a payload that is signed at an anchor block, if it has one.
    pub fn nonce_at(&self, anchor: u32) -> Option<u64> {
        match self {
            Self::V1 | Self::Unknown => None,
            Self::V2 { .. } => Some(anchor.into()),
        }
    }
}

impl OpenChallenge {
    /// Returns whether two rows are the same challenge: equal except for the estimate of when
    /// it was opened, and for the id's index where `ids_shift`.
    pub fn is_same(&self, other: &Self, ids_shift: bool) -> bool {
        let index = match ids_shift {
            true => self.id.index,
            false => other.id.index,
        };
        let other = Self {
            asked_at: self.asked_at,
            id: ChallengeId { index, ..other.id },
            ..*other
        };
        *self == other
    }

    /// Returns the challenged leaf's sequence in its bucket; `None` if it overflows.
    pub fn sequence(&self) -> Option<Sequence> {
        self.start_seq.checked_add(self.location.leaf_index)
    }
}

/// A provider's record on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderInfo {
    /// The key that verifies its signatures. It need not be the account's.
    pub key: RegisteredKey,
    /// Its endpoint as it registered it: a multiaddr in its text form, in UTF-8.
    pub endpoint: Vec<u8>,
    /// Its stake, lost by a wrong answer or none, in the chain's smallest unit; 0 after a
    /// slash.
    pub stake: u128,
    /// The bytes that its agreements add up to.
    pub committed_bytes: u64,
    /// The terms that it offers.
    pub settings: ProviderSettings,
    /// Challenges that it has defended. Older chains count challenges when they are created,
    /// so that this is derived, and approximate.
    pub defended: u64,
    /// Challenges that it has lost.
    pub lost: u64,
    /// The anchor block from which it may complete its deregistration, if it announced one.
    pub deregister_at: Option<u32>,
}

/// The terms that a provider offers on chain, in the chain's encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ProviderSettings {
    /// The shortest agreement, in anchor blocks.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: u128,
    /// True if it takes new agreements as a primary provider.
    pub accepting_primary: bool,
    /// The price of one sync as a replica; `None` if it is no replica for anybody.
    pub replica_sync_price: Option<u128>,
    /// True if it lets clients extend agreements.
    pub accepting_extensions: bool,
    /// The most bytes that its agreements may add up to; 0 for no bound.
    pub max_capacity: u64,
}

/// The chain's rules for terms that a provider signs. They may change from block to block
/// without a new runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TermsRules {
    /// `RequestTimeout`: the most anchor blocks from a redemption to the `valid_until` of its
    /// terms.
    pub request_timeout: u32,
    /// `MinStakePerByte`: the least stake for each byte that a provider's agreements add up to,
    /// in the chain's smallest unit.
    pub min_stake_per_byte: u128,
    /// The nonces of the provider that are redeemed.
    pub nonces: ReplayWindow,
}

/// A provider's agreement to keep a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The account that pays for it.
    pub owner: AccountId,
    /// The most bytes that may be stored.
    pub max_bytes: u64,
    /// The first anchor block at which it no longer holds.
    pub expires_at: u32,
    /// True if the provider is a replica, not a primary provider.
    pub is_replica: bool,
}

impl Agreement {
    /// Creates a primary provider's agreement for a number of bytes, which ends before an
    /// anchor block.
    pub const fn primary(owner: AccountId, max_bytes: u64, expires_at: u32) -> Self {
        Self {
            owner,
            max_bytes,
            expires_at,
            is_replica: false,
        }
    }

    /// Returns whether it holds at an anchor block. Its row stays on chain after its end.
    pub const fn holds_at(&self, anchor: u32) -> bool {
        anchor < self.expires_at
    }
}

/// A primary provider of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrimaryProvider {
    /// Its account.
    pub account: AccountId,
    /// The key that verifies its signatures; `None` if it is no longer registered.
    pub key: Option<RegisteredKey>,
    /// Its endpoint: a multiaddr in its text form, in UTF-8.
    pub endpoint: Vec<u8>,
    /// Its agreement for the bucket, if there is one.
    pub agreement: Option<Agreement>,
}

/// The windows in which providers may submit checkpoints by themselves.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct CheckpointWindow {
    /// Anchor blocks in a window; never 0.
    pub interval: u32,
    /// Anchor blocks at a window's start in which only its leader submits.
    pub grace: u32,
}

impl CheckpointWindow {
    /// Returns the window of an anchor block, or `None` if the interval is 0.
    pub fn window_of(&self, anchor: u32) -> Option<u64> {
        anchor.checked_div(self.interval).map(u64::from)
    }

    /// Returns whether only the leader may submit at an anchor block.
    pub fn is_leader_only(&self, anchor: u32) -> bool {
        anchor
            .checked_rem(self.interval)
            .is_some_and(|into| into < self.grace)
    }
}

/// A bucket's record on chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketInfo {
    /// The members with their roles.
    pub members: Vec<(AccountId, Role)>,
    /// The number of primary providers that must sign a checkpoint.
    pub min_providers: u32,
    /// The primary providers, in the order of signer bits and leader election.
    pub primary_providers: Vec<PrimaryProvider>,
    /// If the bucket is frozen, the lowest `start_seq` of a checkpoint.
    pub frozen_start_seq: Option<Sequence>,
    /// The last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// For each prime of [`REPLICA_PRIMES`](crate::checkpoint::REPLICA_PRIMES)
    /// with a root: the prime, the last quotient `block / p` in which there was a
    /// checkpoint, and the root of the first checkpoint in it.
    pub historical_roots: Vec<(u32, u32, H256)>,
    /// The windows for checkpoints by providers, if the chain has them and they are on for
    /// the bucket.
    pub window: Option<CheckpointWindow>,
    /// The last window in which a provider submitted a checkpoint.
    pub last_window: Option<u64>,
}

impl BucketInfo {
    /// Returns whether an account may authorise deletions.
    pub fn is_admin(&self, account: &AccountId) -> bool {
        self.members
            .iter()
            .any(|(member, role)| member == account && *role == Role::Admin)
    }

    /// Returns whether an account may submit checkpoints: it is an admin or a writer.
    pub fn may_checkpoint(&self, account: &AccountId) -> bool {
        self.members
            .iter()
            .any(|(member, role)| member == account && matches!(role, Role::Admin | Role::Writer))
    }

    /// Returns a provider's index among the primary providers.
    pub fn primary_index_of(&self, account: &AccountId) -> Option<usize> {
        self.primary_providers
            .iter()
            .position(|primary| primary.account == *account)
    }

    /// Returns whether the answer `Superseded` to a challenge of `root` holds: there is a
    /// snapshot with another root that covers the challenged leaf.
    pub fn supersedes(&self, root: &H256, sequence: Sequence) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| {
            snapshot.commitment.mmr_root != *root && snapshot.commitment.covers_sequence(sequence)
        })
    }
}

/// An outcome of a challenge or checkpoint in one block, by the chain's events.
///
/// A challenge may also vanish without one: a migration or the deletion of its bucket drops
/// it, and nothing is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A challenge was defended.
    Defended {
        /// The challenge.
        id: ChallengeId,
        /// The provider.
        provider: AccountId,
    },
    /// A challenge was lost, with the stake.
    Slashed {
        /// The challenge.
        id: ChallengeId,
        /// The provider.
        provider: AccountId,
        /// The reason; the oldest chains do not tell it.
        reason: Option<SlashReason>,
    },
    /// A checkpoint was accepted.
    Checkpointed {
        /// The bucket.
        bucket_id: BucketId,
        /// The root of the checkpoint.
        mmr_root: H256,
    },
}

/// A primary provider's signature, with its account.
///
/// It is over the commitment's payload for `checkpoint` and `extend_checkpoint`, and over
/// the `CheckpointProposal` for a checkpoint in a window.
pub type PrimarySignature = (AccountId, MultiSignature);

/// A reason why a dry run of a response fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseRefusal {
    /// There is no such open challenge against the provider: nothing is lost.
    NoSuchChallenge,
    /// The answer is wrong: submitting it costs the stake.
    Slashable(Option<SlashReason>),
    /// The extrinsic would fail with this error of the pallet, and cost its fee.
    Rejected(String),
}

impl crate::commitment::Commitment {
    /// Returns whether the commitment covers a sequence of its bucket.
    pub fn covers_sequence(&self, sequence: Sequence) -> bool {
        sequence
            .0
            .checked_sub(self.start_seq.0)
            .is_some_and(|index| self.leaf_count.contains(LeafIndex(index)))
    }
}
