//! The roots of indexes that are known, and who computes one.

use crate::shares::Shares;
use cairn_objects::{Space, Stats};
use cairn_primitives::{BucketId, H256};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;

/// Indexes whose roots are remembered, until they change.
const REMEMBERED_ROOTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// The root of an index with its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexRoot {
    /// The root, as clients of today's provider compute it.
    pub root: H256,
    /// The numbers.
    pub stats: Stats,
}

/// The index of a space of a bucket.
type IndexId = (BucketId, Space);

/// The roots that are known.
pub(crate) struct Roots {
    known: Mutex<LruCache<IndexId, IndexRoot>>,
    /// One for each index that is being read.
    pub(crate) passes: Shares<IndexId>,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            known: Mutex::new(LruCache::new(REMEMBERED_ROOTS)),
            passes: Shares::new(1),
        }
    }
}

impl Roots {
    /// Returns the root of an index with these numbers, which are another with each change.
    pub(crate) fn known(&self, index: IndexId, stats: Stats) -> Option<IndexRoot> {
        let known = self.known.lock().get(&index).copied();
        known.filter(|known| known.stats == stats)
    }

    /// Remembers the root of an index.
    pub(crate) fn remember(&self, index: IndexId, found: IndexRoot) {
        self.known.lock().put(index, found);
    }
}
