//! Maintenance of a bucket's database: memory use, background errors, checkpoints,
//! range deletion and compaction.

use super::{Batch, Engine, EngineError, Family, FaultKind};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{BottommostLevelCompaction, CompactOptions};
use std::path::Path;

/// Property: bytes in a family's active memtable.
const MEMTABLE_BYTES: &str = "rocksdb.cur-size-active-mem-table";
/// Property: number of failed flushes and compactions.
const BACKGROUND_ERRORS: &str = "rocksdb.background-errors";
/// Property: number of entries in a family's active memtable.
const MEMTABLE_ENTRIES: &str = "rocksdb.num-entries-active-mem-table";

impl Batch<'_> {
    /// Deletes the keys from `from` on and below `to`.
    pub fn delete_range<K: AsRef<[u8]>>(&mut self, family: Family, from: K, to: K) {
        if self.engine.journal.get().is_some() {
            self.changes
                .delete_range(family, from.as_ref(), to.as_ref());
        }
        if let Some(family) = self.engine.family_ref(family) {
            self.writes.delete_range_cf(family, from, to);
        }
    }
}

impl Engine {
    /// Returns the memory of unflushed entries, in bytes; 0 if there are none.
    pub fn unflushed_bytes(&self) -> Result<u64, EngineError> {
        let mut bytes = 0u64;
        for family in [Family::Tree, Family::Content] {
            if self.property(family, MEMTABLE_ENTRIES)? > 0 {
                bytes = bytes.saturating_add(self.property(family, MEMTABLE_BYTES)?);
            }
        }
        Ok(bytes)
    }

    fn property(&self, family: Family, name: &str) -> Result<u64, EngineError> {
        let handle = self.family(family)?;
        let value = self
            .db
            .property_int_value_cf(handle, name)
            .map_err(self.error_of("reading a property of a bucket"))?;
        Ok(value.unwrap_or(0))
    }

    /// Returns whether a flush or a compaction has failed. RocksDB may then accept no
    /// more writes.
    pub fn has_background_errors(&self) -> Result<bool, EngineError> {
        Ok(self.property(Family::Tree, BACKGROUND_ERRORS)? > 0)
    }

    /// Makes a consistent copy in `path`, which must not exist. Immutable files are
    /// hard-linked.
    pub fn checkpoint(&self, path: &Path) -> Result<(), EngineError> {
        #[cfg(any(test, feature = "testing"))]
        self.probe.wait_to_copy();
        Checkpoint::new(self.db.as_ref())
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(self.error_of("copying a bucket"))
    }

    /// Compacts a family, to return the space of deleted records to the file system.
    /// Reads and writes everything that is left in the family.
    pub fn compact(&self, family: Family) -> Result<(), EngineError> {
        let handle = self.family(family)?;
        self.flush(family)?;
        let collect = |on: &str| {
            let cutoff = ("blob_garbage_collection_age_cutoff", "1.0");
            self.db
                .set_options_cf(handle, &[("enable_blob_garbage_collection", on), cutoff])
                .map_err(self.error_of("compacting a bucket"))
        };
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        if family == Family::Content {
            collect("true")?;
        }
        self.db
            .compact_range_cf_opt(handle, None::<&[u8]>, None::<&[u8]>, &options);
        if family == Family::Content {
            collect("false")?;
        }
        // RocksDB reports a failed compaction only in this property.
        match self.property(family, BACKGROUND_ERRORS)? {
            0 => Ok(()),
            errors => Err(EngineError {
                doing: "compacting a bucket",
                path: self.path.clone(),
                kind: FaultKind::Other,
                message: format!("RocksDB counts {errors} background errors; see its LOG"),
            }),
        }
    }
}
