//! Conversions of signatures of any scheme to and from the type of `sp-runtime`. The
//! encodings are equal.

use crate::challenge::MultiSignature;

/// Converts between two enums with the same variants, both ways.
macro_rules! same_variants {
    ($name:ident) => {
        impl From<$name> for sp_runtime::$name {
            fn from(ours: $name) -> Self {
                match ours {
                    $name::Ed25519(bytes) => Self::Ed25519(bytes.into()),
                    $name::Sr25519(bytes) => Self::Sr25519(bytes.into()),
                    $name::Ecdsa(bytes) => Self::Ecdsa(bytes.into()),
                    $name::Eth(bytes) => Self::Eth(bytes.into()),
                }
            }
        }

        impl From<sp_runtime::$name> for $name {
            fn from(theirs: sp_runtime::$name) -> Self {
                match theirs {
                    sp_runtime::$name::Ed25519(one) => Self::Ed25519(one.into()),
                    sp_runtime::$name::Sr25519(one) => Self::Sr25519(one.into()),
                    sp_runtime::$name::Ecdsa(one) => Self::Ecdsa(one.into()),
                    sp_runtime::$name::Eth(one) => Self::Eth(one.into()),
                }
            }
        }
    };
}

same_variants!(MultiSignature);

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;

    #[test]
    fn signatures_of_all_schemes_have_equal_encodings() {
        for ours in [
            MultiSignature::Ed25519([1; 64]),
            MultiSignature::Sr25519([2; 64]),
            MultiSignature::Ecdsa([3; 65]),
            MultiSignature::Eth([4; 65]),
        ] {
            let theirs = sp_runtime::MultiSignature::from(ours.clone());
            assert_eq!(theirs.encode(), ours.encode());
            assert_eq!(MultiSignature::from(theirs), ours);
        }
    }
}
