//! Verifies signatures against on-chain keys, as the chain does.

use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::RegisteredKey;
use sp_core::{Pair, ecdsa, ed25519, sr25519};

/// Reasons why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// The registered key has another length than keys of the signature's scheme.
    #[error("the registered key is not of the signature's scheme")]
    OtherScheme,
    /// The signature is invalid.
    #[error("the signature is invalid for the registered key")]
    Invalid,
}

/// Verifies a signature over a message, as the chain does: the signature's variant chooses the
/// scheme, and the registered key needs that scheme's length.
pub(crate) fn verify(
    key: &RegisteredKey,
    message: &[u8],
    signature: &MultiSignature,
) -> Result<(), SignatureError> {
    let other = |_| SignatureError::OtherScheme;
    let key = key.0.as_slice();
    let holds = match signature {
        MultiSignature::Sr25519(signature) => sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*signature),
            message,
            &sr25519::Public::try_from(key).map_err(other)?,
        ),
        MultiSignature::Ed25519(signature) => ed25519::Pair::verify(
            &ed25519::Signature::from_raw(*signature),
            message,
            &ed25519::Public::try_from(key).map_err(other)?,
        ),
        MultiSignature::Ecdsa(signature) => ecdsa::Pair::verify(
            &ecdsa::Signature::from_raw(*signature),
            message,
            &ecdsa::Public::try_from(key).map_err(other)?,
        ),
        MultiSignature::Eth(signature) => ecdsa::KeccakPair::verify(
            &ecdsa::KeccakSignature::from_raw(*signature),
            message,
            &ecdsa::KeccakPublic::try_from(key).map_err(other)?,
        ),
    };
    if holds {
        Ok(())
    } else {
        Err(SignatureError::Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"what is promised";

    #[test]
    fn a_signature_is_bound_to_key_message_and_scheme() {
        let sr = sr25519::Pair::from_seed(&[1; 32]);
        let ed = ed25519::Pair::from_seed(&[2; 32]);
        let ec = ecdsa::Pair::from_seed(&[3; 32]);
        let eth = ecdsa::KeccakPair::from_seed(&[5; 32]);
        let pairs = [
            (
                RegisteredKey::from(sr.public().0),
                MultiSignature::Sr25519(sr.sign(MESSAGE).0),
            ),
            (
                RegisteredKey::from(ed.public().0),
                MultiSignature::Ed25519(ed.sign(MESSAGE).0),
            ),
            (
                RegisteredKey(ec.public().0.to_vec()),
                MultiSignature::Ecdsa(ec.sign(MESSAGE).0),
            ),
            (
                RegisteredKey(eth.public().0.to_vec()),
                MultiSignature::Eth(eth.sign(MESSAGE).0),
            ),
        ];
        for (place, (key, signature)) in pairs.iter().enumerate() {
            assert_eq!(verify(key, MESSAGE, signature), Ok(()), "{key:?}");
            let other = verify(key, b"something else", signature);
            assert_eq!(other, Err(SignatureError::Invalid), "{key:?}");
            for (of, (_, signature)) in pairs.iter().enumerate() {
                let verified = verify(key, MESSAGE, signature);
                assert_eq!(verified.is_ok(), of == place);
                let is_of_its_length = (of < 2) == (place < 2);
                assert_eq!(
                    verified == Err(SignatureError::OtherScheme),
                    !is_of_its_length
                );
            }
        }
        // A key of 64 bytes, which early chains registered, verifies nothing.
        let long = RegisteredKey([sr.public().0, sr.public().0].concat());
        for (_, signature) in &pairs {
            assert_eq!(
                verify(&long, MESSAGE, signature),
                Err(SignatureError::OtherScheme)
            );
        }
        let stranger = sr25519::Pair::from_seed(&[4; 32]);
        let forged = MultiSignature::Sr25519(stranger.sign(MESSAGE).0);
        assert_eq!(
            verify(&pairs[0].0, MESSAGE, &forged),
            Err(SignatureError::Invalid)
        );
    }
}
