//! Roots of indexes: computed once for each state of an index, by one request at a time.

use crate::error::StoreError;
use crate::places::ADMISSION_TIMEOUT;
use crate::shares::Shares;
use crate::store::ObjectStore;
use cairn_bucket::Bucket;
use cairn_objects::{Index, Space, Stats};
use cairn_primitives::{BucketId, H256};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Indexes whose roots are remembered, until they change.
const REMEMBERED_ROOTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// How long one pass over an index may take: 10 seconds, in which a disk gives some million records.
const PASS_TIMEOUT: Duration = Duration::from_secs(10);

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
    passes: Shares<IndexId>,
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
    fn known(&self, index: IndexId, stats: Stats) -> Option<IndexRoot> {
        let known = self.known.lock().get(&index).copied();
        known.filter(|known| known.stats == stats)
    }
}

impl ObjectStore {
    /// Returns the root of an index.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; [`StoreError::Busy`] if another request has not computed it in time.
    pub async fn index_root(
        &self,
        bucket: BucketId,
        space: Space,
    ) -> Result<IndexRoot, StoreError> {
        let id = (bucket, space);
        let stats = self.stats(bucket, space).await?;
        if let Some(known) = self.roots().known(id, stats) {
            return Ok(known);
        }
        let pass = timeout(ADMISSION_TIMEOUT, self.roots().passes.acquire(id)).await;
        let pass = pass.map_err(|_| StoreError::Busy)??;
        let store = self.clone();
        let job = move |bucket: &Bucket| {
            // Released when the work ends, also where nobody waits for it any more.
            let _pass = pass;
            let index = Index::new(bucket, space);
            // Another request may have computed it meanwhile.
            if let Some(known) = store.roots().known(id, index.stats()?) {
                return Ok(known);
            }
            let (root, stats) = index.root_with_stats(Instant::now() + PASS_TIMEOUT)?;
            let found = IndexRoot { root, stats };
            store.roots().known.lock().put(id, found);
            Ok(found)
        };
        self.read(bucket, job).await
    }
}
