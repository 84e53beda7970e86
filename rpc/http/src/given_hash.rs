//! Hashes in requests. One of another length than 32 bytes is refused.

use crate::error::HttpError;
use crate::hex_text;
use cairn_primitives::H256;

/// Reads a hash. Today's provider stops its thread at one of another length.
pub(crate) fn hash(text: &str) -> Result<H256, HttpError> {
    if let Some(bytes) = hex_text::array(text) {
        return Ok(H256(bytes));
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let actual = match hex::decode(digits) {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(_) => "invalid hex".to_owned(),
    };
    Err(HttpError::InvalidHash {
        expected: text.to_owned(),
        actual,
    })
}

/// Reads hashes, at most `max`.
pub(crate) fn hashes(texts: &[String], max: u32) -> Result<Vec<H256>, HttpError> {
    if u32::try_from(texts.len()).is_ok_and(|given| given <= max) {
        return texts.iter().map(|text| hash(text)).collect();
    }
    let given = texts.len();
    Err(HttpError::TooMany { given, max })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hash_is_exactly_32_bytes() {
        let digits = "0a".repeat(32);
        for text in [digits.clone(), format!("0x{digits}"), digits.to_uppercase()] {
            assert_eq!(hash(&text).unwrap(), H256::repeat_byte(10), "{text}");
        }
        let refused = |text: &str| match hash(text) {
            Err(HttpError::InvalidHash { actual, .. }) => actual,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("0x0a"), "1 bytes");
        assert_eq!(refused(&"0a".repeat(33)), "33 bytes");
        for text in ["", "0x"] {
            assert_eq!(refused(text), "0 bytes");
        }
        for text in ["0x0", "0xzz", "ä", "0X00"] {
            assert_eq!(refused(text), "invalid hex");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_hash_or_refused(text in ".*", bytes in any::<[u8; 32]>()) {
            let _ = hash(&text);
            prop_assert_eq!(hash(&hex_text::prefixed(bytes)).unwrap(), H256(bytes));
        }
    }
}
