//! The durable state of signed terms: the last nonce that was reserved, and the terms that may
//! still be redeemed. A chain's adoption removes both, since each chain counts nonces by itself.

use super::duties::DutyKind;
use super::{Index, IndexError, damaged};
use cairn_primitives::terms::AgreementTerms;
use codec::{DecodeAll, Encode};

/// The name of the duty that keeps the last nonce.
const LAST_NONCE: &[u8] = b"";

fn name_of(nonce: u64) -> Vec<u8> {
    nonce.to_be_bytes().to_vec()
}

impl Index {
    /// Returns the greatest nonce that was reserved or imported; 0 before the first.
    pub(crate) fn last_terms_nonce(&self) -> Result<u64, IndexError> {
        let kept = self.duty(DutyKind::Terms, LAST_NONCE)?;
        let kept = kept.map(|value| {
            u64::decode_all(&mut &*value).map_err(|_| damaged("the last nonce of terms"))
        });
        // An imported database counted the nonces of its terms.
        Ok(kept.transpose()?.max(self.nonce()?).unwrap_or(0))
    }

    /// Returns the terms whose nonces were reserved and that are not removed.
    pub(crate) fn reserved_terms(&self) -> Result<Vec<AgreementTerms>, IndexError> {
        let duties = self.duties(DutyKind::Terms)?.into_iter();
        duties
            .filter(|(name, _)| name != LAST_NONCE)
            .map(|(_, value)| {
                AgreementTerms::decode_all(&mut &*value).map_err(|_| damaged("signed terms"))
            })
            .collect()
    }

    /// Reserves the nonce of terms, and removes terms that can no longer be redeemed: in one
    /// batch, durably.
    pub(crate) fn reserve_terms(
        &self,
        terms: &AgreementTerms,
        ended: impl IntoIterator<Item = u64>,
    ) -> Result<(), IndexError> {
        let mut changes: Vec<_> = ended
            .into_iter()
            .map(|nonce| (name_of(nonce), None))
            .collect();
        changes.push((LAST_NONCE.to_vec(), Some(terms.nonce.encode())));
        changes.push((name_of(terms.nonce), Some(terms.encode())));
        self.write_duties(DutyKind::Terms, &changes)
    }
}
