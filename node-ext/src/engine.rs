//! RocksDB, and the only file that names it: how a bucket's database is
//! opened, read and written, and what its failures mean.
//!
//! The defaults of RocksDB are for one large database. A bucket is small and
//! has thousands of neighbours, so what is allocated up front, kept in logs or
//! computed in the background is turned down; what guards the data is not.

use crate::layout::{CONTENT_FAMILY, TREE_FAMILY};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DBRecoveryMode,
    DBWithThreadMode, Direction, IteratorMode, LogLevel, Options, ReadOptions, SingleThreaded,
    WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory that one bucket's unflushed leaves and nodes may take, in bytes:
/// some 3,000 commits.
const TREE_WRITE_BUFFER: usize = 1 << 20;
/// Memory that one bucket's unflushed chunks may take before they are written
/// out in the background, in bytes: 32 chunks make one blob file.
const CONTENT_WRITE_BUFFER: usize = 8 << 20;
/// Buffers of chunks, of which all but one are being written out.
const CONTENT_WRITE_BUFFERS: i32 = 4;
/// What a memtable takes when it gets its first entry, in bytes. RocksDB's own
/// 1 MiB is what makes an idle open bucket heavy.
const ARENA_BLOCK: usize = 16 << 10;
/// RocksDB preallocates 4 MiB for a list of files that takes some hundred bytes.
const MANIFEST_PREALLOCATION: usize = 4 << 10;
/// Values from this size on live in blob files, so that compaction does not
/// copy them: chunks do, keys and nodes do not.
const MIN_BLOB: u64 = 1 << 10;
/// Files that one bucket keeps open; the least that RocksDB accepts is 20.
const OPEN_FILES: i32 = 64;
/// Write-ahead log that may be left to replay, in bytes.
const MAX_WAL: u64 = 64 << 20;
/// RocksDB's own log files that are kept, of 1,000 by default.
const KEPT_LOGS: usize = 1;
/// One of 100 lookups of an absent key reads a block in vain.
const BLOOM_BITS: f64 = 10.0;

type Db = DBWithThreadMode<SingleThreaded>;

/// What all databases of a process share.
#[derive(Clone)]
pub struct Shared {
    cache: Cache,
}

impl Shared {
    /// Blocks of all buckets in one cache of `cache_bytes`.
    pub fn new(cache_bytes: usize) -> Self {
        Self {
            cache: Cache::new_lru_cache(cache_bytes),
        }
    }
}

impl Default for Shared {
    /// A cache of 64 MiB.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

/// What kind of failure the database reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Another process, or another handle of this one, has it open.
    Locked,
    /// There is no database, or not a whole one.
    Absent,
    /// The disk takes no writes.
    ReadOnlyDisk,
    /// The disk is full.
    NoSpace,
    /// What is on disk fails its checksums.
    Corrupt,
    /// Anything else.
    Other,
}

/// A failure of the database under a bucket.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing} at {path}: {message}{}", advice(*kind))]
pub struct EngineError {
    /// What was attempted.
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What kind of failure it is.
    pub kind: FaultKind,
    /// RocksDB's own words.
    pub message: String,
}

fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Locked => "; another process has it open: stop that one first",
        FaultKind::ReadOnlyDisk => "; the disk takes no writes: remount it, or check permissions",
        FaultKind::NoSpace => "; the disk is full: make room and try again",
        FaultKind::Corrupt => "; what is on disk is damaged: keep a copy and run `cairn fsck`",
        FaultKind::Absent | FaultKind::Other => "",
    }
}

impl EngineError {
    fn new(doing: &'static str, path: &Path, error: &rocksdb::Error) -> Self {
        let message = error.to_string();
        let kind = if error.kind() == rocksdb::ErrorKind::Corruption {
            FaultKind::Corrupt
        } else if message.contains("lock hold by") || message.contains("While lock file") {
            FaultKind::Locked
        } else if message.contains("No space left") {
            FaultKind::NoSpace
        } else if message.contains("Read-only file system") || message.contains("Permission denied")
        {
            FaultKind::ReadOnlyDisk
        } else if message.contains("does not exist") || message.contains("No such file") {
            FaultKind::Absent
        } else {
            FaultKind::Other
        };
        Self {
            doing,
            path: path.to_owned(),
            kind,
            message,
        }
    }
}

/// Which of the two families a key is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Tree,
    Content,
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For proofs and reading; takes no lock and writes nothing.
    ReadOnly,
    /// For everything.
    ReadWrite,
}

/// What a write promises when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It survives the loss of power.
    Synced,
    /// It survives the end of the process, and becomes durable with the next
    /// synced write, in order.
    Buffered,
}

/// How often a database was read, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCounts {
    /// Reads of one key.
    pub single: u64,
    /// Reads of many keys at once.
    pub batched: u64,
    /// Keys that were asked for in batches.
    pub batched_keys: u64,
}

/// Changes that become one atomic write.
pub(crate) struct Batch<'e> {
    engine: &'e Engine,
    writes: WriteBatch,
}

impl Batch<'_> {
    pub(crate) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        if let Some(family) = self.engine.family_ref(family) {
            self.writes.put_cf(family, key, value);
        }
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        if let Some(family) = self.engine.family_ref(family) {
            self.writes.delete_cf(family, key);
        }
    }
}

/// One bucket's open database.
pub(crate) struct Engine {
    db: Db,
    path: PathBuf,
    single: AtomicU64,
    batched: AtomicU64,
    batched_keys: AtomicU64,
    #[cfg(test)]
    pub(crate) fail_writes: std::sync::atomic::AtomicBool,
}

/// One entry of a scan.
pub(crate) type Entry = (Box<[u8]>, Box<[u8]>);

impl Engine {
    /// Makes a new database in `path`, which must not hold one.
    pub(crate) fn create(path: &Path, shared: &Shared) -> Result<Self, EngineError> {
        let mut options = options(shared);
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_error_if_exists(true);
        Self::finish(
            Db::open_cf_descriptors(&options, path, families(shared)),
            path,
            "making a bucket",
        )
    }

    /// Opens the database in `path`.
    pub(crate) fn open(path: &Path, access: Access, shared: &Shared) -> Result<Self, EngineError> {
        let options = options(shared);
        let families = families(shared);
        let opened = match access {
            Access::ReadWrite => Db::open_cf_descriptors(&options, path, families),
            Access::ReadOnly => Db::open_cf_descriptors_read_only(&options, path, families, false),
        };
        Self::finish(opened, path, "opening a bucket")
    }

    fn finish(
        opened: Result<Db, rocksdb::Error>,
        path: &Path,
        doing: &'static str,
    ) -> Result<Self, EngineError> {
        let db = opened.map_err(|error| EngineError::new(doing, path, &error))?;
        let engine = Self {
            db,
            path: path.to_owned(),
            single: AtomicU64::new(0),
            batched: AtomicU64::new(0),
            batched_keys: AtomicU64::new(0),
            #[cfg(test)]
            fail_writes: Default::default(),
        };
        // Both were named when the database was opened; a handle that is not
        // there would turn writes into nothing.
        engine.family(Family::Tree)?;
        engine.family(Family::Content)?;
        Ok(engine)
    }

    fn family_ref(&self, family: Family) -> Option<&ColumnFamily> {
        self.db.cf_handle(match family {
            Family::Tree => TREE_FAMILY,
            Family::Content => CONTENT_FAMILY,
        })
    }

    fn family(&self, family: Family) -> Result<&ColumnFamily, EngineError> {
        self.family_ref(family).ok_or_else(|| EngineError {
            doing: "looking for a column family",
            path: self.path.clone(),
            kind: FaultKind::Corrupt,
            message: format!("there is no family for {family:?}"),
        })
    }

    fn fault(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        move |error| EngineError::new(doing, &self.path, &error)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn read_counts(&self) -> ReadCounts {
        ReadCounts {
            single: self.single.load(Ordering::Relaxed),
            batched: self.batched.load(Ordering::Relaxed),
            batched_keys: self.batched_keys.load(Ordering::Relaxed),
        }
    }

    /// Reads one key into memory of its own.
    pub(crate) fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.single.fetch_add(1, Ordering::Relaxed);
        let handle = self.family(family)?;
        self.db
            .get_cf(handle, key)
            .map_err(self.fault("reading a bucket"))
    }

    /// Reads many keys of one family in one call, values in the order of `keys`.
    pub(crate) fn get_many<K: AsRef<[u8]>>(
        &self,
        family: Family,
        keys: &[K],
    ) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        self.batched.fetch_add(1, Ordering::Relaxed);
        self.batched_keys
            .fetch_add(keys.len().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
        let handle = self.family(family)?;
        self.db
            .batched_multi_get_cf(handle, keys, false)
            .into_iter()
            .map(|value| {
                value
                    .map(|found| found.map(|bytes| bytes.to_vec()))
                    .map_err(self.fault("reading a bucket"))
            })
            .collect()
    }

    /// All entries from `prefix` on whose keys begin with it, in key order.
    pub(crate) fn scan<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + 'e, EngineError> {
        let handle = self.family(family)?;
        let mut options = ReadOptions::default();
        // Passing over a bucket once must not push out what proofs need.
        options.fill_cache(false);
        let from = IteratorMode::From(prefix, Direction::Forward);
        let entries = self.db.iterator_cf_opt(handle, options, from);
        Ok(entries
            .map(move |entry| entry.map_err(self.fault("scanning a bucket")))
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(prefix),
                Err(_) => true,
            }))
    }

    pub(crate) fn batch(&self) -> Batch<'_> {
        Batch {
            engine: self,
            writes: WriteBatch::default(),
        }
    }

    /// Applies a batch, all of it or nothing.
    ///
    /// After a failure the outcome is unknown: the caller must stop using the
    /// handle and look at the disk anew.
    pub(crate) fn write(
        &self,
        batch: Batch<'_>,
        durability: Durability,
    ) -> Result<(), EngineError> {
        #[cfg(test)]
        if self.fail_writes.load(Ordering::SeqCst) {
            return Err(EngineError {
                doing: "writing to a bucket",
                path: self.path.clone(),
                kind: FaultKind::Other,
                message: "a failure made by a test".into(),
            });
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db
            .write_opt(batch.writes, &options)
            .map_err(self.fault("writing to a bucket"))
    }

    /// Makes all that was written so far durable.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        self.db
            .flush_wal(true)
            .map_err(self.fault("syncing a bucket"))
    }
}

fn options(shared: &Shared) -> Options {
    let mut options = Options::default();
    tune_family(&mut options, shared, Family::Tree);
    options.set_paranoid_checks(true);
    // What was synced is whole; a tail that was not may be torn at any byte.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    options.set_max_total_wal_size(MAX_WAL);
    options.set_manifest_preallocation_size(MANIFEST_PREALLOCATION);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_file_opening_threads(1);
    options.set_keep_log_file_num(KEPT_LOGS);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options
}

fn families(shared: &Shared) -> [ColumnFamilyDescriptor; 2] {
    [
        (TREE_FAMILY, Family::Tree),
        (CONTENT_FAMILY, Family::Content),
    ]
    .map(|(name, family)| {
        let mut options = Options::default();
        tune_family(&mut options, shared, family);
        ColumnFamilyDescriptor::new(name, options)
    })
}

fn tune_family(options: &mut Options, shared: &Shared, family: Family) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&shared.cache);
    table.set_bloom_filter(BLOOM_BITS, false);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    options.set_block_based_table_factory(&table);
    options.set_arena_block_size(ARENA_BLOCK);
    match family {
        Family::Tree => options.set_write_buffer_size(TREE_WRITE_BUFFER),
        Family::Content => {
            options.set_write_buffer_size(CONTENT_WRITE_BUFFER);
            options.set_max_write_buffer_number(CONTENT_WRITE_BUFFERS);
            options.set_enable_blob_files(true);
            options.set_min_blob_size(MIN_BLOB);
            // Space of chunks that a prune drops comes back with compaction.
            options.set_enable_blob_gc(true);
        }
    }
}
