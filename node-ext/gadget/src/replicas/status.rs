//! The state of the replicas, for operators and for the HTTP API.

use super::plan::ReplicaState;
use cairn_primitives::BucketId;
use cairn_provider::{MetricGroup, MetricSpec};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// A report on one agreement as a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaReport {
    /// Its state.
    pub state: ReplicaState,
    /// The anchor block of the last confirmation that the chain has.
    pub last_sync: Option<u32>,
    /// True if what that confirmed cannot be proven here, whatever the state is: a copy may fail,
    /// and the stake is at risk until one succeeds.
    pub is_missing: bool,
}

/// Counts for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStatistics {
    /// Agreements as a replica that hold.
    pub agreements: u64,
    /// Those whose last checkpoint the chain has confirmed.
    pub synced: u64,
    /// Those whose last attempt failed, and those that are left behind.
    pub failing: u64,
    /// Those whose last confirmation cannot be proven here.
    pub missing: u64,
    /// Those for which nobody pays.
    pub unpaid: u64,
    /// Buckets that are being copied now.
    pub syncing: u64,
    /// Leaves that were copied since the start.
    pub leaves: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Confirmations that a finalized block includes, since the start.
    pub confirmed: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Seen {
    reports: BTreeMap<BucketId, ReplicaReport>,
    syncing: BTreeSet<BucketId>,
    counts: ReplicaStatistics,
}

/// A bucket that is being copied.
pub(super) struct Copying<'s> {
    status: &'s ReplicaStatus,
    bucket: BucketId,
}

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        self.status.0.lock().syncing.remove(&self.bucket);
    }
}

/// A view of the replica worker's state.
#[derive(Debug, Default)]
pub struct ReplicaStatus(Mutex<Seen>);

impl ReplicaStatus {
    /// Returns the report on a bucket, if the account is a replica of it.
    pub fn report(&self, bucket: BucketId) -> Option<ReplicaReport> {
        self.0.lock().reports.get(&bucket).cloned()
    }

    /// Returns the reports on all agreements, as of the last look at them.
    pub fn reports(&self) -> BTreeMap<BucketId, ReplicaReport> {
        self.0.lock().reports.clone()
    }

    /// Returns whether the account is a replica of a bucket, as of the last look at its agreements.
    pub fn is_replica(&self, bucket: BucketId) -> bool {
        let seen = self.0.lock();
        let report = seen.reports.get(&bucket);
        report.is_some_and(|report| report.state != ReplicaState::Ended)
    }

    /// Returns whether a bucket is being copied now.
    pub fn is_syncing(&self, bucket: BucketId) -> bool {
        self.0.lock().syncing.contains(&bucket)
    }

    /// Returns the counts.
    pub fn statistics(&self) -> ReplicaStatistics {
        let seen = self.0.lock();
        let count = |is: fn(&ReplicaState) -> bool| {
            let number = seen.reports.values().filter(|report| is(&report.state));
            u64::try_from(number.count()).unwrap_or(u64::MAX)
        };
        let missing = seen.reports.values().filter(|report| report.is_missing);
        ReplicaStatistics {
            agreements: count(|state| *state != ReplicaState::Ended),
            synced: count(|state| *state == ReplicaState::Synced),
            failing: count(|state| {
                matches!(
                    state,
                    ReplicaState::Failed(_) | ReplicaState::LeftBehind { .. }
                )
            }),
            missing: u64::try_from(missing.count()).unwrap_or(u64::MAX),
            unpaid: count(|state| matches!(state, ReplicaState::Unpaid { .. })),
            syncing: u64::try_from(seen.syncing.len()).unwrap_or(u64::MAX),
            ..seen.counts
        }
    }

    /// Records that a bucket is being copied until the value is dropped, also if the copy is
    /// abandoned.
    pub(super) fn begin(&self, bucket: BucketId) -> Copying<'_> {
        self.0.lock().syncing.insert(bucket);
        Copying {
            status: self,
            bucket,
        }
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut ReplicaStatistics)) {
        change(&mut self.0.lock().counts);
    }

    /// Replaces the reports, and logs each state that is new and needs somebody.
    pub(super) fn replace(&self, reports: BTreeMap<BucketId, ReplicaReport>) {
        let before = std::mem::replace(&mut self.0.lock().reports, reports.clone());
        for (bucket, report) in reports {
            if before
                .get(&bucket)
                .is_some_and(|old| old.state == report.state)
            {
                continue;
            }
            match report.state {
                ReplicaState::Failed(reason) => {
                    tracing::warn!(%bucket, reason, "a replica could not be synchronised");
                }
                ReplicaState::Waiting(reason) => {
                    tracing::info!(%bucket, reason, "a replica is copied and not confirmed yet");
                }
                ReplicaState::Missing => tracing::error!(
                    %bucket,
                    "WHAT THIS REPLICA HAS CONFIRMED IS MISSING HERE: a challenge of it costs the \
                     stake. It is copied again if replicas are synchronised"
                ),
                ReplicaState::LeftBehind { wanted } => tracing::warn!(
                    %bucket, %wanted,
                    "a replica is left behind: the tree of the bucket's last checkpoint starts \
                     after the end of this copy, and the leaves in between are pruned. Keep the \
                     copy: what was confirmed of it can still be challenged, and nothing else \
                     answers that"
                ),
                ReplicaState::Off => tracing::warn!(
                    %bucket,
                    "the account has an agreement as a replica, and replicas are not synchronised: \
                     `--enable-replica-sync` switches that on"
                ),
                ReplicaState::Unpaid { price, balance } => tracing::warn!(
                    %bucket, price, balance,
                    "nobody pays for a replica: its owner has to top up its sync balance"
                ),
                _ => {}
            }
        }
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let gauges: [MetricSpec<ReplicaStatistics>; 10] = [
            ("agreements", "Agreements as a replica that hold", |s| {
                s.agreements
            }),
            (
                "synced",
                "Replicas whose last checkpoint is confirmed",
                |s| s.synced,
            ),
            ("failing", "Replicas whose last attempt failed", |s| {
                s.failing
            }),
            (
                "missing",
                "Replicas whose last confirmation cannot be proven here",
                |s| s.missing,
            ),
            ("unpaid", "Replicas for which nobody pays", |s| s.unpaid),
            ("syncing", "Buckets that are being copied", |s| s.syncing),
            ("copied_leaves", "Leaves copied since the start", |s| {
                s.leaves
            }),
            (
                "copied_bytes",
                "Bytes of copied leaves since the start",
                |s| s.bytes,
            ),
            ("confirmations", "Confirmations since the start", |s| {
                s.confirmed
            }),
            ("failures", "Failed attempts since the start", |s| s.failed),
        ];
        let status = self.clone();
        let statistics = MetricGroup {
            prefix: "cairn_replica_",
            source: Arc::new(move || status.statistics()),
            registry,
        };
        statistics.register_gauges(&gauges)
    }
}
