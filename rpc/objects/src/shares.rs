//! Semaphores by key, such as of a client. One is forgotten with its last permit.

use crate::error::StoreError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores of one size, by key.
pub(crate) struct Shares<K> {
    most: usize,
    /// A permit and a request that waits for one keep their semaphore alive.
    of: Mutex<HashMap<K, Weak<Semaphore>>>,
}

impl<K: Eq + Hash> Shares<K> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            of: Mutex::default(),
        }
    }

    fn semaphore(&self, key: K) -> Arc<Semaphore> {
        let mut of = self.of.lock();
        of.retain(|_, semaphore| semaphore.strong_count() > 0);
        if let Some(found) = of.get(&key).and_then(Weak::upgrade) {
            return found;
        }
        let semaphore = Arc::new(Semaphore::new(self.most));
        of.insert(key, Arc::downgrade(&semaphore));
        semaphore
    }

    /// Waits for a permit of a key.
    pub(crate) async fn acquire(&self, key: K) -> Result<OwnedSemaphorePermit, StoreError> {
        let acquired = self.semaphore(key).acquire_owned().await;
        // The semaphores are never closed.
        acquired.map_err(|_| StoreError::Busy)
    }

    #[cfg(test)]
    pub(crate) fn keys(&self) -> usize {
        let mut of = self.of.lock();
        of.retain(|_, semaphore| semaphore.strong_count() > 0);
        of.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn each_key_has_its_permits_and_is_forgotten_with_the_last() {
        let shares = Shares::new(2);
        let one = shares.acquire("a").await.unwrap();
        let two = shares.acquire("a").await.unwrap();
        assert!(shares.acquire("a").now_or_never().is_none());
        let other = shares.acquire("b").await.unwrap();
        assert_eq!(shares.keys(), 2);
        drop(one);
        let again = shares.acquire("a").await.unwrap();
        assert!(shares.acquire("a").now_or_never().is_none());
        drop((two, again, other));
        assert_eq!(shares.keys(), 0);
    }
}
