//! Signatures of terms: a promise to store, of which each has a nonce that no other has.
//!
//! What is signed is a hash of 32 bytes, over a context and the terms. A commitment and a
//! proposal are longer, so neither is ever signed here, and their signatures are not of terms.
//! Nor is an extrinsic: its payload is hashed only if it is longer than the longest payload of
//! terms.

use super::{Gate, SignError, Signer, SigningRefused};
use cairn_primitives::terms::{AgreementTerms, SignedTerms};

/// Terms whose nonce is reserved durably: no other terms get it. They are signed once, since
/// signing consumes them.
#[derive(Debug, PartialEq, Eq)]
pub struct ReservedTerms(AgreementTerms);

impl ReservedTerms {
    /// Wraps terms whose nonce has been reserved and synced. Only the provider's index knows
    /// that, so only the provider calls this.
    pub const fn reserved(terms: AgreementTerms) -> Self {
        Self(terms)
    }

    /// Returns the terms.
    pub const fn terms(&self) -> &AgreementTerms {
        &self.0
    }
}

/// Permission to sign terms. Only the gate creates it.
pub struct TermsPermit<'s> {
    signer: &'s Signer,
}

impl Gate {
    /// Returns a permit to sign terms with the key of `signer`. It is refused while nothing
    /// new is signed for any bucket: terms lead to a bucket.
    ///
    /// # Errors
    ///
    /// [`SigningRefused::Off`] with the reason.
    pub fn permit_terms<'s>(&self, signer: &'s Signer) -> Result<TermsPermit<'s>, SigningRefused> {
        match self.off_reason() {
            Some(reason) => Err(SigningRefused::Off { reason }),
            None => Ok(TermsPermit { signer }),
        }
    }
}

impl TermsPermit<'_> {
    /// Signs terms.
    ///
    /// # Errors
    ///
    /// [`SignError`] where the keystore fails. The nonce is then used up.
    pub fn sign(self, reserved: ReservedTerms) -> Result<SignedTerms, SignError> {
        let ReservedTerms(terms) = reserved;
        let signature = self.signer.sign_bytes(&terms.signing_hash().0)?;
        Ok(SignedTerms { terms, signature })
    }
}

#[cfg(test)]
mod tests;
