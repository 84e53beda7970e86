//! The state of checkpoints, for operators: overall counts, and a stage for each bucket.

use crate::checkpoint_rules::BlockedReason;
use crate::cosign::Countersigner;
use cairn_primitives::BucketId;
use cairn_provider::{MetricGroup, MetricSpec};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// The stage of one bucket's checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointStage {
    /// The chain has everything that is here.
    UpToDate,
    /// Something is new. A writer or admin of the bucket has to submit it: this account is neither,
    /// and signs for them.
    ByWriters,
    /// Something is new, but not due for us before this anchor block, as far as known.
    Waiting(u32),
    /// Other providers are being asked to sign.
    Gathering,
    /// Submitted to the chain at this anchor block.
    Submitted(u32),
    /// The attempt failed and is retried at an anchor block.
    Failed {
        /// The reason.
        reason: String,
        /// The anchor block of the retry.
        again_at: u32,
    },
    /// No checkpoint is submitted, for this reason.
    Blocked(BlockedReason),
}

/// Statistics of the checkpoint worker and the countersigner since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStatistics {
    /// Attempts, in which other providers were asked.
    pub attempts: u64,
    /// Attempts in which too few providers could sign or signed.
    pub too_few_signers: u64,
    /// Submitted extrinsics.
    pub submitted: u64,
    /// Submitted checkpoints that the finalized state shows.
    pub finalized: u64,
    /// Submitted checkpoints that the chain dropped, refused or never included.
    pub lost: u64,
    /// Valid signatures from others.
    pub cosigned: u64,
    /// Invalid signatures from others.
    pub invalid_signatures: u64,
    /// Requests that others refused or did not answer in time.
    pub unanswered: u64,
    /// Signatures given to others.
    pub countersigned: u64,
    /// Signatures refused to others.
    pub refused: u64,
    /// Buckets with something new that is not checkpointed.
    pub behind: u64,
    /// Buckets whose checkpoints are blocked.
    pub blocked: u64,
}

/// The state of the checkpoint worker: written by it, read by others.
#[derive(Debug)]
pub struct CheckpointStatus {
    countersigner: Arc<Countersigner>,
    counts: Mutex<CheckpointStatistics>,
    stages: Mutex<BTreeMap<BucketId, CheckpointStage>>,
}

impl CheckpointStatus {
    pub(super) fn new(countersigner: Arc<Countersigner>) -> Self {
        Self {
            countersigner,
            counts: Mutex::default(),
            stages: Mutex::default(),
        }
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> CheckpointStatistics {
        let (countersigned, refused) = self.countersigner.counts();
        let stages = self.stages.lock();
        let number = |of: fn(&CheckpointStage) -> bool| {
            let found = stages.values().filter(|stage| of(stage)).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        CheckpointStatistics {
            countersigned,
            refused,
            behind: number(|stage| {
                !matches!(
                    stage,
                    CheckpointStage::UpToDate | CheckpointStage::Blocked(_)
                )
            }),
            blocked: number(|stage| matches!(stage, CheckpointStage::Blocked(_))),
            ..*self.counts.lock()
        }
    }

    /// Returns the stage of each bucket of the account.
    pub fn buckets(&self) -> Vec<(BucketId, CheckpointStage)> {
        let stages = self.stages.lock();
        stages
            .iter()
            .map(|(id, stage)| (*id, stage.clone()))
            .collect()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut CheckpointStatistics)) {
        change(&mut self.counts.lock());
    }

    /// Sets a bucket's stage. Returns true if it has changed.
    pub(super) fn set_stage(&self, id: BucketId, stage: CheckpointStage) -> bool {
        let before = self.stages.lock().insert(id, stage.clone());
        before != Some(stage)
    }

    pub(super) fn retain_only(&self, ids: &[BucketId]) {
        self.stages.lock().retain(|id, _| ids.contains(id));
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [MetricSpec<CheckpointStatistics>; 10] = [
            ("attempts_total", "Attempts at a checkpoint", |s| s.attempts),
            (
                "too_few_signers_total",
                "Attempts that too few providers could sign",
                |s| s.too_few_signers,
            ),
            (
                "submitted_total",
                "Checkpoints submitted to the chain",
                |s| s.submitted,
            ),
            (
                "finalized_total",
                "Checkpoints confirmed by the finalized state",
                |s| s.finalized,
            ),
            (
                "lost_total",
                "Checkpoints that the chain dropped, refused or never included",
                |s| s.lost,
            ),
            ("cosigned_total", "Valid signatures from others", |s| {
                s.cosigned
            }),
            (
                "invalid_signatures_total",
                "Invalid signatures from others",
                |s| s.invalid_signatures,
            ),
            (
                "unanswered_total",
                "Requests that others refused or did not answer",
                |s| s.unanswered,
            ),
            ("countersigned_total", "Signatures given to others", |s| {
                s.countersigned
            }),
            (
                "countersign_refused_total",
                "Signatures refused to others",
                |s| s.refused,
            ),
        ];
        let gauges: [MetricSpec<CheckpointStatistics>; 2] = [
            (
                "buckets_behind",
                "Buckets with something new that is not checkpointed",
                |s| s.behind,
            ),
            (
                "buckets_blocked",
                "Buckets whose checkpoints are blocked, for a reason in the log",
                |s| s.blocked,
            ),
        ];
        let status = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_checkpoint_",
            source: Arc::new(move || status.statistics()),
            registry,
        };
        readings.register_counters(&counters)?;
        readings.register_gauges(&gauges)
    }
}
