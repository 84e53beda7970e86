//! The state of the signed-root worker, for operators.

use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{Reading, Readings, missing};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Reasons why the stake is at risk by a bucket that the provider cannot answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromiseTrouble {
    /// The bucket lacks something that has this account's signature on chain.
    #[error("{}", missing(.commitment))]
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
    NoBucket {
        /// The signed commitment.
        commitment: Commitment,
    },
    /// The account is bound to a bucket that it has released something signed of.
    #[error(
        "the chain holds this provider to the bucket, but something signed of it was released \
         here: anyone with such a signature can challenge it. Restore a copy that has it, or have \
         the agreement ended"
    )]
    LetGo,
}

/// Statistics of the signed-root worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromiseStatistics {
    /// Comparisons of all buckets since the start.
    pub looks: u64,
    /// Buckets that lack something with this account's signature on chain.
    pub missing: u64,
    /// Buckets that the account is bound to and has released something signed of.
    pub let_go: u64,
}

/// A view of the signed-root worker's state.
#[derive(Debug, Default)]
pub struct PromiseBoard {
    looks: AtomicU64,
    troubles: Mutex<BTreeMap<BucketId, PromiseTrouble>>,
}

impl PromiseBoard {
    /// Returns the buckets that need an operator, with the reasons.
    pub fn troubles(&self) -> Vec<(BucketId, PromiseTrouble)> {
        let troubles = self.troubles.lock();
        troubles
            .iter()
            .map(|(id, trouble)| (*id, *trouble))
            .collect()
    }

    /// Returns true if all buckets were compared with the chain since the start.
    pub fn has_looked(&self) -> bool {
        self.looks.load(Ordering::Acquire) > 0
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> PromiseStatistics {
        let troubles = self.troubles.lock();
        let number = |of: fn(&PromiseTrouble) -> bool| {
            let found = troubles.values().filter(|trouble| of(trouble)).count();
            u64::try_from(found).unwrap_or(u64::MAX)
        };
        PromiseStatistics {
            looks: self.looks.load(Ordering::Relaxed),
            missing: number(|trouble| *trouble != PromiseTrouble::LetGo),
            let_go: number(|trouble| *trouble == PromiseTrouble::LetGo),
        }
    }

    pub(super) fn looked(&self) {
        self.looks.fetch_add(1, Ordering::Release);
    }

    /// Removes buckets for which `stays` returns false.
    pub(super) fn forget_all_but(&self, stays: impl Fn(&BucketId) -> bool) {
        self.troubles.lock().retain(|id, _| stays(id));
    }

    /// Sets a bucket's state, and logs a change once.
    pub(super) fn stands(&self, id: BucketId, trouble: Option<PromiseTrouble>) {
        let mut troubles = self.troubles.lock();
        let before = match trouble {
            Some(trouble) => troubles.insert(id, trouble),
            None => troubles.remove(&id),
        };
        drop(troubles);
        match trouble {
            Some(trouble) if before != Some(trouble) => {
                tracing::error!(bucket = %id, %trouble, "A SIGNED ROOT CANNOT BE PROVEN");
            }
            None if before.is_some() => {
                tracing::info!(bucket = %id, "a bucket has everything that is signed on chain \
                    again");
            }
            _ => {}
        }
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<PromiseStatistics>; 1] = [(
            "looks_total",
            "Comparisons of all buckets with the chain",
            |s| s.looks,
        )];
        let gauges: [Reading<PromiseStatistics>; 2] = [
            (
                "missing",
                "Buckets that lack something with this account's signature on chain",
                |s| s.missing,
            ),
            (
                "let_go",
                "Buckets under agreement that something signed was released of",
                |s| s.let_go,
            ),
        ];
        let board = self.clone();
        let readings = Readings {
            prefix: "cairn_promises_",
            source: Arc::new(move || board.statistics()),
            registry,
        };
        readings.counters(&counters)?;
        readings.gauges(&gauges)
    }
}
