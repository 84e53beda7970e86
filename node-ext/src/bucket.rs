//! One bucket: its own database, its own tree, its own faults.
//!
//! What may be read at any time is the [`Tip`], replaced as a whole by the one
//! function that advances it (`commit`). Content is guarded by a lock of its
//! own (`content`), so that an upload holds up a commit for one chunk at most.
//! Proofs take neither: they read what is never changed.

mod build;
pub(crate) mod charge;
mod commit;
mod content;
mod fetch;
mod ingest;
mod listing;
mod lookup;
mod node_cache;
mod promise;
mod prove;
mod prove_sp;
mod prune;
mod put;
mod queue;
mod read;
pub(crate) mod records;
pub(crate) mod recover;
pub(crate) mod regrow;
mod release;
mod retired;
#[cfg(test)]
mod tests;
mod tombstones;
mod unshaped;
mod uploads;

pub(crate) use build::{Builder, KeepBytes};
pub use charge::{CHUNK_RECORDS, LEAF_RECORD, NODE_RECORD, TREE_RECORDS};
pub(crate) use commit::now_ms;
pub use commit::{Committed, NewLeaf};
pub(crate) use content::ContentChange;
pub use fetch::Content;
pub use ingest::Ingested;
pub use prove::{Answer, At, View};
pub use prove_sp::{SpAncestryProof, SpLeavesProof};
pub use prune::{Authorisation, Pruned};
pub use read::Promise;
pub use release::Released;
pub use retired::{AuthorisedDeletion, RetiredTree};
pub use tombstones::Tombstone;

use crate::engine::{
    Access, DamagedLog, Durability, Engine, EngineError, Family, ReadCounts, Shared,
};
use crate::error::{CommitError, CreateError, OpenError, ProveError, Unusable};
use crate::layout::{self, StateRecord, Usage};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafIndex, MmrLeaf, Sequence};
use codec::Encode;
use parking_lot::{Condvar, Mutex, RwLock};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// What a bucket is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// How it hashes, for its whole life.
    pub profile: HashingProfile,
    /// Bytes that it may be charged: for content, each chunk once, and for each
    /// record that it takes to keep content, leaves, trees and promises.
    pub max_bytes: u64,
}

impl Default for BucketConfig {
    /// The deployed pallet's hashing, and no quota.
    fn default() -> Self {
        Self {
            profile: HashingProfile::Plain,
            max_bytes: u64::MAX,
        }
    }
}

/// What the files of an empty bucket take, in bytes.
const EMPTY_BUCKET: u64 = 64 << 10;

fn folder_fault(bucket: BucketId, path: &Path) -> impl Fn(std::io::Error) -> CreateError + '_ {
    move |source| CreateError::Folder {
        bucket,
        path: path.to_owned(),
        source,
    }
}

fn unfinished_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(layout::CREATING);
    name.into()
}

/// Renames a folder, so that it is found under its new name after a loss of power.
pub(crate) fn move_durably(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    match to.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The newest state: everything that a commit changes, in one piece.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    /// The current tree, named by the sequence of its first leaf.
    pub(crate) tree: Sequence,
    pub(crate) frontier: Frontier,
    pub(crate) root: H256,
    /// The last leaf's `total_size`.
    pub(crate) total_size: u64,
}

impl Tip {
    fn commitment(&self) -> Commitment {
        Commitment {
            mmr_root: self.root,
            start_seq: self.tree,
            leaf_count: self.frontier.count(),
        }
    }

    fn record(&self, bucket: BucketId, config: BucketConfig) -> StateRecord {
        StateRecord {
            format: layout::FORMAT_VERSION,
            bucket,
            profile: config.profile,
            max_bytes: config.max_bytes,
            tree: self.tree,
            count: self.frontier.count(),
            total_size: self.total_size,
            root: self.root,
            peaks: self.frontier.peaks().to_vec(),
        }
    }
}

/// An open bucket. All of it may be used from many threads.
pub struct Bucket {
    id: BucketId,
    config: BucketConfig,
    access: Access,
    engine: Engine,
    tip: RwLock<Arc<Tip>>,
    upper_nodes: node_cache::NodeCache,
    commits: queue::Queue,
    /// Held together by commits, from looking for their content until they are
    /// written. Held alone by what must not happen in between: the change to
    /// another tree, and each removal of content that was committed.
    committing: RwLock<()>,
    /// Held by a prune or a release, of which there is one at a time.
    shortening: Mutex<()>,
    content: Mutex<content::ContentState>,
    charged: charge::Charged,
    /// Rung when an upload ends, for a release that waits for it.
    upload_ended: Condvar,
    /// The last commitment that was promised since the bucket was opened.
    promised: Mutex<Option<Promise>>,
    /// Who is told of what happens here, if anybody.
    announce: OnceLock<Announce>,
    /// Flagged leaves of the tree that they were counted in.
    flagged: RwLock<Option<(Sequence, u64)>>,
    poison: OnceLock<String>,
}

/// What a bucket tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BucketNews {
    /// A commitment is durable, and may be signed.
    Promised(Promise),
    /// A write has failed, so that the bucket takes no more.
    WriteFailed,
}

/// Told of it on the thread where it happens: it must not block.
pub(crate) type Announce = Arc<dyn Fn(BucketId, BucketNews) + Send + Sync>;

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket")
            .field("id", &self.id)
            .field("access", &self.access)
            .field("commitment", &self.commitment())
            .finish_non_exhaustive()
    }
}

impl Bucket {
    /// Makes an empty bucket in the folder `path`, which must not be there,
    /// and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; then no folder is left.
    pub fn create(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        shared: &Shared,
    ) -> Result<Self, CreateError> {
        if path.exists() {
            return Err(CreateError::Exists {
                bucket: id,
                path: path.to_owned(),
            });
        }
        // Made beside its place and moved there when it is whole: a process
        // that ends on the way leaves no bucket that cannot be opened.
        let unfinished = unfinished_path(path);
        let made = Self::create_in(&unfinished, id, config, shared)
            .and_then(|()| move_durably(&unfinished, path).map_err(folder_fault(id, path)));
        if let Err(error) = made {
            // The folder is ours and holds nothing that was promised.
            let _ = std::fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        Self::open(path, Access::ReadWrite, shared).map_err(CreateError::Open)
    }

    fn create_in(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        shared: &Shared,
    ) -> Result<(), CreateError> {
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(folder_fault(id, path))?;
        }
        std::fs::create_dir(path).map_err(folder_fault(id, path))?;
        shared.admit(EMPTY_BUCKET)?;
        let engine = Engine::create(path, shared)?;
        let tip = Tip {
            tree: Sequence(0),
            frontier: Frontier::empty(config.profile),
            root: H256::zero(),
            total_size: 0,
        };
        let mut batch = engine.batch();
        batch.put(
            Family::Tree,
            layout::STATE_KEY,
            &tip.record(id, config).encode(),
        );
        batch.put(
            Family::Content,
            layout::USAGE_KEY,
            &Usage::default().encode(),
        );
        Ok(engine.write(batch, Durability::Synced)?)
    }

    /// Opens the bucket in the folder `path`, checking that its state, its
    /// peaks and its root agree (I11).
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a bucket that fails its checks is not opened.
    pub fn open(path: &Path, access: Access, shared: &Shared) -> Result<Self, OpenError> {
        recover::open(path, access, shared, DamagedLog::Refuse)
    }

    /// Opens a bucket whose log is damaged, up to the damage, for writing.
    /// What is behind it is lost from the bucket: copy the folder first, and
    /// compare what was signed with what is left.
    ///
    /// # Errors
    ///
    /// As [`Bucket::open`].
    pub fn open_up_to_damage(path: &Path, shared: &Shared) -> Result<Self, OpenError> {
        recover::open(path, Access::ReadWrite, shared, DamagedLog::CutAtDamage)
    }

    /// Writes out what is in memory and closes the bucket, so that the next
    /// opening has nothing to replay.
    ///
    /// # Errors
    ///
    /// The database's failure; what was synced is safe all the same.
    pub fn close(self) -> Result<(), CommitError> {
        self.flush()
    }

    /// Writes out what is in memory, so that it takes none.
    pub(crate) fn flush(&self) -> Result<(), CommitError> {
        if self.access == Access::ReadWrite && self.poison.get().is_none() {
            self.flush_unlogged()?;
            for family in [Family::Content, Family::Tree] {
                let flushed = self.engine.flush(family);
                flushed.map_err(|error| self.poisoned_by(error))?;
            }
            if let Err(error) = self.engine.sync_journal() {
                // The database has all of it, durably.
                tracing::error!(bucket = %self.id, %error, "the second copy is not durable");
            }
        }
        Ok(())
    }

    /// Fails where the bucket has lost writes that its journal has. For anyone who
    /// has opened it for reading and is about to open it for writing, which would
    /// remove files that a list of files of before does not name.
    ///
    /// # Errors
    ///
    /// [`OpenError::Damaged`], or the failure of a read.
    pub(crate) fn check_journal(&self) -> Result<(), OpenError> {
        match self.engine.is_behind_journal()? {
            None => Ok(()),
            Some(behind) => Err(recover::behind_journal(self.path(), behind)),
        }
    }

    /// Memory that the bucket's unflushed entries take, in bytes.
    pub(crate) fn unflushed_bytes(&self) -> Result<u64, EngineError> {
        self.engine.unflushed_bytes()
    }

    /// Whether all that is read here survives the loss of power. A record that a process wrote that
    /// was killed before its sync, or whose sync failed, is found in the log all the same:
    /// opening for writing puts it into files and syncs those, opening for reading does not.
    pub(crate) fn is_durable(&self) -> Result<bool, EngineError> {
        Ok(self.access == Access::ReadWrite || self.engine.unflushed_bytes()? == 0)
    }

    /// The last commitment that was promised since the bucket was opened.
    pub(crate) fn last_promised(&self) -> Option<Promise> {
        *self.promised.lock()
    }

    /// Whether a write failed, so that the bucket takes no more (I9).
    pub fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    fn from_parts(
        engine: Engine,
        access: Access,
        id: BucketId,
        config: BucketConfig,
        tip: Tip,
        usage: Usage,
        kept_nodes: usize,
    ) -> Self {
        let charged = charge::Charged::default();
        charged.content_is(usage);
        let bucket = Self {
            id,
            config,
            access,
            engine,
            charged,
            upper_nodes: node_cache::NodeCache::new(tip.tree, kept_nodes),
            tip: RwLock::new(Arc::new(tip)),
            commits: queue::Queue::default(),
            committing: RwLock::new(()),
            shortening: Mutex::new(()),
            content: Mutex::new(content::ContentState::new(usage)),
            upload_ended: Condvar::new(),
            promised: Mutex::new(None),
            announce: OnceLock::new(),
            flagged: RwLock::new(None),
            poison: OnceLock::new(),
        };
        if access == Access::ReadWrite {
            bucket.count_retired();
        }
        bucket
    }

    /// The bucket's name on chain.
    pub fn id(&self) -> BucketId {
        self.id
    }

    /// What the bucket was made with.
    pub fn config(&self) -> BucketConfig {
        self.config
    }

    /// How the bucket was opened.
    pub fn access(&self) -> Access {
        self.access
    }

    /// The bucket's folder.
    pub fn path(&self) -> &Path {
        self.engine.path()
    }

    /// The newest commitment, which need not be signed or durable.
    pub fn commitment(&self) -> Commitment {
        self.tip().commitment()
    }

    /// The newest tree's peaks, left to right.
    pub fn peaks(&self) -> Vec<H256> {
        self.tip().frontier.peaks().to_vec()
    }

    /// `data_size` summed over all leaves that were ever committed, in bytes.
    pub fn total_size(&self) -> u64 {
        self.tip().total_size
    }

    /// The newest commitment, its peaks and the total size, all of one moment.
    pub(crate) fn newest(&self) -> (Commitment, Vec<H256>, u64) {
        let tip = self.tip();
        let peaks = tip.frontier.peaks().to_vec();
        (tip.commitment(), peaks, tip.total_size)
    }

    /// What the bucket's content takes.
    pub fn usage(&self) -> Usage {
        self.content.lock().usage()
    }

    /// How often the database was read since the bucket was opened.
    pub fn read_counts(&self) -> ReadCounts {
        self.engine.read_counts()
    }

    /// The leaf `index` of the newest tree.
    ///
    /// # Errors
    ///
    /// [`ProveError`] when there is none, or it is gone from disk.
    pub fn leaf(&self, index: LeafIndex) -> Result<MmrLeaf, ProveError> {
        self.view(At::Newest)?.leaf(index)
    }

    /// Makes all that was written so far durable.
    ///
    /// # Errors
    ///
    /// The database's failure; the bucket then takes no more writes.
    pub fn sync(&self) -> Result<(), CommitError> {
        self.usable()?;
        self.flush_unlogged()?;
        self.engine
            .sync()
            .map_err(|error| self.poisoned_by(error).into())
    }

    fn tip(&self) -> Arc<Tip> {
        self.tip.read().clone()
    }

    /// Fails where writes are not possible, or not to be trusted (I9).
    pub(crate) fn usable(&self) -> Result<(), Unusable> {
        if self.access == Access::ReadOnly {
            return Err(Unusable::ReadOnly { bucket: self.id });
        }
        match self.poison.get() {
            Some(reason) => Err(Unusable::Poisoned {
                bucket: self.id,
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Has somebody told of what happens here from now on.
    pub(crate) fn announce_to(&self, announce: Announce) {
        // A bucket is opened for one provider, which asks once.
        let _ = self.announce.set(announce);
    }

    fn tell(&self, news: BucketNews) {
        if let Some(announce) = self.announce.get() {
            announce(self.id, news);
        }
    }

    /// Notes that a write failed, so that its outcome is unknown (I9).
    fn poisoned_by<E: std::fmt::Display>(&self, error: E) -> E {
        // The first failure is the one to report.
        if self.poison.set(error.to_string()).is_ok() {
            self.tell(BucketNews::WriteFailed);
        }
        tracing::error!(bucket = %self.id, %error, "a write failed; the bucket takes no more");
        error
    }
}
