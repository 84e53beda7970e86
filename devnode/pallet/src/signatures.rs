//! Signature checks with the runtime's own functions, and the signer bits of a checkpoint.
//!
//! Signatures are over the raw SCALE encoding, neither hashed nor wrapped.

use crate::{Bucket, Config, Error, Providers};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{MultiSigner, PrimarySignature};
use frame_support::ensure;
use sp_core::{ecdsa, ed25519, sr25519};
use sp_runtime::AccountId32;
use sp_runtime::traits::{IdentifyAccount, Verify};

/// Returns whether a registered key signed `message`. The scheme must be the key's.
pub(crate) fn by_key(signature: &MultiSignature, message: &[u8], key: &MultiSigner) -> bool {
    let signer: sp_runtime::MultiSigner = match (signature, key) {
        (MultiSignature::Ed25519(_), MultiSigner::Ed25519(key)) => {
            ed25519::Public::from(*key).into()
        }
        (MultiSignature::Sr25519(_), MultiSigner::Sr25519(key)) => {
            sr25519::Public::from(*key).into()
        }
        (MultiSignature::Ecdsa(_), MultiSigner::Ecdsa(key)) => ecdsa::Public::from(*key).into(),
        (MultiSignature::Eth(_), MultiSigner::Eth(key)) => {
            sp_runtime::MultiSigner::Eth((*key).into())
        }
        _ => return false,
    };
    by_account(signature, message, &signer.into_account())
}

/// Returns whether an account's own key signed `message`, by any scheme.
pub(crate) fn by_account(signature: &MultiSignature, message: &[u8], who: &AccountId32) -> bool {
    let signature: sp_runtime::MultiSignature = match signature {
        MultiSignature::Ed25519(signature) => ed25519::Signature::from(*signature).into(),
        MultiSignature::Sr25519(signature) => sr25519::Signature::from(*signature).into(),
        MultiSignature::Ecdsa(signature) => ecdsa::Signature::from(*signature).into(),
        MultiSignature::Eth(signature) => sp_runtime::MultiSignature::Eth((*signature).into()),
    };
    signature.verify(message, who)
}

/// Returns the indices of the primary providers that signed `message`, each once.
///
/// One invalid signature rejects the whole list: its submitter can check each signature
/// beforehand, and should notice.
pub(crate) fn places<T: Config>(
    bucket: &Bucket<T>,
    message: &[u8],
    signatures: &[PrimarySignature],
) -> Result<BTreeSet<usize>, Error<T>> {
    ensure!(
        signatures.len() <= bucket.primary_providers.len(),
        Error::<T>::TooManySignatures
    );
    signatures
        .iter()
        .map(|(place, signature)| {
            let place = usize::try_from(*place).map_err(|_| Error::<T>::NotPrimary)?;
            let who = bucket.primary_providers.get(place);
            let provider = who.and_then(Providers::<T>::get);
            let provider = provider.ok_or(Error::<T>::NotPrimary)?;
            ensure!(provider.stake > 0, Error::<T>::NoStake);
            ensure!(
                by_key(signature, message, &provider.key),
                Error::<T>::BadSignature
            );
            Ok(place)
        })
        .collect()
}

/// Returns the indices that are set in a snapshot's bits.
pub(crate) fn signed_places(snapshot: &BucketSnapshot) -> BTreeSet<usize> {
    let bits = snapshot.primary_signers.len().saturating_mul(8);
    (0..bits)
        .filter(|place| snapshot.signed_by(*place))
        .collect()
}

/// Encodes indices as bits, lowest first, in the number of bytes that `primaries` needs.
pub(crate) fn bits(places: &BTreeSet<usize>, primaries: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; primaries.div_ceil(8)];
    for place in places {
        if let Some(byte) = bytes.get_mut(place >> 3) {
            *byte |= 1 << (place & 7);
        }
    }
    bytes
}
