//! What the chain has of this account's signatures and is not here, for
//! operators.

use crate::metrics::{Reading, Readings};
use crate::provider::missing;
use cairn_primitives::{BucketId, Commitment};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Why the stake hangs on a bucket that the provider cannot answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromiseTrouble {
    /// Something on chain bears this account's signature and is not in the bucket.
    #[error("{}", missing(.commitment))]
    Missing {
        /// What was signed.
        commitment: Commitment,
    },
    /// The bucket is not here at all.
    #[error(
        "the chain has this provider's signature over root {:?} of the tree from sequence {} at {} \
         leaves, and the bucket is not here: bring its folder back",
        .commitment.mmr_root, .commitment.start_seq, .commitment.leaf_count
    )]
    NoBucket {
        /// What was signed.
        commitment: Commitment,
    },
    /// The account is held to a bucket of which it has let something go.
    #[error(
        "the chain holds this provider to the bucket, and something that was signed of it was let \
         go here: anyone who has such a signature can challenge it. Bring a copy back that has it, or \
         have the agreement ended"
    )]
    LetGo,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PromiseStatistics {
    /// Looks at all buckets since the start.
    pub looks: u64,
    /// Buckets that lack what bears this account's signature on chain.
    pub missing: u64,
    /// Buckets that the account is held to and has let something go of.
    pub let_go: u64,
}

/// How the promises stand, to be read at any time.
#[derive(Debug, Default)]
pub struct PromiseBoard {
    looks: AtomicU64,
    troubles: Mutex<BTreeMap<BucketId, PromiseTrouble>>,
}

impl PromiseBoard {
    /// Buckets that need their operator, and why.
    pub fn troubles(&self) -> Vec<(BucketId, PromiseTrouble)> {
        let troubles = self.troubles.lock();
        troubles
            .iter()
            .map(|(id, trouble)| (*id, *trouble))
            .collect()
    }

    /// Whether all buckets were compared with the chain since the start.
    pub fn has_looked(&self) -> bool {
        self.looks.load(Ordering::Acquire) > 0
    }

    /// What was counted.
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

    /// Forgets buckets that the chain holds this account to no more.
    pub(super) fn forget_all_but(&self, stays: impl Fn(&BucketId) -> bool) {
        self.troubles.lock().retain(|id, _| stays(id));
    }

    /// Notes how a bucket stands, and tells of it once.
    pub(super) fn stands(&self, id: BucketId, trouble: Option<PromiseTrouble>) {
        let mut troubles = self.troubles.lock();
        let before = match trouble {
            Some(trouble) => troubles.insert(id, trouble),
            None => troubles.remove(&id),
        };
        drop(troubles);
        match trouble {
            Some(trouble) if before != Some(trouble) => {
                tracing::error!(bucket = %id, %trouble, "A PROMISE CANNOT BE KEPT");
            }
            None if before.is_some() => {
                tracing::info!(bucket = %id, "all that the chain has a signature over is here again");
            }
            _ => {}
        }
    }

    /// Registers what is counted with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [Reading<PromiseStatistics>; 1] = [(
            "looks_total",
            "Comparisons of all buckets with the chain",
            |s| s.looks,
        )];
        let gauges: [Reading<PromiseStatistics>; 2] = [
            (
                "missing",
                "Buckets that lack what bears this account's signature on chain",
                |s| s.missing,
            ),
            (
                "let_go",
                "Buckets that the account is held to and has let something go of",
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
