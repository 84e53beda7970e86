//! Commitments, and the bytes that providers sign.

use crate::types::BucketId;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use sp_core::H256;

/// A root and the range of sequences under it.
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
pub struct Commitment {
    /// The root, or 32 zero bytes without leaves.
    pub mmr_root: H256,
    /// The sequence of the first leaf.
    pub start_seq: u64,
    /// The leaves under the root.
    pub leaf_count: u64,
}

impl Commitment {
    /// Returns the sequence after the last leaf.
    pub fn end(&self) -> u64 {
        self.start_seq.saturating_add(self.leaf_count)
    }

    /// Returns whether the range holds a sequence.
    pub fn holds(&self, sequence: u64) -> bool {
        (self.start_seq..self.end()).contains(&sequence)
    }
}

/// A commitment as providers sign it, as SCALE without any wrapping.
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
pub struct CommitmentPayload {
    /// [`Self::VERSION`].
    pub version: u8,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The commitment.
    pub commitment: Commitment,
    /// The anchor block of the signing.
    #[cfg(commitment_nonce)]
    pub nonce: u64,
}

impl CommitmentPayload {
    /// The version with a nonce.
    #[cfg(commitment_nonce)]
    pub const VERSION: u8 = 2;
    /// The version without a nonce.
    #[cfg(not(commitment_nonce))]
    pub const VERSION: u8 = 1;
}

/// A commitment with everything else that its signers choose.
#[derive(Clone, Copy)]
pub(crate) struct SignedRoot {
    pub(crate) commitment: Commitment,
    #[cfg(commitment_nonce)]
    pub(crate) nonce: u64,
}

impl SignedRoot {
    /// Returns the bytes that are signed for a bucket.
    pub(crate) fn message(&self, bucket_id: BucketId) -> Vec<u8> {
        CommitmentPayload {
            version: CommitmentPayload::VERSION,
            bucket_id,
            commitment: self.commitment,
            #[cfg(commitment_nonce)]
            nonce: self.nonce,
        }
        .encode()
    }
}

/// The payload that providers sign for the checkpoint of a window.
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
pub struct CheckpointProposal {
    /// 1.
    pub version: u8,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The commitment.
    pub commitment: Commitment,
    /// The window: the anchor block divided by the interval.
    pub window: u64,
}
