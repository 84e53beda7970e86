//! The RocksDB database of one bucket: opening, reading and writing. Nothing
//! outside this folder names RocksDB.

mod blob_log;
mod checksum;
mod error;
pub mod file_list;
mod index_db;
mod index_table;
mod journal;
mod legacy_db;
pub mod log_hole;
mod maintenance;
mod options;
#[cfg(any(test, feature = "testing"))]
mod probe;
mod scan;
mod write_count;

pub use blob_log::BlobLog;
pub use error::{EngineError, FaultKind};
pub use index_db::{IndexBatch, IndexDb};
pub use index_table::Table;
pub use journal::{
    Change, JOURNAL_FILE, JournalLag, Reader as JournalReader, Record as JournalRecord, last_record,
};
pub use legacy_db::{LegacyDb, LegacyFamily};
pub use options::DamagedLog;
pub use options::{Resources, SharedResources};
pub use scan::ReadResult;

use crate::layout::{CONTENT_FAMILY, TREE_FAMILY};
use journal::{Changes, Journal, Rewriter};
use options::{bucket_options, families};
use rocksdb::{
    ColumnFamily, DBWithThreadMode, ReadOptions, SingleThreaded, WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

type Db = DBWithThreadMode<SingleThreaded>;

/// A column family of a bucket's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// State, leaves, MMR nodes and records of signed roots.
    Tree,
    /// Chunks and the nodes of their trees.
    Content,
}

/// The mode in which a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Proofs and reads only; takes no lock and writes nothing.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// The lowest storage tier that a read may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadTier {
    /// Reads may go to disk.
    Disk,
    /// Reads stay in memory. An entry that is not cached is an error, and nothing
    /// waits for a disk.
    Memory,
}

/// The durability of a write when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The write survives a loss of power.
    Synced,
    /// The write survives the end of the process but not a loss of power. It
    /// becomes durable, in order, with the next synced write.
    Buffered,
}

/// Numbers of reads of a database since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Reads of one key.
    pub single: u64,
    /// Reads of several keys at once.
    pub batched: u64,
    /// Keys read in batches.
    pub batched_keys: u64,
}

/// Changes that are applied as one atomic write.
pub struct Batch<'e> {
    engine: &'e Engine,
    tree: Option<&'e ColumnFamily>,
    content: Option<&'e ColumnFamily>,
    /// A family that a change was for, and that the database does not have.
    absent: Option<Family>,
    writes: WriteBatch,
    /// The subset of the changes that the journal keeps.
    changes: Changes,
}

impl<'e> Batch<'e> {
    /// Sets the value of a key.
    pub fn put(&mut self, family: Family, key: impl AsRef<[u8]>, value: &[u8]) {
        if self.engine.journal.get().is_some() {
            self.changes.put(family, key.as_ref(), value);
        }
        if let Some(family) = self.handle(family) {
            self.writes.put_cf(family, key, value);
        }
    }

    /// Deletes a key.
    pub fn delete(&mut self, family: Family, key: impl AsRef<[u8]>) {
        if self.engine.journal.get().is_some() {
            self.changes.delete(family, key.as_ref());
        }
        if let Some(family) = self.handle(family) {
            self.writes.delete_cf(family, key);
        }
    }

    /// Returns the handle of a family; without one the write of the batch will fail.
    fn handle(&mut self, family: Family) -> Option<&'e ColumnFamily> {
        let handle = match family {
            Family::Tree => self.tree,
            Family::Content => self.content,
        };
        if handle.is_none() {
            self.absent = Some(family);
        }
        handle
    }
}

/// The open database of one bucket.
pub struct Engine {
    /// Shared with a rewrite of the journal.
    db: Arc<Db>,
    path: PathBuf,
    shared: SharedResources,
    /// The journal; set once the bucket is open for writing.
    journal: OnceLock<Arc<Journal>>,
    rewriter: Rewriter,
    single: AtomicU64,
    batched: AtomicU64,
    batched_keys: AtomicU64,
    /// Observes and fails writes, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub probe: probe::WriteProbe,
}

fn handle_of(db: &Db, family: Family) -> Option<&ColumnFamily> {
    db.cf_handle(match family {
        Family::Tree => TREE_FAMILY,
        Family::Content => CONTENT_FAMILY,
    })
}

fn absent(path: &Path, family: Family) -> EngineError {
    EngineError {
        doing: "looking for a column family",
        path: path.to_owned(),
        kind: FaultKind::Corrupt,
        message: format!("there is no family for {family:?}"),
    }
}

/// One entry of a scan.
pub type Entry = (Box<[u8]>, Box<[u8]>);

impl Engine {
    /// Creates a database in `path`, which must not contain one.
    pub fn create(path: &Path, shared: &SharedResources) -> Result<Self, EngineError> {
        let mut options = bucket_options(shared, DamagedLog::Refuse);
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_error_if_exists(true);
        Self::from_opened(
            Db::open_cf_descriptors(&options, path, families(shared)),
            path,
            shared,
            "making a bucket",
        )
    }

    /// Opens the database in `path`.
    pub fn open(
        path: &Path,
        access: Access,
        shared: &SharedResources,
        log: DamagedLog,
    ) -> Result<Self, EngineError> {
        log_hole::check_manifest(path, "opening a bucket")?;
        let options = bucket_options(shared, log);
        let families = families(shared);
        let opened = match access {
            Access::ReadWrite => Db::open_cf_descriptors(&options, path, families),
            Access::ReadOnly => Db::open_cf_descriptors_read_only(&options, path, families, false),
        };
        Self::from_opened(opened, path, shared, "opening a bucket")
    }

    fn from_opened(
        opened: Result<Db, rocksdb::Error>,
        path: &Path,
        shared: &SharedResources,
        doing: &'static str,
    ) -> Result<Self, EngineError> {
        let db = opened.map_err(|error| EngineError::from_rocksdb(doing, path, &error))?;
        let engine = Self {
            db: Arc::new(db),
            path: path.to_owned(),
            shared: shared.clone(),
            journal: OnceLock::new(),
            rewriter: Rewriter::default(),
            single: AtomicU64::new(0),
            batched: AtomicU64::new(0),
            batched_keys: AtomicU64::new(0),
            #[cfg(any(test, feature = "testing"))]
            probe: Default::default(),
        };
        // Both families were named at opening.
        engine.family(Family::Tree)?;
        engine.family(Family::Content)?;
        Ok(engine)
    }

    fn family_ref(&self, family: Family) -> Option<&ColumnFamily> {
        handle_of(&self.db, family)
    }

    fn family(&self, family: Family) -> Result<&ColumnFamily, EngineError> {
        self.family_ref(family)
            .ok_or_else(|| absent(&self.path, family))
    }

    fn error_of(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        move |error| EngineError::from_rocksdb(doing, &self.path, &error)
    }

    /// Returns the database's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the resources that the databases of this process share.
    pub fn shared(&self) -> &SharedResources {
        &self.shared
    }

    /// Returns the number of reads so far, by how they were served.
    pub fn read_counts(&self) -> ReadCounts {
        ReadCounts {
            single: self.single.load(Ordering::Relaxed),
            batched: self.batched.load(Ordering::Relaxed),
            batched_keys: self.batched_keys.load(Ordering::Relaxed),
        }
    }

    /// Reads one key into an owned buffer.
    pub fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.single.fetch_add(1, Ordering::Relaxed);
        let handle = self.family(family)?;
        self.db
            .get_cf(handle, key)
            .map_err(self.error_of("reading a bucket"))
    }

    /// Reads several keys of one family in one call and parses each value. The
    /// results are in the order of `keys`.
    pub fn get_many<K: AsRef<[u8]>, T>(
        &self,
        family: Family,
        keys: &[K],
        parse: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<Option<T>>, EngineError> {
        self.batched.fetch_add(1, Ordering::Relaxed);
        self.batched_keys
            .fetch_add(keys.len().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        let handle = self.family(family)?;
        self.db
            .batched_multi_get_cf(handle, keys, false)
            .into_iter()
            .map(|value| {
                value
                    .map(|found| found.map(|bytes| parse(&bytes)))
                    .map_err(self.error_of("reading a bucket"))
            })
            .collect()
    }

    /// Reads several keys like [`Engine::get_many`], but from memory only. Returns an
    /// error if one of them is not cached, and never waits for a disk.
    pub fn get_many_cached<K: AsRef<[u8]>, T>(
        &self,
        family: Family,
        keys: &[K],
        parse: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<Option<T>>, EngineError> {
        let handle = self.family(family)?;
        let mut options = ReadOptions::default();
        options.set_read_tier(rocksdb::ReadTier::BlockCache);
        // One by one: the batched read goes to disk regardless of the read tier.
        keys.iter()
            .map(|key| {
                self.db
                    .get_pinned_cf_opt(handle, key, &options)
                    .map(|found| found.map(|bytes| parse(&bytes)))
                    .map_err(self.error_of("reading a bucket from memory"))
            })
            .collect()
    }

    /// Scans all entries whose keys begin with `prefix`, in key order.
    pub fn scan<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + 'e, EngineError> {
        // One pass over a bucket must not evict the blocks that proofs need.
        self.scan_from(family, prefix, prefix)
    }

    /// Starts an empty batch.
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            engine: self,
            tree: self.family_ref(Family::Tree),
            content: self.family_ref(Family::Content),
            absent: None,
            writes: WriteBatch::default(),
            changes: Changes::default(),
        }
    }

    /// Applies a batch atomically without the write-ahead log. A crash loses it until
    /// [`Engine::flush`] has returned. For content the log would be half of the bytes
    /// written to disk.
    pub fn write_unlogged(&self, batch: Batch<'_>) -> Result<(), EngineError> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        #[cfg(any(test, feature = "testing"))]
        self.probe.record_write(&self.path, false)?;
        self.write_with(batch, &options, false)
    }

    /// Applies a batch atomically.
    ///
    /// After an error the outcome is unknown: the caller must drop this handle and
    /// open the database again.
    pub fn write(&self, batch: Batch<'_>, durability: Durability) -> Result<(), EngineError> {
        let mut options = WriteOptions::default();
        let synced = durability == Durability::Synced;
        options.set_sync(synced);
        #[cfg(any(test, feature = "testing"))]
        self.probe.record_write(&self.path, synced)?;
        self.write_with(batch, &options, synced)
    }

    fn write_with(
        &self,
        batch: Batch<'_>,
        options: &WriteOptions,
        synced: bool,
    ) -> Result<(), EngineError> {
        if let Some(family) = batch.absent {
            return Err(absent(&self.path, family));
        }
        let write = |batch: Batch<'_>| {
            self.db
                .write_opt(batch.writes, options)
                .map_err(self.error_of("writing to a bucket"))
        };
        match self.journal.get() {
            Some(journal) if !batch.changes.is_empty() => {
                self.write_journaled(journal, batch, synced, write)
            }
            _ => write(batch),
        }
    }

    /// Makes durable what was written to the journal so far.
    pub fn sync_journal(&self) -> Result<(), EngineError> {
        let synced = self.journal.get().map_or(Ok(()), |journal| journal.sync());
        synced.map_err(|error| EngineError::from_io("syncing the journal", &self.path, &error))
    }

    /// Flushes a family's memtable to files, durably.
    pub fn flush(&self, family: Family) -> Result<(), EngineError> {
        let handle = self.family(family)?;
        self.db
            .flush_cf(handle)
            .map_err(self.error_of("flushing a bucket"))
    }

    /// Makes durable everything in the write-ahead log.
    pub fn sync(&self) -> Result<(), EngineError> {
        self.db
            .flush_wal(true)
            .map_err(self.error_of("syncing a bucket"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_with_a_change_for_an_absent_family_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let engine = Engine::create(&path, &SharedResources::default()).unwrap();
        let mut batch = engine.batch();
        batch.tree = None;
        batch.put(Family::Content, b"key", b"value");
        batch.delete(Family::Tree, b"key");
        let refused = engine.write(batch, Durability::Buffered).unwrap_err();
        assert_eq!(refused.kind, FaultKind::Corrupt);
        assert_eq!(engine.get(Family::Content, b"key").unwrap(), None);
    }
}
