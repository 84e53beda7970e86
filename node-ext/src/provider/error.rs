//! Why a provider does not do what it was asked, in the words of whom to ask next.

use super::on_chain::WouldLose;
use crate::base_path::BasePathError;
use crate::error::{CommitError, CreateError, IngestError, OpenError, ProveError};
use crate::index::IndexError;
use crate::pool::BudgetError;
use crate::signing::SigningRefused;
use crate::transfer::TransferError;
use cairn_primitives::{BucketId, H256};
use std::path::PathBuf;
use std::time::Duration;

/// Why a provider did not do something.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The process is not allowed enough.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The base path cannot be worked in.
    #[error(transparent)]
    BasePath(#[from] BasePathError),
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The chain is not the one that the base path belongs to.
    #[error(
        "{path} belongs to the chain that begins with {expected:?}, and the one that begins with \
         {found:?} is served: name a node of the former, or say --new-chain if the base path is to \
         follow the latter from now on"
    )]
    OtherChain {
        /// The base path.
        path: PathBuf,
        /// The genesis hash of its own chain.
        expected: H256,
        /// That of the one that was met.
        found: H256,
    },
    /// There is no such bucket.
    #[error("there is no bucket {bucket} in {path}; `cairn bucket list` shows those that are")]
    NoSuchBucket {
        /// The bucket.
        bucket: BucketId,
        /// The base path.
        path: PathBuf,
    },
    /// Its folder is gone, and nobody has deleted it.
    #[error(
        "bucket {bucket} was here and its folder is gone: put it back, or delete the bucket first \
         if that was meant"
    )]
    Lost {
        /// The bucket.
        bucket: BucketId,
    },
    /// It could not be had in time.
    #[error(
        "bucket {bucket} could not be had within {waited:.1?}: all {cap} buckets that may be open \
         are in use, or it is; try again, or allow more with --max-open"
    )]
    Busy {
        /// The bucket.
        bucket: BucketId,
        /// How long it was waited for.
        waited: Duration,
        /// Buckets that may be open at once.
        cap: u32,
    },
    /// It is being made, removed or repaired.
    #[error("bucket {bucket} is being made, removed or worked on by itself: try again later")]
    Reserved {
        /// The bucket.
        bucket: BucketId,
    },
    /// The provider came up to answer challenges, and for nothing else.
    #[error(
        "nothing is written or signed, since the base path could not be written to when the \
         provider was started ({reason}): make room, and start it again"
    )]
    WritesNothing {
        /// What failed at the start.
        reason: String,
    },
    /// It failed a check, and takes no writes.
    #[error(
        "bucket {bucket} is in quarantine and takes no writes: {reason}. Keep a copy, and see what \
         `cairn fsck {bucket}` finds"
    )]
    Quarantined {
        /// The bucket.
        bucket: BucketId,
        /// What it failed.
        reason: String,
    },
    /// It is not opened.
    #[error("bucket {bucket} is not opened: {source}")]
    Open {
        /// The bucket.
        bucket: BucketId,
        /// Why.
        source: OpenError,
    },
    /// It has lost what was signed.
    #[error("bucket {bucket} is not opened: {reason}")]
    Behind {
        /// The bucket.
        bucket: BucketId,
        /// What is missing.
        reason: String,
    },
    /// It has not all that is known to have been signed.
    #[error(
        "bucket {bucket} is not taken as it is: {lost}. Anyone who has a signature over that may \
         challenge it, and the stake hangs on it: put a newer copy in its place, or say \
         --even-behind if there is none"
    )]
    WouldLose {
        /// The bucket.
        bucket: BucketId,
        /// What is here, and what is not.
        lost: Box<WouldLose>,
    },
    /// Nothing is signed for it.
    #[error(transparent)]
    Signing(#[from] SigningRefused),
    /// It is not made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A file or folder failed.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Nothing was proven or read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// Nothing was committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Nothing was moved in or out.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// Nothing was stored.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
