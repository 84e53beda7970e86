//! Errors of recording a commitment as signed, and of signing one again.

use super::{NotWritable, ProveError};
use cairn_engine::EngineError;
use cairn_keys::{SignError, SigningRefused};
use cairn_primitives::{BucketId, LeafCount, Sequence};

/// An error recording a commitment as signed. Nothing may be signed then.
#[derive(Debug, thiserror::Error)]
pub enum RecordRootError {
    /// The commitment has no leaves, which is how a deletion is authorised.
    #[error("a commitment of bucket {bucket} without leaves is never signed")]
    Empty {
        /// The bucket.
        bucket: BucketId,
    },
    /// The commitment is for a tree that is not the current one.
    #[error(
        "the tree of bucket {bucket} starts at sequence {tree}, not at {asked} as the commitment \
         to sign: if it starts earlier here, prune it as the other providers have; if it starts \
         later here, wait until they have pruned it"
    )]
    OtherTree {
        /// The bucket.
        bucket: BucketId,
        /// The commitment's tree.
        asked: Sequence,
        /// The current tree.
        tree: Sequence,
    },
    /// The commitment has more leaves than the tree.
    #[error("bucket {bucket} has {have} leaves, but the commitment to sign has {asked}")]
    Behind {
        /// The bucket.
        bucket: BucketId,
        /// The commitment's leaf count.
        asked: LeafCount,
        /// The newest leaf count.
        have: LeafCount,
    },
    /// The tree had another root at this leaf count.
    #[error("bucket {bucket} had another root at {count} leaves than the commitment to sign")]
    OtherRoot {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count.
        count: LeafCount,
    },
    /// The bucket takes no writes.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// The tree's peaks cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An error signing a commitment again.
#[derive(Debug, thiserror::Error)]
pub enum SignAgainError {
    /// No commitment was signed at this leaf count.
    #[error("bucket {bucket} signed no commitment at {count} leaves that it could sign again")]
    NotSigned {
        /// The bucket.
        bucket: BucketId,
        /// The requested leaf count.
        count: LeafCount,
    },
    /// The record of the signed root comes from a log that may not be synced.
    #[error(
        "the signed roots of bucket {bucket} are in a log that may not be synced; opening the \
         bucket for writing would sync it, but failed: check the disk"
    )]
    NotDurable {
        /// The bucket.
        bucket: BucketId,
    },
    /// The gate does not let the provider sign for the bucket.
    #[error(transparent)]
    Refused(#[from] SigningRefused),
    /// The state does not exist or cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The keystore failed to sign.
    #[error("cannot sign again for bucket {bucket}: {reason}")]
    Sign {
        /// The bucket.
        bucket: BucketId,
        /// The keystore's error.
        reason: SignError,
    },
}
