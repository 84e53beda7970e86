//! The Global Index's database: five tables of small records.

use super::options::index_options;
use super::{EngineError, Entry};
use rocksdb::{
    ColumnFamilyDescriptor, DBWithThreadMode, Direction, Env, IteratorMode, SingleThreaded,
    WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};

/// A table of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Table {
    /// What is known of each bucket.
    Buckets,
    /// How many buckets hold a content, and its size.
    Content,
    /// Which contents a bucket holds.
    Held,
    /// What is in hand with the chain.
    Duties,
    /// What is said of the index itself.
    Meta,
}

impl Table {
    const ALL: [Self; 5] = [
        Self::Buckets,
        Self::Content,
        Self::Duties,
        Self::Held,
        Self::Meta,
    ];

    const fn family(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::Content => "content",
            Self::Duties => "duties",
            Self::Held => "held",
            Self::Meta => "meta",
        }
    }
}

/// The open index.
pub(crate) struct IndexDb {
    db: DBWithThreadMode<SingleThreaded>,
    path: PathBuf,
}

/// Changes to the index that become one atomic write.
pub(crate) struct IndexBatch<'d> {
    db: &'d IndexDb,
    writes: WriteBatch,
}

impl IndexBatch<'_> {
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        if let Some(family) = self.db.db.cf_handle(table.family()) {
            self.writes.put_cf(family, key, value);
        }
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        if let Some(family) = self.db.db.cf_handle(table.family()) {
            self.writes.delete_cf(family, key);
        }
    }
}

fn families() -> impl Iterator<Item = ColumnFamilyDescriptor> {
    Table::ALL
        .map(|table| ColumnFamilyDescriptor::new(table.family(), index_options()))
        .into_iter()
        // RocksDB has one of this name in any case.
        .chain([ColumnFamilyDescriptor::new("default", index_options())])
}

impl IndexDb {
    /// Opens the index in `path`, making it where it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let mut options = index_options();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DBWithThreadMode::open_cf_descriptors(&options, path, families())
            .map_err(|error| EngineError::new("opening the index", path, &error))?;
        Self::opened(db, path)
    }

    /// Opens the index in `path` for reading alone, which writes nothing.
    pub(crate) fn open_reading(path: &Path) -> Result<Self, EngineError> {
        let options = index_options();
        let opened =
            DBWithThreadMode::open_cf_descriptors_read_only(&options, path, families(), false);
        let db = opened
            .map_err(|error| EngineError::new("opening the index for reading", path, &error))?;
        Self::opened(db, path)
    }

    /// Makes an index in memory, which writes nothing. It goes by the name of a
    /// folder that is there.
    pub(crate) fn in_memory(folder: &Path) -> Result<Self, EngineError> {
        let fault =
            |error: rocksdb::Error| EngineError::new("making an index in memory", folder, &error);
        let mut options = index_options();
        options.set_env(&Env::mem_env().map_err(fault)?);
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DBWithThreadMode::open_cf_descriptors(&options, folder, families());
        Self::opened(db.map_err(fault)?, folder)
    }

    fn opened(db: DBWithThreadMode<SingleThreaded>, path: &Path) -> Result<Self, EngineError> {
        let path = path.to_owned();
        let opened = Self { db, path };
        for table in Table::ALL {
            opened.family(table)?;
        }
        Ok(opened)
    }

    fn family(&self, table: Table) -> Result<&rocksdb::ColumnFamily, EngineError> {
        self.db
            .cf_handle(table.family())
            .ok_or_else(|| EngineError {
                doing: "looking for a table of the index",
                path: self.path.clone(),
                kind: super::FaultKind::Corrupt,
                message: format!("there is no table {}", table.family()),
            })
    }

    fn fault(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        move |error| EngineError::new(doing, &self.path, &error)
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.db
            .get_cf(self.family(table)?, key)
            .map_err(self.fault("reading the index"))
    }

    /// The entries of a table from the key `from` on, in the order of keys.
    pub(crate) fn scan_from<'d>(
        &'d self,
        table: Table,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'d>, EngineError> {
        let from = IteratorMode::From(from, Direction::Forward);
        let entries = self.db.iterator_cf(self.family(table)?, from);
        Ok(entries.map(move |entry| entry.map_err(self.fault("scanning the index"))))
    }

    pub(crate) fn batch(&self) -> IndexBatch<'_> {
        IndexBatch {
            db: self,
            writes: WriteBatch::default(),
        }
    }

    /// Applies a batch, all of it or nothing.
    pub(crate) fn write(&self, batch: IndexBatch<'_>, synced: bool) -> Result<(), EngineError> {
        let mut options = WriteOptions::default();
        options.set_sync(synced);
        self.db
            .write_opt(batch.writes, &options)
            .map_err(self.fault("writing to the index"))
    }
}
