//! The state of the signed-root worker, for operators.

use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{MetricGroup, MetricSpec, missing_root_reason};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Reasons why the stake is at risk by a bucket that the provider cannot answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedRootProblem {
    /// The bucket lacks something that has this account's signature on chain.
    #[error("{}", missing_root_reason(.commitment))]
    Missing {
        /// The signed commitment.
        commitment: Commitment,
    },
    /// The bucket's folder is missing.
    #[error(
        "the chain has this provider's signature over root {:?} of the tree from sequence {} at {} \
         leaves, but the bucket is missing: restore its folder",
        .commitment.mmr_root, .commitment.start_seq, .commitment.leaf_count
    )]
    BucketMissing {
        /// The signed commitment.
        commitment: Commitment,
    },
    /// The account is bound to a bucket that it has released something signed of.
    #[error(
        "the chain holds this provider to the bucket, but something signed of it was released \
         here: anyone with such a signature can challenge it. Restore a copy that has it, or have \
         the agreement ended"
    )]
    Released,
}

/// Statistics of the signed-root worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignedRootStatistics {
    /// Comparisons of all buckets since the start.
    pub comparisons: u64,
    /// Buckets that lack something with this account's signature on chain.
    pub missing: u64,
    /// Buckets that the account is bound to and has released something signed of.
    pub released: u64,
    /// Buckets whose rows on chain cannot be read: nothing new is signed for them.
    pub unreadable: u64,
}

/// A view of the signed-root worker's state.
#[derive(Debug, Default)]
pub struct SignedRootStatus {
    comparisons: AtomicU64,
    problems: Mutex<BTreeMap<BucketId, SignedRootProblem>>,
    /// The buckets whose rows on chain cannot be read, with the reasons.
    unreadable: Mutex<BTreeMap<BucketId, String>>,
    /// The buckets of which the account is a replica.
    replicas: Mutex<BTreeSet<BucketId>>,
}

impl SignedRootStatus {
    /// Returns the buckets that need an operator, with the reasons.
    pub fn problems(&self) -> Vec<(BucketId, SignedRootProblem)> {
        let problems = self.problems.lock();
        problems
            .iter()
            .map(|(id, problem)| (*id, *problem))
            .collect()
    }

    /// Returns the buckets that could not be compared, since their rows on chain cannot be read,
    /// with the reasons.
    pub fn unreadable(&self) -> Vec<(BucketId, String)> {
        let unreadable = self.unreadable.lock();
        unreadable
            .iter()
            .map(|(id, reason)| (*id, reason.clone()))
            .collect()
    }

    /// Returns whether the account is a replica of a bucket, as of the last comparison.
    pub(crate) fn is_replica(&self, bucket: BucketId) -> bool {
        self.replicas.lock().contains(&bucket)
    }

    pub(super) fn set_replicas(&self, replicas: BTreeSet<BucketId>) {
        *self.replicas.lock() = replicas;
    }

    /// Returns true if all buckets were compared with the chain since the start, except those
    /// whose rows cannot be read.
    pub fn has_compared(&self) -> bool {
        self.comparisons.load(Ordering::Acquire) > 0
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> SignedRootStatistics {
        let problems = self.problems.lock();
        let number = |of: fn(&SignedRootProblem) -> bool| {
            let found = problems.values().filter(|problem| of(problem)).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        let unreadable = self.unreadable.lock().len();
        SignedRootStatistics {
            unreadable: u64::try_from(unreadable).unwrap_or(u64::MAX),
            comparisons: self.comparisons.load(Ordering::Relaxed),
            missing: number(|problem| *problem != SignedRootProblem::Released),
            released: number(|problem| *problem == SignedRootProblem::Released),
        }
    }

    pub(super) fn record_comparison(&self) {
        self.comparisons.fetch_add(1, Ordering::Release);
    }

    /// Removes buckets for which `stays` returns false.
    pub(super) fn retain_only(&self, stays: impl Fn(&BucketId) -> bool) {
        self.problems.lock().retain(|id, _| stays(id));
    }

    /// Sets a bucket's state, and logs a change once.
    pub(super) fn set_problem(&self, id: BucketId, problem: Option<SignedRootProblem>) {
        let mut problems = self.problems.lock();
        let before = match problem {
            Some(problem) => problems.insert(id, problem),
            None => problems.remove(&id),
        };
        drop(problems);
        match problem {
            Some(problem) if before != Some(problem) => {
                tracing::error!(bucket = %id, %problem, "A SIGNED ROOT CANNOT BE PROVEN");
            }
            None if before.is_some() => {
                tracing::info!(bucket = %id, "a bucket has everything that is signed on chain \
                    again");
            }
            _ => {}
        }
    }

    /// Replaces the buckets whose rows on chain cannot be read, and logs a change once.
    pub(super) fn set_unreadable(&self, unreadable: BTreeMap<BucketId, String>) {
        let before = std::mem::replace(&mut *self.unreadable.lock(), unreadable.clone());
        for (id, reason) in &unreadable {
            if !before.contains_key(id) {
                tracing::error!(
                    bucket = %id, %reason,
                    "A BUCKET CANNOT BE COMPARED WITH THE CHAIN: nothing new is signed for it"
                );
            }
        }
        for id in before.keys().filter(|id| !unreadable.contains_key(id)) {
            tracing::info!(bucket = %id, "a bucket is compared with the chain again");
        }
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [MetricSpec<SignedRootStatistics>; 1] = [(
            "comparisons_total",
            "Comparisons of all buckets with the chain",
            |s| s.comparisons,
        )];
        let gauges: [MetricSpec<SignedRootStatistics>; 3] = [
            (
                "missing",
                "Buckets that lack something with this account's signature on chain",
                |s| s.missing,
            ),
            (
                "released",
                "Buckets under agreement that something signed was released of",
                |s| s.released,
            ),
            (
                "unreadable",
                "Buckets whose rows on chain cannot be read, for which nothing new is signed",
                |s| s.unreadable,
            ),
        ];
        let status = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_signed_roots_",
            source: Arc::new(move || status.statistics()),
            registry,
        };
        readings.register_counters(&counters)?;
        readings.register_gauges(&gauges)
    }
}
