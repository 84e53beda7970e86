//! What a database is asked for besides reading and writing: what it holds in
//! memory, a copy of itself, and the bytes of what was deleted.

use super::{Batch, Engine, EngineError, Family, FaultKind};
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{BottommostLevelCompaction, CompactOptions};
use std::path::Path;

/// Memory of a family that is not in files yet.
const MEMTABLE_BYTES: &str = "rocksdb.cur-size-active-mem-table";
/// Flushes and compactions of a database that have failed.
const BACKGROUND_ERRORS: &str = "rocksdb.background-errors";
/// Entries of a family that are not in files yet.
const MEMTABLE_ENTRIES: &str = "rocksdb.num-entries-active-mem-table";

impl Batch<'_> {
    /// Deletes all keys from `from` on and below `to`.
    pub(crate) fn delete_range<K: AsRef<[u8]>>(&mut self, family: Family, from: K, to: K) {
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
    /// Memory that unflushed entries take, in bytes; 0 when there are none.
    pub(crate) fn unflushed_bytes(&self) -> Result<u64, EngineError> {
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
            .map_err(self.fault("asking about a bucket"))?;
        Ok(value.unwrap_or(0))
    }

    /// Whether a flush or a compaction has failed, after which RocksDB may take no more
    /// writes.
    pub(crate) fn has_failed(&self) -> Result<bool, EngineError> {
        Ok(self.property(Family::Tree, BACKGROUND_ERRORS)? > 0)
    }

    /// Makes a consistent copy in `path`, which must not be there, of files that
    /// are shared with this database where they never change.
    pub(crate) fn checkpoint(&self, path: &Path) -> Result<(), EngineError> {
        #[cfg(test)]
        self.probe.copy();
        Checkpoint::new(&self.db)
            .and_then(|checkpoint| checkpoint.create_checkpoint(path))
            .map_err(self.fault("copying a bucket"))
    }

    /// Rewrites a family without what was deleted, so that the disk gets the
    /// bytes back. Takes as long as reading and writing all that is left of it.
    pub(crate) fn give_back(&self, family: Family) -> Result<(), EngineError> {
        let handle = self.family(family)?;
        self.flush(family)?;
        let collect = |on: &str| {
            let cutoff = ("blob_garbage_collection_age_cutoff", "1.0");
            self.db
                .set_options_cf(handle, &[("enable_blob_garbage_collection", on), cutoff])
                .map_err(self.fault("making room in a bucket"))
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
        // A compaction that fails says so here only.
        match self.property(family, BACKGROUND_ERRORS)? {
            0 => Ok(()),
            errors => Err(EngineError {
                doing: "making room in a bucket",
                path: self.path.clone(),
                kind: FaultKind::Other,
                message: format!("RocksDB counts {errors} background errors; see its LOG"),
            }),
        }
    }
}
