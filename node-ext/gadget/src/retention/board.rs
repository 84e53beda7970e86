//! The state of the retention worker, for operators.

use super::asking::{Asking, NotJudged};
use super::rules::Kept;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{Reading, Readings};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Statistics of retention since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionStatistics {
    /// Passes over all buckets.
    pub rounds: u64,
    /// Released trees.
    pub released: u64,
    /// Failed releases, which are retried.
    pub failed: u64,
    /// Retired trees that are kept, as of the last pass.
    pub kept: u64,
    /// Buckets that an operator may delete, since nothing has held them for long enough, as of the
    /// last pass.
    pub ended_buckets: u64,
}

/// A view of the retention worker's state.
pub struct RetentionBoard {
    asking: Arc<Asking>,
    pub(super) counts: Mutex<RetentionStatistics>,
    pub(super) kept: Mutex<BTreeMap<(BucketId, Sequence), Kept>>,
}

impl std::fmt::Debug for RetentionBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RetentionBoard")
            .field("counts", &*self.counts.lock())
            .finish_non_exhaustive()
    }
}

impl RetentionBoard {
    pub(super) fn new(asking: Arc<Asking>) -> Self {
        Self {
            asking,
            counts: Mutex::default(),
            kept: Mutex::default(),
        }
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> RetentionStatistics {
        *self.counts.lock()
    }

    /// Returns the retired trees that are kept, by bucket and `start_seq`, with the reasons.
    pub fn kept(&self) -> Vec<((BucketId, Sequence), Kept)> {
        let kept = self.kept.lock();
        kept.iter().map(|(tree, why)| (*tree, *why)).collect()
    }

    /// Decides whether a bucket may be deleted with all that was signed of it, by querying the
    /// chain now, at the last finalized head. `Ok(Err(_))` says why it must stay.
    ///
    /// # Errors
    ///
    /// [`NotJudged`] if the chain does not answer or the disk fails; then nothing may be deleted.
    pub async fn may_delete(&self, bucket: BucketId) -> Result<Result<(), Kept>, NotJudged> {
        self.asking.may_delete(bucket).await
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<RetentionStatistics>; 3] = [
            ("rounds_total", "Passes over all buckets", |s| s.rounds),
            ("released_total", "Retired trees released", |s| s.released),
            ("failed_total", "Releases that failed", |s| s.failed),
        ];
        let gauges: [Reading<RetentionStatistics>; 2] = [
            ("kept", "Retired trees that are kept", |s| s.kept),
            (
                "ended_buckets",
                "Buckets that nothing holds and an operator may delete",
                |s| s.ended_buckets,
            ),
        ];
        let board = self.clone();
        let readings = Readings {
            prefix: "cairn_retention_",
            source: Arc::new(move || board.statistics()),
            registry,
        };
        readings.counters(&counters)?;
        readings.gauges(&gauges)
    }
}
