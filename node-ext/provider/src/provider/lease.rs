//! A leased bucket. All work with it goes through [`Lease::run`], which sees every error.

use super::bucket_folders::BucketFolders;
use crate::index::BucketRecord;
use crate::pool::PoolLease;
use cairn_bucket::{
    Bucket, BucketConfig, CommitError, Committed, IndicatesDamage, NewLeaf, SignAgainError,
};
use cairn_engine::Access;
use cairn_keys::{Permit, SignedCommitment, Signer, SigningFacts, SigningRefused};
use cairn_primitives::{BucketId, Commitment, LeafCount};

/// A lease of a bucket, which stays open until this is dropped (I8).
///
/// Dropping it touches no disk. The bucket can be used in [`Lease::run`] alone, so that
/// no error that indicates damage goes unnoticed (I7).
///
/// ```compile_fail,E0599
/// fn read(lease: &cairn_provider::Lease) -> bool {
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

    /// Runs `job` on the bucket, and puts the bucket into quarantine if the error
    /// indicates damage (I7). Nothing that borrows from the bucket can leave `job`.
    ///
    /// # Errors
    ///
    /// The error of `job`.
    pub fn run<T, E: IndicatesDamage>(
        &self,
        job: impl FnOnce(&Bucket) -> Result<T, E>,
    ) -> Result<T, E> {
        let result = job(&self.inner);
        if let Err(error) = &result
            && error.indicates_damage()
        {
            let index_writer = &self.inner.pool().store().index_writer;
            index_writer.quarantine(self.id(), error.to_string());
        }
        result
    }

    /// Returns the bucket's id.
    pub fn id(&self) -> BucketId {
        self.inner.id()
    }

    /// Returns the configuration that the bucket was created with.
    pub fn config(&self) -> BucketConfig {
        self.inner.config()
    }

    /// Returns how the bucket was opened.
    pub fn access(&self) -> Access {
        self.inner.access()
    }

    /// Returns the newest commitment, which need not be signed or durable.
    pub fn commitment(&self) -> Commitment {
        self.inner.commitment()
    }

    /// Makes the bucket's record for the index.
    pub(super) fn record(&self, before: Option<&BucketRecord>) -> BucketRecord {
        // Counted here so that a failure is noticed: the record then has no count.
        let _ = self.run(Bucket::flagged_leaf_count);
        BucketRecord::from_bucket(&self.inner, before)
    }

    fn facts(&self) -> SigningFacts {
        let quarantine = self
            .inner
            .pool()
            .store()
            .index_writer
            .quarantine_reason(self.id());
        let flagged = self.run(Bucket::flagged_leaf_count);
        let flagged = flagged.map_err(|error| error.to_string());
        SigningFacts::new(self.id(), self.config().profile, flagged, quarantine)
    }

    /// Asks the gate for permission to sign for the bucket.
    ///
    /// # Errors
    ///
    /// [`SigningRefused`] with the reason.
    pub fn permit<'s>(&self, signer: &'s Signer) -> Result<Permit<'s>, SigningRefused> {
        let gate = &self.inner.pool().store().gate;
        gate.permit(&self.facts(), signer)
    }

    /// Returns the reason why nothing is signed for the bucket, if there is one. To be
    /// called before an upload.
    pub fn signing_refusal(&self) -> Option<SigningRefused> {
        let gate = &self.inner.pool().store().gate;
        gate.judge(&self.facts()).err()
    }

    /// Commits content as leaves, durably, and signs the commitment that this call made
    /// (I4). Without leaves, signs the newest commitment.
    ///
    /// # Errors
    ///
    /// As [`Bucket::commit`]; [`CommitError::Refused`] if nothing is signed for the
    /// bucket: then nothing is committed; [`CommitError::NothingToSign`] in an empty
    /// bucket; [`CommitError::Sign`] if the keystore fails: the leaves stay committed.
    pub fn commit_signed(
        &self,
        leaves: &[NewLeaf],
        signer: &Signer,
    ) -> Result<(Committed, SignedCommitment), CommitError> {
        let permit = self.permit(signer)?;
        let (committed, durable) = self.run(|bucket| bucket.commit_for_signing(leaves))?;
        let signed = permit.sign(&durable);
        let signed = signed.map_err(|reason| CommitError::Sign {
            bucket: self.id(),
            reason,
        })?;
        Ok((committed, signed))
    }

    /// Repeats a signature that was made here for the current tree at a leaf count; its
    /// root is recorded durably (I4). Writes nothing.
    ///
    /// # Errors
    ///
    /// [`SignAgainError`]; then no signature is made.
    pub fn sign_again(
        &self,
        count: LeafCount,
        signer: &Signer,
    ) -> Result<SignedCommitment, SignAgainError> {
        let gate = &self.inner.pool().store().gate;
        let permit = gate.permit_repeat(&self.facts(), signer)?;
        let signed = permit.sign(&self.run(|bucket| bucket.signed_commitment_at(count))?);
        signed.map_err(|reason| SignAgainError::Sign {
            bucket: self.id(),
            reason,
        })
    }
}
