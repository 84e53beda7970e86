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
use sp_runtime::AccountId32;
use sp_runtime::traits::{IdentifyAccount, Verify};

/// Returns whether a registered key signed `message`. The scheme must be the key's.
pub(crate) fn by_key(signature: &MultiSignature, message: &[u8], key: &MultiSigner) -> bool {
    let has_scheme_of_key = matches!(
        (signature, key),
        (MultiSignature::Ed25519(_), MultiSigner::Ed25519(_))
            | (MultiSignature::Sr25519(_), MultiSigner::Sr25519(_))
            | (MultiSignature::Ecdsa(_), MultiSigner::Ecdsa(_))
            | (MultiSignature::Eth(_), MultiSigner::Eth(_))
    );
    let signer = sp_runtime::MultiSigner::from(*key);
    has_scheme_of_key && by_account(signature, message, &signer.into_account())
}

/// Returns whether an account's own key signed `message`, by any scheme.
pub(crate) fn by_account(signature: &MultiSignature, message: &[u8], who: &AccountId32) -> bool {
    sp_runtime::MultiSignature::from(signature.clone()).verify(message, who)
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
