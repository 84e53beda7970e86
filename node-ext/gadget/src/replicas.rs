//! The replica worker: copies the buckets of which this account is a replica up to their last
//! checkpoint, and confirms that on chain, which is paid.
//!
//! A copy is made from the bucket's primary providers, one after another, and nothing that they say
//! is believed: see `cairn-replica`. The root is recorded as signed before it is confirmed, since
//! the chain may ask for it from then on (I4). A confirmation is sent only if the chain would take
//! it, where the chain can tell.

mod confirm;
mod copy;
mod http_peers;
mod pending;
mod plan;
mod status;
mod store;

pub use http_peers::HttpReplicaPeers;
pub use plan::ReplicaState;
pub use status::{ReplicaReport, ReplicaStatistics, ReplicaStatus};

use crate::heads::Heads;
use cairn_bucket::{BucketConfig, quota_for_content};
use cairn_chain::{ChainClient, ChainError, Head, ReplicaAgreement, ReplicaClient};
use cairn_keys::Signer;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{Provider, ProviderError, SignedRootState};
use cairn_replica::Peer;
use confirm::Confirmations;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use plan::{Plan, plan};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Connects to the endpoints of other providers.
pub trait ReplicaPeers: Send + Sync + 'static {
    /// Returns the provider at an endpoint as a peer, or the reason why there is none.
    fn peer(&self, endpoint: &[u8]) -> Result<Arc<dyn Peer>, String>;
}

/// The configuration of the replica worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
    /// True to copy buckets and to confirm them. Otherwise the agreements are only looked at, so
    /// that the operator gets a warning.
    pub synchronises: bool,
    /// Anchor blocks between two looks at all agreements: 100, which are ten minutes.
    pub interval: u32,
    /// Buckets that are copied at once: 3, so that clients are served meanwhile.
    pub at_once: usize,
    /// How long one bucket may take at a time: five minutes. What was copied stays, and the next
    /// look continues.
    pub time_limit: Duration,
}

impl Default for ReplicaConfig {
    fn default() -> Self {
        Self {
            synchronises: true,
            interval: 100,
            at_once: 3,
            time_limit: Duration::from_secs(300),
        }
    }
}

/// The parts of a provider that the worker uses.
pub(crate) struct ReplicaInputs {
    pub(crate) chain: Arc<dyn ChainClient>,
    pub(crate) replicas: Arc<dyn ReplicaClient>,
    pub(crate) peers: Arc<dyn ReplicaPeers>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) signer: Signer,
    /// Returns the reason why no confirmation is sent now, if answers to challenges may need the
    /// account's balance or its next nonce.
    pub(crate) may_spend: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// A bucket that is to be copied.
struct Due {
    bucket: BucketId,
    agreement: ReplicaAgreement,
    info: BucketInfo,
    wanted: Commitment,
    /// The anchor block at which that was decided.
    anchor: u32,
    /// True if what was confirmed last cannot be proven here.
    is_missing: bool,
    /// True if the copy is to be confirmed.
    confirms: bool,
}

/// The worker that keeps replicas.
pub(crate) struct ReplicaWorker {
    inputs: ReplicaInputs,
    config: ReplicaConfig,
    status: Arc<ReplicaStatus>,
    confirmations: Confirmations,
    next_at: u32,
    /// The number of looks, which decides the provider that is asked first.
    looks: usize,
}

impl ReplicaWorker {
    pub(crate) fn new(
        inputs: ReplicaInputs,
        config: ReplicaConfig,
        status: Arc<ReplicaStatus>,
    ) -> Self {
        Self {
            inputs,
            config,
            status,
            confirmations: Confirmations::default(),
            next_at: 0,
            looks: 0,
        }
    }

    /// Keeps replicas until `shutdown` completes. A copy that is being made then is dropped; it
    /// continues after the next start.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::new(self.inputs.chain.clone(), "replicas");
        loop {
            let mut looked = pin!(
                async {
                    let head = heads.next().await;
                    self.on_finalized_head(head).await;
                }
                .fuse()
            );
            futures::select_biased! {
                () = shutdown => return,
                () = looked => {}
            }
        }
    }

    pub(crate) async fn on_finalized_head(&mut self, head: Head) {
        // Also looks if the chain seems to go back.
        let rest = self.next_at.saturating_sub(self.config.interval)..self.next_at;
        if rest.contains(&head.anchor) {
            return;
        }
        match self.look(head).await {
            Ok(()) => self.next_at = head.anchor.saturating_add(self.config.interval),
            // A runtime without replicas will not gain them in this block.
            Err(error @ ChainError::Unsupported(_)) => {
                tracing::warn!(%error, "the chain has no replicas that Cairn knows");
                self.next_at = head.anchor.saturating_add(self.config.interval);
            }
            Err(error) => {
                self.next_at = 0;
                tracing::warn!(%error, "the agreements of replicas could not be read; trying again");
            }
        }
    }

    /// Looks at all agreements, and copies what is due.
    async fn look(&mut self, head: Head) -> Result<(), ChainError> {
        if self.inputs.chain.is_syncing().await? {
            return Ok(());
        }
        let agreements = self.inputs.replicas.replica_agreements(head.hash).await?;
        self.looks = self.looks.wrapping_add(1);
        let (mut reports, mut due) = (BTreeMap::new(), Vec::new());
        for (bucket, agreement) in agreements {
            let info = self.inputs.chain.bucket(head.hash, bucket).await?;
            let checkpoint = info.as_ref().and_then(|info| info.snapshot.as_ref());
            let wanted = checkpoint.map(|checkpoint| checkpoint.commitment);
            let is_provable = self.is_provable(bucket, &agreement).await;
            let mut next = plan(&agreement, wanted.as_ref(), head.anchor, is_provable);
            if !self.config.synchronises {
                next = next.switched_off();
            }
            let last_sync = agreement.last_sync.map(|last| last.block);
            let Plan {
                state,
                copies,
                confirms,
            } = next;
            if let (true, Some(info), Some(wanted)) = (copies, info, wanted) {
                due.push(Due {
                    bucket,
                    agreement,
                    info,
                    wanted,
                    anchor: head.anchor,
                    is_missing: state == ReplicaState::Missing,
                    confirms,
                });
            }
            let is_missing = state == ReplicaState::Missing;
            let report = ReplicaReport {
                state,
                last_sync,
                is_missing,
            };
            reports.insert(bucket, report);
        }
        self.status.replace(reports.clone());
        if due.is_empty() {
            return Ok(());
        }
        let profile = self.inputs.chain.limits(head.hash).await?.profile;
        let this = &*self;
        let done: Vec<_> = stream::iter(due)
            .map(|due| async move {
                let config = BucketConfig {
                    profile,
                    max_bytes: quota_for_content(due.agreement.max_bytes),
                };
                (due.bucket, this.keep(&due, config).await)
            })
            .buffer_unordered(self.config.at_once.max(1))
            .collect()
            .await;
        reports.extend(done);
        self.status.replace(reports);
        Ok(())
    }

    /// Returns whether the last confirmation can be proven here. Also true if that is not known
    /// since the bucket is in use.
    async fn is_provable(&self, bucket: BucketId, agreement: &ReplicaAgreement) -> bool {
        let Some(last) = agreement.last_sync else {
            return true;
        };
        let provider = self.inputs.provider.clone();
        let look = move || provider.find_signed(bucket, &last.commitment);
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(found)) => found == SignedRootState::Provable,
            Ok(Err(
                ProviderError::Busy { .. }
                | ProviderError::Reserved { .. }
                | ProviderError::Aborted { .. },
            ))
            | Err(_) => true,
            Ok(Err(error)) => {
                tracing::error!(%bucket, %error, "the copy of a replica cannot be read");
                false
            }
        }
    }

    /// Copies one bucket, and confirms it if it is time.
    async fn keep(&self, due: &Due, config: BucketConfig) -> ReplicaReport {
        let copying = self.status.begin(due.bucket);
        let copied = self.copy(due, config).await;
        drop(copying);
        if let Err(reason) = copied {
            self.status.count(|counts| {
                counts.failed = counts.failed.saturating_add(1);
            });
            return ReplicaReport {
                state: reason.into(),
                last_sync: due.agreement.last_sync.map(|last| last.block),
                is_missing: due.is_missing,
            };
        }
        let is_provable = self.is_provable(due.bucket, &due.agreement).await;
        let (state, last_sync) = match due.confirms {
            true => self.confirm(due).await,
            false => {
                let next = plan(&due.agreement, Some(&due.wanted), due.anchor, is_provable);
                let last = due.agreement.last_sync.map(|last| last.block);
                (next.state, last)
            }
        };
        ReplicaReport {
            // What was confirmed just now is here.
            is_missing: !is_provable && state != ReplicaState::Synced,
            state,
            last_sync,
        }
    }
}

#[cfg(test)]
mod tests;
