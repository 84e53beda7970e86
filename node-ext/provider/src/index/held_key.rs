//! The keys of what a bucket holds: its id, and a hash.

use cairn_primitives::{BucketId, H256};

/// Returns the key of a hash among those that a bucket holds.
pub(super) fn held_key(id: BucketId, hash: &H256) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&id.0.to_be_bytes());
    key[8..].copy_from_slice(hash.as_bytes());
    key
}

/// Parses such a key.
pub(super) fn parse_held_key(key: &[u8]) -> Option<(BucketId, H256)> {
    let (id, hash) = key.split_at_checked(8)?;
    let id = u64::from_be_bytes(id.try_into().ok()?);
    let hash = <[u8; 32]>::try_from(hash).ok()?;
    Some((BucketId(id), H256(hash)))
}
