//! Copies one bucket up to a commitment: in its own place, or next to the others if it is lost.

use super::plan::ReplicaState;
use super::store::ProviderStore;
use super::{Due, ReplicaWorker};
use cairn_bucket::{Bucket, BucketConfig, RecordRootError};
use cairn_engine::SharedResources;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{BucketStatus, LeaseRequest, Provider};
use cairn_replica::{FolderStore, Peer, Store, SyncFailure, SyncLimits, SyncRequest, Synced, sync};
use std::sync::Arc;

/// A reason why a bucket was not copied.
#[derive(Debug)]
pub(super) enum NotCopied {
    /// The copy ends before the wanted tree, which starts here.
    LeftBehind(Sequence),
    Failed(String),
}

impl From<String> for NotCopied {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<NotCopied> for ReplicaState {
    fn from(reason: NotCopied) -> Self {
        match reason {
            NotCopied::LeftBehind(wanted) => Self::LeftBehind { wanted },
            NotCopied::Failed(reason) => Self::Failed(reason),
        }
    }
}

impl ReplicaWorker {
    /// Copies a bucket. What was confirmed and cannot be proven here can be proven then, if the
    /// last checkpoint's tree has it.
    pub(super) async fn copy(&self, due: &Due, config: BucketConfig) -> Result<(), NotCopied> {
        let bucket = due.bucket;
        let noted = self.inputs.provider.indexed_bucket(bucket);
        if noted.is_some_and(|noted| noted.record.status == BucketStatus::Lost) {
            return self.rebuild(due, config).await;
        }
        let store = Arc::new(ProviderStore {
            provider: self.inputs.provider.clone(),
            id: bucket,
            config,
        });
        let quota = store.clone();
        blocking(move || quota.set_quota().map_err(|error| error.to_string())).await?;
        self.sync(due, store).await?;
        match due.is_missing {
            true => {
                let provider = self.inputs.provider.clone();
                let recorded = blocking(move || record_all_roots(&provider, bucket)).await;
                recorded.map_err(NotCopied::Failed)
            }
            false => Ok(()),
        }
    }

    /// Makes a copy of a lost bucket next to the others, and moves it into its place once it is
    /// complete. An interrupted one continues.
    async fn rebuild(&self, due: &Due, config: BucketConfig) -> Result<(), NotCopied> {
        let (bucket, provider) = (due.bucket, self.inputs.provider.clone());
        let store = blocking(move || {
            let path = provider.healing_path(bucket);
            let path = path.map_err(|error| error.to_string())?;
            let shared: SharedResources = provider.healing_resources();
            let store = FolderStore::open(&path, bucket, config, shared);
            store.map_err(|error| error.to_string())
        });
        let store = Arc::new(store.await?);
        self.sync(due, store.clone()).await?;
        let provider = self.inputs.provider.clone();
        let adopted = blocking(move || {
            // Nothing else has it: all work on it has ended.
            let store = Arc::into_inner(store).ok_or("the copy is still in use")?;
            store.finish().map_err(|error| error.to_string())?;
            match provider.adopt_healed(bucket) {
                Ok(None) => {
                    tracing::warn!(%bucket, "a replica that was lost was copied again");
                    Ok(())
                }
                Ok(Some(reason)) => Err(format!("it was copied again, but {reason}")),
                Err(error) => Err(error.to_string()),
            }
        });
        adopted.await.map_err(NotCopied::Failed)
    }

    async fn sync(&self, due: &Due, store: Arc<dyn Store>) -> Result<(), NotCopied> {
        let request = SyncRequest {
            bucket: due.bucket,
            commitment: due.wanted,
            max_leaf_bytes: due.agreement.max_bytes,
        };
        let peers = self.peers(&due.info);
        let share = u32::try_from(peers.len()).unwrap_or(u32::MAX).max(1);
        let limits = SyncLimits {
            // One that is slow does not keep the others from being asked.
            time_per_peer: self.config.time_limit.checked_div(share),
            ..SyncLimits::default()
        };
        let copied = sync(store, &peers, request, limits, &|_| {});
        match tokio::time::timeout(self.config.time_limit, copied).await {
            Ok(Ok(Synced {
                leaves_added,
                bytes_added,
            })) => {
                self.status.count(|counts| {
                    counts.leaves = counts.leaves.saturating_add(leaves_added);
                    counts.bytes = counts.bytes.saturating_add(bytes_added);
                });
                Ok(())
            }
            Ok(Err(SyncFailure::LeftBehind { wanted })) => Err(NotCopied::LeftBehind(wanted)),
            Ok(Err(failure)) => Err(failure.to_string().into()),
            Err(_) => {
                let reason = "it takes longer than one attempt may: it continues";
                Err(reason.to_owned().into())
            }
        }
    }

    /// Returns the bucket's primary providers as peers, another one first at each look.
    fn peers(&self, info: &BucketInfo) -> Vec<Arc<dyn Peer>> {
        let own = self.inputs.chain.account();
        let others = info.primary_providers.iter();
        let others = others.filter(|primary| primary.account != own);
        let mut peers: Vec<_> = others
            .filter_map(|primary| match self.inputs.peers.peer(&primary.endpoint) {
                Ok(peer) => Some(peer),
                Err(reason) => {
                    tracing::debug!(reason, "a primary provider has no usable endpoint");
                    None
                }
            })
            .collect();
        if let Some(first) = self.looks.checked_rem(peers.len()) {
            peers.rotate_left(first);
        }
        peers
    }
}

/// Records the root after each leaf as signed elsewhere, so that each can be proven: it is unknown
/// which of them were confirmed before the copy was lost.
fn record_all_roots(provider: &Provider, bucket: BucketId) -> Result<(), String> {
    let lease = provider.blocking_lease(bucket, LeaseRequest::write());
    let lease = lease.map_err(|error| error.to_string())?;
    let recorded = lease.run(Bucket::record_all_roots);
    recorded.map_err(|error: RecordRootError| error.to_string())
}

/// Runs work on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error.to_string())?
}
