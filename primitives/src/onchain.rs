//! The state of a chain's storage pallet, as far as a provider needs it to keep its stake.
//! Every value holds at one block, which the query names.

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

/// The chain's limits for providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Limits {
    /// The largest chunk in an answer, in bytes.
    pub chunk_bytes: u32,
    /// The most primary providers of a bucket.
    pub primary_providers: u32,
    /// The most challenges due at one anchor block.
    pub challenges_per_deadline: u32,
    /// The number of anchor blocks from a challenge to its deadline. The deadline block
    /// itself counts.
    pub challenge_period: u32,
    /// The hashing of commitments on this chain.
    pub profile: HashingProfile,
    /// True if proofs are bound to leaf index and leaf count, as by the newer rule.
    pub strict_leaf_binding: bool,
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
    /// The anchor block at which it was opened.
    pub asked_at: u32,
}

impl OpenChallenge {
    /// Returns the challenged leaf's sequence in its bucket; `None` if it overflows.
    pub fn sequence(&self) -> Option<Sequence> {
        self.start_seq.checked_add(self.location.leaf_index)
    }
}

/// A provider's record on chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ProviderInfo {
    /// The key that verifies its signatures.
    pub key: MultiSigner,
    /// The URL of its RPC as it registered it, in UTF-8.
    pub endpoint: Vec<u8>,
    /// Its stake, lost by a wrong answer or none, in the chain's smallest unit.
    pub stake: u128,
    /// Challenges that it has defended.
    pub defended: u64,
    /// Challenges that it has lost.
    pub lost: u64,
}

/// A provider's agreement to keep a bucket.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Agreement {
    /// The most bytes that may be stored.
    pub max_bytes: u64,
    /// The last anchor block at which it holds.
    pub expires_at: u32,
}

/// A primary provider of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct PrimaryProvider {
    /// Its account.
    pub account: AccountId,
    /// The key that verifies its signatures; `None` if it is no longer registered.
    pub key: Option<MultiSigner>,
    /// The URL of its RPC, in UTF-8.
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
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
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
    /// The windows for checkpoints by providers, if the bucket has any.
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

/// An outcome of a challenge or checkpoint in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum Outcome {
    /// A challenge was defended.
    #[codec(index = 0)]
    Defended {
        /// The challenge.
        id: ChallengeId,
        /// The provider.
        provider: AccountId,
    },
    /// A challenge was lost, with the stake.
    #[codec(index = 1)]
    Slashed {
        /// The challenge.
        id: ChallengeId,
        /// The provider.
        provider: AccountId,
        /// The reason.
        reason: SlashReason,
    },
    /// A checkpoint was accepted.
    #[codec(index = 2)]
    Checkpointed {
        /// The bucket.
        bucket_id: BucketId,
        /// The root of the checkpoint.
        mmr_root: H256,
    },
}

/// A primary provider's signature, with its index in the bucket's list.
///
/// It is over the `CommitmentPayload` for `checkpoint` and `extend_checkpoint`, and over
/// the `CheckpointProposal` for a checkpoint in a window.
pub type PrimarySignature = (u32, crate::challenge::MultiSignature);

/// A reason why a dry run of a response fails.
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
    /// Returns whether the commitment covers a sequence of its bucket.
    pub fn covers_sequence(&self, sequence: Sequence) -> bool {
        sequence
            .0
            .checked_sub(self.start_seq.0)
            .is_some_and(|index| self.leaf_count.contains(LeafIndex(index)))
    }
}
