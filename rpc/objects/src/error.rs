//! Errors of storing and reading objects.

use cairn_bucket::{CommitError, IngestError};
use cairn_objects::ObjectError;
use cairn_provider::ProviderError;
use cairn_rpc_api::Error;
use std::time::Duration;

/// A reason why a body was not taken. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It ended early, or its encoding or a checksum is wrong.
    #[error("the body is broken: {0}")]
    Broken(String),
    /// It came too slowly.
    #[error("the body did not go on within {0:.0?}")]
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
