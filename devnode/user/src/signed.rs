//! Commitments that providers signed, as bytes.

use crate::UserError;
use crate::keys::Signature;
use crate::storage_pallet::Commitment;

/// A commitment that a provider signed for a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The bucket.
    pub bucket: u64,
    /// The commitment.
    pub commitment: Commitment,
    /// The nonce, where providers sign one.
    pub nonce: Option<u64>,
    /// The signature.
    pub signature: Signature,
}

impl Signed {
    /// Decodes the signed bytes and the chain's encoding of the signature.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if they are no commitment, or no signature.
    pub fn decode(payload: &[u8], signature: &[u8]) -> Result<Self, UserError> {
        let unexpected =
            |what| UserError::Unexpected(format!("{what}: 0x{}", hex::encode(payload)));
        let rest = match payload {
            [1, rest @ ..] if rest.len() == 56 => rest,
            [2, rest @ ..] if rest.len() == 64 => rest,
            _ => return Err(unexpected("this is no commitment")),
        };
        let mut fields = Fields(rest);
        let bucket = fields.number();
        let mmr_root = fields.take();
        let commitment = Commitment {
            mmr_root: mmr_root.ok_or_else(|| unexpected("there is no root"))?,
            start_seq: fields.number().unwrap_or_default(),
            leaf_count: fields.number().unwrap_or_default(),
        };
        Ok(Self {
            bucket: bucket.unwrap_or_default(),
            commitment,
            nonce: fields.number(),
            signature: Signature::decode(signature)?,
        })
    }
}

/// The rest of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Key};

    #[test]
    fn signed_bytes_decode_to_what_was_signed() {
        let key = Key::new("//Dave").unwrap();
        let commitment = Commitment {
            mmr_root: [7; 32],
            start_seq: 3,
            leaf_count: 9,
        };
        for nonce in [None, Some(25_000_000)] {
            let payload = Chain::commitment_message(4, &commitment, nonce);
            let signature = key.sign(&payload);
            let encoded = [&[1], signature.bytes.as_slice()].concat();
            let expected = Signed {
                bucket: 4,
                commitment,
                nonce,
                signature,
            };
            assert_eq!(Signed::decode(&payload, &encoded).unwrap(), expected);
            assert!(Signed::decode(&payload[1..], &encoded).is_err());
            assert!(Signed::decode(&payload, &encoded[1..]).is_err());
        }
    }
}
