//! The state that a provider's threads share, and the threads' work.

use super::counts::{Counts, OfNow};
use super::home::{BucketFolders, HomeError};
use super::ledger::Ledger;
use super::scrubbing::Scrubbing;
use super::{Lease, ProviderError, io, own_chain, trash};
use crate::pool::{Budget, LeaseError, Pool, Wanted};
use cairn_bucket::BasePath;
use cairn_engine::Access;
use cairn_fs::DiskReading;
use cairn_primitives::BucketId;
use parking_lot::{Condvar, Mutex};
use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// The interval of writes of the index. Changes that are lost in a crash are reindexed at
/// the next start.
pub(super) const INDEX_EVERY: Duration = Duration::from_millis(500);

/// The state that a provider's threads share.
pub(super) struct Inner {
    /// The reason why nothing is written, if the provider started so.
    pub(super) writes_nothing: Option<String>,
    pub(super) base: BasePath,
    pub(super) budget: Budget,
    pub(super) ledger: Arc<Ledger>,
    pub(super) own_chain: Mutex<own_chain::Kept>,
    pub(super) pool: Arc<Pool<BucketFolders>>,
    pub(super) scrubbing: Arc<Scrubbing>,
    pub(super) counts: Arc<Counts>,
    pub(super) work: Mutex<Work>,
    pub(super) changed: Condvar,
}

/// The pending background work.
#[derive(Default)]
pub(super) struct Work {
    pub(super) stopping: bool,
    /// Buckets to reindex.
    pub(super) to_learn: Vec<BucketId>,
    pub(super) learning: bool,
    pub(super) trash: Vec<trash::Discarded>,
    pub(super) emptying: bool,
}

impl Inner {
    /// Returns the state of the base path's disk.
    pub(super) fn disk(&self) -> DiskReading {
        self.pool.home().shared.disk().unwrap_or_default()
    }

    /// Returns the current counts of all buckets.
    pub(super) fn counts_of_now(&self) -> OfNow {
        self.counts.of_now(self.ledger.all_quarantined().len())
    }

    pub(super) fn start_threads(inner: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, ProviderError> {
        type Duty = fn(&Arc<Inner>);
        let duties: [(&str, Duty); 5] = [
            ("cairn-flush", |inner| inner.pool.keep_flushed()),
            ("cairn-index", |inner| inner.keep_index_written()),
            ("cairn-learn", |inner| inner.keep_learning()),
            ("cairn-trash", |inner| inner.keep_emptying()),
            ("cairn-scrub", |inner| inner.keep_scrubbing()),
        ];
        duties
            .into_iter()
            .map(|(name, duty)| {
                let inner = inner.clone();
                std::thread::Builder::new()
                    .name(name.into())
                    .spawn(move || duty(&inner))
                    .map_err(io("start a thread for", Path::new(name)))
            })
            .collect()
    }

    /// Checks that the provider did not start read-only.
    pub(super) fn check_writes(&self) -> Result<(), ProviderError> {
        match self.writes_nothing.clone() {
            None => Ok(()),
            Some(reason) => Err(ProviderError::WritesNothing { reason }),
        }
    }

    pub(super) fn lease(&self, id: BucketId, wanted: Wanted) -> Result<Lease, ProviderError> {
        if wanted.access == Access::ReadWrite {
            self.check_writes()?;
        }
        if wanted.access == Access::ReadWrite
            && let Some(reason) = self.ledger.quarantined(id)
        {
            return Err(ProviderError::Quarantined { bucket: id, reason });
        }
        let leased = self.pool.lease(id, wanted);
        let inner = leased.map_err(|error| self.refused(id, error))?;
        Ok(Lease::new(inner))
    }

    /// Leases a bucket if it is open for writing.
    pub(super) fn lease_if_written(&self, id: BucketId) -> Option<Lease> {
        let inner = self.pool.lease_if_written(id)?;
        Some(Lease::new(inner))
    }

    pub(super) fn no_such_bucket(&self, bucket: BucketId) -> ProviderError {
        let path = self.base.path().to_owned();
        ProviderError::NoSuchBucket { bucket, path }
    }

    pub(super) fn refused(&self, bucket: BucketId, error: LeaseError<HomeError>) -> ProviderError {
        match error {
            LeaseError::Timeout { waited } => ProviderError::Busy {
                bucket,
                waited,
                cap: self.budget.max_open,
            },
            LeaseError::Reserved => ProviderError::Reserved { bucket },
            LeaseError::Open(HomeError::Absent) => self.no_such_bucket(bucket),
            LeaseError::Open(HomeError::Open(source)) => ProviderError::Open { bucket, source },
            LeaseError::Open(HomeError::Create(error)) => error.into(),
            LeaseError::Open(HomeError::Unread(error)) => error.into(),
            LeaseError::Open(error @ (HomeError::Behind { .. } | HomeError::Forked { .. })) => {
                ProviderError::Behind {
                    bucket,
                    reason: error.to_string(),
                }
            }
        }
    }

    /// Returns the buckets after `after` that have a folder, or are lost or in quarantine, in
    /// order.
    pub(super) fn ids_after(
        &self,
        after: Option<BucketId>,
    ) -> Result<Vec<BucketId>, ProviderError> {
        let mut ids: HashSet<_> = self.base.buckets()?.into_iter().collect();
        ids.extend(self.ledger.all_quarantined().into_iter().map(|(id, _)| id));
        ids.extend(self.ledger.lost());
        let mut ids: Vec<_> = ids
            .into_iter()
            .filter(|id| after.is_none_or(|after| *id > after))
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn keep_index_written(&self) {
        let mut work = self.work.lock();
        while !work.stopping {
            self.changed.wait_for(&mut work, INDEX_EVERY);
            parking_lot::MutexGuard::unlocked(&mut work, || self.write_index());
        }
    }

    pub(super) fn write_index(&self) {
        let alone = self.ledger.ask_alone();
        for id in self.ledger.take_touched() {
            // A closed bucket was noted when it was closed.
            if let Some(lease) = self.lease_if_written(id) {
                let before = self.ledger.record(id);
                let record = lease.record(before.as_ref());
                let Ok(changes) = lease.run(|bucket| Ok::<_, Infallible>(bucket.take_changes()));
                self.ledger.note(id, record, changes);
            }
        }
        drop(alone);
        self.ledger.write();
    }
}
