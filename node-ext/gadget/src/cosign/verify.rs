//! Verifies signatures against on-chain keys, as the chain does.

use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::MultiSigner;
use sp_core::{Pair, ecdsa, ed25519, sr25519};

/// Reasons why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    /// The signature and the key are of different schemes.
    #[error("the signature and the registered key are of different schemes")]
    OtherScheme,
    /// The signature is invalid.
    #[error("the signature is invalid for the registered key")]
    Invalid,
}

/// Verifies a signature over a message, as the chain does.
pub(crate) fn verify(
    key: &MultiSigner,
    message: &[u8],
    signature: &MultiSignature,
) -> Result<(), SignatureError> {
    let holds = match (key, signature) {
        (MultiSigner::Sr25519(key), MultiSignature::Sr25519(signature)) => sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*signature),
            message,
            &sr25519::Public::from_raw(*key),
        ),
        (MultiSigner::Ed25519(key), MultiSignature::Ed25519(signature)) => ed25519::Pair::verify(
            &ed25519::Signature::from_raw(*signature),
            message,
            &ed25519::Public::from_raw(*key),
        ),
        (MultiSigner::Ecdsa(key), MultiSignature::Ecdsa(signature)) => ecdsa::Pair::verify(
            &ecdsa::Signature::from_raw(*signature),
            message,
            &ecdsa::Public::from_raw(*key),
        ),
        (MultiSigner::Eth(key), MultiSignature::Eth(signature)) => ecdsa::KeccakPair::verify(
            &ecdsa::KeccakSignature::from_raw(*signature),
            message,
            &ecdsa::KeccakPublic::from_raw(*key),
        ),
        _ => return Err(SignatureError::OtherScheme),
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
                MultiSigner::Sr25519(sr.public().0),
                MultiSignature::Sr25519(sr.sign(MESSAGE).0),
            ),
            (
                MultiSigner::Ed25519(ed.public().0),
                MultiSignature::Ed25519(ed.sign(MESSAGE).0),
            ),
            (
                MultiSigner::Ecdsa(ec.public().0),
                MultiSignature::Ecdsa(ec.sign(MESSAGE).0),
            ),
            (
                MultiSigner::Eth(eth.public().0),
                MultiSignature::Eth(eth.sign(MESSAGE).0),
            ),
        ];
        for (place, (key, signature)) in pairs.iter().enumerate() {
            assert_eq!(verify(key, MESSAGE, signature), Ok(()), "{key:?}");
            let other = verify(key, b"something else", signature);
            assert_eq!(other, Err(SignatureError::Invalid), "{key:?}");
            for (of, (_, signature)) in pairs.iter().enumerate() {
                assert_eq!(verify(key, MESSAGE, signature).is_ok(), of == place);
            }
        }
        let stranger = sr25519::Pair::from_seed(&[4; 32]);
        let forged = MultiSignature::Sr25519(stranger.sign(MESSAGE).0);
        assert_eq!(
            verify(&pairs[0].0, MESSAGE, &forged),
            Err(SignatureError::Invalid)
        );
    }
}
