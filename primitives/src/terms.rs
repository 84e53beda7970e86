//! Terms of an agreement: a quote that a provider signs off chain, and the owner redeems on
//! chain.
//!
//! The provider signs [`AgreementTerms::signing_hash`]: `blake2_256` over a context and the
//! terms in SCALE. The context keeps terms for a primary provider apart from those for a
//! replica. A nonce is redeemed once, as [`ReplayWindow`] tells. The chain takes terms while
//! the anchor block is at most `valid_until`, and `valid_until` at most `RequestTimeout` away.
//!
//! The payload does not name the chain. Terms can be redeemed on each chain on which the provider
//! is registered with the same key.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

mod refusal;
#[cfg(test)]
mod tests;

pub use refusal::TermsRefusal;

use crate::challenge::{AccountId, MultiSignature};
use crate::hash::blake2_256;
use crate::ids::BucketId;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use primitive_types::H256;

/// The context of terms for a primary provider.
pub const PRIMARY_TERMS_CONTEXT: &[u8] = b"primary-term-v1:";
/// The context of terms for a replica.
pub const REPLICA_TERMS_CONTEXT: &[u8] = b"replica-term-v1:";

/// The most bytes of a signing payload: context, terms for an existing bucket, and replica
/// terms.
///
/// An extrinsic's payload is hashed before it is signed if it has more than 256 bytes. No
/// payload of terms is that long, so no signature of terms is one of an extrinsic.
pub const MAX_SIGNING_PAYLOAD: usize = 134;

/// The number of nonces that a [`ReplayWindow`] tells apart.
pub const REPLAY_WINDOW_NONCES: u64 = 256;

/// The terms of an agreement.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct AgreementTerms {
    /// The only account that may redeem them, which pays.
    pub owner: AccountId,
    /// The most bytes that may be stored.
    pub max_bytes: u64,
    /// The agreement's duration from its redemption, in anchor blocks.
    pub duration: u32,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: u128,
    /// The last anchor block at which they may be redeemed.
    pub valid_until: u32,
    /// A number that the provider signs no other terms with.
    pub nonce: u64,
    /// The bucket.
    pub bucket: BucketTarget,
    /// The terms for a replica; `None` for a primary provider.
    pub replica: Option<ReplicaTerms>,
}

/// The bucket that terms are for. Older chains have `Option<u64>`, of the same encoding.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum BucketTarget {
    /// A bucket that the redemption creates.
    #[codec(index = 0)]
    New,
    /// An existing bucket.
    #[codec(index = 1)]
    Existing(BucketId),
}

/// The terms of a replica's syncs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ReplicaTerms {
    /// The balance that the owner sets aside for syncs, in the chain's smallest unit.
    pub sync_balance: u128,
    /// The least anchor blocks between two syncs.
    pub min_sync_interval: u32,
    /// The price of a sync, in the chain's smallest unit.
    pub sync_price: u128,
}

/// Terms with the provider's signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedTerms {
    /// The terms.
    pub terms: AgreementTerms,
    /// The signature over [`AgreementTerms::signing_hash`].
    pub signature: MultiSignature,
}

impl AgreementTerms {
    /// Returns the context that the chain checks these terms with.
    pub const fn context(&self) -> &'static [u8] {
        match self.replica {
            None => PRIMARY_TERMS_CONTEXT,
            Some(_) => REPLICA_TERMS_CONTEXT,
        }
    }

    /// Returns the bytes that are hashed for the signature: the context, and the terms in
    /// SCALE.
    pub fn signing_payload(&self) -> Vec<u8> {
        let mut payload = self.context().to_vec();
        self.encode_to(&mut payload);
        payload
    }

    /// Returns the 32 bytes that a provider signs.
    pub fn signing_hash(&self) -> H256 {
        blake2_256(&self.signing_payload())
    }

    /// Returns whether bytes are the payload of some terms.
    pub fn is_signing_payload(bytes: &[u8]) -> bool {
        let contexts = [PRIMARY_TERMS_CONTEXT, REPLICA_TERMS_CONTEXT];
        contexts.iter().any(|context| bytes.starts_with(context))
    }

    /// Returns whether they may be redeemed at an anchor block, as far as time is concerned.
    pub const fn is_valid_at(&self, anchor: u32) -> bool {
        anchor <= self.valid_until
    }

    /// Returns the payment that the owner locks, in the chain's smallest unit; `None` if it
    /// overflows, as it does on chain.
    pub fn payment(&self) -> Option<u128> {
        self.price_per_byte
            .checked_mul(self.max_bytes.into())?
            .checked_mul(self.duration.into())
    }
}

/// The nonces of one provider that are redeemed, as the chain keeps them.
///
/// A nonce above `highest` is taken. One that is 256 or more below it is not. Between them
/// each is taken once, in any order.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ReplayWindow {
    /// The highest nonce that was redeemed; 0 before the first.
    pub highest: u64,
    /// Bit `i`, lowest of byte 0 first, tells whether `highest - i` was redeemed.
    pub redeemed: [u8; 32],
}

/// A reason why the chain does not take a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceRefused {
    /// It was redeemed.
    #[error("the nonce was redeemed")]
    Redeemed,
    /// Nonces that are 256 or more above it were redeemed.
    #[error("the nonce is too far below the highest that was redeemed")]
    TooOld,
}

impl ReplayWindow {
    /// Checks that the chain would take a nonce.
    ///
    /// # Errors
    ///
    /// [`NonceRefused`] if it would not.
    pub fn check(&self, nonce: u64) -> Result<(), NonceRefused> {
        let Some(below) = self.highest.checked_sub(nonce) else {
            return Ok(());
        };
        if below >= REPLAY_WINDOW_NONCES {
            return Err(NonceRefused::TooOld);
        }
        match self.bit(below) {
            true => Err(NonceRefused::Redeemed),
            false => Ok(()),
        }
    }

    /// Returns whether the bit of the nonce this far below the highest is set.
    fn bit(&self, below: u64) -> bool {
        let byte = usize::try_from(below >> 3).ok();
        let byte = byte.and_then(|byte| self.redeemed.get(byte));
        byte.is_some_and(|byte| byte & (1 << (below & 7)) != 0)
    }

    /// Redeems a nonce, as the chain does.
    ///
    /// # Errors
    ///
    /// As [`ReplayWindow::check`]; then nothing changes.
    pub fn redeem(&mut self, nonce: u64) -> Result<(), NonceRefused> {
        self.check(nonce)?;
        let before = *self;
        self.highest = before.highest.max(nonce);
        let moved = self.highest.saturating_sub(before.highest);
        let placed = self.highest.saturating_sub(nonce);
        self.redeemed = [0; 32];
        for place in 0..REPLAY_WINDOW_NONCES {
            let was = place.checked_sub(moved).is_some_and(|old| before.bit(old));
            if was || place == placed {
                let byte = usize::try_from(place >> 3).unwrap_or(usize::MAX);
                if let Some(byte) = self.redeemed.get_mut(byte) {
                    *byte |= 1 << (place & 7);
                }
            }
        }
        Ok(())
    }
}
