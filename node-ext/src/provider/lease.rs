//! A bucket that somebody works with. It is reached through one function, which
//! sees each of its errors.

use super::home::BucketFolders;
use crate::bucket::{Bucket, BucketConfig, Committed, NewLeaf};
use crate::engine::Access;
use crate::error::{CommitError, IndicatesDamage, SignAgainError};
use crate::index::BucketRecord;
use crate::pool::PoolLease;
use crate::signing::{Facts, Permit, SignedCommitment, Signer, SigningRefused};
use cairn_primitives::{BucketId, Commitment, LeafCount};

/// A bucket that is open, and stays so until this is dropped (I8).
///
/// Giving it back touches no disk. The bucket is worked with in [`Lease::run`]
/// alone, so that no error that indicates damage goes unnoticed (I7).
///
/// ```compile_fail,E0599
/// fn read(lease: &cairn_node_ext::Lease) -> bool {
///     lease.retired().is_ok()
/// }
/// ```
pub struct Lease {
    inner: PoolLease<BucketFolders>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Lease").field(&*self.inner).finish()
    }
}

impl Lease {
    pub(super) fn new(inner: PoolLease<BucketFolders>) -> Self {
        Self { inner }
    }

    /// Works with the bucket, and puts it in quarantine where the error indicates
    /// damage (I7). Nothing that borrows from the bucket gets out of `job`.
    ///
    /// # Errors
    ///
    /// The job's own.
    pub fn run<T, E: IndicatesDamage>(
        &self,
        job: impl FnOnce(&Bucket) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = job(&self.inner);
        if let Err(error) = &result
            && error.indicates_damage()
        {
            let ledger = &self.inner.pool().home().ledger;
            ledger.quarantine(self.id(), error.to_string());
        }
        result
    }

    /// The bucket's name on chain.
    pub fn id(&self) -> BucketId {
        self.inner.id()
    }

    /// What the bucket was made with.
    pub fn config(&self) -> BucketConfig {
        self.inner.config()
    }

    /// How the bucket was opened.
    pub fn access(&self) -> Access {
        self.inner.access()
    }

    /// The newest commitment, which need not be signed or durable.
    pub fn commitment(&self) -> Commitment {
        self.inner.commitment()
    }

    /// What the bucket says of itself, for the index.
    pub(super) fn record(&self, before: Option<&BucketRecord>) -> BucketRecord {
        // Counted here, to be seen where it fails: the record then has no count.
        let _ = self.run(Bucket::flagged_leaves);
        BucketRecord::of(&self.inner, before)
    }

    fn facts(&self) -> Facts {
        let quarantine = self.inner.pool().home().ledger.quarantined(self.id());
        let flagged = self.run(Bucket::flagged_leaves);
        let flagged = flagged.map_err(|error| error.to_string());
        Facts::new(self.id(), self.config().profile, flagged, quarantine)
    }

    /// Permission to sign for the bucket, by the gate.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`], with what to do.
    pub(crate) fn permit<'s>(&self, signer: &'s Signer) -> Result<Permit<'s>, SigningRefused> {
        let gate = &self.inner.pool().home().gate;
        gate.permit(&self.facts(), signer)
    }

    /// Why nothing is signed for the bucket, where that is so: to be asked before
    /// much is stored in it.
    pub fn signing_refused(&self) -> Option<SigningRefused> {
        let gate = &self.inner.pool().home().gate;
        gate.judge(&self.facts()).err()
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
        let (committed, promised) = self.run(|bucket| bucket.commit_promised(leaves))?;
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
        let gate = &self.inner.pool().home().gate;
        let permit = gate.permit_again(&self.facts(), signer)?;
        let signed = permit.sign(&self.run(|bucket| bucket.promised_at(count))?);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id(),
            reason,
        })
    }
}
