//! Numbers of 64 and 128 bits in JSON, of which JavaScript reads 53 bits exactly.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The greatest number that every JSON reader takes exactly, by RFC 8259.
const MAX_JSON_NUMBER: u64 = (1 << 53) - 1;

/// A number below 2^64. In JSON it is a number up to 2^53 - 1 and hex above, `"0x…"`; hex is
/// accepted for smaller ones too. Substrate's `NumberOrHex` reads the same form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct U64OrHex(pub u64);

impl fmt::Display for U64OrHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for U64OrHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= MAX_JSON_NUMBER {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(&format_args!("{:#x}", self.0))
        }
    }
}

impl<'de> Deserialize<'de> for U64OrHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = U64OrHex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number below 2^64, or one in hex as \"0x1f\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<U64OrHex, E> {
        Ok(U64OrHex(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<U64OrHex, E> {
        hex_digits(text)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(U64OrHex)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// A number below 2^128, such as a balance. In JSON it is a number up to 2^53 - 1 and hex above,
/// `"0x…"`; hex is accepted for smaller ones too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct U128OrHex(pub u128);

impl fmt::Display for U128OrHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for U128OrHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(self.0) {
            Ok(number) if number <= MAX_JSON_NUMBER => serializer.serialize_u64(number),
            _ => serializer.collect_str(&format_args!("{:#x}", self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for U128OrHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BalanceVisitor)
    }
}

struct BalanceVisitor;

impl Visitor<'_> for BalanceVisitor {
    type Value = U128OrHex;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number below 2^128, or one in hex as \"0x1f\"")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<U128OrHex, E> {
        Ok(U128OrHex(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<U128OrHex, E> {
        hex_digits(text)
            .and_then(|digits| u128::from_str_radix(digits, 16).ok())
            .map(U128OrHex)
            .ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Returns the digits of a number in hex. `from_str_radix` alone accepts a sign.
fn hex_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("0x")?;
    let are_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    are_hex.then_some(digits)
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for U128OrHex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "U128OrHex".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": MAX_JSON_NUMBER },
                { "type": "string", "pattern": "^0x[0-9a-f]{1,32}$" },
            ],
            "description": "A number below 2^128: a number up to 2^53 - 1, and hex above.",
        })
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for U64OrHex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "U64OrHex".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": MAX_JSON_NUMBER },
                { "type": "string", "pattern": "^0x[0-9a-f]{1,16}$" },
            ],
            "description": "A number below 2^64: a number up to 2^53 - 1, and hex above.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_number_that_javascript_would_round_travels_as_hex() {
        let to_json = |number| serde_json::to_value(U64OrHex(number)).unwrap();
        assert_eq!(to_json(MAX_JSON_NUMBER), json!(9_007_199_254_740_991u64));
        assert_eq!(to_json(MAX_JSON_NUMBER + 1), json!("0x20000000000000"));
        assert_eq!(to_json(u64::MAX), json!("0xffffffffffffffff"));
    }

    #[test]
    fn anything_but_a_64_bit_number_is_refused() {
        for text in [
            "\"0x\"",
            "\"0x+1\"",
            "\"12\"",
            "-1",
            "1.5",
            "1e3",
            "\"0x10000000000000000\"",
        ] {
            let error = serde_json::from_str::<U64OrHex>(text)
                .unwrap_err()
                .to_string();
            assert!(error.contains("below 2^64"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_back(number in any::<u64>()) {
            let text = serde_json::to_string(&U64OrHex(number)).unwrap();
            prop_assert_eq!(serde_json::from_str::<U64OrHex>(&text).unwrap(), U64OrHex(number));
            let hex = format!("\"{number:#x}\"");
            prop_assert_eq!(serde_json::from_str::<U64OrHex>(&hex).unwrap(), U64OrHex(number));
        }

        #[test]
        fn a_balance_is_read_back(small: bool, number: u128) {
            let number = if small { number >> 75 } else { number };
            let text = serde_json::to_string(&U128OrHex(number)).unwrap();
            prop_assert_eq!(serde_json::from_str::<U128OrHex>(&text).unwrap(), U128OrHex(number));
            let hex = format!("\"{number:#x}\"");
            prop_assert_eq!(serde_json::from_str::<U128OrHex>(&hex).unwrap(), U128OrHex(number));
            let beyond = format!("\"{number:#x}{}\"", "0".repeat(33));
            prop_assert!(serde_json::from_str::<U128OrHex>(&beyond).is_err());
        }
    }
}
