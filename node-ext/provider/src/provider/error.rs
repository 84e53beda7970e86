//! Errors returned by [`Provider`](super::Provider).

use super::known_signature::MissingSignedRoots;
use crate::index::IndexError;
use crate::pool::BudgetError;
use cairn_bucket::{
    BasePathError, CommitError, CreateError, IngestError, OpenError, ProveError, TransferError,
};
use cairn_fs::FileError;
use cairn_keys::SigningRefused;
use cairn_primitives::{BucketId, H256};
use std::path::PathBuf;
use std::time::Duration;

/// An error returned by [`Provider`](super::Provider).
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The limits of the process are too low.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The base path cannot be used.
    #[error(transparent)]
    BasePath(#[from] BasePathError),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The chain is not the one that the base path belongs to.
    #[error(
        "{path} belongs to the chain with genesis {expected:?}, but the node is on the chain with \
         genesis {found:?}"
    )]
    OtherChain {
        /// The base path.
        path: PathBuf,
        /// The genesis hash of its own chain.
        expected: H256,
        /// The genesis hash of the node's chain.
        found: H256,
    },
    /// There is no such bucket.
    #[error("there is no bucket {bucket} in {path}")]
    NoSuchBucket {
        /// The bucket.
        bucket: BucketId,
        /// The base path.
        path: PathBuf,
    },
    /// The bucket's folder is missing, but the bucket was not deleted.
    #[error("the folder of bucket {bucket} is missing, although the bucket was not deleted")]
    Lost {
        /// The bucket.
        bucket: BucketId,
    },
    /// The bucket was not available in time.
    #[error(
        "bucket {bucket} was not available within {waited:.1?}: it is in use, or all {cap} buckets \
         that may be open at once are"
    )]
    Busy {
        /// The bucket.
        bucket: BucketId,
        /// How long the caller waited.
        waited: Duration,
        /// The number of buckets that may be open at once.
        cap: u32,
    },
    /// The bucket is reserved: it is being created, removed or repaired.
    #[error("bucket {bucket} is being created, removed or repaired: try again later")]
    Reserved {
        /// The bucket.
        bucket: BucketId,
    },
    /// The task that worked on the bucket did not end: it panicked, or the runtime is
    /// shutting down.
    #[error("the work on bucket {bucket} was aborted: {source}")]
    Aborted {
        /// The bucket.
        bucket: BucketId,
        /// The underlying error.
        source: tokio::task::JoinError,
    },
    /// The provider started read-only, to answer challenges.
    #[error(
        "nothing is written or signed, because the base path could not be written to when the \
         provider started ({reason})"
    )]
    ReadOnly {
        /// The reason.
        reason: String,
    },
    /// The bucket failed a check and takes no writes.
    #[error("bucket {bucket} is in quarantine and takes no writes: {reason}")]
    Quarantined {
        /// The bucket.
        bucket: BucketId,
        /// The reason of the quarantine.
        reason: String,
    },
    /// The bucket does not open.
    #[error("bucket {bucket} does not open: {source}")]
    Open {
        /// The bucket.
        bucket: BucketId,
        /// The underlying error.
        source: OpenError,
    },
    /// The bucket lacks a signed root.
    #[error("bucket {bucket} does not open: {reason}")]
    Behind {
        /// The bucket.
        bucket: BucketId,
        /// The reason, with the missing root.
        reason: String,
    },
    /// The bucket lacks signed roots, so it is not accepted.
    #[error(
        "bucket {bucket} is not accepted: {lost}. Anyone who holds a signature over a missing root \
         may challenge it, which costs the stake"
    )]
    MissingSignedRoots {
        /// The bucket.
        bucket: BucketId,
        /// The leaves that it has, and the signed roots that it lacks.
        lost: Box<MissingSignedRoots>,
    },
    /// The provider does not sign for the bucket.
    #[error(transparent)]
    Signing(#[from] SigningRefused),
    /// The bucket was not created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A file operation failed.
    #[error(transparent)]
    Io(#[from] FileError),
    /// A proof or a read failed.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// A commit failed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// An export or import failed.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Storing content failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
