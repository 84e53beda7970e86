//! The agreement worker: makes the buckets of new agreements, and keeps each bucket's quota at
//! what its agreement pays for.
//!
//! It follows the account's agreements at finalized heads. A bucket whose agreement has ended
//! takes no new content. It is still proven from until the retention worker's rules let it go,
//! and nothing here deletes anything. Replicas are left alone.
//!
//! # When it reads
//!
//! Agreements are rows of one map for all providers, so reading them is expensive. At each head
//! only the provider's own row is read: a new agreement, a top-up and an end each change the bytes
//! that it is committed to. All agreements are read when those have changed, when one is due to
//! expire, and every [`AgreementConfig::interval`] anchor blocks, since two changes may cancel out
//! and an extension changes no bytes.
//!
//! Nothing is done while the node synchronises. Its finalized blocks are old then, so that an
//! agreement which is older than this base path would look new when its block comes, and would get
//! an empty bucket.

mod plan;
mod records;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use records::was_replica;
pub use status::{AgreementReport, AgreementState, AgreementStatistics, AgreementStatus, Unserved};

use super::heads::{HeadFollower, follow};
use cairn_bucket::{Bucket, BucketConfig, CommitError, quota_for_content};
use cairn_chain::{ChainClient, ChainError, Head};
use cairn_primitives::onchain::Agreement;
use cairn_primitives::{BucketId, HashingProfile};
use cairn_provider::{BucketStatus, IndexError, LeaseRequest, Provider, ProviderError};
use plan::{Action, BucketFacts, LocalBucket};
use records::AgreementRecords;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

/// Anchor blocks between reads of all agreements: a minute.
const DEFAULT_INTERVAL: u32 = 10;
/// The most buckets that are made or changed in one pass. The next head continues.
const MAX_CHANGES: usize = 64;

/// The configuration of the agreement worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreementConfig {
    /// True if a bucket is made when an agreement for it appears.
    pub creates_buckets: bool,
    /// The hashing profile of new buckets; `None` for the one that the chain's client states.
    pub profile: Option<HashingProfile>,
    /// Anchor blocks between reads of all agreements; 0 reads them at every finalized block.
    pub interval: u32,
}

impl Default for AgreementConfig {
    fn default() -> Self {
        Self {
            creates_buckets: true,
            profile: None,
            interval: DEFAULT_INTERVAL,
        }
    }
}

/// Errors that abort a pass. It is repeated at the next head.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the pass was aborted: {0}")]
    Aborted(#[from] tokio::task::JoinError),
}

/// Errors of one bucket.
#[derive(Debug, thiserror::Error)]
enum BucketError {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Quota(#[from] CommitError),
}

/// The worker that follows the account's agreements.
pub(crate) struct AgreementWorker {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    config: AgreementConfig,
    status: Arc<AgreementStatus>,
    next_at: u32,
    /// The first anchor block at which an agreement expires that holds now.
    next_expiry: u32,
    /// The bytes that the provider was committed to at the last pass.
    committed_bytes: Option<u64>,
    /// The quotas that were asked for, and those that were set instead.
    applied: BTreeMap<BucketId, (u64, u64)>,
    /// True if the last pass succeeded, so that its agreements hold as long as nothing changes.
    has_read: bool,
    /// True if the node was synchronising at the last head.
    is_syncing: bool,
}

impl std::fmt::Debug for AgreementWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgreementWorker")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl HeadFollower for AgreementWorker {
    const NAME: &'static str = "agreements";

    fn chain(&self) -> Arc<dyn ChainClient> {
        self.chain.clone()
    }

    fn on_head(&mut self, head: Head) -> impl Future<Output = ()> + Send {
        self.on_finalized_head(head)
    }
}

impl AgreementWorker {
    /// Creates the worker for a provider and a chain.
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: AgreementConfig,
    ) -> Self {
        Self {
            chain,
            provider,
            config,
            status: Arc::default(),
            next_at: 0,
            next_expiry: 0,
            committed_bytes: None,
            applied: BTreeMap::new(),
            has_read: false,
            is_syncing: false,
        }
    }

    /// Returns a view of the worker's state.
    pub(crate) fn status(&self) -> Arc<AgreementStatus> {
        self.status.clone()
    }

    /// Follows agreements until `shutdown` completes.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        follow(self, shutdown).await;
    }

    pub(crate) async fn on_finalized_head(&mut self, head: Head) {
        if !self.is_at_tip().await {
            self.set_unread();
            return;
        }
        self.provider.observe_anchor(head.anchor);
        let committed = self.chain.provider(head.hash).await;
        let committed = committed.map(|info| info.map(|info| info.committed_bytes));
        let is_unchanged = committed
            .as_ref()
            .is_ok_and(|committed| *committed == self.committed_bytes);
        // Also reads if the chain seems to go back.
        let rest = self.next_at.saturating_sub(self.config.interval)..self.next_at;
        if is_unchanged && rest.contains(&head.anchor) && head.anchor < self.next_expiry {
            if self.has_read {
                self.status.set_head(head);
            }
            return;
        }
        match self.pass(head).await {
            Ok(is_complete) => {
                self.has_read = true;
                // An unreadable row is read again at the next head.
                self.committed_bytes = committed.unwrap_or(None);
                self.next_at = match is_complete {
                    true => head.anchor.saturating_add(self.config.interval),
                    false => 0,
                };
            }
            Err(error) => {
                self.set_unread();
                self.status.record_failure();
                tracing::warn!(%error, "agreements could not be read; trying again");
                if let PassError::Chain(ChainError::Unsupported(_)) = error {
                    // A runtime without the query will not gain it.
                    self.committed_bytes = committed.unwrap_or(None);
                    self.next_expiry = u32::MAX;
                    self.next_at = head.anchor.saturating_add(self.config.interval);
                }
            }
        }
    }

    /// Returns whether the node is at the tip of its chain, as far as it knows. A question that
    /// fails counts as no.
    async fn is_at_tip(&mut self) -> bool {
        let was_syncing = self.is_syncing;
        match self.chain.is_syncing().await {
            Ok(is_syncing) => {
                self.is_syncing = is_syncing;
                if is_syncing && !was_syncing {
                    tracing::warn!(
                        "the node synchronises: until it has, no agreement is followed, no bucket \
                         is made, and no terms are signed"
                    );
                }
                !is_syncing
            }
            Err(error) => {
                self.status.record_failure();
                tracing::warn!(
                    %error,
                    "the node does not tell whether it synchronises, so that agreements are not \
                     followed; trying again"
                );
                false
            }
        }
    }

    /// Records that the agreements are not known, so that all are read at the next head.
    fn set_unread(&mut self) {
        self.status.set_unknown();
        self.has_read = false;
        self.next_at = 0;
    }

    /// Reads all agreements at a head, and lets each bucket follow its own. Returns whether all
    /// were looked at; if not, the next head continues.
    async fn pass(&mut self, head: Head) -> Result<bool, PassError> {
        let on_chain = self.chain.agreements(head.hash).await?;
        let on_chain: BTreeMap<_, _> = on_chain.into_iter().collect();
        let listed: BTreeSet<_> = on_chain.keys().copied().collect();
        let (records, locals) = self
            .run_blocking(move |provider| {
                let records = AgreementRecords::read(provider.index())?;
                let all: BTreeSet<_> = records.buckets().chain(listed).collect();
                let locals: Vec<_> = all
                    .into_iter()
                    .map(|id| (id, local_bucket(provider, id)))
                    .collect();
                Ok::<_, IndexError>((records, locals))
            })
            .await??;
        let mut changed = records.begin_changes();
        let (mut reports, mut left) = (BTreeMap::new(), MAX_CHANGES);
        let mut is_complete = true;
        for (id, local) in locals {
            let facts = BucketFacts {
                on_chain: on_chain.get(&id).copied(),
                known: records.get(id),
                local,
                applied: self.applied.get(&id).copied(),
                anchor: head.anchor,
                creates: self.config.creates_buckets,
                is_first: !records.are_complete_for(id),
            };
            let (action, mut state) = facts.plan();
            if action.changes_disk() && left == 0 {
                is_complete = false;
                state = AgreementState::Unserved(Unserved::Waiting);
            } else if action.changes_disk() {
                left = left.saturating_sub(1);
                if let Err(unserved) = self.apply(head, id, action).await {
                    state = AgreementState::Unserved(unserved);
                }
            }
            match facts.record_after(&state) {
                Some(record) => changed.set(id, record),
                None if action == Action::Forget => changed.forget(id),
                None => {}
            }
            if action != Action::Forget {
                reports.insert(id, facts.report(state));
            }
        }
        let is_first = !records.are_complete();
        self.run_blocking(move |provider| changed.write(provider.index(), is_first))
            .await??;
        self.applied.retain(|id, _| reports.contains_key(id));
        let held = on_chain.values().filter(|one| one.holds_at(head.anchor));
        self.next_expiry = held.map(|one| one.expires_at).min().unwrap_or(u32::MAX);
        self.status.replace(head, reports);
        Ok(is_complete)
    }

    /// Makes or changes a bucket. An error concerns this bucket alone.
    async fn apply(&mut self, head: Head, id: BucketId, action: Action) -> Result<(), Unserved> {
        let failed = |error: &dyn std::fmt::Display| Unserved::Failed(error.to_string());
        let done = match action {
            Action::Nothing | Action::Forget => return Ok(()),
            Action::SetQuota(quota) => {
                self.run_blocking(move |provider| set_quota(provider, id, quota))
                    .await
            }
            Action::Create { quota } => {
                let info = self.chain.bucket(head.hash, id).await;
                let info = info.map_err(|error| failed(&error))?;
                if info.is_some_and(|info| info.snapshot.is_some()) {
                    return Err(Unserved::HasCheckpoint);
                }
                let profile = match self.config.profile {
                    Some(profile) => profile,
                    None => {
                        let limits = self.chain.limits(head.hash).await;
                        limits.map_err(|error| failed(&error))?.profile
                    }
                };
                let config = BucketConfig {
                    profile,
                    max_bytes: quota,
                };
                let made = self.run_blocking(move |provider| {
                    provider.create_bucket(id, config)?;
                    Ok(quota)
                });
                let made = made.await;
                if matches!(made, Ok(Ok(_))) {
                    self.status.record_creation();
                    tracing::info!(bucket = %id, quota, "made a bucket for a new agreement");
                }
                made
            }
        };
        let set = done
            .map_err(|error| failed(&error))?
            .map_err(|error: BucketError| failed(&error))?;
        if let Action::SetQuota(asked) = action {
            self.applied.insert(id, (asked, set));
            tracing::info!(bucket = %id, quota = set, "a bucket's quota follows its agreement");
        }
        Ok(())
    }

    /// Runs disk work on a blocking thread.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Provider) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let provider = self.provider.clone();
        tokio::task::spawn_blocking(move || work(&provider)).await
    }
}

fn set_quota(provider: &Provider, id: BucketId, quota: u64) -> Result<u64, BucketError> {
    let lease = provider.blocking_lease(id, LeaseRequest::write())?;
    Ok(lease.run(|bucket: &Bucket| bucket.set_quota(quota))?)
}

/// Looks at a bucket without opening it.
fn local_bucket(provider: &Provider, id: BucketId) -> LocalBucket {
    match provider.indexed_bucket(id) {
        None => LocalBucket::Missing,
        Some(noted) if noted.record.status == BucketStatus::Lost => LocalBucket::Lost,
        Some(noted) => LocalBucket::Present {
            quota: noted.record.config.max_bytes,
            charged: noted.record.charged_bytes(),
        },
    }
}

/// Returns the quota of a bucket under an agreement.
fn quota_of(agreement: &Agreement) -> u64 {
    quota_for_content(agreement.max_bytes)
}
