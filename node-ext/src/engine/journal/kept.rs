//! Which records a bucket's journal keeps: those that no other record says, and
//! that are not in blob files.

use crate::engine::Family;
use crate::layout;

/// Bytes of a state before its peaks, which its leaves give.
const STATE_WITHOUT_PEAKS: usize = 77;

/// Whether a key of the tree family is of a kind that is kept: the state,
/// leaves, promises, retired trees, deletions, tombstones, flags.
pub(super) fn is_kept(key: &[u8]) -> bool {
    matches!(
        key.first(),
        Some(b's' | b'l' | b'r' | b't' | b'a' | b'g' | b'f')
    )
}

/// What is kept of a record; `None` where nothing is.
pub(super) fn kept<'v>(family: Family, key: &[u8], value: &'v [u8]) -> Option<&'v [u8]> {
    match (family, key.first()) {
        (Family::Tree, Some(b's')) => Some(value.get(..STATE_WITHOUT_PEAKS).unwrap_or(value)),
        (Family::Tree, _) => is_kept(key).then_some(value),
        (Family::Content, Some(b'i' | b'x')) => Some(value),
        (Family::Content, Some(b'c')) => (value.len() < layout::SMALL_CHUNK).then_some(value),
        (Family::Content, _) => None,
    }
}
