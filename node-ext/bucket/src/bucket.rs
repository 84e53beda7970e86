//! One bucket: its database, its tree and its content.
//!
//! # Locks
//!
//! Readers use the [`Tip`], which commits and prunes replace as a whole. Content
//! has a lock of its own (`content`), so that an upload delays a commit by one chunk
//! at most. Proofs take no lock: they read records that never change.

mod additions;
mod build;
mod by_root;
pub mod charge;
mod clock;
mod commit;
mod content;
mod create;
mod events;
mod fetch;
mod group_commit;
mod ingest;
mod listing;
mod lookup;
mod node_cache;
mod nonconforming;
mod object_content;
mod object_records;
mod object_scan;
mod prove;
mod prove_sp;
mod prune;
mod quota;
mod read;
pub(crate) mod rebuild;
pub(crate) mod records;
pub(crate) mod recover;
mod release;
mod retired;
mod signed_root;
mod subtree;
#[cfg(test)]
mod tests;
mod tombstones;
mod unbound_answer;
mod upload_nodes;
mod uploads;
mod view;

pub use build::{Builder, KeepBytes};
pub use by_root::ChunkUnderRoot;
pub use clock::now_ms;
pub use commit::{Committed, NewLeaf};
pub use content::ContentChange;
pub use create::TreeStart;
pub use fetch::StoredContent;
pub use ingest::Ingested;
pub use object_content::{CONTENT_RECORD_BYTES, ContentRecords, ObjectContent};
pub use object_records::{ObjectChanges, ObjectRecordEntry};
pub use object_scan::ContentHold;
pub use prove_sp::{SpAncestryProof, SpLeavesProof};
pub use prune::{Authorisation, Pruned};
pub use quota::quota_for_content;
pub use release::Released;
pub use retired::{AuthorisedDeletion, RetiredTree};
pub use signed_root::SignedRoot;
pub use subtree::MmrNode;
pub use tombstones::Tombstone;
pub use view::{StateRef, View};

use crate::error::{CommitError, NotWritable, OpenError, ProveError};
use cairn_engine::layout::{self, StateRecord, StorageUsage};
use cairn_engine::{Access, DamagedLog, Engine, EngineError, Family, ReadCounts, SharedResources};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafIndex, MmrLeaf, Sequence};
use group_commit::GroupCommit;
use parking_lot::{Condvar, Mutex, RwLock};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

/// The configuration of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// The hashing profile, fixed when the bucket is created.
    pub profile: HashingProfile,
    /// The quota: the bytes that the bucket may be charged for content, each chunk
    /// once, and for the records of content, leaves, trees and signed roots.
    pub max_bytes: u64,
}

impl Default for BucketConfig {
    /// Plain hashing, which the deployed pallet verifies, and no quota.
    fn default() -> Self {
        Self {
            profile: HashingProfile::Plain,
            max_bytes: u64::MAX,
        }
    }
}

/// Renames a folder durably: after a power loss it has the new name.
pub fn move_durably(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    match to.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The newest state of a bucket: everything that a commit changes.
#[derive(Clone, Debug)]
pub(crate) struct Tip {
    /// The current tree, identified by the sequence of its first leaf.
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

/// An open bucket, which threads may share.
pub struct Bucket {
    id: BucketId,
    /// As it was opened: `quota` has the quota that holds.
    config: BucketConfig,
    quota: AtomicU64,
    access: Access,
    engine: Engine,
    tip: RwLock<Arc<Tip>>,
    upper_nodes: node_cache::NodeCache,
    commits: GroupCommit<commit::Request, commit::Outcome>,
    /// Commits share it from the check of their content until they are written. A
    /// change of the tree and a removal of committed content take it exclusively.
    commit_lock: RwLock<()>,
    /// Lets one prune or release run at a time.
    prune_lock: Mutex<()>,
    /// Held from reading object records until they are replaced.
    objects: Mutex<()>,
    content: Mutex<content::ContentState>,
    charge_cache: charge::ChargeCache,
    /// Notified when an upload ends, for a release that waits for it.
    upload_ended: Condvar,
    /// The most advanced signed root recorded since the bucket was opened.
    last_signed_root: Mutex<Option<SignedRoot>>,
    /// Called at each of the bucket's events.
    listener: OnceLock<EventListener>,
    /// A tree, and how many flagged leaves it has from its start on.
    flagged: RwLock<Option<(Sequence, u64)>>,
    poison: OnceLock<String>,
}

/// An event of a bucket.
#[derive(Clone, Copy, Debug)]
pub enum BucketEvent {
    /// A signed root was recorded durably.
    RootSigned(SignedRoot),
    /// A write failed, so that the bucket takes no more writes.
    WriteFailed,
}

/// A listener for a bucket's events. It runs on the thread that causes the event, and
/// must not block.
pub type EventListener = Arc<dyn Fn(BucketId, BucketEvent) + Send + Sync>;

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
    /// Opens the bucket in the folder `path`. Checks that its state, peaks and
    /// root agree (I11).
    ///
    /// # Errors
    ///
    /// [`OpenError`]; a bucket that fails the checks is not opened.
    pub fn open(path: &Path, access: Access, shared: &SharedResources) -> Result<Self, OpenError> {
        recover::open(path, access, shared, DamagedLog::Refuse)
    }

    /// Opens a bucket for writing, up to the damage in its log. The bucket loses
    /// everything after the damage: copy the folder first, and compare the signed
    /// roots with the leaves that are left.
    ///
    /// # Errors
    ///
    /// As [`Bucket::open`].
    pub fn open_up_to_damage(path: &Path, shared: &SharedResources) -> Result<Self, OpenError> {
        recover::open(path, Access::ReadWrite, shared, DamagedLog::CutAtDamage)
    }

    /// Flushes the memtables and closes the bucket, so that the next opening has
    /// nothing to replay.
    ///
    /// # Errors
    ///
    /// The database's failure; synced writes are durable all the same.
    pub fn close(self) -> Result<(), CommitError> {
        self.flush()
    }

    /// Flushes the memtables, which frees their memory.
    pub fn flush(&self) -> Result<(), CommitError> {
        if self.access == Access::ReadWrite && self.poison.get().is_none() {
            self.flush_unlogged()?;
            for family in [Family::Content, Family::Tree] {
                let flushed = self.engine.flush(family);
                flushed.map_err(|error| self.poison_with(error))?;
            }
            if let Err(error) = self.engine.sync_journal() {
                // The database itself is durable.
                tracing::error!(bucket = %self.id, %error, "the journal is not durable");
            }
        }
        Ok(())
    }

    /// Fails if the bucket has lost writes that its journal still has. A caller that
    /// has opened it for reading checks this before opening it for writing, since that
    /// removes files that an older file list does not name.
    ///
    /// # Errors
    ///
    /// [`OpenError::Damaged`], or the failure of a read.
    pub fn check_journal(&self) -> Result<(), OpenError> {
        match self.engine.journal_lag()? {
            None => Ok(()),
            Some(behind) => Err(recover::behind_journal_error(self.path(), behind)),
        }
    }

    /// Returns the memory of the bucket's unflushed entries, in bytes.
    pub fn unflushed_bytes(&self) -> Result<u64, EngineError> {
        self.engine.unflushed_bytes()
    }

    /// Returns whether all records read here survive a power loss. The log may hold records
    /// that a killed process wrote without a sync, or whose sync failed. Opening for writing
    /// puts them into files and syncs those; opening for reading does not.
    pub fn is_durable(&self) -> Result<bool, EngineError> {
        Ok(self.access == Access::ReadWrite || self.engine.unflushed_bytes()? == 0)
    }

    /// Returns the most advanced signed root recorded since the bucket was opened.
    pub fn last_signed_root(&self) -> Option<SignedRoot> {
        *self.last_signed_root.lock()
    }

    /// Returns whether a write failed, so that the bucket takes no more (I9).
    pub fn is_poisoned(&self) -> bool {
        self.poison.get().is_some()
    }

    fn from_parts(
        engine: Engine,
        access: Access,
        id: BucketId,
        config: BucketConfig,
        tip: Tip,
        usage: StorageUsage,
        max_cached_nodes: usize,
    ) -> Self {
        let charged = charge::ChargeCache::default();
        charged.set_content(usage);
        let bucket = Self {
            id,
            config,
            quota: AtomicU64::new(config.max_bytes),
            access,
            engine,
            charge_cache: charged,
            upper_nodes: node_cache::NodeCache::new(tip.tree, max_cached_nodes),
            tip: RwLock::new(Arc::new(tip)),
            commits: GroupCommit::default(),
            commit_lock: RwLock::new(()),
            prune_lock: Mutex::new(()),
            objects: Mutex::new(()),
            content: Mutex::new(content::ContentState::new(usage)),
            upload_ended: Condvar::new(),
            last_signed_root: Mutex::new(None),
            listener: OnceLock::new(),
            flagged: RwLock::new(None),
            poison: OnceLock::new(),
        };
        if access == Access::ReadWrite {
            bucket.recount_retired();
        }
        bucket
    }

    /// The bucket's id on chain.
    pub fn id(&self) -> BucketId {
        self.id
    }

    /// The mode in which the bucket is open.
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

    /// The sum of `data_size` over all leaves ever committed, in bytes.
    pub fn total_size(&self) -> u64 {
        self.tip().total_size
    }

    /// The newest commitment, its peaks and the total size, all of the same state.
    pub fn newest_state(&self) -> (Commitment, Vec<H256>, u64) {
        let tip = self.tip();
        let peaks = tip.frontier.peaks().to_vec();
        (tip.commitment(), peaks, tip.total_size)
    }

    /// The size of the bucket's content.
    pub fn usage(&self) -> StorageUsage {
        self.content.lock().usage()
    }

    /// Counts of the database reads since the bucket was opened.
    pub fn read_counts(&self) -> ReadCounts {
        self.engine.read_counts()
    }

    /// Returns the leaf `index` of the newest tree.
    ///
    /// # Errors
    ///
    /// [`ProveError`] if the tree has no such leaf, or it is missing on disk.
    pub fn leaf(&self, index: LeafIndex) -> Result<MmrLeaf, ProveError> {
        self.view(StateRef::Newest)?.leaf(index)
    }

    /// Makes all previous writes durable.
    ///
    /// # Errors
    ///
    /// The database's failure; the bucket then takes no more writes.
    pub fn sync(&self) -> Result<(), CommitError> {
        self.check_writable()?;
        self.flush_unlogged()?;
        self.engine
            .sync()
            .map_err(|error| self.poison_with(error).into())
    }

    fn tip(&self) -> Arc<Tip> {
        self.tip.read().clone()
    }

    /// Fails if the bucket is read-only or poisoned (I9).
    pub(crate) fn check_writable(&self) -> Result<(), NotWritable> {
        if self.access == Access::ReadOnly {
            return Err(NotWritable::ReadOnly { bucket: self.id });
        }
        match self.poison.get() {
            Some(reason) => Err(NotWritable::Poisoned {
                bucket: self.id,
                reason: reason.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Records that a write failed, so that its outcome is unknown (I9).
    fn poison_with<E: std::fmt::Display>(&self, error: E) -> E {
        // The first failure is the one to report.
        if self.poison.set(error.to_string()).is_ok() {
            self.emit(BucketEvent::WriteFailed);
        }
        tracing::error!(bucket = %self.id, %error, "a write failed; the bucket takes no more");
        error
    }
}
