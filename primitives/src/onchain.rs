//! What a chain says of its storage pallet: what a provider has to know to keep
//! its stake. Every statement holds at one block, which the asker names.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::challenge::{AccountId, ChallengeId, ChunkLocation, Role, SlashReason};
use crate::checkpoint::BucketSnapshot;
use crate::hash::HashingProfile;
use crate::ids::{BucketId, LeafCount, LeafIndex, Sequence};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use primitive_types::H256;

/// A public key by one of the chain's schemes, encoded as `sp_runtime`'s
/// `MultiSigner` is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum MultiSigner {
    /// Ed25519.
    #[codec(index = 0)]
    Ed25519([u8; 32]),
    /// Sr25519, which providers register first.
    #[codec(index = 1)]
    Sr25519([u8; 32]),
    /// ECDSA over secp256k1, compressed, with a `blake2_256` message hash.
    #[codec(index = 2)]
    Ecdsa([u8; 33]),
    /// ECDSA over secp256k1, compressed, with a `keccak_256` message hash.
    #[codec(index = 3)]
    Eth([u8; 33]),
}

/// What the chain holds a provider to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Limits {
    /// The most bytes that a chunk in an answer may have.
    pub chunk_bytes: u32,
    /// The most primary providers that a bucket may have.
    pub primary_providers: u32,
    /// The most challenges that may be due at one anchor block.
    pub challenges_per_deadline: u32,
    /// How many anchor blocks after a challenge its answer is due, that block
    /// included.
    pub challenge_period: u32,
    /// How commitments on this chain are hashed.
    pub profile: HashingProfile,
    /// Whether proofs are bound to leaf index and leaf count: the newer rule.
    pub strict_leaf_binding: bool,
}

/// A challenge that has not been answered, and is not overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct OpenChallenge {
    /// Its name, with the deadline.
    pub id: ChallengeId,
    /// The bucket that is asked about.
    pub bucket_id: BucketId,
    /// Who has to answer.
    pub provider: AccountId,
    /// Who asks.
    pub challenger: AccountId,
    /// The root that was signed and must be answered for.
    pub mmr_root: H256,
    /// The `start_seq` of the challenged commitment.
    pub start_seq: Sequence,
    /// The leaf count of the challenged commitment; older chains do not keep it.
    pub leaf_count: Option<LeafCount>,
    /// The chunk that is asked for.
    pub location: ChunkLocation,
    /// The anchor block at which it was asked.
    pub asked_at: u32,
}

impl OpenChallenge {
    /// The challenged leaf's place in its bucket; `None` past the end of the range.
    pub fn sequence(&self) -> Option<Sequence> {
        self.start_seq.of_leaf(self.location.leaf_index)
    }
}

/// A provider as the chain knows it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ProviderInfo {
    /// The key that its signatures are checked with.
    pub key: MultiSigner,
    /// Where its RPC is reached, as it registered it: a URL in UTF-8.
    pub endpoint: Vec<u8>,
    /// What it loses by a wrong answer or none, in the chain's smallest unit.
    pub stake: u128,
    /// Challenges against it that were answered well.
    pub defended: u64,
    /// Challenges against it that were lost.
    pub lost: u64,
}

/// A provider's duty to keep a bucket, as agreed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Agreement {
    /// Bytes that may be stored.
    pub max_bytes: u64,
    /// The last anchor block at which it holds.
    pub expires_at: u32,
}

/// A primary provider of a bucket, with all that its signatures take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct PrimaryProvider {
    /// Its account.
    pub account: AccountId,
    /// The key that its signatures are checked with; none if it is no provider
    /// any more.
    pub key: Option<MultiSigner>,
    /// Where its RPC is reached: a URL in UTF-8.
    pub endpoint: Vec<u8>,
    /// Its agreement with the bucket, if one is kept.
    pub agreement: Option<Agreement>,
}

/// When providers may bring checkpoints by themselves.
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
    /// The window that an anchor block is in, or `None` where the interval is 0.
    pub fn window_of(&self, anchor: u32) -> Option<u64> {
        anchor.checked_div(self.interval).map(u64::from)
    }

    /// Whether only the leader may submit at an anchor block.
    pub fn is_leaders_alone(&self, anchor: u32) -> bool {
        anchor
            .checked_rem(self.interval)
            .is_some_and(|into| into < self.grace)
    }
}

/// A bucket as the chain knows it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct BucketInfo {
    /// Members and what they may do.
    pub members: Vec<(AccountId, Role)>,
    /// How many primary providers must sign a checkpoint.
    pub min_providers: u32,
    /// In the order that signer bits and leader election count in.
    pub primary_providers: Vec<PrimaryProvider>,
    /// Where frozen, the `start_seq` below which no checkpoint may fall.
    pub frozen_start_seq: Option<Sequence>,
    /// The last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// For each prime of [`REPLICA_PRIMES`](crate::checkpoint::REPLICA_PRIMES)
    /// with a root: the prime, the last quotient `block / p` in which there was a
    /// checkpoint, and the root of the first checkpoint in it.
    pub historical_roots: Vec<(u32, u32, H256)>,
    /// Whether and when providers may bring checkpoints by themselves.
    pub window: Option<CheckpointWindow>,
    /// The last window that a provider brought a checkpoint in.
    pub last_window: Option<u64>,
}

impl BucketInfo {
    /// Whether an account may authorise deletions.
    pub fn is_admin(&self, account: &AccountId) -> bool {
        self.members
            .iter()
            .any(|(member, role)| member == account && *role == Role::Admin)
    }

    /// A provider's place among the primary ones.
    pub fn place_of(&self, account: &AccountId) -> Option<usize> {
        self.primary_providers
            .iter()
            .position(|primary| primary.account == *account)
    }

    /// Whether the answer `Superseded` to a challenge of `root` holds: there is
    /// a snapshot of another root whose range holds the challenged leaf.
    pub fn supersedes(&self, root: &H256, sequence: Sequence) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| {
            snapshot.commitment.mmr_root != *root && snapshot.commitment.holds(sequence)
        })
    }
}

/// What became of challenges and checkpoints in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum Outcome {
    /// A challenge was answered well.
    #[codec(index = 0)]
    Defended {
        /// The challenge.
        id: ChallengeId,
        /// Who answered.
        provider: AccountId,
    },
    /// A challenge was lost, and with it the stake.
    #[codec(index = 1)]
    Slashed {
        /// The challenge.
        id: ChallengeId,
        /// Who lost.
        provider: AccountId,
        /// Why.
        reason: SlashReason,
    },
    /// A checkpoint was taken.
    #[codec(index = 2)]
    Checkpointed {
        /// The bucket.
        bucket_id: BucketId,
        /// The root that was taken.
        mmr_root: H256,
    },
}

/// A primary provider's signature, by its place in the bucket's list.
///
/// For `checkpoint` and `extend_checkpoint` over the `CommitmentPayload`, and
/// for a checkpoint in a window over the `CheckpointProposal`.
pub type PrimarySignature = (u32, crate::challenge::MultiSignature);

/// Why a chain that is asked beforehand would not take a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum ResponseRefusal {
    /// There is no such open challenge against the provider: nothing is lost.
    #[codec(index = 0)]
    NoSuchChallenge,
    /// The answer is wrong: submitting it costs the stake.
    #[codec(index = 1)]
    Slashable(SlashReason),
}

impl crate::commitment::Commitment {
    /// Whether the commitment covers a sequence of its bucket.
    pub fn holds(&self, sequence: Sequence) -> bool {
        sequence
            .0
            .checked_sub(self.start_seq.0)
            .is_some_and(|index| self.leaf_count.holds(LeafIndex(index)))
    }
}
