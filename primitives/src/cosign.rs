//! Signing together: what one primary provider asks of another for a
//! checkpoint, and how the other one may refuse.
//!
//! The asking provider signs first and sends its own signature along, so that
//! only primary providers of a bucket get a signature from each other.

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

/// What primary providers sign for a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum CheckpointRequest {
    /// Outside of windows: the same as is signed for a client.
    #[codec(index = 0)]
    Commitment(CommitmentPayload),
    /// In a window, for which nobody signs another commitment.
    #[codec(index = 1)]
    Proposal(CheckpointProposal),
}

impl CheckpointRequest {
    /// The request for a commitment, in a window if one is named.
    pub const fn new(bucket: BucketId, commitment: Commitment, window: Option<u64>) -> Self {
        match window {
            None => Self::Commitment(CommitmentPayload::new(bucket, commitment)),
            Some(window) => Self::Proposal(CheckpointProposal::new(bucket, commitment, window)),
        }
    }

    /// The bucket that is spoken of.
    pub const fn bucket(&self) -> BucketId {
        match self {
            Self::Commitment(payload) => payload.bucket_id,
            Self::Proposal(proposal) => proposal.bucket_id,
        }
    }

    /// What is promised.
    pub const fn commitment(&self) -> Commitment {
        match self {
            Self::Commitment(payload) => payload.commitment,
            Self::Proposal(proposal) => proposal.commitment,
        }
    }

    /// The window that it is for, if any.
    pub const fn window(&self) -> Option<u64> {
        match self {
            Self::Commitment(_) => None,
            Self::Proposal(proposal) => Some(proposal.window),
        }
    }

    /// The version byte of what is signed.
    pub const fn version(&self) -> u8 {
        match self {
            Self::Commitment(payload) => payload.version,
            Self::Proposal(proposal) => proposal.version,
        }
    }

    /// The bytes that are signed, neither hashed first nor wrapped.
    pub fn signed_bytes(&self) -> Vec<u8> {
        match self {
            Self::Commitment(payload) => payload.encode(),
            Self::Proposal(proposal) => proposal.encode(),
        }
    }
}

/// A request with the signature of the primary provider that makes it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Ask {
    /// What is to be signed.
    pub request: CheckpointRequest,
    /// Who asks.
    pub asker: AccountId,
    /// The asker's own, over the same bytes.
    pub signature: MultiSignature,
}

/// What a provider could sign of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Holding {
    /// Its current tree.
    pub start_seq: Sequence,
    /// Leaves of that tree that it has.
    pub leaf_count: LeafCount,
    /// What it has signed for the window that it was asked about, so that it
    /// signs nothing else for that one.
    pub signed: Option<Commitment>,
}

impl Holding {
    /// Whether the provider that holds this could sign a commitment of that tree.
    pub fn can_sign(&self, commitment: &Commitment) -> bool {
        match &self.signed {
            Some(signed) => signed == commitment,
            None => {
                self.start_seq == commitment.start_seq && self.leaf_count >= commitment.leaf_count
            }
        }
    }
}

/// Why a provider does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum Refusal {
    /// It has not seen the chain since its start.
    #[error("it has not seen a finalized block since its start: ask again later")]
    #[codec(index = 0)]
    NotReady,
    /// The version byte is unknown.
    #[error("it does not know payloads of version {version}: is it older than its chain?")]
    #[codec(index = 1)]
    Version {
        /// The version that was asked for.
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
    /// The chain would not take its signature.
    #[error(
        "the chain has another key registered for it than the one that it signs with: its \
         operator has to register the key, or to bring the registered one"
    )]
    #[codec(index = 4)]
    OtherKey,
    /// The asker is nobody whom it signs for.
    #[error("the asker is no primary provider of the bucket, or its signature does not hold")]
    #[codec(index = 5)]
    Stranger,
    /// Its agreement with the bucket is over, or there is none.
    #[error("its agreement with the bucket has ended")]
    #[codec(index = 6)]
    Ended,
    /// The bucket is frozen, and the commitment starts before that.
    #[error("the bucket is frozen at sequence {start_seq}, and the commitment starts before it")]
    #[codec(index = 7)]
    Frozen {
        /// The least `start_seq` that the chain takes.
        start_seq: Sequence,
    },
    /// A commitment to nothing, which is how a deletion is authorised.
    #[error("a commitment without leaves is never signed")]
    #[codec(index = 8)]
    Empty,
    /// Its current tree is another one.
    #[error("its tree starts at sequence {start_seq}: was the bucket pruned at one of the two?")]
    #[codec(index = 9)]
    OtherTree {
        /// Where its tree starts.
        start_seq: Sequence,
    },
    /// It has fewer leaves of that tree.
    #[error("it has {leaf_count} leaves of that tree")]
    #[codec(index = 10)]
    Behind {
        /// How many it has.
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
    /// By the chain, the bucket has no windows.
    #[error("by its last finalized block the bucket has no windows")]
    #[codec(index = 13)]
    NoWindows,
    /// The window is neither the present one nor the next.
    #[error("by its last finalized block the window is {current}")]
    #[codec(index = 14)]
    OtherWindow {
        /// The present window.
        current: u64,
    },
    /// It has signed another commitment for the window.
    #[error(
        "it has signed another commitment for that window, to {} leaves from sequence {}",
        .signed.leaf_count, .signed.start_seq
    )]
    #[codec(index = 15)]
    WindowTaken {
        /// What it has signed.
        signed: Commitment,
    },
    /// It does not know what it has signed for the window.
    #[error(
        "its index was lost, so that it does not know what it has signed; it signs from window \
         {from} on"
    )]
    #[codec(index = 16)]
    UnknownPast {
        /// The first window that it signs for.
        from: u64,
    },
    /// Its chain or its disk does not let it.
    #[error("it cannot sign now; its log says why")]
    #[codec(index = 17)]
    Unable,
}
