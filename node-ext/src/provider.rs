//! The provider: a base path with all its buckets, a bounded number of them open at once.
//!
//! ```text
//! Provider ─┬─ lease, answer ──► pool ──► Bucket
//!           ├─ summary, page ──► index, or the open bucket
//!           ├─ create, delete ─► folders
//!           └─ in the background: learn what is new, flush what is old,
//!              write the index behind, empty the trash, scrub
//! ```
//!
//! Calls block, and belong on threads that may;
//! [`Provider::lease_from_async`] is for those that may not.

mod counts;
mod error;
mod files;
mod home;
mod inner;
mod learn;
mod lease;
mod ledger;
mod life;
mod location;
mod on_chain;
mod own_chain;
mod scrubbing;
mod sign;
#[cfg(test)]
mod tests;
mod tombstones;
mod trash;

pub use error::ProviderError;
pub use lease::Lease;
pub use location::OnCopy;
pub(crate) use on_chain::{Found, missing};
pub use on_chain::{KnownSigned, ToldBy, WouldLose};
pub use own_chain::OnOtherChain;
pub use scrubbing::{ScrubPlan, ScrubStatistics};
pub use tombstones::LetGo;

use crate::base_path::BasePath;
use crate::bucket::{Answer, At, Committed, NewLeaf, Promise};
use crate::engine::Shared;
use crate::folders::make_durably;
use crate::index::{BucketRecord, DedupReport, Index, IndexError, Standing};
use crate::keystore::KeyFolder;
use crate::layout::{BUCKETS_DIR, INDEX_DIR, TRASH_DIR};
use crate::pool::{Allowance, Budget, BudgetRequest, Pool, PoolStatistics, Wanted};
use crate::signing::{Gate, SignedCommitment, Signer};
use crate::space::DiskReading;
use crate::transfer::remove_unfinished;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, H256};
use counts::Counts;
use home::BucketFolders;
use inner::{Inner, Work};
use ledger::Ledger;
use parking_lot::{Condvar, Mutex};
use scrubbing::Scrubbing;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::broadcast;

/// How a provider is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderOptions {
    /// What it may take; nothing means what fits.
    pub budget: BudgetRequest,
    /// Learn of buckets when they are asked for, and not all at the start: for
    /// a command that needs one of them.
    pub on_demand: bool,
    /// Come up also where the index cannot be opened for writing, as on a full
    /// disk: then challenges are answered and content is read, and nothing is
    /// written or signed.
    pub answer_at_least: bool,
    /// True if a base path signs that is a copy of another.
    pub on_copy: OnCopy,
    /// How all buckets are read again in the background; `None` for not at all,
    /// as for a command that is soon done.
    pub scrub: Option<ScrubPlan>,
}

/// What is noted of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The bucket.
    pub id: BucketId,
    /// What is noted of it.
    pub record: BucketRecord,
    /// True if it is so. If not, nobody has looked at it since its files changed
    /// or were found.
    pub is_current: bool,
}

/// A base path at work. Dropping it waits for what it does in the background.
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

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ProviderError {
    let path = path.to_owned();
    move |source| ProviderError::Io {
        doing,
        path,
        source,
    }
}

/// The gate for signing, with what is kept for it. Where that cannot be read, less
/// is signed, and challenges are answered all the same.
fn gate_of(index: &Index) -> Gate {
    fn read<T: Default>(read: Result<T, IndexError>) -> T {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "what is kept for signing cannot be read");
            T::default()
        })
    }
    Gate::new(read(index.chain_rules()), read(index.signed_unprovable()))
}

impl Provider {
    /// Puts a base path to work: finishes what an earlier process left, and
    /// learns in the background which buckets are not as the index has them.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Budget`] where the process is not allowed enough, with
    /// what to raise; [`ProviderError::BasePath`] unless it was taken for writing.
    pub fn open(base: BasePath, options: ProviderOptions) -> Result<Self, ProviderError> {
        let budget = Budget::plan(options.budget, Allowance::of_process())?;
        Self::open_within(base, budget, options)
    }

    fn open_within(
        base: BasePath,
        budget: Budget,
        options: ProviderOptions,
    ) -> Result<Self, ProviderError> {
        base.check_writable()?;
        if base.is_open_to_others() {
            let path = base.path().display();
            tracing::warn!(
                %path,
                "others of this machine may look into the base path, and read what clients store: \
                 chmod 700 keeps it to its owner"
            );
        }
        let (index, trash, writes_nothing) = match Self::index_and_trash(&base) {
            Ok((index, trash)) => (index, trash, None),
            Err(error) if options.answer_at_least => {
                let reason = error.to_string();
                tracing::error!(
                    reason,
                    "NOTHING IS WRITTEN OR SIGNED, since the base path cannot be written to: make \
                     room, and start the provider again. Challenges are answered meanwhile"
                );
                let index = Index::in_memory(base.path(), &base.path().join(INDEX_DIR))?;
                (index, Vec::new(), Some(reason))
            }
            Err(error) => return Err(error),
        };
        let own_chain = own_chain::Kept::read(base.path(), &index)?;
        let gate = gate_of(&index);
        if writes_nothing.is_some() {
            let reason =
                "the base path cannot be written to: make room, and start the provider again";
            gate.turn_off("disk", reason.into());
        } else if let Some(reason) = location::check(base.path(), &index, options.on_copy)? {
            tracing::error!(path = %base.path().display(), reason, "NOTHING IS SIGNED");
            gate.turn_off("copy", reason.into());
        }
        let ledger = Arc::new(Ledger::new(index));
        let counts = Arc::new(Counts::default());
        let home = BucketFolders {
            folder: base.path().join(BUCKETS_DIR),
            shared: base.guarded(Shared::new(budget.resources)),
            ledger: ledger.clone(),
            gate,
            making: Mutex::default(),
            announce: Arc::new({
                let counts = counts.clone();
                move |id, news| counts.note(id, news)
            }),
        };
        let write_buffer = u64::try_from(budget.resources.write_buffer_bytes).unwrap_or(u64::MAX);
        let to_learn = learn::compare(&base, &ledger, &trash)?;
        let to_learn = match options.on_demand || writes_nothing.is_some() {
            true => Vec::new(),
            false => to_learn,
        };
        let inner = Arc::new(Inner {
            writes_nothing,
            budget,
            pool: Arc::new(Pool::new(home, budget.max_open, write_buffer)),
            ledger,
            own_chain: Mutex::new(own_chain),
            base,
            scrubbing: Arc::new(Scrubbing {
                plan: options.scrub,
                ..Scrubbing::default()
            }),
            counts,
            work: Mutex::new(Work {
                to_learn,
                trash,
                ..Work::default()
            }),
            changed: Condvar::new(),
        });
        let threads = Inner::start_threads(&inner)?;
        Ok(Self { inner, threads })
    }

    /// Finishes what an earlier process left, and opens the index.
    fn index_and_trash(base: &BasePath) -> Result<(Index, Vec<trash::Discarded>), ProviderError> {
        let trash_path = base.path().join(TRASH_DIR);
        make_durably(&trash_path).map_err(io("make", &trash_path))?;
        remove_unfinished(&base.buckets_path())?;
        let trash = trash::left_in(&trash_path)?;
        let index = Index::open(&base.path().join(INDEX_DIR))?;
        Ok((index, trash))
    }

    /// Why nothing is written and nothing signed, where that is so: see
    /// [`ProviderOptions::answer_at_least`].
    pub fn writes_nothing(&self) -> Option<&str> {
        self.inner.writes_nothing.as_deref()
    }

    /// What it may take.
    pub fn budget(&self) -> &Budget {
        &self.inner.budget
    }

    /// The base path.
    pub fn path(&self) -> &Path {
        self.inner.base.path()
    }

    /// The provider's keys.
    pub fn keys(&self) -> KeyFolder {
        self.inner.base.keys()
    }

    /// A bucket to work with.
    ///
    /// # Errors
    ///
    /// [`ProviderError`]: it is not there, cannot be had in time, is in
    /// quarantine, or does not open, which puts it there.
    pub fn lease(&self, id: BucketId, wanted: Wanted) -> Result<Lease, ProviderError> {
        self.inner.lease(id, wanted)
    }

    /// The same for a thread that must not block: the waiting and the opening
    /// are done on one of the runtime's own. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub async fn lease_from_async(
        &self,
        id: BucketId,
        wanted: Wanted,
    ) -> Result<Lease, ProviderError> {
        let inner = self.inner.clone();
        let leased = tokio::task::spawn_blocking(move || inner.lease(id, wanted));
        match leased.await {
            Ok(leased) => leased,
            // The runtime is shutting down, or the opening panicked.
            Err(_) => Err(ProviderError::Reserved { bucket: id }),
        }
    }

    /// A bucket to read, where it is open and there is nothing to wait for: for a
    /// thread that must not block. Within [`Bucket::view_at_hand`](
    /// crate::Bucket::view_at_hand) it may be read there as well.
    pub fn lease_at_hand(&self, id: BucketId) -> Option<Lease> {
        let inner = self.inner.pool.lease_if_open(id)?;
        Some(Lease::new(inner))
    }

    /// Answers a challenge, before all that is not one.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Prove`].
    pub fn answer(
        &self,
        id: BucketId,
        at: At,
        location: ChunkLocation,
    ) -> Result<Answer, ProviderError> {
        let lease = match self.lease(id, Wanted::challenge()) {
            Ok(lease) => lease,
            Err(error @ ProviderError::Behind { .. }) => {
                return self.answer_as_it_is(id, at, location).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        Ok(lease.run(|bucket| bucket.view(at)?.answer(location))?)
    }

    /// Answers from a bucket that is not what was signed last, and so is opened
    /// for nothing else: what it has can be asked for all the same. Nobody has it
    /// open, and it is closed again at once.
    fn answer_as_it_is(&self, id: BucketId, at: At, location: ChunkLocation) -> Option<Answer> {
        let bucket = self.inner.pool.home().open_as_it_is(id).ok()?;
        let answered = bucket.view(at).and_then(|view| view.answer(location));
        let tell = |error| {
            tracing::warn!(bucket = %id, %error, "a bucket that is behind has not what is asked for");
        };
        answered.map_err(tell).ok()
    }

    /// Commits content as leaves and signs the commitment, durably.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`], and [`ProviderError::Commit`]; among those
    /// [`CommitError::Refused`](crate::CommitError::Refused) where nothing is signed
    /// for the bucket.
    pub fn commit_signed(
        &self,
        id: BucketId,
        leaves: &[NewLeaf],
        signer: &Signer,
    ) -> Result<(Committed, SignedCommitment), ProviderError> {
        let lease = self.lease(id, Wanted::write())?;
        Ok(lease.commit_signed(leaves, signer)?)
    }

    /// Every commitment that is promised from now on, by whatever call, once it
    /// is durable. Who falls behind misses some, and is told so.
    pub fn promises(&self) -> broadcast::Receiver<(BucketId, Promise)> {
        self.inner.counts.promises()
    }

    /// What is known of a bucket: from the bucket if it is being written, and
    /// otherwise without opening it, unless nothing is known yet.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.summary(id)
    }

    /// The same for anyone who asks: what nobody has looked at yet is opened, but not
    /// read through, which takes as long as the bucket is large.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn look(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.look(id)
    }

    /// What is known of the buckets after `after`, in the order of their ids, at
    /// most `limit` of them. One that cannot be opened is listed as such.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] when the folder of buckets cannot be read.
    pub fn page(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<(BucketId, BucketRecord)>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let summarised = ids.into_iter().filter_map(|id| {
            match self.inner.summary(id) {
                Ok(record) => Some((id, record)),
                // Removed since it was listed.
                Err(ProviderError::NoSuchBucket { .. } | ProviderError::Reserved { .. }) => None,
                Err(error) => {
                    let standing = Standing::Quarantined(error.to_string());
                    let known = self.inner.ledger.record(id);
                    let record = known.unwrap_or_else(|| BucketRecord::unknown(standing));
                    Some((id, record))
                }
            }
        });
        Ok(summarised.take(limit).collect())
    }

    /// What is noted of the buckets after `after`, in the order of their ids, at
    /// most `limit` of them. None is opened for it, so that it costs the same
    /// no matter who asks, and however soon after the start.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] when the folder of buckets cannot be read.
    pub fn noted(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<Noted>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let noted = ids.into_iter().take(limit);
        Ok(noted.map(|id| self.inner.noted(id)).collect())
    }

    /// What is noted of one bucket, without opening it; nothing where there is none.
    pub fn noted_of(&self, id: BucketId) -> Option<Noted> {
        let noted = self.inner.noted(id);
        let is_nowhere = !noted.is_current && !self.inner.pool.home().path(id).is_dir();
        (!is_nowhere).then_some(noted)
    }

    /// Buckets in quarantine, and what each has failed.
    pub fn quarantined(&self) -> Vec<(BucketId, String)> {
        self.inner.ledger.all_quarantined()
    }

    /// Keeps the provider's nonce, durably, unless a greater one is kept.
    /// Returns the one that is kept.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn raise_nonce(&self, nonce: u64) -> Result<u64, ProviderError> {
        Ok(self.inner.ledger.index().raise_nonce(nonce)?)
    }

    /// The provider's nonce, if it has one.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn nonce(&self) -> Result<Option<u64>, ProviderError> {
        Ok(self.inner.ledger.index().nonce()?)
    }

    /// What content takes in all buckets, and what it would take if they shared
    /// it; as of the last note, see [`Provider::write_index`].
    pub fn dedup(&self) -> DedupReport {
        self.inner.ledger.index().dedup()
    }

    /// How many buckets hold a chunk, as of the last note.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`].
    pub fn holders(&self, hash: &H256) -> Result<u64, ProviderError> {
        Ok(self.inner.ledger.index().holders(hash)?)
    }

    /// Notes all that buckets have done so far.
    pub fn write_index(&self) {
        self.inner.write_index();
    }

    /// The Global Index, for what the schedulers keep in it.
    pub(crate) fn index(&self) -> &Index {
        self.inner.ledger.index()
    }

    /// How the disk of the base path stands.
    pub fn disk(&self) -> DiskReading {
        self.inner.disk()
    }

    /// What the pool counts.
    pub fn statistics(&self) -> PoolStatistics {
        self.inner.pool.statistics()
    }

    /// What was read again in the background.
    pub fn scrubbed(&self) -> ScrubStatistics {
        *self.inner.scrubbing.done.lock()
    }

    /// Registers what the pool, the buckets, the disk and the scrub count with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.inner.pool.register(registry)?;
        counts::register(&self.inner, registry)?;
        counts::register_disk(&self.inner, registry)?;
        self.inner.scrubbing.register(registry)
    }

    /// Waits until all buckets are known.
    pub fn wait_until_known(&self) {
        let mut work = self.inner.work.lock();
        while work.learning || !work.to_learn.is_empty() {
            self.inner.changed.wait(&mut work);
        }
    }

    /// Waits until the bytes of all deleted buckets are given back.
    pub fn wait_until_trash_is_empty(&self) {
        let mut work = self.inner.work.lock();
        while work.emptying || !work.trash.is_empty() {
            self.inner.changed.wait(&mut work);
        }
    }

    /// Closes all buckets that nobody holds, so that the next start has nothing
    /// to replay and nothing to learn.
    pub fn close(self) {}
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.inner.work.lock().stopping = true;
        self.inner.changed.notify_all();
        self.inner.pool.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so; there is nothing to add.
            let _ = thread.join();
        }
        self.inner.pool.close_idle();
        self.inner.write_index();
    }
}
