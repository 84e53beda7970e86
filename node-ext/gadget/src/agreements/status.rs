//! The state of the account's agreements, for operators and for the offer of new ones.

use cairn_chain::Head;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::Agreement;
use cairn_provider::{MetricGroup, MetricSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// The state of an agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgreementState {
    /// It holds, and its bucket takes content.
    Active,
    /// It holds for a replica, whose bucket is left to the replica worker.
    Replica,
    /// It has ended. Its bucket takes no new content, and is proven from as before.
    Ended,
    /// It holds, but its bucket cannot be used.
    Unserved(Unserved),
}

/// A reason why an agreement is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// No bucket was made, since the agreement may be older than the base path, or none are made.
    #[error(
        "there is no bucket for it, and none was made: its agreement may be older than this base \
         path. Bring its folder, import it, or make it with `cairn bucket create`"
    )]
    NotMade,
    /// No bucket was made, since the chain has a checkpoint of it.
    #[error(
        "there is no bucket for it, but the chain has a checkpoint of its content: bring its folder"
    )]
    HasCheckpoint,
    /// Others come first.
    #[error("its bucket is made or changed at the next finalized block: others come first")]
    Waiting,
    /// Its bucket was here, and was deleted.
    #[error("its bucket was deleted here: bring its folder, or have the agreement ended")]
    Removed,
    /// The folder of its bucket is missing.
    #[error("the folder of its bucket is missing: put it back")]
    Lost,
    /// Its bucket could not be made or changed.
    #[error("{0}")]
    Failed(String),
}

/// One agreement, as of the last pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementReport {
    /// Its state.
    pub state: AgreementState,
    /// The agreement, if the chain has it.
    pub agreement: Option<Agreement>,
    /// The bytes that may still be charged to its bucket.
    pub unfilled_bytes: u64,
}

/// Statistics of agreements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AgreementStatistics {
    /// Passes over all agreements since the start.
    pub passes: u64,
    /// Passes that failed.
    pub failed_passes: u64,
    /// Buckets made for agreements.
    pub created: u64,
    /// Agreements that hold and are served.
    pub active: u64,
    /// Agreements for replicas.
    pub replicas: u64,
    /// Agreements that have ended and whose buckets are here.
    pub ended: u64,
    /// Agreements that hold and are not served.
    pub unserved: u64,
    /// The bytes that agreements as a primary provider add up to.
    pub agreed_bytes: u64,
    /// The bytes that may still be charged to their buckets.
    pub unfilled_bytes: u64,
}

/// A view of the agreement worker's state.
#[derive(Debug, Default)]
pub struct AgreementStatus {
    passes: AtomicU64,
    failed_passes: AtomicU64,
    created: AtomicU64,
    seen: Mutex<Seen>,
}

/// The agreements, and the head at which they are these.
#[derive(Debug, Default)]
struct Seen {
    /// The last finalized head; `None` if the agreements could not be read there.
    head: Option<Head>,
    /// The agreements as of the last pass.
    reports: BTreeMap<BucketId, AgreementReport>,
}

impl Seen {
    /// Returns the bytes that may still be charged to the buckets.
    fn unfilled_bytes(&self) -> u64 {
        let all = self.reports.values();
        all.fold(0, |sum, one| sum.saturating_add(one.unfilled_bytes))
    }
}

impl AgreementStatus {
    /// Returns all agreements as of the last pass.
    pub fn reports(&self) -> Vec<(BucketId, AgreementReport)> {
        let seen = self.seen.lock();
        let all = seen.reports.iter();
        all.map(|(id, one)| (*id, one.clone())).collect()
    }

    /// Returns whether the account is a replica of a bucket, as of the last pass; `None` if that
    /// saw no agreement for it.
    pub(crate) fn is_replica(&self, bucket: BucketId) -> Option<bool> {
        let seen = self.seen.lock();
        let report = seen.reports.get(&bucket)?;
        Some(report.state == AgreementState::Replica)
    }

    /// Returns the agreements that hold and are not served, with the reasons.
    pub fn unserved(&self) -> Vec<(BucketId, Unserved)> {
        let seen = self.seen.lock();
        let unserved = seen
            .reports
            .iter()
            .filter_map(|(id, one)| match &one.state {
                AgreementState::Unserved(why) => Some((*id, why.clone())),
                _ => None,
            });
        unserved.collect()
    }

    /// Returns the last finalized head at which the agreements are known, with the bytes that may
    /// still be charged to their buckets there. `None` before the first pass, after one that
    /// failed, and while the node synchronises: whatever is decided by the chain's state would
    /// then meet other agreements.
    pub(crate) fn known_at(&self) -> Option<(Head, u64)> {
        let seen = self.seen.lock();
        let head = seen.head?;
        Some((head, seen.unfilled_bytes()))
    }

    /// Records that nothing has changed up to a head since the last pass.
    pub(super) fn set_head(&self, head: Head) {
        self.seen.lock().head = Some(head);
    }

    /// Records that the agreements are not known at the last head.
    pub(super) fn set_unknown(&self) {
        self.seen.lock().head = None;
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> AgreementStatistics {
        let mut statistics = AgreementStatistics {
            passes: self.passes.load(Ordering::Relaxed),
            failed_passes: self.failed_passes.load(Ordering::Relaxed),
            created: self.created.load(Ordering::Relaxed),
            ..AgreementStatistics::default()
        };
        let seen = self.seen.lock();
        for report in seen.reports.values() {
            let count = match report.state {
                AgreementState::Active => &mut statistics.active,
                AgreementState::Replica => &mut statistics.replicas,
                AgreementState::Ended => &mut statistics.ended,
                AgreementState::Unserved(_) => &mut statistics.unserved,
            };
            *count = count.saturating_add(1);
            let is_held = matches!(
                report.state,
                AgreementState::Active | AgreementState::Unserved(_)
            );
            let agreed = report.agreement.filter(|_| is_held);
            let agreed = agreed.map_or(0, |agreement| agreement.max_bytes);
            statistics.agreed_bytes = statistics.agreed_bytes.saturating_add(agreed);
        }
        statistics.unfilled_bytes = seen.unfilled_bytes();
        statistics
    }

    pub(super) fn record_failure(&self) {
        self.failed_passes.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn record_creation(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    /// Replaces the reports after a pass at a head, and logs what has become unserved, once.
    pub(super) fn replace(&self, head: Head, reports: BTreeMap<BucketId, AgreementReport>) {
        let seen = Seen {
            head: Some(head),
            reports: reports.clone(),
        };
        let before = std::mem::replace(&mut *self.seen.lock(), seen).reports;
        self.passes.fetch_add(1, Ordering::Relaxed);
        for (id, report) in &reports {
            let was = before.get(id).map(|report| &report.state);
            match &report.state {
                AgreementState::Unserved(reason) if was != Some(&report.state) => {
                    tracing::error!(bucket = %id, %reason, "AN AGREEMENT IS NOT SERVED");
                }
                AgreementState::Ended if was != Some(&report.state) => {
                    tracing::info!(bucket = %id, "an agreement has ended: its bucket takes no \
                        new content");
                }
                AgreementState::Active if matches!(was, Some(AgreementState::Unserved(_))) => {
                    tracing::info!(bucket = %id, "an agreement is served again");
                }
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
        let counters: [MetricSpec<AgreementStatistics>; 3] = [
            ("passes_total", "Passes over all agreements", |s| s.passes),
            (
                "failed_passes_total",
                "Passes over all agreements that failed",
                |s| s.failed_passes,
            ),
            (
                "buckets_created_total",
                "Buckets made for new agreements",
                |s| s.created,
            ),
        ];
        let gauges: [MetricSpec<AgreementStatistics>; 6] = [
            ("active", "Agreements that hold and are served", |s| {
                s.active
            }),
            ("replicas", "Agreements for replicas", |s| s.replicas),
            (
                "ended",
                "Agreements that have ended and whose buckets are here",
                |s| s.ended,
            ),
            ("unserved", "Agreements that hold and are not served", |s| {
                s.unserved
            }),
            (
                "agreed_bytes",
                "Bytes that agreements as a primary provider add up to",
                |s| s.agreed_bytes,
            ),
            (
                "unfilled_bytes",
                "Bytes that may still be charged to the buckets of agreements",
                |s| s.unfilled_bytes,
            ),
        ];
        let status = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_agreements_",
            source: Arc::new(move || status.statistics()),
            registry,
        };
        readings.register_counters(&counters)?;
        readings.register_gauges(&gauges)
    }
}
