//! Selects the records that the journal keeps: those that cannot be derived from
//! others and are not in blob files.

use crate::database::Family;
use crate::layout;

/// Bytes of a state before its peaks, which can be computed from the leaves.
const STATE_WITHOUT_PEAKS: usize = 77;

/// Returns whether the journal keeps this kind of key of the tree family: the state,
/// leaves, signed roots, retired trees, deletions, tombstones, flags, objects.
pub(super) fn is_journaled(key: &[u8]) -> bool {
    matches!(
        key.first(),
        Some(b's' | b'l' | b'r' | b't' | b'a' | b'g' | b'f' | b'o')
    )
}

/// Returns the part of a record that the journal keeps, if any.
pub(super) fn journaled_part<'v>(family: Family, key: &[u8], value: &'v [u8]) -> Option<&'v [u8]> {
    match (family, key.first()) {
        (Family::Tree, Some(b's')) => Some(value.get(..STATE_WITHOUT_PEAKS).unwrap_or(value)),
        (Family::Tree, _) => is_journaled(key).then_some(value),
        (Family::Content, Some(b'i' | b'x')) => Some(value),
        (Family::Content, Some(b'c')) => (value.len() < layout::SMALL_CHUNK_BYTES).then_some(value),
        (Family::Content, _) => None,
    }
}
