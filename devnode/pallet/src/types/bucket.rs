//! A bucket's row.

use crate::Config;
use crate::types::{Commitment, SignedRoot};
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound};
use scale_info::TypeInfo;
use sp_core::H256;
use sp_runtime::AccountId32;

/// A member's rights in a bucket.
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
pub enum Role {
    /// Manages members and settings, deletes, and writes.
    Admin,
    /// Appends and submits checkpoints.
    Writer,
    /// Reads.
    Reader,
}

/// The accounts that may read a bucket, and so challenge its primary providers.
#[cfg(challenger_tiers)]
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
pub enum Visibility {
    /// Everybody.
    Public,
    /// Members, and owners of primary agreements.
    Private,
}

/// A member of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct Member {
    /// The account.
    pub account: AccountId32,
    /// Its rights.
    pub role: Role,
}

/// A bucket.
#[derive(CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound, Encode, Decode, TypeInfo)]
#[scale_info(skip_type_params(T))]
pub struct Bucket<T: Config> {
    /// The members, at least one of them an admin.
    pub members: BoundedVec<Member, T::MaxMembers>,
    /// The accounts that may read it.
    #[cfg(challenger_tiers)]
    pub visibility: Visibility,
    /// The first sequence of a frozen bucket.
    pub frozen_start_seq: Option<u64>,
    /// The signatures that a checkpoint needs.
    pub min_providers: u32,
    /// The primary providers, in the order of the signer bits.
    pub primary_providers: BoundedVec<AccountId32, T::MaxPrimaryProviders>,
    /// The last checkpoint.
    pub snapshot: Option<BucketSnapshot>,
    /// For each replica prime, the last quotient of a checkpoint's anchor block, and its root.
    pub historical_roots: [(u32, H256); 6],
    /// Checkpoints ever made.
    pub total_snapshots: u32,
}

/// A checkpoint as the chain keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo)]
pub struct BucketSnapshot {
    /// The commitment.
    #[cfg(not(deployed))]
    pub commitment: Commitment,
    /// The root.
    #[cfg(deployed)]
    pub mmr_root: H256,
    /// The sequence of the first leaf.
    #[cfg(deployed)]
    pub start_seq: u64,
    /// The leaves under the root.
    #[cfg(deployed)]
    pub leaf_count: u64,
    /// The anchor block of the checkpoint.
    pub checkpoint_block: u32,
    /// Bit i, lowest first, tells whether `primary_providers[i]` signed.
    pub primary_signers: Vec<u8>,
    /// The nonce that the providers signed.
    #[cfg(commitment_nonce)]
    pub commitment_nonce: u64,
}

impl BucketSnapshot {
    pub(crate) fn new(
        signed_root: SignedRoot,
        checkpoint_block: u32,
        primary_signers: Vec<u8>,
    ) -> Self {
        Self {
            #[cfg(not(deployed))]
            commitment: signed_root.commitment,
            #[cfg(deployed)]
            mmr_root: signed_root.commitment.mmr_root,
            #[cfg(deployed)]
            start_seq: signed_root.commitment.start_seq,
            #[cfg(deployed)]
            leaf_count: signed_root.commitment.leaf_count,
            checkpoint_block,
            primary_signers,
            #[cfg(commitment_nonce)]
            commitment_nonce: signed_root.nonce,
        }
    }

    /// Returns the commitment.
    pub fn commitment(&self) -> Commitment {
        #[cfg(not(deployed))]
        return self.commitment;
        #[cfg(deployed)]
        return Commitment {
            mmr_root: self.mmr_root,
            start_seq: self.start_seq,
            leaf_count: self.leaf_count,
        };
    }

    /// Returns what the signers signed.
    pub(crate) fn signed_root(&self) -> SignedRoot {
        SignedRoot {
            commitment: self.commitment(),
            #[cfg(commitment_nonce)]
            nonce: self.commitment_nonce,
        }
    }

    /// Returns whether the primary provider at `place` signed.
    pub fn signed_by(&self, place: usize) -> bool {
        self.primary_signers
            .get(place >> 3)
            .is_some_and(|byte| byte & (1 << (place & 7)) != 0)
    }

    /// Returns the number of signers.
    pub fn signers(&self) -> u32 {
        self.primary_signers
            .iter()
            .fold(0, |sum: u32, byte| sum.saturating_add(byte.count_ones()))
    }

    /// Drops the bit of a primary provider that is removed: the later ones move down, and
    /// zero bytes at the end go.
    pub(crate) fn drop_signer(&mut self, place: usize) {
        let bits = self.primary_signers.len().saturating_mul(8);
        let mut bytes: Vec<u8> = Vec::new();
        let kept = (0..bits).filter(|bit| *bit != place);
        for (to, from) in kept.enumerate() {
            if to & 7 == 0 {
                bytes.push(0);
            }
            if let (true, Some(byte)) = (self.signed_by(from), bytes.last_mut()) {
                *byte |= 1 << (to & 7);
            }
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        self.primary_signers = bytes;
    }
}

/// When the providers of a bucket submit checkpoints.
#[cfg(checkpoint_windows)]
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
pub struct CheckpointWindowConfig {
    /// Anchor blocks of a window.
    pub interval: u32,
    /// Anchor blocks at its start in which only the leader submits.
    pub grace_period: u32,
    /// True if providers submit at all.
    pub enabled: bool,
}
