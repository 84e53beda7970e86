//! Inputs from JavaScript, as the types of `cairn-primitives`.

use crate::refusal::Refusal;
use cairn_primitives::{H256, HashingProfile, LeafCount, MAX_PATH};

/// Returns the profile that a flag means.
pub(crate) const fn profile(tagged: bool) -> HashingProfile {
    match tagged {
        false => HashingProfile::Plain,
        true => HashingProfile::Tagged,
    }
}

/// Returns the hash that 32 bytes are.
pub(crate) fn hash(bytes: &[u8]) -> Result<H256, Refusal> {
    let array = <[u8; 32]>::try_from(bytes);
    let wrong = |_| Refusal::malformed(format_args!("a hash of {} bytes", bytes.len()));
    array.map(H256).map_err(wrong)
}

/// Returns the hashes whose bytes follow each other: no more than a proof may have.
pub(crate) fn hashes(bytes: &[u8]) -> Result<Vec<H256>, Refusal> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() > MAX_PATH {
        let message = format_args!("{} bytes are not up to {MAX_PATH} hashes", bytes.len());
        return Err(Refusal::malformed(message));
    }
    Ok(hashes.iter().copied().map(H256).collect())
}

/// Returns a path from a byte for each level: 1 where the node is the right child.
pub(crate) fn path(bytes: &[u8]) -> Result<Vec<bool>, Refusal> {
    if bytes.len() > MAX_PATH {
        let message = format_args!("a path of {} levels", bytes.len());
        return Err(Refusal::malformed(message));
    }
    let bit = |byte: &u8| match byte {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Refusal::malformed(format_args!("a path with a {other}"))),
    };
    bytes.iter().map(bit).collect()
}

/// Returns a leaf count within its bound.
pub(crate) fn leaf_count(count: u64) -> Result<LeafCount, Refusal> {
    LeafCount::new(count).ok_or_else(|| Refusal::malformed("a leaf count above 2^62"))
}
