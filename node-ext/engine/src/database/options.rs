//! RocksDB options of a bucket's database and of the index.
//!
//! RocksDB's defaults suit one large database. A bucket is small and one of
//! thousands, so buffers, logs and background work are reduced. The options that
//! protect the data are not.

use super::Family;
use crate::layout::{CONTENT_FAMILY, SMALL_CHUNK_BYTES, TREE_FAMILY};
use cairn_fs::{DiskGuard, DiskReading, DiskReserved};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamilyDescriptor, DBRecoveryMode,
    LogLevel, Options, WriteBufferManager,
};
use std::sync::Arc;

/// Memory for one bucket's unflushed leaves and nodes, in bytes: some thousands of
/// commits.
const TREE_WRITE_BUFFER_BYTES: usize = 4 << 20;
/// Memory for one bucket's unflushed chunks before they are flushed in the
/// background, in bytes: 32 chunks make one blob file.
const CONTENT_WRITE_BUFFER_BYTES: usize = 8 << 20;
/// Write buffers for chunks; all but one may be in the process of being flushed.
const MAX_CONTENT_WRITE_BUFFERS: i32 = 3;
/// Memory that a memtable takes for its first entry, in bytes. RocksDB's default of
/// 1 MiB makes an idle open bucket heavy.
const ARENA_BLOCK_BYTES: usize = 16 << 10;
/// RocksDB preallocates 4 MiB for a manifest, which takes some hundred bytes.
const MANIFEST_PREALLOCATION_BYTES: usize = 4 << 10;
/// Values of this size and more go to blob files, so that compaction does not copy
/// them. Chunks are, keys and nodes are not.
const MIN_BLOB_BYTES: u64 = SMALL_CHUNK_BYTES as u64;
/// One shard for the table cache: a bucket has few files, and RocksDB's default of
/// 64 shards would take memory in each open bucket.
const TABLE_CACHE_SHARD_BITS: i32 = 0;
/// Upper bound on write-ahead log to replay, in bytes.
const MAX_WAL_BYTES: u64 = 64 << 20;
/// Number of RocksDB's info logs to keep; the default is 1,000.
const MAX_INFO_LOGS: usize = 1;
/// Bits per key: 1 of 100 lookups of an absent key reads a block in vain.
const BLOOM_BITS: f64 = 10.0;

/// How to open a log that is damaged before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamagedLog {
    /// Return an error.
    Refuse,
    /// Drop what follows the damage.
    CutAtDamage,
}

/// Limits for all databases of a process together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Memory for blocks read from disk, in bytes.
    pub cache_bytes: usize,
    /// Memory for unflushed writes, in bytes. A database that writes while more is in
    /// use flushes; see [`SharedResources::unflushed_bytes`].
    pub write_buffer_bytes: usize,
    /// Table and blob files that one database keeps open, at least 10. It uses some 6
    /// further descriptors.
    pub open_files: u16,
    /// Upper nodes of the tree that one bucket keeps in memory; each takes some 64
    /// bytes.
    pub cached_nodes: usize,
}

impl Default for Resources {
    /// Suits a few buckets: 64 MiB each, 54 files, and 32,768 nodes.
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            write_buffer_bytes: 64 << 20,
            open_files: 54,
            cached_nodes: 1 << 15,
        }
    }
}

/// Resources that all databases of a process share.
#[derive(Clone)]
pub struct SharedResources {
    cache: Cache,
    write_buffers: WriteBufferManager,
    open_files: u16,
    cached_nodes: usize,
    is_tuned: bool,
    guard: Option<Arc<DiskGuard>>,
}

impl SharedResources {
    /// Makes one cache and one bound on unflushed writes for all buckets.
    pub fn new(resources: Resources) -> Self {
        Self {
            cache: Cache::new_lru_cache(resources.cache_bytes),
            // Without stalls: a writer would wait for memory of another bucket, and
            // faults and load must stay within their bucket.
            write_buffers: WriteBufferManager::new_write_buffer_manager(
                resources.write_buffer_bytes,
                false,
            ),
            open_files: resources.open_files,
            cached_nodes: resources.cached_nodes,
            is_tuned: true,
            guard: None,
        }
    }

    /// Keeps the reserve of a disk from clients' uploads.
    pub fn with_disk_guard(self, guard: DiskGuard) -> Self {
        Self {
            guard: Some(Arc::new(guard)),
            ..self
        }
    }

    /// Admits `bytes` more from clients, if that leaves the reserve of the disk free.
    pub fn admit(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.admit(bytes, || self.unflushed()),
            None => Ok(()),
        }
    }

    /// Checks that `bytes` more would fit without using the reserve.
    pub fn check_fits(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.check_fits(bytes, self.unflushed()),
            None => Ok(()),
        }
    }

    /// Admits `bytes` that may use a part of the reserve, for work that frees space.
    pub fn admit_into_reserve(&self, bytes: u64) -> Result<(), DiskReserved> {
        match &self.guard {
            Some(guard) => guard.admit_into_reserve(bytes, self.unflushed()),
            None => Ok(()),
        }
    }

    /// Returns the state of the disk; `None` without a disk guard.
    pub fn disk(&self) -> Option<DiskReading> {
        let guard = self.guard.as_ref()?;
        Some(guard.reading(self.unflushed()))
    }

    fn unflushed(&self) -> u64 {
        u64::try_from(self.unflushed_bytes()).unwrap_or(u64::MAX)
    }

    /// Makes databases use RocksDB's default options, outside all limits. Only for
    /// benchmarks of the tuning.
    pub fn with_rocksdb_defaults(self) -> Self {
        Self {
            is_tuned: false,
            ..self
        }
    }

    /// Returns the number of upper nodes that one bucket keeps in memory.
    pub fn cached_nodes(&self) -> usize {
        self.cached_nodes
    }

    /// Returns the memory that unflushed writes of all buckets take, in bytes.
    pub fn unflushed_bytes(&self) -> usize {
        self.write_buffers.get_usage()
    }

    /// Returns the memory that cached blocks of all buckets take, in bytes.
    pub fn cached_bytes(&self) -> usize {
        self.cache.get_usage()
    }
}

impl Default for SharedResources {
    fn default() -> Self {
        Self::new(Resources::default())
    }
}

/// RocksDB reserves 10 of `max_open_files` for itself.
const RESERVED_OPEN_FILES: i32 = 10;

pub(super) fn bucket_options(shared: &SharedResources, log: DamagedLog) -> Options {
    let mut options = Options::default();
    if !shared.is_tuned {
        return options;
    }
    tune_family(&mut options, shared, Family::Tree);
    options.set_paranoid_checks(true);
    options.set_wal_recovery_mode(match log {
        // An unsynced tail may be cut. Damage before it must not be skipped, since
        // signed data may follow it.
        DamagedLog::Refuse => DBRecoveryMode::TolerateCorruptedTailRecords,
        DamagedLog::CutAtDamage => DBRecoveryMode::PointInTime,
    });
    options.set_max_total_wal_size(MAX_WAL_BYTES);
    options.set_manifest_preallocation_size(MANIFEST_PREALLOCATION_BYTES);
    let open_files = i32::from(shared.open_files).saturating_add(RESERVED_OPEN_FILES);
    options.set_max_open_files(open_files);
    options.set_write_buffer_manager(&shared.write_buffers);
    options.set_max_file_opening_threads(1);
    options.set_table_cache_num_shard_bits(TABLE_CACHE_SHARD_BITS);
    options.set_keep_log_file_num(MAX_INFO_LOGS);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
    options
}

/// Block cache of each of the index's tables, in bytes.
const INDEX_CACHE_BYTES: usize = 2 << 20;
/// Write buffer of each of the index's tables, in bytes.
const INDEX_WRITE_BUFFER_BYTES: usize = 2 << 20;
/// Files that the index keeps open; the budget accounts for them.
const INDEX_OPEN_FILES: i32 = 30;

/// Returns the options of the index and of each of its tables. They do not use the
/// buckets' shared resources, so the index still works when these are used up.
pub(crate) fn index_options() -> Options {
    let mut options = Options::default();
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(INDEX_CACHE_BYTES));
    table.set_bloom_filter(BLOOM_BITS, false);
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(INDEX_WRITE_BUFFER_BYTES);
    options.set_max_total_wal_size(MAX_WAL_BYTES);
    options.set_manifest_preallocation_size(MANIFEST_PREALLOCATION_BYTES);
    options.set_max_open_files(INDEX_OPEN_FILES);
    options.set_keep_log_file_num(MAX_INFO_LOGS);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

pub(super) fn families(shared: &SharedResources) -> [ColumnFamilyDescriptor; 2] {
    [
        (TREE_FAMILY, Family::Tree),
        (CONTENT_FAMILY, Family::Content),
    ]
    .map(|(name, family)| {
        let mut options = Options::default();
        if shared.is_tuned {
            tune_family(&mut options, shared, family);
        }
        ColumnFamilyDescriptor::new(name, options)
    })
}

fn tune_family(options: &mut Options, shared: &SharedResources, family: Family) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&shared.cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(BLOOM_BITS, false);
    options.set_arena_block_size(ARENA_BLOCK_BYTES);
    match family {
        Family::Tree => {
            options.set_write_buffer_size(TREE_WRITE_BUFFER_BYTES);
            // Proofs ask for keys that are there: a filter over the oldest
            // level, which is nearly all of a tree, would be read to say so.
            options.set_optimize_filters_for_hits(true);
        }
        Family::Content => {
            // In parts: a whole filter of a large bucket is more than a shard
            // of the cache holds, and would be read again at each lookup.
            table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
            table.set_partition_filters(true);
            options.set_write_buffer_size(CONTENT_WRITE_BUFFER_BYTES);
            options.set_max_write_buffer_number(MAX_CONTENT_WRITE_BUFFERS);
            options.set_enable_blob_files(true);
            options.set_min_blob_size(MIN_BLOB_BYTES);
            // RocksDB's collection of dead blobs copies the oldest quarter of
            // all blobs at each compaction, dead or not. Chunks die only when
            // an upload is taken back or a tree is pruned.
            options.set_enable_blob_gc(false);
        }
    }
    options.set_block_based_table_factory(&table);
}
