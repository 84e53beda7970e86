//! The state that a provider's threads share, and the threads' work.

use super::bucket_folders::{BucketFolders, BucketStoreError};
use super::counts::{BucketCounts, CurrentCounts};
use super::index_writer::IndexWriter;
use super::nonces::NonceSequence;
use super::scrubbing::ScrubState;
use super::{Lease, ProviderError, io, own_chain, trash};
use crate::pool::{Budget, LeaseError, LeaseRequest, Pool};
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
pub(super) const INDEX_WRITE_INTERVAL: Duration = Duration::from_millis(500);

/// The state that a provider's threads share.
pub(super) struct Inner {
    /// The reason why nothing is written, if the provider started so.
    pub(super) read_only_reason: Option<String>,
    pub(super) base: BasePath,
    pub(super) budget: Budget,
    pub(super) index_writer: Arc<IndexWriter>,
    pub(super) own_chain: Mutex<own_chain::ChainBinding>,
    /// The nonces of terms that this process signs.
    pub(super) terms: Mutex<NonceSequence>,
    pub(super) pool: Arc<Pool<BucketFolders>>,
    pub(super) scrubbing: Arc<ScrubState>,
    pub(super) counts: Arc<BucketCounts>,
    pub(super) work: Mutex<BackgroundWork>,
    pub(super) work_changed: Condvar,
}

/// The pending background work.
#[derive(Default)]
pub(super) struct BackgroundWork {
    pub(super) is_stopping: bool,
    /// Buckets to reindex.
    pub(super) to_reindex: Vec<BucketId>,
    /// True until it is recorded that these completed the places of all content.
    pub(super) completes_places: bool,
    pub(super) is_reindexing: bool,
    pub(super) trash: Vec<trash::TrashedBucket>,
    pub(super) is_emptying_trash: bool,
}

impl Inner {
    /// Returns the state of the base path's disk.
    pub(super) fn disk(&self) -> DiskReading {
        self.pool.store().resources.disk().unwrap_or_default()
    }

    /// Returns the current counts of all buckets.
    pub(super) fn counts_of_now(&self) -> CurrentCounts {
        self.counts
            .current_counts(self.index_writer.quarantined_buckets().len())
    }

    pub(super) fn start_threads(inner: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, ProviderError> {
        type Duty = fn(&Arc<Inner>);
        let duties: [(&str, Duty); 5] = [
            ("cairn-flush", |inner| inner.pool.run_flusher()),
            ("cairn-index", |inner| inner.run_index_writer()),
            ("cairn-reindex", |inner| inner.run_reindexer()),
            ("cairn-trash", |inner| inner.run_trash_remover()),
            ("cairn-scrub", |inner| inner.run_scrubber()),
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
    pub(super) fn check_writable(&self) -> Result<(), ProviderError> {
        match self.read_only_reason.clone() {
            None => Ok(()),
            Some(reason) => Err(ProviderError::ReadOnly { reason }),
        }
    }

    pub(super) fn lease(&self, id: BucketId, wanted: LeaseRequest) -> Result<Lease, ProviderError> {
        if wanted.access == Access::ReadWrite {
            self.check_writable()?;
        }
        if wanted.access == Access::ReadWrite
            && let Some(reason) = self.index_writer.quarantine_reason(id)
        {
            return Err(ProviderError::Quarantined { bucket: id, reason });
        }
        let leased = self.pool.lease(id, wanted);
        let inner = leased.map_err(|error| self.lease_error(id, error))?;
        Ok(Lease::new(inner))
    }

    /// Leases a bucket if it is open for writing.
    pub(super) fn lease_if_writable(&self, id: BucketId) -> Option<Lease> {
        let inner = self.pool.lease_if_writable(id)?;
        Some(Lease::new(inner))
    }

    pub(super) fn no_such_bucket(&self, bucket: BucketId) -> ProviderError {
        let path = self.base.path().to_owned();
        ProviderError::NoSuchBucket { bucket, path }
    }

    pub(super) fn lease_error(
        &self,
        bucket: BucketId,
        error: LeaseError<BucketStoreError>,
    ) -> ProviderError {
        match error {
            LeaseError::Timeout { waited } => ProviderError::Busy {
                bucket,
                waited,
                cap: self.budget.max_open,
            },
            LeaseError::Reserved => ProviderError::Reserved { bucket },
            LeaseError::Open(BucketStoreError::Absent) => self.no_such_bucket(bucket),
            LeaseError::Open(BucketStoreError::Open(source)) => {
                ProviderError::Open { bucket, source }
            }
            LeaseError::Open(BucketStoreError::Create(error)) => error.into(),
            LeaseError::Open(BucketStoreError::Unreadable(error)) => error.into(),
            LeaseError::Open(
                error @ (BucketStoreError::Behind { .. } | BucketStoreError::Forked { .. }),
            ) => ProviderError::Behind {
                bucket,
                reason: error.to_string(),
            },
        }
    }

    /// Returns the buckets after `after` that have a folder, or are lost or in quarantine, in
    /// order.
    pub(super) fn ids_after(
        &self,
        after: Option<BucketId>,
    ) -> Result<Vec<BucketId>, ProviderError> {
        let mut ids: HashSet<_> = self.base.buckets()?.into_iter().collect();
        ids.extend(
            self.index_writer
                .quarantined_buckets()
                .into_iter()
                .map(|(id, _)| id),
        );
        ids.extend(self.index_writer.lost_buckets());
        let mut ids: Vec<_> = ids
            .into_iter()
            .filter(|id| after.is_none_or(|after| *id > after))
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn run_index_writer(&self) {
        let mut work = self.work.lock();
        while !work.is_stopping {
            self.work_changed.wait_for(&mut work, INDEX_WRITE_INTERVAL);
            parking_lot::MutexGuard::unlocked(&mut work, || self.write_index());
        }
    }

    pub(super) fn write_index(&self) {
        let alone = self.index_writer.lock_collecting();
        for id in self.index_writer.take_touched() {
            // A closed bucket was noted when it was closed.
            if let Some(lease) = self.lease_if_writable(id) {
                let before = self.index_writer.record(id);
                let record = lease.record(before.as_ref());
                let Ok(changes) = lease.run(|bucket| Ok::<_, Infallible>(bucket.take_changes()));
                self.index_writer.queue_note(id, record, changes);
            }
        }
        drop(alone);
        self.index_writer.write_pending();
    }
}
