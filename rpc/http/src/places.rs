//! Content that was stored here a moment ago, and is not in the Global Index yet.
//!
//! The index is written twice a second. A client may ask for what it has just stored, without a
//! bucket.

use cairn_primitives::{BucketId, H256};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;

/// The hashes that are remembered: 65,536, more than are stored between two writes of the index.
/// They take some 8 MiB.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(65_535);

/// The kind of content that was stored under a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stored {
    /// An interior node.
    Node,
    /// A chunk.
    Chunk,
}

/// The buckets in which content was stored lately, by its hash.
pub(crate) struct RecentPlaces(Mutex<LruCache<(H256, Stored), BucketId>>);

impl Default for RecentPlaces {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl RecentPlaces {
    /// Remembers content.
    pub(crate) fn remember(&self, hash: H256, stored: Stored, bucket: BucketId) {
        self.0.lock().put((hash, stored), bucket);
    }

    /// Adds remembered places to those of the index. Nodes come first: anyone can store the two
    /// hashes of another's node as a chunk.
    pub(crate) fn around(&self, hash: H256, indexed: Vec<BucketId>) -> Vec<BucketId> {
        let recent = |stored| self.0.lock().get(&(hash, stored)).copied();
        let mut places: Vec<_> = recent(Stored::Node).into_iter().collect();
        for place in indexed.into_iter().chain(recent(Stored::Chunk)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_before_what_is_indexed_and_chunks_after_it() {
        let (hash, places) = (H256::repeat_byte(1), RecentPlaces::default());
        let [one, two, three] = [1, 2, 3].map(BucketId);
        assert_eq!(places.around(hash, vec![one]), [one]);
        places.remember(hash, Stored::Chunk, three);
        places.remember(hash, Stored::Node, two);
        assert_eq!(places.around(hash, vec![one, two]), [two, one, three]);
        assert_eq!(places.around(H256::zero(), vec![]), []);
    }
}
