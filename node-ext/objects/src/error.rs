//! Errors of the index and of an object's content.

use cairn_bucket::{CommitError, IndicatesDamage, IngestError, ProveError};
use cairn_primitives::BucketId;

/// An error of an object. The index is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// A record cannot be read. No other name, and nothing that is signed, depends on it.
    #[error("the record of {name:?} in bucket {bucket} cannot be read")]
    Unreadable {
        /// The bucket.
        bucket: BucketId,
        /// The name.
        name: String,
    },
    /// The computation took too long.
    #[error("the index of bucket {bucket} has too many names for the time that was given")]
    TooLate {
        /// The bucket.
        bucket: BucketId,
    },
    /// A continuation token is not one that a listing of these names has returned.
    #[error("the continuation token is not one of this listing: begin without one")]
    Token,
    /// The records of objects may not take more.
    #[error("the names of objects in bucket {bucket} take {used} bytes, and may take {max}")]
    IndexFull {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that they take.
        used: u64,
        /// Bytes that they may take.
        max: u64,
    },
    /// A condition of the request does not hold.
    #[error("{name:?} exists already, or has changed")]
    Condition {
        /// The name.
        name: String,
    },
    /// A directory stands where a file is expected, or a file where a directory is.
    #[error("{name:?} is of another kind")]
    OtherKind {
        /// The name.
        name: String,
    },
    /// The content was removed with its leaves, by a prune.
    #[error("the content of {name:?} is gone: its leaves were removed")]
    ContentGone {
        /// The name.
        name: String,
    },
    /// There is no such upload in parts.
    #[error("there is no upload {id:?}")]
    NoSuchUpload {
        /// Its id, as it was given.
        id: String,
    },
    /// Too many uploads in parts are open.
    #[error("{open} uploads in parts are open in bucket {bucket}: complete or abort one")]
    TooManyUploads {
        /// The bucket.
        bucket: BucketId,
        /// Their number.
        open: usize,
    },
    /// A part was not uploaded, was replaced, or its content is gone.
    #[error("part {number} is not what was uploaded")]
    WrongPart {
        /// Its number.
        number: u16,
    },
    /// The parts are not in ascending order, or there are none.
    #[error("parts must be given in ascending order, at least one")]
    PartOrder,
    /// A part that is not the last is too small.
    #[error("part {number} has {size} bytes, and only the last may have fewer than 5 MiB")]
    PartTooSmall {
        /// Its number.
        number: u16,
        /// Its size in bytes.
        size: u64,
    },
    /// The content cannot be stored.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The leaves or the records cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Something cannot be read.
    #[error(transparent)]
    Read(#[from] ProveError),
}

impl IndicatesDamage for ObjectError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Ingest(error) => error.indicates_damage(),
            Self::Commit(error) => error.indicates_damage(),
            Self::Read(error) => error.indicates_damage(),
            // The leaves are as they were: the bucket goes on to prove and to sign.
            Self::Unreadable { .. }
            | Self::TooLate { .. }
            | Self::Token
            | Self::IndexFull { .. }
            | Self::Condition { .. }
            | Self::OtherKind { .. }
            | Self::ContentGone { .. }
            | Self::NoSuchUpload { .. }
            | Self::TooManyUploads { .. }
            | Self::WrongPart { .. }
            | Self::PartOrder
            | Self::PartTooSmall { .. } => false,
        }
    }
}
