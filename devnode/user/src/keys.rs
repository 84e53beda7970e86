//! Accounts and their keys.

use crate::UserError;
use sp_core::{Pair, ecdsa, ed25519, sr25519};
use subxt::PolkadotConfig;
use subxt::dynamic::Value;
use subxt::transactions::Signer;
use subxt::utils::{AccountId32, MultiSignature};

/// An account.
pub type AccountId = [u8; 32];

/// A scheme of keys and signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Schnorr signatures over Ristretto.
    Sr25519,
    /// EdDSA over Curve25519.
    Ed25519,
    /// ECDSA over secp256k1, whose keys are 33 bytes.
    Ecdsa,
}

/// A signature with its scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The scheme.
    pub scheme: Scheme,
    /// 64 bytes, or 65 for [`Scheme::Ecdsa`].
    pub bytes: Vec<u8>,
}

impl Signature {
    /// Decodes the chain's `MultiSignature`.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if the bytes are none.
    pub fn decode(encoded: &[u8]) -> Result<Self, UserError> {
        let (scheme, bytes) = match encoded {
            [0, bytes @ ..] if bytes.len() == 64 => (Scheme::Ed25519, bytes),
            [1, bytes @ ..] if bytes.len() == 64 => (Scheme::Sr25519, bytes),
            [2, bytes @ ..] if bytes.len() == 65 => (Scheme::Ecdsa, bytes),
            _ => {
                let encoded = hex::encode(encoded);
                return Err(UserError::Unexpected(format!(
                    "0x{encoded} is no signature"
                )));
            }
        };
        Ok(Self {
            scheme,
            bytes: bytes.to_vec(),
        })
    }

    /// Returns it as the chain's `MultiSignature`.
    pub fn to_value(&self) -> Value {
        let name = match self.scheme {
            Scheme::Sr25519 => "Sr25519",
            Scheme::Ed25519 => "Ed25519",
            Scheme::Ecdsa => "Ecdsa",
        };
        Value::unnamed_variant(name, [Value::from_bytes(&self.bytes)])
    }
}

/// A key that signs.
#[derive(Clone)]
pub struct Key(Secret);

#[derive(Clone)]
enum Secret {
    Sr25519(Box<sr25519::Pair>),
    Ed25519(Box<ed25519::Pair>),
    Ecdsa(Box<ecdsa::Pair>),
}

impl Key {
    /// Returns the sr25519 key of a secret URI, such as `//Alice`.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if the text is no secret URI.
    pub fn new(suri: &str) -> Result<Self, UserError> {
        Self::with_scheme(suri, Scheme::Sr25519)
    }

    /// Returns the key of a secret URI in a scheme.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if the text is no secret URI.
    pub fn with_scheme(suri: &str, scheme: Scheme) -> Result<Self, UserError> {
        let unreadable = |error| UserError::Unexpected(format!("{suri} is no secret: {error}"));
        Ok(Self(match scheme {
            Scheme::Sr25519 => Secret::Sr25519(Box::new(
                sr25519::Pair::from_string(suri, None).map_err(unreadable)?,
            )),
            Scheme::Ed25519 => Secret::Ed25519(Box::new(
                ed25519::Pair::from_string(suri, None).map_err(unreadable)?,
            )),
            Scheme::Ecdsa => Secret::Ecdsa(Box::new(
                ecdsa::Pair::from_string(suri, None).map_err(unreadable)?,
            )),
        }))
    }

    /// Returns the public key as it is registered: 32 bytes, or 33 for [`Scheme::Ecdsa`].
    pub fn public(&self) -> Vec<u8> {
        match &self.0 {
            Secret::Sr25519(pair) => pair.public().0.to_vec(),
            Secret::Ed25519(pair) => pair.public().0.to_vec(),
            Secret::Ecdsa(pair) => pair.public().0.to_vec(),
        }
    }

    /// Returns the key's account.
    pub fn account(&self) -> AccountId {
        match &self.0 {
            Secret::Sr25519(pair) => pair.public().0,
            Secret::Ed25519(pair) => pair.public().0,
            Secret::Ecdsa(pair) => sp_crypto_hashing::blake2_256(&pair.public().0),
        }
    }

    /// Returns the key's account as a value.
    pub fn account_value(&self) -> Value {
        Value::from_bytes(self.account())
    }

    /// Signs bytes as they are.
    pub fn sign(&self, message: &[u8]) -> Signature {
        let (scheme, bytes) = match &self.0 {
            Secret::Sr25519(pair) => (Scheme::Sr25519, pair.sign(message).0.to_vec()),
            Secret::Ed25519(pair) => (Scheme::Ed25519, pair.sign(message).0.to_vec()),
            Secret::Ecdsa(pair) => (Scheme::Ecdsa, pair.sign(message).0.to_vec()),
        };
        Signature { scheme, bytes }
    }

    /// Returns whether a signature over a message is this key's; `None` if it is of another
    /// scheme.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Option<bool> {
        let bytes = signature.bytes.as_slice();
        match (&self.0, signature.scheme) {
            (Secret::Sr25519(pair), Scheme::Sr25519) => {
                let signature = sr25519::Signature::from_raw(bytes.try_into().ok()?);
                Some(sr25519::Pair::verify(&signature, message, &pair.public()))
            }
            (Secret::Ed25519(pair), Scheme::Ed25519) => {
                let signature = ed25519::Signature::from_raw(bytes.try_into().ok()?);
                Some(ed25519::Pair::verify(&signature, message, &pair.public()))
            }
            (Secret::Ecdsa(pair), Scheme::Ecdsa) => {
                let signature = ecdsa::Signature::from_raw(bytes.try_into().ok()?);
                Some(ecdsa::Pair::verify(&signature, message, &pair.public()))
            }
            _ => None,
        }
    }
}

impl Signer<PolkadotConfig> for Key {
    fn account_id(&self) -> AccountId32 {
        AccountId32(self.account())
    }

    fn sign(&self, payload: &[u8]) -> MultiSignature {
        match &self.0 {
            Secret::Sr25519(pair) => MultiSignature::Sr25519(pair.sign(payload).0),
            Secret::Ed25519(pair) => MultiSignature::Ed25519(pair.sign(payload).0),
            Secret::Ecdsa(pair) => MultiSignature::Ecdsa(pair.sign(payload).0),
        }
    }
}
