//! Signs terms of agreements: reserves the nonce durably, and only then signs.

use super::nonces::{NonceError, NonceSequence};
use super::workers::Inner;
use super::{Provider, ProviderError};
use crate::index::IndexError;
use cairn_keys::{ReservedTerms, SignError, Signer, SigningRefused};
use cairn_primitives::terms::{AgreementTerms, ReplayWindow, SignedTerms};

/// The error of terms that were not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignTermsError {
    /// Nothing new is signed now.
    #[error(transparent)]
    Refused(#[from] SigningRefused),
    /// There is no nonce for them.
    #[error(transparent)]
    Nonce(#[from] NonceError),
    /// The provider started read-only, or the index failed. No signature exists.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The keystore failed. The nonce is used up.
    #[error("terms cannot be signed: {0}")]
    Sign(#[from] SignError),
}

impl From<IndexError> for SignTermsError {
    fn from(error: IndexError) -> Self {
        Self::Provider(error.into())
    }
}

impl Provider {
    /// Records the anchor block of a finalized head. Terms are signed once it has advanced past
    /// the first one.
    pub fn observe_anchor(&self, anchor: u32) {
        self.inner.terms.lock().observe(anchor);
    }

    /// Returns the terms that were signed here and may still be redeemed, by a finalized head.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn redeemable_terms(
        &self,
        anchor: u32,
        nonces: &ReplayWindow,
    ) -> Result<Vec<AgreementTerms>, ProviderError> {
        let mut terms = self.index().reserved_terms()?;
        terms.retain(|terms| is_redeemable(terms, anchor, nonces));
        Ok(terms)
    }

    /// Signs terms with a new nonce, which replaces theirs. `anchor` and `nonces` are those of a
    /// finalized head. Blocks: the nonce is synced before the signature is made.
    ///
    /// # Errors
    ///
    /// [`SignTermsError`]; then no signature leaves.
    pub fn sign_terms(
        &self,
        terms: AgreementTerms,
        anchor: u32,
        nonces: &ReplayWindow,
        signer: &Signer,
    ) -> Result<SignedTerms, SignTermsError> {
        // First, so that a provider that signs nothing uses up no nonces.
        let permit = self.inner.pool.store().gate.permit_terms(signer)?;
        let reserved = self.reserve_terms(terms, anchor, nonces)?;
        Ok(permit.sign(reserved)?)
    }

    /// Reserves a nonce for terms, durably.
    pub(super) fn reserve_terms(
        &self,
        terms: AgreementTerms,
        anchor: u32,
        nonces: &ReplayWindow,
    ) -> Result<ReservedTerms, SignTermsError> {
        self.inner.check_writable()?;
        // Held until the nonce is durable, so that no other call gets the same one.
        let mut sequence = self.inner.terms.lock();
        let kept = self.index().last_terms_nonce()?;
        let nonce = sequence.next(kept, anchor, nonces.highest)?;
        let terms = AgreementTerms { nonce, ..terms };
        let earlier = self.index().reserved_terms()?.into_iter();
        let ended = earlier.filter(|terms| !is_redeemable(terms, anchor, nonces));
        self.index()
            .reserve_terms(&terms, ended.map(|terms| terms.nonce))?;
        sequence.begin();
        Ok(ReservedTerms::reserved(terms))
    }
}

impl Inner {
    /// Begins the sequence of nonces of another chain.
    pub(super) fn forget_nonces(&self) {
        *self.terms.lock() = NonceSequence::default();
    }
}

fn is_redeemable(terms: &AgreementTerms, anchor: u32, nonces: &ReplayWindow) -> bool {
    terms.is_valid_at(anchor) && nonces.check(terms.nonce).is_ok()
}
