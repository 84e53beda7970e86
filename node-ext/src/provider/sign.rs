//! Signing again what was signed before: no bucket is written for it, and a cold
//! one is not even opened.

use super::{Provider, ProviderError};
use crate::error::CommitError;
use crate::index::Standing;
use crate::signing::{SignedCommitment, Signer};
use cairn_primitives::BucketId;

impl Provider {
    /// Signs a bucket's newest commitment if it was signed before, so that its
    /// promise is durable (I4); `None` if it was not, or the bucket is not sound.
    /// See [`Bucket::commit_signed`](crate::Bucket::commit_signed) for the first
    /// time.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Commit`] where the keystore
    /// fails.
    pub fn sign_again(
        &self,
        id: BucketId,
        signer: &Signer,
    ) -> Result<Option<SignedCommitment>, ProviderError> {
        let record = self.summary(id)?;
        let promised = record.signed.map(|promise| promise.commitment);
        if record.standing != Standing::Sound || promised != Some(record.commitment) {
            return Ok(None);
        }
        let signed = signer.sign(id, record.commitment);
        let signed = signed.map_err(|reason| CommitError::Sign { bucket: id, reason })?;
        Ok(Some(signed))
    }
}
