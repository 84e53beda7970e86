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

mod adopt;
mod bucket_folders;
mod counts;
mod error;
mod fingerprint;
mod index_writer;
mod known_signature;
mod lease;
mod legacy;
mod lifecycle;
mod location;
mod nonces;
mod offline_index;
mod on_chain;
mod open;
mod own_chain;
mod records;
mod reindex;
mod scrub_thread;
mod scrubbing;
mod sign;
mod terms;
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
pub use nonces::NonceError;
pub use offline_index::{ListedBucket, list_buckets};
pub use on_chain::{SignedRootState, missing_root_reason};
pub use own_chain::OnOtherChain;
pub use records::IndexedBucket;
pub use scrubbing::{ScrubPlan, ScrubStatistics};
pub use terms::SignTermsError;
pub use tombstones::BucketTombstones;

use crate::index::{DedupReport, Index};
use crate::pool::{Budget, BudgetRequest, LeaseRequest, PoolStatistics};
use cairn_bucket::{Committed, NewLeaf, ProveError, SignedRoot, StateRef, View};
use cairn_fs::{DiskReading, FileError};
use cairn_keys::{KeyFolder, SignedCommitment, Signer};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{Answer, BucketId, H256};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::broadcast;
use workers::Inner;

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

impl Provider {
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
        self.answer_by(id, at, |view| view.answer(location))
    }

    /// Does the same on a chain that does not bind a proof to the challenged leaf: a challenge
    /// of what no leaf has is answered with another leaf, as [`View::answer_unbound`].
    ///
    /// # Errors
    ///
    /// As [`Provider::answer`].
    pub fn answer_unbound(
        &self,
        id: BucketId,
        at: StateRef,
        location: ChunkLocation,
    ) -> Result<Answer, ProviderError> {
        self.answer_by(id, at, |view| view.answer_unbound(location))
    }

    fn answer_by(
        &self,
        id: BucketId,
        at: StateRef,
        answer: impl Fn(&View<'_>) -> Result<Answer, ProveError>,
    ) -> Result<Answer, ProviderError> {
        let lease = match self.blocking_lease(id, LeaseRequest::challenge()) {
            Ok(lease) => lease,
            Err(error @ ProviderError::Behind { .. }) => {
                return self.answer_unchecked(id, at, answer).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        Ok(lease.run(|bucket| answer(&bucket.view(at)?))?)
    }

    /// Answers from a bucket that lacks its last signed root and so is opened for nothing
    /// else: the roots that it has can be challenged all the same. The bucket is not in the
    /// pool, and is closed again at once.
    fn answer_unchecked(
        &self,
        id: BucketId,
        at: StateRef,
        answer: impl Fn(&View<'_>) -> Result<Answer, ProveError>,
    ) -> Option<Answer> {
        let bucket = self.inner.pool.store().open_unchecked(id).ok()?;
        let answered = bucket.view(at).and_then(|view| answer(&view));
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

    /// Returns at most `limit` buckets that hold the chunk or the interior node of a hash, as of
    /// the last write of the index; buckets that hold a node of the hash come first. It is one
    /// scan of the index, however many buckets there are.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn places(&self, hash: &H256, limit: usize) -> Result<Vec<BucketId>, ProviderError> {
        Ok(self.inner.index_writer.index().places(hash, limit)?)
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
        while work.is_reindexing || work.completes_places || !work.to_reindex.is_empty() {
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
