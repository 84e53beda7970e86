//! Bytes as hex. They are written with `0x`, and read with or without it.

use cairn_primitives::H256;

/// Writes bytes in hex with `0x`.
pub(crate) fn prefixed(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Writes hashes.
pub(crate) fn all_prefixed<'h>(hashes: impl IntoIterator<Item = &'h H256>) -> Vec<String> {
    hashes.into_iter().map(prefixed).collect()
}

/// Decodes `N` bytes of hex, with or without `0x`.
pub(crate) fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}
