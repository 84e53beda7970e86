//! The provider: a base path with all its buckets, a bounded number of them open at once.
//!
//! ```text
//! Provider ─┬─ lease, answer ──► pool ──► Bucket
//!           ├─ summary, page ──► index, or the open bucket
//!           ├─ create, delete ─► folders
//!           └─ in the background: reindex, flush, write the index, empty the trash,
//!              scrub
//! ```
//!
//! Calls block, except [`Provider::lease`] and [`Provider::try_lease`].

mod bucket_folders;
mod counts;
mod error;
mod fingerprint;
mod index_writer;
mod known_signature;
mod lease;
mod lifecycle;
mod location;
mod offline_index;
mod on_chain;
mod own_chain;
mod reindex;
mod scrub_thread;
mod scrubbing;
mod sign;
#[cfg(test)]
mod tests;
mod tombstones;
mod trash;
mod trash_thread;
mod workers;

pub use error::ProviderError;
pub use known_signature::{KnownSignature, MissingSignedRoots, SignatureSource};
pub use lease::Lease;
pub use location::OnCopy;
pub use offline_index::{ListedBucket, list_buckets};
pub use on_chain::{SignedRootState, missing_root_reason};
pub use own_chain::OnOtherChain;
pub use scrubbing::{ScrubPlan, ScrubStatistics};
pub use tombstones::BucketTombstones;

use crate::index::{BucketRecord, BucketStatus, DedupReport, Index, IndexError};
use crate::pool::{Budget, BudgetRequest, LeaseRequest, Pool, PoolStatistics, ProcessLimits};
use bucket_folders::BucketFolders;
use cairn_bucket::{BasePath, Committed, NewLeaf, SignedRoot, StateRef, remove_unfinished};
use cairn_engine::SharedResources;
use cairn_engine::layout::{BUCKETS_DIR, INDEX_DIR, TRASH_DIR};
use cairn_fs::{DiskReading, FileError, create_dir_durably};
use cairn_keys::{Gate, KeyFolder, SignedCommitment, Signer};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{Answer, BucketId, H256};
use counts::BucketCounts;
use index_writer::IndexWriter;
use parking_lot::{Condvar, Mutex};
use scrubbing::ScrubState;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::broadcast;
use workers::{BackgroundWork, Inner};

/// The options of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderOptions {
    /// The requested budget.
    pub budget: BudgetRequest,
    /// Reindex buckets when they are used, and not all at the start. For a command that
    /// needs only one of them.
    pub reindex_on_demand: bool,
    /// Start also if the index cannot be opened for writing, as on a full disk. Then the
    /// provider answers challenges and reads content, but writes and signs nothing.
    pub allow_read_only: bool,
    /// The policy for a base path that is a copy.
    pub on_copy: OnCopy,
    /// The plan of the background scrub; `None` for no scrub, as for a short command.
    pub scrub: Option<ScrubPlan>,
}

/// The index's record of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedBucket {
    /// The bucket.
    pub id: BucketId,
    /// Its record.
    pub record: BucketRecord,
    /// True if the record is up to date. If not, the bucket was not read since its files
    /// changed or were found.
    pub is_current: bool,
}

/// A base path with all its buckets. Dropping it waits for its background threads.
pub struct Provider {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("path", &self.inner.base.path())
            .field("budget", &self.inner.budget)
            .finish_non_exhaustive()
    }
}

fn io<'p>(
    doing: &'static str,
    path: &'p Path,
) -> impl Fn(std::io::Error) -> ProviderError + use<'p> {
    move |source| FileError::wrap(doing, path)(source).into()
}

/// Creates the signing gate with its state from the index. If that cannot be read, less is
/// signed, but challenges are answered all the same.
fn load_gate(index: &Index) -> Gate {
    fn read<T: Default>(read: Result<T, IndexError>) -> T {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "the signing gate's state cannot be read");
            T::default()
        })
    }
    Gate::new(read(index.chain_rules()), read(index.allowed_unprovable()))
}

impl Provider {
    /// Opens a base path: finishes interrupted operations of an earlier process, and
    /// reindexes in the background the buckets that differ from the index.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Budget`] if the limits of the process are too low;
    /// [`ProviderError::BasePath`] unless the base path was opened for writing.
    pub fn open(base: BasePath, options: ProviderOptions) -> Result<Self, ProviderError> {
        let budget = Budget::plan(options.budget, ProcessLimits::of_this_process())?;
        Self::open_with_budget(base, budget, options)
    }

    fn open_with_budget(
        base: BasePath,
        budget: Budget,
        options: ProviderOptions,
    ) -> Result<Self, ProviderError> {
        base.check_writable()?;
        if base.is_accessible_to_others() {
            let path = base.path().display();
            tracing::warn!(
                %path,
                "other users of this machine may read the base path with the clients' content: set \
                 its mode to 700"
            );
        }
        let (index, trash, read_only_reason) = match Self::index_and_trash(&base) {
            Ok((index, trash)) => (index, trash, None),
            Err(error) if options.allow_read_only => {
                let reason = error.to_string();
                tracing::error!(
                    reason,
                    "NOTHING IS WRITTEN OR SIGNED, because the base path cannot be written to: free \
                     disk space and restart the provider. Challenges are answered meanwhile"
                );
                let index = Index::in_memory(base.path(), &base.path().join(INDEX_DIR))?;
                (index, Vec::new(), Some(reason))
            }
            Err(error) => return Err(error),
        };
        let own_chain = own_chain::ChainBinding::load(base.path(), &index)?;
        let gate = load_gate(&index);
        if read_only_reason.is_some() {
            let reason =
                "the base path cannot be written to: free disk space and restart the provider";
            gate.turn_off("disk", reason.into());
        } else if let Some(reason) = location::check(base.path(), &index, options.on_copy)? {
            tracing::error!(path = %base.path().display(), reason, "NOTHING IS SIGNED");
            gate.turn_off("copy", reason.into());
        }
        let index_writer = Arc::new(IndexWriter::new(index));
        let counts = Arc::new(BucketCounts::default());
        let store = BucketFolders {
            folder: base.path().join(BUCKETS_DIR),
            resources: base.with_disk_guard(SharedResources::new(budget.resources)),
            index_writer: index_writer.clone(),
            gate,
            being_created: Mutex::default(),
            listener: Arc::new({
                let counts = counts.clone();
                move |id, event| counts.on_event(id, event)
            }),
        };
        let write_buffer = u64::try_from(budget.resources.write_buffer_bytes).unwrap_or(u64::MAX);
        let to_reindex = reindex::find_stale(&base, &index_writer, &trash)?;
        let to_reindex = match options.reindex_on_demand || read_only_reason.is_some() {
            true => Vec::new(),
            false => to_reindex,
        };
        let inner = Arc::new(Inner {
            read_only_reason,
            budget,
            pool: Arc::new(Pool::new(store, budget.max_open, write_buffer)),
            index_writer,
            own_chain: Mutex::new(own_chain),
            base,
            scrubbing: Arc::new(ScrubState {
                plan: options.scrub,
                ..ScrubState::default()
            }),
            counts,
            work: Mutex::new(BackgroundWork {
                to_reindex,
                trash,
                ..BackgroundWork::default()
            }),
            work_changed: Condvar::new(),
        });
        let threads = Inner::start_threads(&inner)?;
        Ok(Self { inner, threads })
    }

    /// Finishes interrupted operations of an earlier process, and opens the index.
    fn index_and_trash(
        base: &BasePath,
    ) -> Result<(Index, Vec<trash::TrashedBucket>), ProviderError> {
        let trash_path = base.path().join(TRASH_DIR);
        create_dir_durably(&trash_path).map_err(io("make", &trash_path))?;
        remove_unfinished(&base.buckets_path())?;
        let trash = trash::list(&trash_path)?;
        let index = Index::open(&base.path().join(INDEX_DIR))?;
        Ok((index, trash))
    }

    /// Returns the reason why the provider writes and signs nothing, if it started so: see
    /// [`ProviderOptions::allow_read_only`].
    pub fn read_only_reason(&self) -> Option<&str> {
        self.inner.read_only_reason.as_deref()
    }

    /// Returns the budget.
    pub fn budget(&self) -> &Budget {
        &self.inner.budget
    }

    /// Returns the base path.
    pub fn path(&self) -> &Path {
        self.inner.base.path()
    }

    /// Returns the provider's keys.
    pub fn keys(&self) -> KeyFolder {
        self.inner.base.keys()
    }

    /// Leases a bucket. Blocks until it is available.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]: the bucket does not exist, is not available in time, is in
    /// quarantine and should be written, or does not open. A damaged bucket that does not
    /// open is put into quarantine.
    pub fn blocking_lease(
        &self,
        id: BucketId,
        wanted: LeaseRequest,
    ) -> Result<Lease, ProviderError> {
        self.inner.lease(id, wanted)
    }

    /// Leases a bucket without blocking the calling thread: waits for it and opens it on a
    /// blocking thread of the runtime. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`Provider::blocking_lease`], and [`ProviderError::Aborted`].
    pub async fn lease(&self, id: BucketId, wanted: LeaseRequest) -> Result<Lease, ProviderError> {
        let inner = self.inner.clone();
        let leased = tokio::task::spawn_blocking(move || inner.lease(id, wanted));
        let aborted = |source| ProviderError::Aborted { bucket: id, source };
        leased.await.map_err(aborted)?
    }

    /// Leases a bucket for reading if it is open and available. Does not block. A thread
    /// that must not block can read it with [`Bucket::view_cached`](
    /// cairn_bucket::Bucket::view_cached).
    pub fn try_lease(&self, id: BucketId) -> Option<Lease> {
        let inner = self.inner.pool.lease_if_open(id)?;
        Some(Lease::new(inner))
    }

    /// Proves a chunk as the answer to a challenge, with the highest priority.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Prove`].
    pub fn answer(
        &self,
        id: BucketId,
        at: StateRef,
        location: ChunkLocation,
    ) -> Result<Answer, ProviderError> {
        let lease = match self.blocking_lease(id, LeaseRequest::challenge()) {
            Ok(lease) => lease,
            Err(error @ ProviderError::Behind { .. }) => {
                return self.answer_unchecked(id, at, location).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        Ok(lease.run(|bucket| bucket.view(at)?.answer(location))?)
    }

    /// Answers from a bucket that lacks its last signed root and so is opened for nothing
    /// else: the roots that it has can be challenged all the same. The bucket is not in the
    /// pool, and is closed again at once.
    fn answer_unchecked(
        &self,
        id: BucketId,
        at: StateRef,
        location: ChunkLocation,
    ) -> Option<Answer> {
        let bucket = self.inner.pool.store().open_unchecked(id).ok()?;
        let answered = bucket.view(at).and_then(|view| view.answer(location));
        let tell = |error| {
            tracing::warn!(bucket = %id, %error, "a bucket that is behind cannot answer a challenge");
        };
        answered.map_err(tell).ok()
    }

    /// Commits content as leaves and signs the commitment, durably.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Commit`], which includes
    /// [`CommitError::Refused`](cairn_bucket::CommitError::Refused) if nothing is signed for the
    /// bucket.
    pub fn commit_signed(
        &self,
        id: BucketId,
        leaves: &[NewLeaf],
        signer: &Signer,
    ) -> Result<(Committed, SignedCommitment), ProviderError> {
        let lease = self.blocking_lease(id, LeaseRequest::write())?;
        Ok(lease.commit_signed(leaves, signer)?)
    }

    /// Subscribes to signed roots: each is sent once its record is durable, whichever call
    /// made it. Slow receivers lag and get `RecvError::Lagged`.
    pub fn signed_roots(&self) -> broadcast::Receiver<(BucketId, SignedRoot)> {
        self.inner.counts.signed_roots()
    }

    /// Returns the record of a bucket: from the bucket itself if it is open for writing,
    /// otherwise from the index. Reindexes the bucket if its record is missing or out of
    /// date.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.summary(id)
    }

    /// Returns the record of a bucket without reading its content. May open the bucket, but
    /// does not reindex it, which takes time in proportion to its size. For requests by
    /// strangers.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn quick_summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.quick_summary(id)
    }

    /// Returns the records of at most `limit` buckets after `after`, in the order of their
    /// ids, as [`Provider::summary`] does. A bucket that cannot be opened is listed with its
    /// old record, or as in quarantine.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] if the folder of buckets cannot be read.
    pub fn page(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<(BucketId, BucketRecord)>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let summarised = ids.into_iter().filter_map(|id| {
            match self.inner.summary(id) {
                Ok(record) => Some((id, record)),
                // Removed after it was listed.
                Err(ProviderError::NoSuchBucket { .. } | ProviderError::Reserved { .. }) => None,
                Err(error) => {
                    let status = BucketStatus::Quarantined(error.to_string());
                    let known = self.inner.index_writer.record(id);
                    let record = known.unwrap_or_else(|| BucketRecord::unknown(status));
                    Some((id, record))
                }
            }
        });
        Ok(summarised.take(limit).collect())
    }

    /// Returns the index's records of at most `limit` buckets after `after`, in the order of
    /// their ids. Opens no bucket, so that its cost does not depend on their state.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] if the folder of buckets cannot be read.
    pub fn indexed_buckets(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<IndexedBucket>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let noted = ids.into_iter().take(limit);
        Ok(noted.map(|id| self.inner.indexed_bucket(id)).collect())
    }

    /// Returns the index's record of a bucket without opening it; `None` if there is no such
    /// bucket.
    pub fn indexed_bucket(&self, id: BucketId) -> Option<IndexedBucket> {
        let noted = self.inner.indexed_bucket(id);
        let is_nowhere = !noted.is_current && !self.inner.pool.store().path(id).is_dir();
        (!is_nowhere).then_some(noted)
    }

    /// Lists the buckets in quarantine, with the reasons.
    pub fn quarantined(&self) -> Vec<(BucketId, String)> {
        self.inner.index_writer.quarantined_buckets()
    }

    /// Advances the provider's nonce, durably, unless a greater one is kept. Returns the
    /// kept nonce.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn advance_nonce(&self, nonce: u64) -> Result<u64, ProviderError> {
        Ok(self.inner.index_writer.index().advance_nonce(nonce)?)
    }

    /// Returns the provider's nonce, if it has one.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn nonce(&self) -> Result<Option<u64>, ProviderError> {
        Ok(self.inner.index_writer.index().nonce()?)
    }

    /// Returns the size of the content of all buckets, and its size if they shared it, as
    /// of the last write of the index; see [`Provider::write_index`].
    pub fn dedup(&self) -> DedupReport {
        self.inner.index_writer.index().dedup()
    }

    /// Returns the number of buckets that hold a chunk, as of the last write of the index.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn holders(&self, hash: &H256) -> Result<u64, ProviderError> {
        Ok(self.inner.index_writer.index().holders(hash)?)
    }

    /// Writes all changes of buckets so far to the index.
    pub fn write_index(&self) {
        self.inner.write_index();
    }

    /// Returns the Global Index, in which the schedulers keep duties.
    pub fn index(&self) -> &Index {
        self.inner.index_writer.index()
    }

    /// Returns the state of the base path's disk.
    pub fn disk(&self) -> DiskReading {
        self.inner.disk()
    }

    /// Returns the pool's statistics.
    pub fn statistics(&self) -> PoolStatistics {
        self.inner.pool.statistics()
    }

    /// Returns the statistics of the background scrub.
    pub fn scrub_statistics(&self) -> ScrubStatistics {
        *self.inner.scrubbing.statistics.lock()
    }

    /// Registers the metrics of the pool, the buckets, the disk and the scrub.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.inner.pool.register(registry)?;
        // A registry outlives the provider, whose end closes its buckets.
        let (inner, on_disk) = (Arc::downgrade(&self.inner), Arc::downgrade(&self.inner));
        let of_now = move || inner.upgrade().map(|inner| inner.counts_of_now());
        counts::register(move || of_now().unwrap_or_default(), registry)?;
        let disk = move || on_disk.upgrade().map(|inner| inner.disk());
        counts::register_disk(move || disk().unwrap_or_default(), registry)?;
        self.inner.scrubbing.register(registry)
    }

    /// Waits until no bucket is left to reindex.
    pub fn wait_until_indexed(&self) {
        let mut work = self.inner.work.lock();
        while work.is_reindexing || !work.to_reindex.is_empty() {
            self.inner.work_changed.wait(&mut work);
        }
    }

    /// Waits until the files of all deleted buckets are removed.
    pub fn wait_until_trash_is_empty(&self) {
        let mut work = self.inner.work.lock();
        while work.is_emptying_trash || !work.trash.is_empty() {
            self.inner.work_changed.wait(&mut work);
        }
    }

    /// Closes all buckets that are not leased, so that the next start has no log to replay
    /// and nothing to reindex.
    pub fn close(self) {}
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.inner.work.lock().is_stopping = true;
        self.inner.work_changed.notify_all();
        self.inner.pool.stop();
        for thread in self.threads.drain(..) {
            // The panic of a thread is already reported.
            let _ = thread.join();
        }
        self.inner.pool.close_idle();
        self.inner.write_index();
    }
}
