//! Numbers of 64 bits in JSON, which JavaScript reads to 53.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The greatest number that every reader of JSON takes as it is, by RFC 8259.
const SAFE: u64 = (1 << 53) - 1;

/// A number: in JSON as such up to 2^53 - 1, and above that as hex, `"0x…"`,
/// which is also taken for a smaller one. So Substrate's `NumberOrHex` reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uint(pub u64);

impl From<u64> for Uint {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for Uint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Uint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= SAFE {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(&format_args!("{:#x}", self.0))
        }
    }
}

impl<'de> Deserialize<'de> for Uint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Uint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number below 2^64, or one in hex as \"0x1f\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Uint, E> {
        Ok(Uint(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Uint, E> {
        let digits = text.strip_prefix("0x");
        digits
            // A sign would be taken for a part of the number.
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(Uint)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_number_that_javascript_would_round_travels_as_hex() {
        let to_json = |number| serde_json::to_value(Uint(number)).unwrap();
        assert_eq!(to_json(SAFE), json!(9_007_199_254_740_991u64));
        assert_eq!(to_json(SAFE + 1), json!("0x20000000000000"));
        assert_eq!(to_json(u64::MAX), json!("0xffffffffffffffff"));
    }

    #[test]
    fn what_is_no_number_of_64_bits_is_refused() {
        for text in [
            "\"0x\"",
            "\"0x+1\"",
            "\"12\"",
            "-1",
            "1.5",
            "1e3",
            "\"0x10000000000000000\"",
        ] {
            let error = serde_json::from_str::<Uint>(text).unwrap_err().to_string();
            assert!(error.contains("below 2^64"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_back(number in any::<u64>()) {
            let text = serde_json::to_string(&Uint(number)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Uint>(&text).unwrap(), Uint(number));
            let hex = format!("\"{number:#x}\"");
            prop_assert_eq!(serde_json::from_str::<Uint>(&hex).unwrap(), Uint(number));
        }
    }
}
