//! Reading for those who look at all of a bucket once: past the cache, where
//! what proofs need is to stay, and past what cannot be read.

use super::{Engine, EngineError, Entry, Family};
use rocksdb::{Direction, IteratorMode, ReadOptions};

/// What a key is found to hold.
pub(crate) type Read = Result<Option<Vec<u8>>, EngineError>;

fn uncached() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.fill_cache(false);
    options
}

impl Engine {
    /// Reads one key, and leaves the cache as it is.
    pub(crate) fn get_uncached(&self, family: Family, key: &[u8]) -> Read {
        let handle = self.family(family)?;
        self.db
            .get_cf_opt(handle, key, &uncached())
            .map_err(self.fault("reading a bucket"))
    }

    /// Reads many keys of one family, each with a fault of its own, and leaves
    /// the cache as it is.
    pub(crate) fn get_each_uncached<K: AsRef<[u8]>>(
        &self,
        family: Family,
        keys: &[K],
    ) -> Result<Vec<Read>, EngineError> {
        let handle = self.family(family)?;
        let values = self
            .db
            .batched_multi_get_cf_opt(handle, keys, false, &uncached());
        let owned = |value: Option<rocksdb::DBPinnableSlice<'_>>| value.map(|bytes| bytes.to_vec());
        Ok(values
            .into_iter()
            .map(|value| value.map(owned).map_err(self.fault("reading a bucket")))
            .collect())
    }

    /// All entries whose keys begin with `prefix`, from `from` on, in key order.
    /// Ends with the first that cannot be read.
    pub(crate) fn scan_from<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'e>, EngineError> {
        let handle = self.family(family)?;
        let from = IteratorMode::From(from, Direction::Forward);
        let entries = self.db.iterator_cf_opt(handle, uncached(), from);
        Ok(entries
            .map(move |entry| entry.map_err(self.fault("scanning a bucket")))
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(prefix),
                Err(_) => true,
            }))
    }

    /// All entries whose keys begin with `prefix`, the last first. Ends with the
    /// first that cannot be read.
    pub(crate) fn scan_back<'e>(
        &'e self,
        family: Family,
        prefix: &'e [u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'e>, EngineError> {
        let handle = self.family(family)?;
        // No key of a bucket is longer.
        let last = [prefix, &[0xff; 64]].concat();
        let from = IteratorMode::From(&last, Direction::Reverse);
        let entries = self.db.iterator_cf_opt(handle, uncached(), from);
        Ok(entries
            .map(move |entry| entry.map_err(self.fault("scanning a bucket")))
            .take_while(move |entry| match entry {
                Ok((key, _)) => key.starts_with(prefix),
                Err(_) => true,
            }))
    }
}
