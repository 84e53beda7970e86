//! Bytes in hex, with `0x`.

use cairn_primitives::H256;

/// Encodes bytes as `0x` and lower-case digits.
pub(crate) fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Decodes any number of bytes, with or without `0x`.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.trim().trim_start_matches("0x");
    hex::decode(digits).map_err(|error| match error {
        hex::FromHexError::OddLength => {
            format!("expected pairs of hex digits, found {}", digits.len())
        }
        hex::FromHexError::InvalidHexCharacter { c, index } => {
            format!("{c:?} at digit {index} is not a hex digit")
        }
        other => other.to_string(),
    })
}

fn fixed_bytes<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = from_hex(text)?;
    <[u8; N]>::try_from(bytes.as_slice())
        .map_err(|_| format!("expected {N} bytes in hex, found {}", bytes.len()))
}

/// Decodes 32 bytes: a root, a hash or a public key.
pub(crate) fn bytes32(text: &str) -> Result<[u8; 32], String> {
    fixed_bytes(text)
}

/// Decodes 64 bytes: a signature.
pub(crate) fn bytes64(text: &str) -> Result<[u8; 64], String> {
    fixed_bytes(text)
}

/// Decodes a root or hash.
pub(crate) fn parse_hash(text: &str) -> Result<H256, String> {
    bytes32(text).map(H256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_parsed_with_and_without_its_prefix() {
        let text = "ab".repeat(32);
        assert_eq!(parse_hash(&text), Ok(H256::repeat_byte(0xab)));
        assert_eq!(
            parse_hash(&format!("0x{text}")),
            Ok(H256::repeat_byte(0xab))
        );
        assert_eq!(to_hex([0, 255]), "0x00ff");
        assert!(parse_hash("0xabc").unwrap_err().contains("found 3"));
        assert!(parse_hash("0xzz").unwrap_err().contains("'z' at digit 0"));
        assert!(parse_hash("0xabcd").unwrap_err().contains("found 2"));
        assert!(parse_hash("").unwrap_err().contains("found 0"));
    }
}
