//! The buckets that may hold unflushed writes, oldest first.
//!
//! RocksDB flushes only the database that is being written: without this, an idle
//! database would hold its memory for ever.

use cairn_primitives::BucketId;
use std::collections::{BTreeMap, HashMap};

/// Buckets in the order of their first write since their last flush.
#[derive(Debug, Default)]
pub(super) struct DirtyBuckets {
    order: BTreeMap<u64, BucketId>,
    places: HashMap<BucketId, u64>,
    next: u64,
}

impl DirtyBuckets {
    /// Records that a bucket may have been written. One that is listed keeps its place.
    pub(super) fn written(&mut self, id: BucketId) {
        if !self.places.contains_key(&id) {
            self.next = self.next.saturating_add(1);
            self.places.insert(id, self.next);
            self.order.insert(self.next, id);
        }
    }

    /// Records that a bucket was flushed or closed.
    pub(super) fn clean(&mut self, id: BucketId) {
        if let Some(place) = self.places.remove(&id) {
            self.order.remove(&place);
        }
    }

    /// Takes out the bucket that was written first.
    pub(super) fn take_oldest(&mut self) -> Option<BucketId> {
        let (_, id) = self.order.pop_first()?;
        self.places.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_one_that_was_just_flushed_goes_to_the_end() {
        let mut dirty = DirtyBuckets::default();
        for id in [1, 2, 3, 1] {
            dirty.written(BucketId(id));
        }
        dirty.clean(BucketId(2));
        assert_eq!(dirty.take_oldest(), Some(BucketId(1)));
        dirty.written(BucketId(1));
        assert_eq!(dirty.take_oldest(), Some(BucketId(3)));
        assert_eq!(dirty.take_oldest(), Some(BucketId(1)));
        assert_eq!(dirty.take_oldest(), None);
    }
}
