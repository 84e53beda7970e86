//! A bucket that somebody works with, and what a failure in their hands means.

use super::home::BucketFolders;
use crate::bucket::Bucket;
use crate::engine::EngineError;
use crate::error::{CommitError, IngestError, PromiseError, ProveError, SignAgainError};
use crate::pool::PoolLease;
use std::ops::Deref;

/// A bucket that is open, and stays so until this is dropped (I8).
///
/// Giving it back touches no disk. Pass what the bucket answers through
/// [`Lease::watch`], so that one that shows damage is set apart.
pub struct Lease {
    pub(super) inner: PoolLease<BucketFolders>,
}

impl Deref for Lease {
    type Target = Bucket;

    fn deref(&self) -> &Bucket {
        &self.inner
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}

impl Lease {
    /// Hands a result on, and puts the bucket in quarantine where it is a
    /// failure that tells of damage (I7).
    ///
    /// # Errors
    ///
    /// The result's own.
    pub fn watch<T, E: Fault>(&self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result
            && error.tells_of_damage()
        {
            let ledger = &self.inner.pool().home().ledger;
            ledger.quarantine(self.id(), error.to_string());
        }
        result
    }
}

/// A failure that may tell of damage to the bucket that it comes from.
pub trait Fault: std::error::Error {
    /// Whether what is on disk is not what was written.
    fn tells_of_damage(&self) -> bool;
}

impl Fault for EngineError {
    fn tells_of_damage(&self) -> bool {
        self.is_damage()
    }
}

impl Fault for ProveError {
    fn tells_of_damage(&self) -> bool {
        match self {
            Self::MissingNode { .. }
            | Self::MissingLeaf { .. }
            | Self::MissingContent { .. }
            | Self::Unsound { .. } => true,
            Self::Engine(error) => error.tells_of_damage(),
            _ => false,
        }
    }
}

impl Fault for CommitError {
    fn tells_of_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Engine(error) => error.tells_of_damage(),
            _ => false,
        }
    }
}

impl Fault for PromiseError {
    fn tells_of_damage(&self) -> bool {
        match self {
            Self::Prove(error) => error.tells_of_damage(),
            Self::Engine(error) => error.tells_of_damage(),
            _ => false,
        }
    }
}

impl Fault for SignAgainError {
    fn tells_of_damage(&self) -> bool {
        match self {
            Self::Prove(error) => error.tells_of_damage(),
            Self::NotSigned { .. } | Self::NotDurable { .. } | Self::Sign { .. } => false,
        }
    }
}

impl Fault for IngestError {
    fn tells_of_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Engine(error) => error.tells_of_damage(),
            _ => false,
        }
    }
}
