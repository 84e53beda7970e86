//! The first signature here over what a legacy provider signed for anybody.
//!
//! `import-legacy` records that provider's newest commitment to a bucket, which it signed for
//! anybody who asked. The account is the same, so another signature over it promises nothing new,
//! and clients ask for it before anything else. It is signed like a new one all the same: the gate
//! judges it as new, and it is recorded first (I4). From then on it is one that was signed here.
//!
//! Whether the account has an agreement for the bucket, only the chain knows; callers ask it.

use super::{Lease, Provider, ProviderError};
use cairn_bucket::{CommitError, RecordRootError, legacy_commitment};
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::{BucketId, Commitment};

impl Provider {
    /// Returns a bucket's newest commitment, if a legacy provider had the same one when its
    /// database was imported, and every leaf of it can be proven; otherwise `None`. For requests
    /// by strangers: it reads one small file, and seldom a bucket.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Signing`] if nothing new is signed for the bucket now; as
    /// [`Provider::quick_summary`].
    pub fn legacy_newest(&self, id: BucketId) -> Result<Option<Commitment>, ProviderError> {
        let found = legacy_commitment(self.path(), id).unwrap_or_else(|error| {
            tracing::error!(bucket = %id, %error, "what a legacy provider signed is not known");
            None
        });
        let Some(commitment) = found else {
            return Ok(None);
        };
        let record = self.quick_summary(id)?;
        // An exception for unprovable leaves is for writers, who have their own reason to commit.
        if record.commitment != commitment || record.unprovable_leaves() != Some(0) {
            return Ok(None);
        }
        match self.signing_refusal(id, &record) {
            Some(refused) => Err(refused.into()),
            None => Ok(Some(commitment)),
        }
    }
}

impl Lease {
    /// Records a commitment as signed, durably, and signs it (I4), if it is still the newest;
    /// otherwise returns `None`. It must come from [`Provider::legacy_newest`], and the chain must
    /// have an agreement of this provider for the bucket. Needs a lease for writing.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Signing`] if nothing new is signed for the bucket now;
    /// [`ProviderError::Prove`] or [`ProviderError::Commit`] if it cannot be recorded or the
    /// keystore fails. Then no signature is made.
    pub fn sign_legacy(
        &self,
        commitment: Commitment,
        signer: &Signer,
    ) -> Result<Option<SignedCommitment>, ProviderError> {
        let permit = self.permit(signer)?;
        if self.commitment() != commitment {
            return Ok(None);
        }
        // A commit that comes between leaves it provable, and it was signed before.
        let durable = match self.run(|bucket| bucket.record_signed_root(commitment)) {
            Ok(durable) => durable,
            // A prune came between, or nothing is left.
            Err(
                RecordRootError::Empty { .. }
                | RecordRootError::OtherTree { .. }
                | RecordRootError::Behind { .. }
                | RecordRootError::OtherRoot { .. },
            ) => return Ok(None),
            Err(RecordRootError::NotWritable(error)) => {
                return Err(CommitError::NotWritable(error).into());
            }
            Err(RecordRootError::Prove(error)) => return Err(error.into()),
            Err(RecordRootError::Engine(error)) => return Err(CommitError::Engine(error).into()),
        };
        let signed = permit.sign(&durable).map_err(|reason| CommitError::Sign {
            bucket: self.id(),
            reason,
        })?;
        Ok(Some(signed))
    }
}
