//! Reads for one pass over a whole bucket: they leave the block cache to the proofs
//! and report each unreadable entry.

use super::{Db, Engine, EngineError, Entry, Family, absent, handle_of};
use rocksdb::{ColumnFamily, Direction, IteratorMode, ReadOptions};
use std::path::Path;

/// The result of reading one key.
pub type ReadResult = Result<Option<Vec<u8>>, EngineError>;

fn uncached() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options
}

/// The records of a database, for one pass over them.
#[derive(Clone, Copy)]
pub(super) struct Records<'d> {
    db: &'d Db,
    path: &'d Path,
}

impl<'d> Records<'d> {
    pub(super) fn new(db: &'d Db, path: &'d Path) -> Self {
        Self { db, path }
    }

    fn handle(self, family: Family) -> Result<&'d ColumnFamily, EngineError> {
        handle_of(self.db, family).ok_or_else(|| absent(self.path, family))
    }

    pub(super) fn get(self, family: Family, key: &[u8]) -> ReadResult {
        let found = self.db.get_cf_opt(self.handle(family)?, key, &uncached());
        found.map_err(|error| EngineError::from_rocksdb("reading a bucket", self.path, &error))
    }

    /// Scans as [`Engine::scan_from`].
    pub(super) fn scan_from(
        self,
        family: Family,
        prefix: &'d [u8],
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'d>, EngineError> {
        let path = self.path;
        let from = IteratorMode::From(from, Direction::Forward);
        let entries = self
            .db
            .iterator_cf_opt(self.handle(family)?, uncached(), from);
        Ok(entries
            .map(move |entry| {
                entry.map_err(|error| EngineError::from_rocksdb("scanning a bucket", path, &error))
            })
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(prefix),
                Err(_) => true,
            }))
    }
}

impl Engine {
    pub(super) fn records(&self) -> Records<'_> {
        Records::new(&self.db, &self.path)
    }

    /// Reads one key without filling the cache.
    pub fn get_uncached(&self, family: Family, key: &[u8]) -> ReadResult {
        self.records().get(family, key)
    }

    /// Reads several keys of one family, each with its own result, without filling the
    /// cache.
    pub fn get_each_uncached<K: AsRef<[u8]>>(
        &self,
        family: Family,
        keys: &[K],
    ) -> Result<Vec<ReadResult>, EngineError> {
        let handle = self.family(family)?;
        let values = self
            .db
            .batched_multi_get_cf_opt(handle, keys, false, &uncached());
        let owned = |value: Option<rocksdb::DBPinnableSlice<'_>>| value.map(|bytes| bytes.to_vec());
        Ok(values
            .into_iter()
            .map(|value| value.map(owned).map_err(self.error_of("reading a bucket")))
            .collect())
    }

    /// Scans the entries whose keys begin with `prefix`, from the key `from` on, in key
    /// order. Ends after the first error.
    pub fn scan_from<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'e>, EngineError> {
        self.records().scan_from(family, prefix, from)
    }

    /// Scans the entries whose keys begin with `prefix` in reverse order. Ends after
    /// the first error.
    pub fn scan_reverse<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'e>, EngineError> {
        let handle = self.family(family)?;
        // No key goes on after its prefix with as many bytes of 0xff.
        let last = [prefix, &[0xff; 64]].concat();
        let from = IteratorMode::From(&last, Direction::Reverse);
        let entries = self.db.iterator_cf_opt(handle, uncached(), from);
        Ok(entries
            .map(move |entry| entry.map_err(self.error_of("scanning a bucket")))
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(prefix),
                Err(_) => true,
            }))
    }
}
