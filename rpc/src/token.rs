//! The secret that shows a request to be the operator's: anyone who has it may call
//! unsafe methods. An address shows nothing, since a proxy has one as well.

use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The fewest characters: 32 of a random text in hex are 128 bits.
const SHORTEST: usize = 32;
/// The most characters, so that a header has room for it.
const LONGEST: usize = 512;

/// A secret for `Authorization: Bearer`. It is never shown, not even by `Debug`.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl FromStr for Token {
    type Err = &'static str;

    /// Takes what RFC 6750 lets a header carry.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !text.bytes().all(is_allowed) {
            return Err("a token has letters, digits and -._~+/= alone");
        }
        match text.len() {
            SHORTEST..=LONGEST => Ok(Self(text.to_owned())),
            _ => Err("a token has 32 to 512 characters"),
        }
    }
}

impl Token {
    /// The header that carries it. It is a secret.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The secret itself, for the file that keeps it.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Whether this is it. How long that takes tells nothing of how much is right.
    #[cfg(any(feature = "listener", test))]
    pub(crate) fn is(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_token_is_long_enough_fits_a_header_and_is_not_shown() {
        let token: Token = TOKEN.parse().unwrap();
        assert_eq!(token.header(), format!("Bearer {TOKEN}"));
        assert_eq!(format!("{token:?}"), "Token");
        for wrong in [
            "",
            "short",
            &"a".repeat(513),
            &format!("{TOKEN} x"),
            &format!("{TOKEN}\n"),
        ] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_the_whole_token_is_it() {
        let token: Token = TOKEN.parse().unwrap();
        assert!(token.is(TOKEN));
        for wrong in ["", &TOKEN[1..], &format!("{TOKEN}0"), &TOKEN.to_uppercase()] {
            assert!(!token.is(wrong), "{wrong}");
        }
    }
}
