//! Conversions of accounts, keys and signatures to and from the types of `sp-core`.
//!
//! Every conversion keeps the bytes. A signature of one scheme becomes a variant of ours; the
//! way back fails for another scheme, and returns what it was given. A registered key keeps
//! no scheme.

use crate::challenge::{AccountId, MultiSignature};
use crate::onchain::RegisteredKey;
use sp_core::crypto::AccountId32;
use sp_core::{ecdsa, ed25519, sr25519};

impl From<AccountId32> for AccountId {
    fn from(account: AccountId32) -> Self {
        Self(account.into())
    }
}

impl From<AccountId> for AccountId32 {
    fn from(account: AccountId) -> Self {
        Self::new(account.0)
    }
}

/// Converts one scheme's type into a variant, and back from that variant alone.
macro_rules! scheme {
    ($multi:ident, $variant:ident, $theirs:ty) => {
        impl From<$theirs> for $multi {
            fn from(one: $theirs) -> Self {
                Self::$variant(one.into())
            }
        }

        impl TryFrom<$multi> for $theirs {
            type Error = $multi;

            fn try_from(any: $multi) -> Result<Self, $multi> {
                match any {
                    $multi::$variant(bytes) => Ok(bytes.into()),
                    other => Err(other),
                }
            }
        }
    };
}

scheme!(MultiSignature, Ed25519, ed25519::Signature);
scheme!(MultiSignature, Sr25519, sr25519::Signature);
scheme!(MultiSignature, Ecdsa, ecdsa::Signature);
scheme!(MultiSignature, Eth, ecdsa::KeccakSignature);

impl From<sr25519::Public> for RegisteredKey {
    fn from(key: sr25519::Public) -> Self {
        key.0.into()
    }
}

impl From<ed25519::Public> for RegisteredKey {
    fn from(key: ed25519::Public) -> Self {
        key.0.into()
    }
}

impl From<ecdsa::Public> for RegisteredKey {
    fn from(key: ecdsa::Public) -> Self {
        Self(key.0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;

    #[test]
    fn an_account_keeps_its_bytes() {
        let ours = AccountId([7; 32]);
        let theirs = AccountId32::from(ours);
        assert_eq!(theirs.encode(), ours.encode());
        assert_eq!(AccountId::from(theirs), ours);
    }

    #[test]
    fn a_signature_keeps_its_bytes_and_its_scheme() {
        let theirs = sr25519::Signature::from([3; 64]);
        let ours = MultiSignature::from(theirs);
        assert_eq!(ours, MultiSignature::Sr25519([3; 64]));
        assert_eq!(sr25519::Signature::try_from(ours.clone()), Ok(theirs));
        assert_eq!(ed25519::Signature::try_from(ours.clone()), Err(ours));

        let ed = ed25519::Signature::from([4; 64]);
        assert_eq!(MultiSignature::from(ed), MultiSignature::Ed25519([4; 64]));
        let ecdsa = MultiSignature::from(ecdsa::Signature::from([5; 65]));
        assert_eq!(ecdsa, MultiSignature::Ecdsa([5; 65]));
        let keccak = MultiSignature::from(ecdsa::KeccakSignature::from([5; 65]));
        assert_eq!(keccak, MultiSignature::Eth([5; 65]));
        assert!(ecdsa::Signature::try_from(keccak).is_err());
    }

    #[test]
    fn a_registered_key_keeps_the_bytes_and_fits_its_schemes() {
        let short = RegisteredKey::from(sr25519::Public::from([6; 32]));
        assert_eq!(short, RegisteredKey::from(ed25519::Public::from([6; 32])));
        assert!(short.is(&[6; 32]) && !short.is(&[7; 32]));
        let long = RegisteredKey::from(ecdsa::Public::from([2; 33]));
        for (signature, is_long) in [
            (MultiSignature::Ed25519([1; 64]), false),
            (MultiSignature::Sr25519([1; 64]), false),
            (MultiSignature::Ecdsa([1; 65]), true),
            (MultiSignature::Eth([1; 65]), true),
        ] {
            assert_eq!(long.fits(&signature), is_long);
            assert_eq!(short.fits(&signature), !is_long);
            assert!(!RegisteredKey(vec![3; 64]).fits(&signature));
        }
    }
}
