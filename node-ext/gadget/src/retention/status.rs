//! The state of the retention worker, for operators.

use super::queries::{RetentionError, RetentionQueries};
use super::rules::RetainReason;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{MetricGroup, MetricSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Statistics of retention since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionStatistics {
    /// Passes over all buckets.
    pub passes: u64,
    /// Released trees.
    pub released: u64,
    /// Failed releases, which are retried.
    pub failed: u64,
    /// Retired trees that are kept, as of the last pass.
    pub retained: u64,
    /// Buckets that an operator may delete, since nothing has held them for long enough, as of the
    /// last pass.
    pub deletable_buckets: u64,
}

/// A view of the retention worker's state.
pub struct RetentionStatus {
    queries: Arc<RetentionQueries>,
    pub(super) counts: Mutex<RetentionStatistics>,
    pub(super) retained: Mutex<BTreeMap<(BucketId, Sequence), RetainReason>>,
}

impl std::fmt::Debug for RetentionStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetentionStatus")
            .field("counts", &*self.counts.lock())
            .finish_non_exhaustive()
    }
}

impl RetentionStatus {
    pub(super) fn new(queries: Arc<RetentionQueries>) -> Self {
        Self {
            queries,
            counts: Mutex::default(),
            retained: Mutex::default(),
        }
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> RetentionStatistics {
        *self.counts.lock()
    }

    /// Returns the retired trees that are kept, by bucket and `start_seq`, with the reasons.
    pub fn retained(&self) -> Vec<((BucketId, Sequence), RetainReason)> {
        let kept = self.retained.lock();
        kept.iter().map(|(tree, why)| (*tree, *why)).collect()
    }

    /// Decides whether a bucket may be deleted with all that was signed of it, by querying the
    /// chain now, at the last finalized head. `Ok(Err(_))` says why it must stay.
    ///
    /// # Errors
    ///
    /// [`RetentionError`] if the chain does not answer or the disk fails; then nothing may be deleted.
    pub async fn check_deletable(
        &self,
        bucket: BucketId,
    ) -> Result<Result<(), RetainReason>, RetentionError> {
        self.queries.check_deletable(bucket).await
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [MetricSpec<RetentionStatistics>; 3] = [
            ("passes_total", "Passes over all buckets", |s| s.passes),
            ("released_total", "Retired trees released", |s| s.released),
            ("failed_total", "Releases that failed", |s| s.failed),
        ];
        let gauges: [MetricSpec<RetentionStatistics>; 2] = [
            ("retained_trees", "Retired trees that are kept", |s| {
                s.retained
            }),
            (
                "deletable_buckets",
                "Buckets that nothing holds and an operator may delete",
                |s| s.deletable_buckets,
            ),
        ];
        let status = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_retention_",
            source: Arc::new(move || status.statistics()),
            registry,
        };
        readings.register_counters(&counters)?;
        readings.register_gauges(&gauges)
    }
}
