//! Sizes as people write them, such as `4096`, `10GiB` or `1.5 TB`, prices, and counts with their
//! nouns.

use cairn_lifecycle::Token;
use indicatif::{BinaryBytes, HumanCount};

/// Units by powers of 1024; a bare letter means the same, as in `du` and `truncate`.
const BINARY: [(&str, u32); 6] = [("k", 1), ("m", 2), ("g", 3), ("t", 4), ("p", 5), ("e", 6)];

/// Parses a size in bytes.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let scale = scale(&unit).ok_or_else(|| {
        format!(
            "{unit:?} is not a unit of size: write bytes, or KiB, MiB, GiB, TiB, KB, MB, GB, TB"
        )
    })?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| {
        let part = if part.is_empty() { "0" } else { part };
        part.parse::<u128>().ok()
    };
    let exact = || {
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let places = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let whole = digits(whole)?.checked_mul(scale)?;
        let part = digits(fraction)?.checked_mul(scale)?.checked_div(places)?;
        u64::try_from(whole.checked_add(part)?).ok()
    };
    exact().ok_or_else(|| {
        format!("{text:?} is not a size: write a number of bytes up to 16 EiB, as in 10GiB")
    })
}

/// Parses the price of a byte for one anchor block. It is in the chain's smallest unit in each
/// command, since `cairn run` may have no node to ask for the chain's token.
pub(crate) fn parse_price(text: &str) -> Result<u128, String> {
    let price = Token::smallest().parse(text);
    price.map_err(|error| format!("{error}: the price is in the chain's smallest unit"))
}

fn scale(unit: &str) -> Option<u128> {
    if matches!(unit, "" | "b") {
        return Some(1);
    }
    BINARY.iter().find_map(|(letter, power)| {
        let rest = unit.strip_prefix(letter)?;
        match rest {
            "" | "ib" => 1024u128.checked_pow(*power),
            "b" => 1000u128.checked_pow(*power),
            _ => None,
        }
    })
}

/// Formats a size in bytes.
pub(crate) fn format_bytes(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

/// Formats a count with its noun.
pub(crate) fn format_count(count: u64, noun: &str) -> String {
    format_count_as(count, noun, &format!("{noun}s"))
}

/// Formats a count with a noun that has an irregular plural.
pub(crate) fn format_count_as(count: u64, one: &str, many: &str) -> String {
    let noun = if count == 1 { one } else { many };
    format!("{} {noun}", HumanCount(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_in_all_units() {
        for (text, expected) in [
            ("0", 0),
            ("4096", 4096),
            ("512B", 512),
            ("10GiB", 10 << 30),
            ("10 gib", 10 << 30),
            ("1k", 1024),
            ("1kB", 1000),
            ("1.5MiB", 3 << 19),
            (".5K", 512),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_price_is_in_the_smallest_unit_with_and_without_its_name() {
        for text in ["3", "3 planck", "3planck", " 3 "] {
            assert_eq!(parse_price(text), Ok(3), "{text:?}");
        }
        for text in ["3 PAS", "0.5", "0.000001 PAS", "", "-3"] {
            let refused = parse_price(text).unwrap_err();
            assert!(refused.contains("smallest unit"), "{text:?}: {refused}");
        }
    }

    #[test]
    fn invalid_sizes_are_refused() {
        for text in [
            "",
            "GiB",
            ".",
            "-1",
            "ten",
            "1..5",
            "10 parsecs",
            "16EiB",
            "1e3",
            "k",
        ] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
