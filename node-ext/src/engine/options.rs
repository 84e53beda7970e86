//! How a bucket's database is tuned.
//!
//! The defaults of RocksDB are for one large database. A bucket is small and
//! has thousands of neighbours, so what is allocated up front, kept in logs or
//! computed in the background is turned down; what guards the data is not.

use super::Family;
use crate::layout::{CONTENT_FAMILY, SMALL_CHUNK, TREE_FAMILY};
use crate::space::{DiskGuard, DiskReading, DiskReserved};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBRecoveryMode,
    LogLevel, Options, WriteBufferManager,
};
use std::sync::Arc;

/// Memory that one bucket's unflushed leaves and nodes may take, in bytes:
/// some thousands of commits.
const TREE_WRITE_BUFFER: usize = 4 << 20;
/// Memory that one bucket's unflushed chunks may take before they are written
/// out in the background, in bytes: 32 chunks make one blob file.
const CONTENT_WRITE_BUFFER: usize = 8 << 20;
/// Buffers of chunks, of which all but one are being written out.
const CONTENT_WRITE_BUFFERS: i32 = 3;
/// What a memtable takes when it gets its first entry, in bytes. RocksDB's own
/// 1 MiB is what makes an idle open bucket heavy.
const ARENA_BLOCK: usize = 16 << 10;
/// RocksDB preallocates 4 MiB for a list of files that takes some hundred bytes.
const MANIFEST_PREALLOCATION: usize = 4 << 10;
/// Values from this size on live in blob files, so that compaction does not
/// copy them: chunks do, keys and nodes do not.
const MIN_BLOB: u64 = SMALL_CHUNK as u64;
/// The table of a database's open files is in one piece: a bucket has few, and
/// RocksDB's 64 pieces are memory that each open bucket would take.
const TABLE_CACHE_SHARD_BITS: i32 = 0;
/// Write-ahead log that may be left to replay, in bytes.
const MAX_WAL: u64 = 64 << 20;
/// RocksDB's own log files that are kept, of 1,000 by default.
const KEPT_LOGS: usize = 1;
/// One of 100 lookups of an absent key reads a block in vain.
const BLOOM_BITS: f64 = 10.0;

/// What to do about a log that is damaged before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DamagedLog {
    /// Do not open.
    Refuse,
    /// Lose what is behind the damage.
    CutAtDamage,
}

/// What all databases of a process may take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Memory for blocks read from disk, in bytes.
    pub cache_bytes: usize,
    /// Memory for what is not in files yet, in bytes. A database that writes
    /// while there is more writes it out; see [`Shared::unflushed_bytes`].
    pub write_buffer_bytes: usize,
    /// Table and blob files that one database keeps open, at least 10; it takes
    /// some 6 descriptors besides.
    pub open_files: u16,
    /// Upper nodes of its tree that one bucket keeps in memory; each takes some
    /// 64 bytes.
    pub kept_nodes: usize,
}

impl Default for Resources {
    /// For a few buckets at a time: 64 MiB each, 54 files, and 32,768 nodes.
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 64 << 20,
            open_files: 54,
            kept_nodes: 1 << 15,
        }
    }
}

/// What all databases of a process share.
#[derive(Clone)]
pub struct Shared {
    cache: Cache,
    write_buffers: WriteBufferManager,
    open_files: u16,
    kept_nodes: usize,
    tuned: bool,
    guard: Option<Arc<DiskGuard>>,
}

impl Shared {
    /// One cache and one bound on unflushed writes for all buckets.
    pub fn new(resources: Resources) -> Self {
        Self {
            cache: Cache::new_lru_cache(resources.cache_bytes),
            // Without stalls: a writer that waits for memory would wait for
            // another bucket, and faults and load are to stay in theirs.
            write_buffers: WriteBufferManager::new_write_buffer_manager(
                resources.write_buffer_bytes,
                false,
            ),
            open_files: resources.open_files,
            kept_nodes: resources.kept_nodes,
            tuned: true,
            guard: None,
        }
    }

    /// The same, with the last part of a disk kept from what clients bring.
    pub fn guarded_by(self, guard: DiskGuard) -> Self {
        Self {
            guard: Some(Arc::new(guard)),
            ..self
        }
    }

    /// Lets clients take some bytes more of the disk.
    pub(crate) fn admit(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.admit(bytes, || self.unwritten()),
            None => Ok(()),
        }
    }

    /// Whether this many bytes would fit on the disk, all of them.
    pub(crate) fn would_fit(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.would_fit(bytes, self.unwritten()),
            None => Ok(()),
        }
    }

    /// Lets what gives room later take some of the reserve first.
    pub(crate) fn admit_into_reserve(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.admit_into_reserve(bytes, self.unwritten()),
            None => Ok(()),
        }
    }

    /// How the disk stands; `None` where nothing of it is kept back.
    pub(crate) fn disk(&self) -> Option<DiskReading> {
        let guard = self.guard.as_ref()?;
        Some(guard.reading(self.unwritten()))
    }

    fn unwritten(&self) -> u64 {
        u64::try_from(self.unflushed_bytes()).unwrap_or(u64::MAX)
    }

    /// The same, for databases under RocksDB's own default options and outside
    /// all bounds: for measuring what the tuning is worth, and for nothing else.
    pub fn with_rocksdb_defaults(self) -> Self {
        Self {
            tuned: false,
            ..self
        }
    }

    /// Upper nodes that one bucket keeps in memory.
    pub(crate) fn kept_nodes(&self) -> usize {
        self.kept_nodes
    }

    /// Memory that unflushed writes of all buckets take, in bytes.
    pub fn unflushed_bytes(&self) -> usize {
        self.write_buffers.get_usage()
    }

    /// Memory that blocks of all buckets take in the cache, in bytes.
    pub fn cached_bytes(&self) -> usize {
        self.cache.get_usage()
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self::new(Resources::default())
    }
}

/// RocksDB keeps 10 of `max_open_files` for itself.
const FILES_KEPT_BACK: i32 = 10;

pub(super) fn options(shared: &Shared, log: DamagedLog) -> Options {
    let mut options = Options::default();
    if !shared.tuned {
        return options;
    }
    tune_family(&mut options, shared, Family::Tree);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(match log {
        // A tail that was not synced may be cut; damage before it is not to be
        // passed over, since what was signed may be behind it.
        DamagedLog::Refuse => DBRecoveryMode::TolerateCorruptedTailRecords,
        DamagedLog::CutAtDamage => DBRecoveryMode::PointInTime,
    });
    options.set_max_total_wal_size(MAX_WAL);
    options.set_manifest_preallocation_size(MANIFEST_PREALLOCATION);
    let open_files = i32::from(shared.open_files).saturating_add(FILES_KEPT_BACK);
    options.set_max_open_files(open_files);
    options.set_write_buffer_manager(&shared.write_buffers);
    options.set_max_file_opening_threads(1);
    options.set_table_cache_num_shard_bits(TABLE_CACHE_SHARD_BITS);
    options.set_keep_log_file_num(KEPT_LOGS);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// Memory of each of the index's tables for blocks, in bytes.
const INDEX_CACHE: usize = 2 << 20;
/// Memory of each of the index's tables for what is not flushed, in bytes.
const INDEX_WRITE_BUFFER: usize = 2 << 20;
/// Files that the index keeps open; within what the budget reserves.
const INDEX_OPEN_FILES: i32 = 30;

/// How the index is tuned, and each of its tables. It has no part in what the
/// buckets share, so that it is there when they have used that up.
pub(super) fn index_options() -> Options {
    let mut options = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(INDEX_CACHE));
    table.set_bloom_filter(BLOOM_BITS, false);
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(INDEX_WRITE_BUFFER);
    options.set_max_total_wal_size(MAX_WAL);
    options.set_manifest_preallocation_size(MANIFEST_PREALLOCATION);
    options.set_max_open_files(INDEX_OPEN_FILES);
    options.set_keep_log_file_num(KEPT_LOGS);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

pub(super) fn families(shared: &Shared) -> [ColumnFamilyDescriptor; 2] {
    [
        (TREE_FAMILY, Family::Tree),
        (CONTENT_FAMILY, Family::Content),
    ]
    .map(|(name, family)| {
        let mut options = Options::default();
        if shared.tuned {
            tune_family(&mut options, shared, family);
        }
        ColumnFamilyDescriptor::new(name, options)
    })
}

fn tune_family(options: &mut Options, shared: &Shared, family: Family) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&shared.cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(BLOOM_BITS, false);
    options.set_arena_block_size(ARENA_BLOCK);
    match family {
        Family::Tree => {
            options.set_write_buffer_size(TREE_WRITE_BUFFER);
            // Proofs ask for keys that are there: a filter over the oldest
            // level, which is nearly all of a tree, would be read to say so.
            options.set_optimize_filters_for_hits(true);
        }
        Family::Content => {
            // In parts: a whole filter of a large bucket is more than a shard
            // of the cache holds, and would be read again at each lookup.
            table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
            table.set_partition_filters(true);
            options.set_write_buffer_size(CONTENT_WRITE_BUFFER);
            options.set_max_write_buffer_number(CONTENT_WRITE_BUFFERS);
            options.set_enable_blob_files(true);
            options.set_min_blob_size(MIN_BLOB);
            // RocksDB's collection of dead blobs copies the oldest quarter of
            // all blobs at each compaction, dead or not. Chunks die only when
            // an upload is taken back or a tree is pruned.
            options.set_enable_blob_gc(false);
        }
    }
    options.set_block_based_table_factory(&table);
}
