//! Errors of storing and reading objects.

use cairn_bucket::{CommitError, IngestError};
use cairn_objects::ObjectError;
use cairn_provider::ProviderError;
use cairn_rpc_api::{Code, Error};
use std::time::Duration;

/// A reason why a body was not taken. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It ended early, or its encoding or a checksum is wrong.
    #[error("the body is broken: {0}")]
    Broken(String),
    /// It came too slowly.
    #[error("the body came with less than 64 KiB a second over {0:.0?}")]
    TooSlow(Duration),
    /// It is too long.
    #[error("the body has more than {max} bytes")]
    TooLong {
        /// The most bytes that it may have.
        max: u64,
    },
}

/// An error of storing or reading an object.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object or its index.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The bucket cannot be had.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The work was not admitted, took too long, or failed as the JSON-RPC's does.
    #[error(transparent)]
    Rpc(#[from] Error),
    /// The body.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// Too many uploads are under way.
    #[error("too many uploads are under way: try again")]
    Busy,
    /// The bucket is a copy, to which nothing else is written.
    #[error("This provider is a replica of the bucket: write to a primary provider")]
    IsReplica,
    /// An upload in parts is being completed or aborted by another request.
    #[error("another request completes or aborts the upload {id:?}")]
    UploadInUse {
        /// Its id.
        id: String,
    },
    /// The parts are too long together.
    #[error("the parts have {bytes} bytes, and an object may have {max}")]
    TooLarge {
        /// The bytes of all parts.
        bytes: u64,
        /// The most bytes of an object.
        max: u64,
    },
}

impl StoreError {
    /// Returns whether the same may be done a little later.
    pub(crate) const fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Busy
                | Self::Provider(ProviderError::Busy { .. } | ProviderError::Reserved { .. })
                | Self::Rpc(Error::Coded {
                    code: Code::Busy | Code::TooLate,
                    ..
                })
        )
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        ObjectError::from(error).into()
    }
}

impl From<IngestError> for StoreError {
    fn from(error: IngestError) -> Self {
        ObjectError::from(error).into()
    }
}
