//! Challenges and their answers.

#![allow(
    clippy::cast_possible_truncation,
    reason = "in what derived codecs do: the index of a variant is below 256"
)]

use crate::Config;
use crate::types::{BucketId, Commitment};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::{AccountId32, MultiSignature};

/// A challenge's id.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ChallengeId {
    /// The last anchor block in which an answer is accepted.
    pub deadline: u32,
    /// The number among those with this deadline.
    pub index: u16,
}

/// The chunk that a challenge asks for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ChunkLocation {
    /// The leaf, counted from the commitment's first.
    pub leaf_index: u64,
    /// The chunk within the leaf, which no rule bounds.
    pub chunk_index: u64,
}

/// An open challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Challenge {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The challenged provider.
    pub provider: AccountId32,
    /// The account that asks.
    pub challenger: AccountId32,
    /// The challenged root.
    pub mmr_root: H256,
    /// The sequence of that tree's first leaf.
    pub start_seq: u64,
    /// The leaves of that tree.
    #[cfg(leaf_binding)]
    pub leaf_count: u64,
    /// The chunk that is asked for.
    #[cfg(not(deployed))]
    pub target: ChunkLocation,
    /// The leaf that is asked for.
    #[cfg(deployed)]
    pub leaf_index: u64,
    /// The chunk that is asked for.
    #[cfg(deployed)]
    pub chunk_index: u64,
    /// The amount that is held from the challenger.
    pub deposit: u128,
    /// True if the challenger was authorised when it asked.
    #[cfg(challenger_tiers)]
    pub authorized: bool,
}

impl Challenge {
    /// Returns what is asked for.
    pub fn target(&self) -> ChunkLocation {
        #[cfg(not(deployed))]
        return self.target;
        #[cfg(deployed)]
        return ChunkLocation {
            leaf_index: self.leaf_index,
            chunk_index: self.chunk_index,
        };
    }

    /// Returns the sequence of the challenged leaf.
    pub(crate) fn sequence(&self) -> u64 {
        self.start_seq.saturating_add(self.target().leaf_index)
    }
}

/// A question before it is a challenge.
pub(crate) struct Question {
    pub(crate) bucket_id: BucketId,
    pub(crate) provider: AccountId32,
    pub(crate) commitment: Commitment,
    pub(crate) target: ChunkLocation,
}

/// A leaf of a bucket's MMR.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct MmrLeaf {
    /// The root of its chunk tree.
    pub data_root: H256,
    /// The bytes of its content.
    pub data_size: u64,
    /// The bytes of all content up to it.
    pub total_size: u64,
}

/// A path in a binary tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct MerkleProof {
    /// The siblings, leaf to root.
    pub siblings: Vec<H256>,
    /// For each sibling, true if the node so far is the right child.
    pub path: Vec<bool>,
}

/// A leaf's path to a root.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct MmrProof {
    /// The peaks, left to right.
    pub peaks: Vec<H256>,
    /// The leaf.
    pub leaf: MmrLeaf,
    /// The path to a peak.
    pub leaf_proof: MerkleProof,
}

/// An answer to a challenge.
#[derive(
    CloneNoBound,
    DebugNoBound,
    PartialEqNoBound,
    EqNoBound,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
)]
#[scale_info(skip_type_params(T))]
pub enum ChallengeResponse<T: Config> {
    /// The chunk, with the way to the challenged root.
    Proof {
        /// The chunk.
        chunk_data: BoundedVec<u8, T::MaxChunkSize>,
        /// The leaf's way to the root.
        mmr_proof: MmrProof,
        /// The chunk's way to the leaf.
        chunk_proof: MerkleProof,
    },
    /// An admin let the leaf be deleted.
    Deleted {
        /// The root of what remained.
        new_mmr_root: H256,
        /// The sequence from which leaves remained.
        new_start_seq: u64,
        /// The nonce that the admin signed.
        #[cfg(commitment_nonce)]
        nonce: u64,
        /// The admin.
        admin: AccountId32,
        /// Its signature over the commitment to what remained.
        admin_signature: MultiSignature,
    },
    /// A later checkpoint covers the leaf.
    Superseded,
}

/// A reason for which a provider lost its stake.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub enum SlashReason {
    /// There was no answer in time.
    Timeout,
    /// A proof did not prove.
    InvalidProof,
    /// A deletion was not authorised.
    InvalidDeletionClaim,
    /// No later checkpoint covers the leaf.
    InvalidSupersededClaim,
}

/// A challenger's record.
#[cfg(commitment_nonce)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Encode,
    Decode,
    DecodeWithMemTracking,
    TypeInfo,
    MaxEncodedLen,
)]
pub struct ChallengerStatRecord {
    /// Challenges ever opened.
    pub total_challenges: u32,
    /// Challenges that the provider lost.
    pub successful_challenges: u32,
    /// Challenges that the provider defended.
    pub failed_challenges: u32,
}
