//! Places of uploads: a number of them at once, and fewer for one client and in one bucket.

use crate::error::StoreError;
use crate::limits::StoreLimits;
use crate::shares::Shares;
use cairn_primitives::BucketId;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long an upload waits for its place.
pub(crate) const ADMISSION_TIMEOUT: Duration = Duration::from_secs(10);

/// The places of a store.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    clients: Shares<String>,
    buckets: Shares<BucketId>,
}

/// A place that is taken until this is dropped.
pub(crate) struct Place {
    _permits: [OwnedSemaphorePermit; 3],
}

impl Places {
    /// Makes the places for a pool of open buckets.
    pub(crate) fn new(limits: &StoreLimits, open_buckets: u32) -> Self {
        Self {
            all: Arc::new(Semaphore::new(limits.uploads_in(open_buckets))),
            clients: Shares::new(limits.client_uploads),
            buckets: Shares::new(limits.bucket_uploads),
        }
    }

    /// Takes a place for a client in a bucket.
    pub(crate) async fn acquire(
        &self,
        client: &str,
        bucket: BucketId,
    ) -> Result<Place, StoreError> {
        let acquired = timeout(ADMISSION_TIMEOUT, async {
            // Those of its own first: one that waits for them keeps no place from others.
            let client = self.clients.acquire(client.to_owned()).await?;
            let bucket = self.buckets.acquire(bucket).await?;
            let all = Arc::clone(&self.all).acquire_owned().await;
            // The semaphore is never closed.
            let all = all.map_err(|_| StoreError::Busy)?;
            Ok(Place {
                _permits: [client, bucket, all],
            })
        });
        acquired.await.map_err(|_| StoreError::Busy)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_client_and_no_bucket_takes_all_places() {
        let limits = StoreLimits {
            uploads: 4,
            client_uploads: 2,
            bucket_uploads: 3,
            ..StoreLimits::default()
        };
        let places = Places::new(&limits, 64);
        let take = async |client: &str, bucket| places.acquire(client, BucketId(bucket)).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(take("alice", 1).await.unwrap());
        }
        assert!(matches!(take("alice", 2).await, Err(StoreError::Busy)));
        held.push(take("bob", 1).await.unwrap());
        assert!(matches!(take("carol", 1).await, Err(StoreError::Busy)));
        held.push(take("carol", 2).await.unwrap());
        assert!(matches!(take("dave", 3).await, Err(StoreError::Busy)));
        held.clear();
        take("alice", 1).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_pool_without_a_slot_to_spare_takes_no_upload() {
        let places = Places::new(&StoreLimits::default(), 2);
        let refused = places.acquire("alice", BucketId(1)).await;
        assert!(matches!(refused, Err(StoreError::Busy)));
    }
}
