//! A bucket that somebody works with, and what a failure in their hands means.

use super::home::BucketFolders;
use crate::bucket::{Bucket, Committed, NewLeaf};
use crate::engine::EngineError;
use crate::error::{CommitError, IngestError, PromiseError, ProveError, SignAgainError};
use crate::pool::PoolLease;
use crate::signing::{Facts, Permit, SignedCommitment, Signer, SigningRefused};
use cairn_primitives::LeafCount;
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

    /// Leave to sign for the bucket, by the gate.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`], with what to do.
    pub(crate) fn permit<'s>(&self, signer: &'s Signer) -> Result<Permit<'s>, SigningRefused> {
        let home = self.inner.pool().home();
        let quarantine = home.ledger.quarantined(self.id());
        home.gate.permit(&Facts::of(self, quarantine), signer)
    }

    /// Why nothing is signed for the bucket, where that is so: to be asked before
    /// much is stored in it.
    pub fn signing_refused(&self) -> Option<SigningRefused> {
        let home = self.inner.pool().home();
        let quarantine = home.ledger.quarantined(self.id());
        home.gate.judge(&Facts::of(self, quarantine)).err()
    }

    /// Commits content as leaves, durably, and signs the commitment that this
    /// very call made (I4). Without leaves, signs the newest commitment.
    ///
    /// # Errors
    ///
    /// As [`Bucket::commit`]; [`CommitError::Refused`] where nothing is signed for
    /// the bucket, with nothing committed; [`CommitError::NothingToSign`] in an
    /// empty bucket; [`CommitError::Sign`] when the keystore fails, which leaves
    /// the leaves committed.
    pub fn commit_signed(
        &self,
        leaves: &[NewLeaf],
        signer: &Signer,
    ) -> Result<(Committed, SignedCommitment), CommitError> {
        let permit = self.permit(signer)?;
        let (committed, promised) = self.commit_promised(leaves)?;
        let signed = permit.sign(&promised);
        let signed = signed.map_err(|reason| CommitError::Sign {
            bucket: self.id(),
            reason,
        })?;
        Ok((committed, signed))
    }

    /// Signs again what was signed here before of the current tree at a leaf
    /// count, so that its promise is durable (I4). Writes nothing.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then no signature exists.
    pub fn sign_again(
        &self,
        count: LeafCount,
        signer: &Signer,
    ) -> Result<SignedCommitment, SignAgainError> {
        let home = self.inner.pool().home();
        let quarantine = home.ledger.quarantined(self.id());
        let facts = Facts::of(self, quarantine);
        let permit = home.gate.permit_again(&facts, signer)?;
        let signed = permit.sign(&self.promised_at(count)?);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id(),
            reason,
        })
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
            Self::NotSigned { .. }
            | Self::NotDurable { .. }
            | Self::Sign { .. }
            | Self::Refused(_) => false,
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
