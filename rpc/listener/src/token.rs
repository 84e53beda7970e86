//! The operator's token: a request that carries it may call unsafe methods. An address proves
//! nothing, since a proxy has one as well.

use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The fewest characters: 32 hex digits are 128 bits.
const MIN_LENGTH: usize = 32;
/// The most characters, so that it fits into a header.
const MAX_LENGTH: usize = 512;

/// A secret for `Authorization: Bearer`. `Debug` does not print it.
#[derive(Clone)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl FromStr for Token {
    type Err = &'static str;

    /// Accepts the characters of a bearer token by RFC 6750.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !text.bytes().all(is_allowed) {
            return Err("a token has only letters, digits and -._~+/=");
        }
        match text.len() {
            MIN_LENGTH..=MAX_LENGTH => Ok(Self(text.to_owned())),
            _ => Err("a token has 32 to 512 characters"),
        }
    }
}

impl Token {
    /// Returns the value of its `Authorization` header, which is a secret.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Returns the secret itself, for the file that stores it.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Compares in constant time.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_token_is_long_enough_and_is_not_printed() {
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
    fn only_the_whole_token_matches() {
        let token: Token = TOKEN.parse().unwrap();
        assert!(token.matches(TOKEN));
        for wrong in ["", &TOKEN[1..], &format!("{TOKEN}0"), &TOKEN.to_uppercase()] {
            assert!(!token.matches(wrong), "{wrong}");
        }
    }
}
