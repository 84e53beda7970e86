//! Errors of a user of a chain.

use crate::block::Included;

/// An error of a user of a chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// The node cannot be reached, or fails a request.
    #[error("the node failed to {action}: {reason}")]
    Node {
        /// The action.
        action: &'static str,
        /// The reason.
        reason: String,
    },
    /// A call or a storage item cannot be encoded or decoded by the chain's metadata.
    #[error("{what} does not fit the chain's metadata: {reason}")]
    Metadata {
        /// The name of the call, item or event.
        what: String,
        /// The reason.
        reason: String,
    },
    /// The pool rejected an extrinsic.
    #[error("the pool rejected {call}: {reason}")]
    Rejected {
        /// The pallet and call.
        call: String,
        /// The pool's reason.
        reason: String,
    },
    /// No finalized block includes an extrinsic.
    #[error("none of {blocks} finalized blocks includes {call}; submitted again: {resubmitted}")]
    NotIncluded {
        /// The pallet and call.
        call: String,
        /// The number of blocks that were searched.
        blocks: u64,
        /// The pool's answer when it was last submitted again.
        resubmitted: String,
    },
    /// An extrinsic was included, and its call failed.
    #[error("{call} failed in block {}: {error}", included.number)]
    Failed {
        /// The pallet and call.
        call: String,
        /// The error: `Pallet::Error` of a module.
        error: String,
        /// The block and the events.
        included: Box<Included>,
    },
    /// A value has not the expected form.
    #[error("{0}")]
    Unexpected(String),
}

impl UserError {
    /// Returns the name of the storage pallet's error, if that is why a call failed.
    pub fn storage_error(&self) -> Option<&str> {
        match self {
            Self::Failed { error, .. } => error.strip_prefix("StorageProvider::"),
            _ => None,
        }
    }

    pub(crate) fn node(action: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Node {
            action,
            reason: reason.to_string(),
        }
    }

    pub(crate) fn metadata(what: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Metadata {
            what: what.into(),
            reason: reason.to_string(),
        }
    }
}
