//! Signature checks.
//!
//! A provider registers a key without a scheme. The signature tells the scheme, and the key
//! only needs its length: 32 bytes are an sr25519 key and an ed25519 key at once.

use crate::types::{AgreementTerms, Bucket, BucketId, SignedRoot};
use crate::{Config, Error, Pallet, Providers};
use alloc::vec;
use alloc::vec::Vec;
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use sp_io::hashing::blake2_256;
use sp_runtime::traits::Verify;
use sp_runtime::{AccountId32, DispatchError, MultiSignature};

/// The signers of a message.
pub(crate) struct Signers {
    /// Their bits, by the place of each among the primary providers.
    pub(crate) bits: Vec<u8>,
    /// Their accounts, in the order of the signatures.
    pub(crate) accounts: Vec<AccountId32>,
}

impl<T: Config> Pallet<T> {
    /// Checks that a provider's registered key signed `message`.
    ///
    /// Admins who authorise a deletion are looked up here as well. So an admin who is not a
    /// provider cannot authorise any, as on the chain.
    pub(crate) fn verify_by(
        signer: &AccountId32,
        message: &[u8],
        signature: &MultiSignature,
    ) -> DispatchResult {
        let provider = Providers::<T>::get(signer).ok_or(Error::<T>::ProviderNotFound)?;
        let account = account_of::<T>(&provider.public_key, signature)?;
        ensure!(
            signature.verify(message, &account),
            Error::<T>::InvalidSignature
        );
        Ok(())
    }

    /// Checks that a key signed terms: the hash of their context and encoding.
    pub(crate) fn verify_terms(
        public_key: &[u8],
        terms: &AgreementTerms,
        context: &[u8],
        signature: &MultiSignature,
    ) -> DispatchResult {
        let account = account_of::<T>(public_key, signature)?;
        let mut message = context.to_vec();
        terms.encode_to(&mut message);
        ensure!(
            signature.verify(blake2_256(&message).as_slice(), &account),
            Error::<T>::InvalidProviderSignature
        );
        Ok(())
    }

    /// Checks signatures of primary providers over a commitment.
    pub(crate) fn signers_of(
        bucket: &Bucket<T>,
        bucket_id: BucketId,
        signed_root: SignedRoot,
        signatures: &[(AccountId32, MultiSignature)],
    ) -> Result<Signers, DispatchError> {
        let mut signers = no_signers(bucket);
        let message = signed_root.message(bucket_id);
        Self::add_signers(bucket, &message, signatures, &mut signers)?;
        Ok(signers)
    }

    /// Checks signatures of primary providers, and adds them. A signer whose bit is set is
    /// not checked.
    ///
    /// An account may occur twice in `accounts`: the chain counts signatures, not signers.
    pub(crate) fn add_signers(
        bucket: &Bucket<T>,
        message: &[u8],
        signatures: &[(AccountId32, MultiSignature)],
        signers: &mut Signers,
    ) -> DispatchResult {
        let before = signers.bits.clone();
        for (signer, signature) in signatures {
            let place = bucket.primary_providers.iter().position(|p| p == signer);
            let place = place.ok_or(Error::<T>::ProviderNotInSnapshot)?;
            if before
                .get(place >> 3)
                .is_some_and(|byte| byte & (1 << (place & 7)) != 0)
            {
                continue;
            }
            Self::verify_by(signer, message, signature)?;
            if let Some(byte) = signers.bits.get_mut(place >> 3) {
                *byte |= 1 << (place & 7);
            }
            signers.accounts.push(signer.clone());
        }
        Ok(())
    }
}

/// Returns no signers, with room for the bit of each primary provider.
pub(crate) fn no_signers<T: Config>(bucket: &Bucket<T>) -> Signers {
    Signers {
        bits: vec![0; bucket.primary_providers.len().div_ceil(8)],
        accounts: Vec::new(),
    }
}

/// Returns the account of a key in the scheme of a signature.
fn account_of<T: Config>(
    public_key: &[u8],
    signature: &MultiSignature,
) -> Result<AccountId32, Error<T>> {
    match signature {
        MultiSignature::Ed25519(_) | MultiSignature::Sr25519(_) => {
            let key: [u8; 32] = public_key
                .try_into()
                .map_err(|_| Error::<T>::InvalidPublicKey)?;
            Ok(AccountId32::new(key))
        }
        MultiSignature::Ecdsa(_) | MultiSignature::Eth(_) => {
            ensure!(public_key.len() == 33, Error::<T>::InvalidPublicKey);
            Ok(AccountId32::new(blake2_256(public_key)))
        }
    }
}
