//! Errors of an import. A fault in one bucket is not an error: it is reported in that
//! bucket's entry, and the other buckets are imported.

use cairn_bucket::{CommitError, CreateError, OpenError, ProveError};
use cairn_engine::{EngineError, FaultKind};
use cairn_fs::FileError;
use cairn_objects::ObjectError;
use cairn_primitives::{BucketId, H256};
use std::path::PathBuf;

/// Errors that stop an import as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// The source is not the database of a v0 provider.
    #[error("{path} is not the database of a provider: {what}")]
    NotALegacyDatabase {
        /// The source.
        path: PathBuf,
        /// The reason.
        what: String,
    },
    /// The provider is running.
    #[error("{path} is in use by another process, which might commit to it during the import")]
    InUse {
        /// The source.
        path: PathBuf,
    },
    /// The format version is unknown.
    #[error("{path} has format version {found}; only versions 1 and 2 are known")]
    UnknownVersion {
        /// The source.
        path: PathBuf,
        /// The version: a number, or the bytes in hex if they are not one.
        found: String,
    },
    /// The folder has no indexes of objects or files.
    #[error("{path} has neither a folder s3_indices nor fs_indices")]
    NoIndexes {
        /// The folder.
        path: PathBuf,
    },
    /// None of the buckets can be decoded.
    #[error("{path} has no format version, and none of its buckets is in a known encoding")]
    UnknownEncoding {
        /// The source.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error(transparent)]
    Io(#[from] FileError),
    /// The imported bucket does not open, or differs from the source.
    #[error("bucket {bucket} was built with a fault, so it was not moved into place: {reason}")]
    BuiltWithFault {
        /// The bucket.
        bucket: BucketId,
        /// The reason.
        reason: String,
    },
    /// The names of a bucket's objects cannot be read or written.
    #[error("the names of objects in bucket {bucket} cannot be imported: {source}")]
    Names {
        /// The bucket.
        bucket: BucketId,
        /// The reason.
        source: Box<ObjectError>,
    },
    /// The bucket's database could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The source, or the database of the new bucket, failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl LegacyError {
    pub(super) fn names(bucket: BucketId, source: impl Into<ObjectError>) -> Self {
        let source = Box::new(source.into());
        Self::Names { bucket, source }
    }

    /// Returns whether the disk is full.
    pub(super) fn is_disk_full(&self) -> bool {
        let is_full = |error: &EngineError| error.kind == FaultKind::NoSpace;
        match self {
            Self::Engine(error) => is_full(error),
            Self::Names { source, .. } => match &**source {
                ObjectError::Commit(CommitError::Reserved(_)) => true,
                ObjectError::Commit(CommitError::Engine(error)) => is_full(error),
                _ => false,
            },
            _ => false,
        }
    }
}

/// The reasons why a leaf's content cannot be imported.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ContentFault {
    #[error("{0:?} is missing")]
    Missing(H256),
    #[error("the node stored for {0:?} does not hash to it")]
    WrongHash(H256),
    #[error("the node stored for {hash:?} cannot be read: {reason}")]
    Unreadable { hash: H256, reason: String },
    #[error("its tree is more than 64 levels deep at {0:?}")]
    TooDeep(H256),
}

/// The reasons why a bucket is refused. Nothing of it is imported then.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the source has no such bucket")]
    Absent,
    #[error("its state cannot be read: {0}")]
    State(String),
    #[error("its leaves give the root {found:?}, but it says {stated:?}")]
    Root { stated: H256, found: H256 },
    #[error("it has more leaves than there are sequences after {0}")]
    Exhausted(u64),
    #[error("leaf {index} with data root {data_root:?}: {fault}")]
    Content {
        index: u64,
        data_root: H256,
        fault: ContentFault,
    },
    #[error(
        "{path} holds another bucket with this id, at root {root:?} with {count} leaves; it was \
         not changed"
    )]
    Exists {
        path: PathBuf,
        root: H256,
        count: u64,
    },
    #[error("there already is a folder for this id, which does not open as a bucket: {0}")]
    ExistsUnopened(OpenError),
    #[error("it already exists, but its flagged leaves cannot be read: {0}")]
    ExistsUnreadable(ProveError),
}
