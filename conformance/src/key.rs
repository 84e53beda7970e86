//! The keys of members, and the headers that they sign, in each form that clients send.

use sp_core::crypto::Ss58Codec;
use sp_core::{Pair, sr25519};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// A member's key. It is never printed.
#[derive(Clone)]
pub struct Key(sr25519::Pair);

/// A text that is no secret key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is no secret key: expected a phrase, a path such as //Alice, or a seed in hex")]
pub struct NotAKey;

impl Key {
    /// Reads a key from a phrase, a derivation path or a seed.
    ///
    /// # Errors
    ///
    /// [`NotAKey`] if it is none of these.
    pub fn from_suri(suri: &str) -> Result<Self, NotAKey> {
        let pair = sr25519::Pair::from_string(suri, None);
        pair.map(Self).map_err(|_| NotAKey)
    }

    /// Returns the account's address.
    pub(crate) fn address(&self) -> String {
        self.0.public().to_ss58check()
    }

    /// Returns a header's value, signed now, as the newest clients write it.
    pub(crate) fn header(&self, method: &str, bucket: u64) -> String {
        Signing::now(method, bucket).by(self)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.address()).finish()
    }
}

/// The content and the form of a signed header.
#[derive(Clone, Debug)]
pub(crate) struct Signing<'m> {
    pub(crate) method: &'m str,
    pub(crate) bucket: u64,
    pub(crate) seconds: u64,
    /// Between `<Bytes>` and `</Bytes>`, as wallets sign.
    pub(crate) is_wrapped: bool,
    /// The prefix of key and signature: `0x` in JavaScript, nothing in older Rust clients.
    pub(crate) prefix: &'static str,
}

/// Returns the seconds since 1970.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

impl<'m> Signing<'m> {
    pub(crate) fn now(method: &'m str, bucket: u64) -> Self {
        Self {
            method,
            bucket,
            seconds: now(),
            is_wrapped: false,
            prefix: "0x",
        }
    }

    /// Returns the header's value.
    pub(crate) fn by(&self, key: &Key) -> String {
        let Self {
            method,
            bucket,
            seconds,
            is_wrapped,
            prefix,
        } = self;
        let raw = format!("web3storage:{method}:{bucket}:{seconds}");
        let text = match is_wrapped {
            true => format!("<Bytes>{raw}</Bytes>"),
            false => raw,
        };
        let signature = hex::encode(key.0.sign(text.as_bytes()).0);
        let public = hex::encode(key.0.public().0);
        format!("Web3Storage {prefix}{public}:{prefix}{signature}:{seconds}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_key_a_signature_and_a_time() {
        let key = Key::from_suri("//Alice").unwrap();
        let header = key.header("PUT", 7);
        let parts: Vec<_> = header
            .strip_prefix("Web3Storage ")
            .unwrap()
            .split(':')
            .collect();
        let [public, signature, seconds] = parts[..] else {
            panic!("{header}");
        };
        assert_eq!((public.len(), signature.len()), (66, 130));
        let text = format!("web3storage:PUT:7:{seconds}");
        let signature = hex::decode(&signature[2..]).unwrap();
        let signature = sr25519::Signature::from_raw(signature.try_into().unwrap());
        assert!(sr25519::Pair::verify(&signature, text, &key.0.public()));
        assert!(!format!("{key:?}").contains("Alice"));
    }
}
