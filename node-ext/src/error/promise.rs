//! Why a commitment was not promised.

use super::{ProveError, Unusable};
use crate::engine::EngineError;
use crate::signing::{SignError, SigningRefused};
use cairn_primitives::{BucketId, LeafCount, Sequence};

/// Why a commitment was not promised. Nothing may be signed then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromiseError {
    /// A commitment to no leaves, which is how a deletion is authorised.
    #[error("a commitment of bucket {bucket} without leaves is never signed")]
    Empty {
        /// The bucket.
        bucket: BucketId,
    },
    /// The current tree is another.
    #[error(
        "bucket {bucket} has a tree from sequence {tree}, and is asked to sign for one from \
         {asked}: prune it as the others have been, or wait until they are"
    )]
    OtherTree {
        /// The bucket.
        bucket: BucketId,
        /// The tree that was to be signed for.
        asked: Sequence,
        /// The current tree.
        tree: Sequence,
    },
    /// The tree has not grown so far.
    #[error("bucket {bucket} has {have} leaves, and is asked to sign for {asked}")]
    Behind {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count that was to be signed for.
        asked: LeafCount,
        /// The newest leaf count.
        have: LeafCount,
    },
    /// The tree had another root.
    #[error(
        "bucket {bucket} had another root at {count} leaves than the one that it is asked to sign"
    )]
    OtherRoot {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count.
        count: LeafCount,
    },
    /// The bucket takes no writes.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// Its peaks cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why nothing was signed again.
#[derive(Debug, thiserror::Error)]
pub enum SignAgainError {
    /// It was never signed.
    #[error(
        "bucket {bucket} has signed nothing at {count} leaves, and signs again only what it has"
    )]
    NotSigned {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count that was asked for.
        count: LeafCount,
    },
    /// What it has signed is read from a log that may not be on the disk.
    #[error(
        "what bucket {bucket} has signed is in a log that an earlier process may not have synced, \
         and it cannot be opened for writing, which would: see to the disk first"
    )]
    NotDurable {
        /// The bucket.
        bucket: BucketId,
    },
    /// Nothing is signed for the bucket.
    #[error(transparent)]
    Refused(#[from] SigningRefused),
    /// There is no such state, or it cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The keystore refuses.
    #[error("what bucket {bucket} has signed is not signed again: {reason}")]
    Sign {
        /// The bucket.
        bucket: BucketId,
        /// Why.
        reason: SignError,
    },
}
