//! How checkpoints stand, for operators: counts for all, and a line for each
//! bucket.

use crate::metrics::{Reading, Readings};
use crate::schedule::checkpoint_rules::Stopped;
use crate::schedule::cosign::Countersigner;
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// How the checkpoint of one bucket stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointStage {
    /// The chain knows all that is here.
    UpToDate,
    /// Something is new, and not due for us before this anchor block, as far as
    /// is known.
    Waiting(u32),
    /// The others are being asked.
    Gathering,
    /// It is on its way to the chain, since this anchor block.
    Submitted(u32),
    /// It failed, and is tried again at an anchor block.
    Failed {
        /// Why.
        reason: String,
        /// From when on it is tried again.
        again_at: u32,
    },
    /// None is brought, for this reason.
    Stopped(Stopped),
}

/// What the checkpoint scheduler and the desk counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStatistics {
    /// Attempts: the others were asked.
    pub attempts: u64,
    /// Attempts for which too few providers could sign or signed.
    pub short: u64,
    /// Extrinsics that were handed to the chain.
    pub submitted: u64,
    /// Of those, which the finalized state shows.
    pub finalized: u64,
    /// Of those, which the chain has dropped, refused or not been heard of.
    pub lost: u64,
    /// Signatures of others that were had and count.
    pub cosigned: u64,
    /// Signatures of others that were had and do not hold.
    pub forged: u64,
    /// Asks that others refused, or did not answer in time.
    pub unanswered: u64,
    /// Signatures that were given to others.
    pub countersigned: u64,
    /// Signatures that were refused to others.
    pub refused: u64,
    /// Buckets with something new that the chain does not know of.
    pub behind: u64,
    /// Buckets of which no checkpoint is brought although there might be.
    pub stopped: u64,
}

/// Where the scheduler writes how it stands, and others read it.
#[derive(Debug)]
pub struct CheckpointBoard {
    desk: Arc<Countersigner>,
    counts: Mutex<CheckpointStatistics>,
    stages: Mutex<BTreeMap<BucketId, CheckpointStage>>,
}

impl CheckpointBoard {
    pub(super) fn new(desk: Arc<Countersigner>) -> Self {
        Self {
            desk,
            counts: Mutex::default(),
            stages: Mutex::default(),
        }
    }

    /// What was counted, and how many buckets stand how.
    pub fn statistics(&self) -> CheckpointStatistics {
        let (countersigned, refused) = self.desk.counts();
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
                    CheckpointStage::UpToDate | CheckpointStage::Stopped(_)
                )
            }),
            stopped: number(|stage| matches!(stage, CheckpointStage::Stopped(_))),
            ..*self.counts.lock()
        }
    }

    /// How each bucket of the account stands.
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

    /// Notes how a bucket stands, and says whether that is new.
    pub(super) fn stands(&self, id: BucketId, stage: CheckpointStage) -> bool {
        let before = self.stages.lock().insert(id, stage.clone());
        before != Some(stage)
    }

    pub(super) fn forget_all_but(&self, ids: &[BucketId]) {
        self.stages.lock().retain(|id, _| ids.contains(id));
    }

    /// Registers what is counted with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<CheckpointStatistics>; 10] = [
            ("attempts_total", "Attempts at a checkpoint", |s| s.attempts),
            ("short_total", "Attempts that too few could sign", |s| {
                s.short
            }),
            ("submitted_total", "Checkpoints handed to the chain", |s| {
                s.submitted
            }),
            (
                "finalized_total",
                "Checkpoints that the finalized state shows",
                |s| s.finalized,
            ),
            (
                "lost_total",
                "Checkpoints that the chain dropped, refused or never included",
                |s| s.lost,
            ),
            ("cosigned_total", "Signatures of others that count", |s| {
                s.cosigned
            }),
            (
                "forged_total",
                "Signatures of others that do not hold",
                |s| s.forged,
            ),
            (
                "unanswered_total",
                "Asks that others refused or did not answer",
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
        let gauges: [Reading<CheckpointStatistics>; 2] = [
            (
                "buckets_behind",
                "Buckets with what the chain does not know of",
                |s| s.behind,
            ),
            (
                "buckets_stopped",
                "Buckets of which no checkpoint is brought, for a reason in the log",
                |s| s.stopped,
            ),
        ];
        let board = self.clone();
        let readings = Readings {
            prefix: "cairn_checkpoint_",
            source: Arc::new(move || board.statistics()),
            registry,
        };
        readings.counters(&counters)?;
        readings.gauges(&gauges)
    }
}
