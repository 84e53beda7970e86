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
    sequence_of: HashMap<BucketId, u64>,
    last_sequence: u64,
}

impl DirtyBuckets {
    /// Records that a bucket may have been written. One that is listed keeps its place.
    pub(super) fn mark_dirty(&mut self, id: BucketId) {
        if !self.sequence_of.contains_key(&id) {
            self.last_sequence = self.last_sequence.saturating_add(1);
            self.sequence_of.insert(id, self.last_sequence);
            self.order.insert(self.last_sequence, id);
        }
    }

    /// Records that a bucket was flushed or closed.
    pub(super) fn mark_clean(&mut self, id: BucketId) {
        if let Some(place) = self.sequence_of.remove(&id) {
            self.order.remove(&place);
        }
    }

    /// Takes out the bucket that was written first.
    pub(super) fn take_oldest(&mut self) -> Option<BucketId> {
        let (_, id) = self.order.pop_first()?;
        self.sequence_of.remove(&id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_that_was_written_first_is_taken_first() {
        let mut dirty = DirtyBuckets::default();
        for id in [1, 2, 3, 1] {
            dirty.mark_dirty(BucketId(id));
        }
        dirty.mark_clean(BucketId(2));
        assert_eq!(dirty.take_oldest(), Some(BucketId(1)));
        dirty.mark_dirty(BucketId(1));
        assert_eq!(dirty.take_oldest(), Some(BucketId(3)));
        assert_eq!(dirty.take_oldest(), Some(BucketId(1)));
        assert_eq!(dirty.take_oldest(), None);
    }
}
