//! Cosigning: a primary provider's request to another one for a checkpoint signature, and
//! the reasons for which the other may refuse.
//!
//! The requesting provider signs first and sends its own signature along, so that only
//! primary providers of a bucket get a signature from each other.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::challenge::{AccountId, MultiSignature};
use crate::checkpoint::CheckpointProposal;
use crate::commitment::{Commitment, CommitmentPayload};
use crate::ids::{BucketId, LeafCount, Sequence};
use alloc::vec::Vec;
use codec::{Decode, Encode};

/// The payload that primary providers sign for a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CheckpointRequest {
    /// Outside of windows: the payload that is also signed for a client.
    #[codec(index = 0)]
    Commitment(CommitmentPayload),
    /// In a window: a provider signs only one commitment for it.
    #[codec(index = 1)]
    Proposal(CheckpointProposal),
}

impl CheckpointRequest {
    /// Creates a request for a commitment, in a window if one is given.
    pub const fn new(bucket: BucketId, commitment: Commitment, window: Option<u64>) -> Self {
        match window {
            None => Self::Commitment(CommitmentPayload::new(bucket, commitment)),
            Some(window) => Self::Proposal(CheckpointProposal::new(bucket, commitment, window)),
        }
    }

    /// Returns the request with a nonce in its payload; a proposal for a window has none.
    #[must_use]
    pub const fn with_nonce(mut self, nonce: Option<u64>) -> Self {
        if let Self::Commitment(payload) = &mut self {
            payload.nonce = nonce;
        }
        self
    }

    /// Returns the bucket.
    pub const fn bucket(&self) -> BucketId {
        match self {
            Self::Commitment(payload) => payload.bucket_id,
            Self::Proposal(proposal) => proposal.bucket_id,
        }
    }

    /// Returns the commitment.
    pub const fn commitment(&self) -> Commitment {
        match self {
            Self::Commitment(payload) => payload.commitment,
            Self::Proposal(proposal) => proposal.commitment,
        }
    }

    /// Returns the window, if there is one.
    pub const fn window(&self) -> Option<u64> {
        match self {
            Self::Commitment(_) => None,
            Self::Proposal(proposal) => Some(proposal.window),
        }
    }

    /// Returns the nonce of the payload, if it has one.
    pub const fn nonce(&self) -> Option<u64> {
        match self {
            Self::Commitment(payload) => payload.nonce,
            Self::Proposal(_) => None,
        }
    }

    /// Returns the version byte of the payload.
    pub const fn version(&self) -> u8 {
        match self {
            Self::Commitment(payload) => payload.version(),
            Self::Proposal(proposal) => proposal.version,
        }
    }

    /// Returns the bytes to sign, neither hashed nor wrapped.
    pub fn signed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Commitment(payload) => payload.encode(),
            Self::Proposal(proposal) => proposal.encode(),
        }
    }
}

/// A request with the requesting primary provider's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CosignRequest {
    /// The payload to sign.
    pub request: CheckpointRequest,
    /// The requesting provider.
    pub requester: AccountId,
    /// The requesting provider's signature over the same bytes.
    pub signature: MultiSignature,
}

/// The state of a bucket at another provider, as far as it decides what that one can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldState {
    /// The start sequence of its current tree.
    pub start_seq: Sequence,
    /// The number of leaves of that tree.
    pub leaf_count: LeafCount,
    /// The commitment that it has signed for the requested window; it signs no other one
    /// for that window.
    pub signed: Option<Commitment>,
}

impl HeldState {
    /// Returns whether a provider in this state could sign the commitment.
    pub fn can_sign(&self, commitment: &Commitment) -> bool {
        match &self.signed {
            Some(signed) => signed == commitment,
            None => {
                self.start_seq == commitment.start_seq && self.leaf_count >= commitment.leaf_count
            }
        }
    }
}

/// A reason why a provider does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// It has not seen a finalized block since it started.
    #[error("it has not seen a finalized block since it started: try again later")]
    #[codec(index = 0)]
    NotReady,
    /// The version byte is unknown.
    #[error("it does not support payloads of version {version}: is it older than its chain?")]
    #[codec(index = 1)]
    Version {
        /// The requested version.
        version: u8,
    },
    /// It does not have the bucket.
    #[error("it does not have the bucket")]
    #[codec(index = 2)]
    NoSuchBucket,
    /// By the last finalized block, it is no primary provider of the bucket,
    /// or there is no such bucket.
    #[error("by its last finalized block it is no primary provider of the bucket")]
    #[codec(index = 3)]
    NotPrimary,
    /// The chain would not accept its signature.
    #[error(
        "the chain has another key registered for it than the one that it signs with: its \
         operator has to register the key, or to bring the registered one"
    )]
    #[codec(index = 4)]
    OtherKey,
    /// The requesting provider is not entitled to a signature.
    #[error(
        "the requesting provider is no primary provider of the bucket, or its signature is invalid"
    )]
    #[codec(index = 5)]
    Stranger,
    /// Its agreement for the bucket has ended, or there is none.
    #[error("its agreement with the bucket has ended")]
    #[codec(index = 6)]
    Ended,
    /// The bucket is frozen, and the commitment starts before that.
    #[error("the bucket is frozen at sequence {start_seq}, and the commitment starts before it")]
    #[codec(index = 7)]
    Frozen {
        /// The lowest `start_seq` that the chain accepts.
        start_seq: Sequence,
    },
    /// The commitment has no leaves; such a payload authorises a deletion.
    #[error("a commitment without leaves is never signed")]
    #[codec(index = 8)]
    Empty,
    /// Its current tree starts elsewhere.
    #[error("its tree starts at sequence {start_seq}: was the bucket pruned at one of the two?")]
    #[codec(index = 9)]
    OtherTree {
        /// The start sequence of its tree.
        start_seq: Sequence,
    },
    /// It has fewer leaves of that tree.
    #[error("it has {leaf_count} leaves of that tree")]
    #[codec(index = 10)]
    Behind {
        /// The number that it has.
        leaf_count: LeafCount,
    },
    /// Its tree had another root at that leaf count.
    #[error(
        "its tree has another root at that leaf count: the same content was not committed in the \
         same order at both"
    )]
    #[codec(index = 11)]
    OtherRoot,
    /// The bucket has failed a check.
    #[error("the bucket is in quarantine there")]
    #[codec(index = 12)]
    Quarantined,
    /// The bucket has no windows on chain.
    #[error("by its last finalized block the bucket has no windows")]
    #[codec(index = 13)]
    NoWindows,
    /// The window is neither the current one nor the next.
    #[error("by its last finalized block the window is {current}")]
    #[codec(index = 14)]
    OtherWindow {
        /// The current window.
        current: u64,
    },
    /// It has signed another commitment for the window.
    #[error(
        "it has signed another commitment for that window, to {} leaves from sequence {}",
        .signed.leaf_count, .signed.start_seq
    )]
    #[codec(index = 15)]
    WindowTaken {
        /// The commitment that it has signed.
        signed: Commitment,
    },
    /// It may have signed for the window, but does not know what.
    #[error(
        "its index was lost, so that it does not know what it has signed; it signs from window \
         {from} on"
    )]
    #[codec(index = 16)]
    UnknownPast {
        /// The first window that it signs for.
        from: u64,
    },
    /// Its chain or its disk prevents it.
    #[error("it cannot sign now; its log has the reason")]
    #[codec(index = 17)]
    Unable,
    /// The nonce of the payload is too old for the chain, or of a later anchor block.
    #[error("by its last finalized block the anchor block is {anchor}, and the nonce is not near")]
    #[codec(index = 18)]
    OtherNonce {
        /// The anchor block.
        anchor: u32,
    },
}
