//! Why an import does not go on. What is wrong with one bucket is no error: it
//! is that bucket's entry in the report, and the others are imported.

use crate::engine::{EngineError, FaultKind};
use crate::error::{CreateError, OpenError, ProveError};
use cairn_primitives::{BucketId, H256};
use std::path::{Path, PathBuf};

/// Why nothing can be imported, or nothing more.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// It is not a provider's database.
    #[error(
        "{path} is not the database of a provider: {what}; name the folder that holds its CURRENT file"
    )]
    NotALegacyDatabase {
        /// What was to be imported.
        path: PathBuf,
        /// What is missing.
        what: String,
    },
    /// The provider is running.
    #[error(
        "{path} is in use by another process: stop that provider first, so that nothing is \
         committed to it while it is imported"
    )]
    InUse {
        /// What was to be imported.
        path: PathBuf,
    },
    /// A provider wrote it that nobody knows of.
    #[error("{path} says that its format version is {found}, and versions 1 and 2 are known")]
    UnknownVersion {
        /// What was to be imported.
        path: PathBuf,
        /// What it says: a number, or bytes that are none.
        found: String,
    },
    /// None of its buckets can be read.
    #[error(
        "{path} has no format version, and none of its buckets is in an encoding that is known"
    )]
    UnknownEncoding {
        /// What was to be imported.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bucket that was built does not open, or is another one.
    #[error("bucket {bucket} was built and is not right, so it was not put in its place: {reason}")]
    Unsound {
        /// The bucket.
        bucket: BucketId,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket's database cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A database failed: the source as a whole, or the bucket that is built.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl LegacyError {
    /// Whether the disk has no room.
    pub(super) fn is_want_of_room(&self) -> bool {
        matches!(self, Self::Engine(error) if error.kind == FaultKind::NoSpace)
    }

    pub(super) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Io {
            doing,
            path,
            source,
        }
    }
}

/// Why a leaf's content cannot be imported.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ContentFault {
    #[error("{0:?} is missing")]
    Missing(H256),
    #[error("what is stored for {0:?} does not hash to it")]
    WrongHash(H256),
    #[error("what is stored for {hash:?} cannot be read: {reason}")]
    Unreadable { hash: H256, reason: String },
    #[error("its tree is more than 64 levels deep at {0:?}")]
    TooDeep(H256),
}

/// Why a bucket is refused, and nothing of it imported.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the source has no such bucket")]
    Absent,
    #[error("its state cannot be read: {0}")]
    State(String),
    #[error("its leaves give the root {found:?}, and not {stated:?} as it says")]
    Root { stated: H256, found: H256 },
    #[error("it has more leaves than sequences are left after {0}")]
    Exhausted(u64),
    #[error("leaf {index} with data root {data_root:?}: {fault}")]
    Content {
        index: u64,
        data_root: H256,
        fault: ContentFault,
    },
    #[error(
        "{path} holds another bucket of this id, at root {root:?} with {count} leaves; it was left \
         as it is"
    )]
    Taken {
        path: PathBuf,
        root: H256,
        count: u64,
    },
    #[error("there is something of this id already, which does not open: {0}")]
    TakenUnread(OpenError),
    #[error("it is there already, and does not say which of its leaves are flagged: {0}")]
    TakenUnsound(ProveError),
}
