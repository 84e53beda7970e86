//! How retired trees stand, for operators.

use super::asking::{Asking, NotJudged};
use super::rules::Kept;
use crate::metrics::{Reading, Readings};
use cairn_primitives::{BucketId, Sequence};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// What retention has counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionStatistics {
    /// Looks at all buckets.
    pub rounds: u64,
    /// Trees that were released.
    pub released: u64,
    /// Releases that failed, and are tried again.
    pub failed: u64,
    /// Retired trees that stay, as of the last look.
    pub kept: u64,
    /// Buckets that nothing has held for long enough, which an operator may
    /// delete, as of the last look.
    pub ended_buckets: u64,
}

/// How retired trees stand, to be read at any time.
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

    /// What was counted.
    pub fn statistics(&self) -> RetentionStatistics {
        *self.counts.lock()
    }

    /// The retired trees that stay, by bucket and `start_seq`, and why.
    pub fn kept(&self) -> Vec<((BucketId, Sequence), Kept)> {
        let kept = self.kept.lock();
        kept.iter().map(|(tree, why)| (*tree, *why)).collect()
    }

    /// Whether a bucket may be deleted with all that was signed of it: the chain
    /// is asked now, at the last finalized head. What stays is told with why.
    ///
    /// # Errors
    ///
    /// [`NotJudged`] where the chain does not answer or the disk fails; then
    /// nothing may be deleted.
    pub async fn may_delete(&self, bucket: BucketId) -> Result<Result<(), Kept>, NotJudged> {
        self.asking.may_delete(bucket).await
    }

    /// Registers what is counted with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<RetentionStatistics>; 3] = [
            ("rounds_total", "Looks at all buckets", |s| s.rounds),
            ("released_total", "Retired trees released", |s| s.released),
            ("failed_total", "Releases that failed", |s| s.failed),
        ];
        let gauges: [Reading<RetentionStatistics>; 2] = [
            ("kept", "Retired trees that stay", |s| s.kept),
            (
                "ended_buckets",
                "Buckets that nothing holds any more and an operator may delete",
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
