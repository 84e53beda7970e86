//! Roots of indexes: computed once for each state of an index, by one request at a time.

use crate::error::StoreError;
use crate::places::ADMISSION_TIMEOUT;
use crate::remembered_roots::IndexRoot;
use crate::store::ObjectStore;
use cairn_bucket::Bucket;
use cairn_objects::{Index, Space};
use cairn_primitives::BucketId;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long one pass over an index may take: 10 seconds, in which a disk gives some million records.
const PASS_TIMEOUT: Duration = Duration::from_secs(10);

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
            store.roots().remember(id, found);
            Ok(found)
        };
        self.read(bucket, job).await
    }
}
