//! Numbers that a client may write as a number or as a decimal string, as JavaScript does with
//! large ones.

use serde::de::{Deserializer, Error, Visitor};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// Reads a number from a JSON number or a decimal string.
pub(super) fn number<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: FromStr + TryFrom<u64> + TryFrom<u128>,
{
    deserializer.deserialize_any(NumberVisitor(PhantomData))
}

/// Does the same for a number that may be absent.
pub(super) fn optional<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: FromStr + TryFrom<u64> + TryFrom<u128>,
{
    number(deserializer).map(Some)
}

struct NumberVisitor<N>(PhantomData<N>);

impl<N: FromStr + TryFrom<u64> + TryFrom<u128>> Visitor<'_> for NumberVisitor<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or one as a decimal string")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<N, E> {
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_decimal);
        number.ok_or_else(|| E::custom("the text is no number that fits"))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    struct Given {
        #[serde(deserialize_with = "super::number")]
        one: u64,
        #[serde(deserialize_with = "super::number")]
        two: u128,
    }

    #[test]
    fn numbers_and_decimal_strings_are_read() {
        let read = |one, two| {
            let given = json!({ "one": one, "two": two });
            let given = serde_json::from_str::<Given>(&given.to_string());
            given.map(|given| (given.one, given.two)).ok()
        };
        assert_eq!(read(json!(7), json!(8)), Some((7, 8)));
        let (most, largest) = (u64::MAX.to_string(), u128::MAX.to_string());
        assert_eq!(
            read(json!(most), json!(largest)),
            Some((u64::MAX, u128::MAX))
        );
        for wrong in ["", "+1", "-1", "0x1", "1.0", " 1", &largest] {
            assert_eq!(read(json!(wrong), json!(1)), None, "{wrong:?}");
        }
        for wrong in [json!(-1), json!(1.5), json!(null), json!([1])] {
            assert_eq!(read(wrong.clone(), json!(1)), None, "{wrong}");
        }
    }
}
