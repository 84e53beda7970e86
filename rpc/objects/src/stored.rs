//! Content that is stored and has no name yet. Unless it gets one, the bucket forgets it, so that a
//! release frees it.

use crate::store::ObjectStore;
use cairn_bucket::Ingested;
use cairn_objects::{Index, Space};
use cairn_primitives::BucketId;
use cairn_provider::Lease;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::sleep;

/// How often forgetting is tried where the provider is busy.
const FORGET_TRIES: u32 = 12;
/// The time between two tries.
const FORGET_INTERVAL: Duration = Duration::from_secs(5);

/// Content that is stored in a bucket. When this is dropped and nothing refers to the content, it
/// is noted as content to release: it is charged until then.
pub struct StoredContent {
    store: ObjectStore,
    bucket: BucketId,
    content: Ingested,
    runtime: Handle,
    is_kept: bool,
}

impl std::fmt::Debug for StoredContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredContent")
            .field("bucket", &self.bucket)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl StoredContent {
    pub(crate) fn new(
        store: ObjectStore,
        bucket: BucketId,
        content: Ingested,
        runtime: Handle,
    ) -> Self {
        Self {
            store,
            bucket,
            content,
            runtime,
            is_kept: false,
        }
    }

    /// The bucket that it is in.
    pub const fn bucket(&self) -> BucketId {
        self.bucket
    }

    /// Its data root and its size.
    pub const fn content(&self) -> &Ingested {
        &self.content
    }

    /// Records that a name or a part refers to it.
    pub(crate) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for StoredContent {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (store, bucket, content) = (self.store.clone(), self.bucket, self.content);
        self.runtime.spawn(async move {
            store.forget(bucket, content).await;
        });
    }
}

impl ObjectStore {
    /// Notes content as content to release. Tries for a minute where the provider is busy.
    async fn forget(&self, bucket: BucketId, content: Ingested) {
        for _ in 0..FORGET_TRIES {
            // Also in the copy of a replica: it is no leaf and no name.
            let job = move |lease: &Lease| {
                let forgotten =
                    lease.run(|bucket| Index::new(bucket, Space::Keys).forget_content(&content));
                Ok(forgotten?)
            };
            match self.leased_unchecked(bucket, job).await {
                Ok(()) => return,
                Err(error) if error.is_busy() => sleep(FORGET_INTERVAL).await,
                Err(error) => {
                    let root = content.data_root;
                    tracing::warn!(%bucket, ?root, %error, "content without a name stays stored");
                    return;
                }
            }
        }
        let root = content.data_root;
        tracing::warn!(%bucket, ?root, "content without a name stays stored: the provider is busy");
    }
}
