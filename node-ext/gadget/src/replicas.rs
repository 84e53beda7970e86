//! The replica worker: copies the buckets of which this account is a replica up to their last
//! checkpoint, and confirms that on chain, which is paid.
//!
//! A copy is made from the bucket's primary providers, one after another, and nothing that they say
//! is believed: see `cairn-replica`. The root is recorded as signed before it is confirmed, since
//! the chain may ask for it from then on (I4). A confirmation is sent only if the chain would take
//! it, where the chain can tell.

mod http_peers;
mod plan;
mod status;
mod store;

pub use http_peers::HttpReplicaPeers;
pub use plan::ReplicaState;
pub use status::{ReplicaReport, ReplicaStatistics, ReplicaStatus};

use crate::heads::Heads;
use cairn_bucket::{Bucket, BucketConfig, RecordRootError, quota_for_content};
use cairn_chain::{
    ChainClient, ChainError, ExtrinsicStatus, Head, ReplicaAgreement, ReplicaClient, Submission,
    SyncConfirmation, SyncVerdict,
};
use cairn_keys::Signer;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{LeaseRequest, Provider};
use cairn_replica::{Peer, SyncLimits, SyncRequest, Synced, sync};
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use store::ProviderStore;

/// Connects to the endpoints of other providers.
pub trait ReplicaPeers: Send + Sync + 'static {
    /// Returns the provider at an endpoint as a peer, or the reason why there is none.
    fn peer(&self, endpoint: &[u8]) -> Result<Arc<dyn Peer>, String>;
}

/// The configuration of the replica worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaConfig {
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
}

/// The worker that keeps replicas.
pub(crate) struct ReplicaWorker {
    inputs: ReplicaInputs,
    config: ReplicaConfig,
    status: Arc<ReplicaStatus>,
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
            let state = plan::plan(&agreement, wanted.as_ref(), head.anchor);
            if let (ReplicaState::Due, Some(info), Some(wanted)) = (&state, info, wanted) {
                due.push((bucket, agreement, info, wanted));
            }
            let last_sync = agreement.last_sync.map(|(_, block)| block);
            reports.insert(bucket, ReplicaReport { state, last_sync });
        }
        self.status.replace(reports.clone());
        if due.is_empty() {
            return Ok(());
        }
        let profile = self.inputs.chain.limits(head.hash).await?.profile;
        let this = &*self;
        let done: Vec<_> = stream::iter(due)
            .map(|(bucket, agreement, info, wanted)| async move {
                let config = BucketConfig {
                    profile,
                    max_bytes: quota_for_content(agreement.max_bytes),
                };
                (
                    bucket,
                    this.keep(bucket, &agreement, &info, wanted, config).await,
                )
            })
            .buffer_unordered(self.config.at_once.max(1))
            .collect()
            .await;
        for (bucket, state) in done {
            if let Some(report) = reports.get_mut(&bucket) {
                report.state = state;
            }
        }
        self.status.replace(reports);
        Ok(())
    }

    /// Copies one bucket and confirms it. Returns its state.
    async fn keep(
        &self,
        bucket: BucketId,
        agreement: &ReplicaAgreement,
        info: &BucketInfo,
        wanted: Commitment,
        config: BucketConfig,
    ) -> ReplicaState {
        let copying = self.status.begin(bucket);
        let kept = self.copy(bucket, agreement, info, wanted, config).await;
        drop(copying);
        let confirmed = match kept {
            Ok(()) => self.confirm(bucket, wanted).await,
            Err(reason) => Err(reason),
        };
        match confirmed {
            Ok(()) => {
                self.status.count(|counts| {
                    counts.confirmed = counts.confirmed.saturating_add(1);
                });
                tracing::info!(%bucket, root = ?wanted.mmr_root, "a replica was confirmed");
                ReplicaState::Synced
            }
            Err(reason) => {
                self.status.count(|counts| {
                    counts.failed = counts.failed.saturating_add(1);
                });
                ReplicaState::Failed(reason)
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

    async fn copy(
        &self,
        bucket: BucketId,
        agreement: &ReplicaAgreement,
        info: &BucketInfo,
        commitment: Commitment,
        config: BucketConfig,
    ) -> Result<(), String> {
        let store = Arc::new(ProviderStore {
            provider: self.inputs.provider.clone(),
            id: bucket,
            config,
        });
        let quota = store.clone();
        let set = tokio::task::spawn_blocking(move || quota.set_quota()).await;
        set.map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let request = SyncRequest {
            bucket,
            commitment,
            max_leaf_bytes: agreement.max_bytes,
        };
        let peers = self.peers(info);
        let limits = SyncLimits::default();
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
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err("it takes longer than one attempt may: it continues".to_owned()),
        }
    }

    /// Records the root as signed, signs it, asks the chain, and submits the confirmation.
    async fn confirm(&self, bucket: BucketId, commitment: Commitment) -> Result<(), String> {
        let (provider, signer) = (self.inputs.provider.clone(), self.inputs.signer.clone());
        let signing = tokio::task::spawn_blocking(move || {
            let lease = provider.blocking_lease(bucket, LeaseRequest::write());
            let lease = lease.map_err(|error| error.to_string())?;
            let permit = lease.permit(&signer).map_err(|error| error.to_string())?;
            let record = |bucket: &Bucket| bucket.record_signed_root(commitment);
            let durable = lease
                .run(record)
                .map_err(|error: RecordRootError| error.to_string())?;
            let signed = permit.sign_sync_roots(&durable);
            signed.map_err(|error| error.to_string())
        });
        let (roots, signature) = signing.await.map_err(|error| error.to_string())??;
        let confirmation = SyncConfirmation {
            bucket,
            roots,
            signature,
        };
        let judged = self.inputs.replicas.judge_sync(&confirmation).await;
        match judged.map_err(|error| error.to_string())? {
            SyncVerdict::Accepted | SyncVerdict::NotOffered => {}
            SyncVerdict::Refused(name) => return Err(format!("the chain would refuse it: {name}")),
        }
        let submission = Submission::ConfirmSync(Box::new(confirmation));
        let submitted = self.inputs.chain.submit(submission).await;
        let mut submitted = submitted.map_err(|error| error.to_string())?;
        let limit = self.config.time_limit;
        let followed = tokio::time::timeout(limit, async {
            while let Some(status) = submitted.statuses.next().await {
                match status {
                    ExtrinsicStatus::Finalized(block) => return Ok(block),
                    ExtrinsicStatus::Dropped(reason) => return Err(reason),
                    ExtrinsicStatus::InBlock(_) | ExtrinsicStatus::Retracted(_) => {}
                }
            }
            Err("the connection to the node was lost".to_owned())
        });
        let unknown = || "it was submitted, and its result is not known yet".to_owned();
        let block = followed.await.map_err(|_| unknown())??;
        // A block may include a confirmation that fails: its state tells.
        let rows = self.inputs.replicas.replica_agreements(block).await;
        let mut rows = rows.map_err(|error| error.to_string())?.into_iter();
        let row = rows.find(|(id, _)| *id == bucket).map(|(_, row)| row);
        match row.and_then(|row| row.last_sync) {
            Some((root, _)) if root == commitment.mmr_root => Ok(()),
            _ => Err("the chain did not take the confirmation".to_owned()),
        }
    }
}
