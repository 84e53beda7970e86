//! Read-only access to the database of the v0 provider. The read-only mode of
//! RocksDB creates no files in its folder.

use super::{EngineError, FaultKind};
use rocksdb::{ColumnFamilyDescriptor, DBWithThreadMode, Options, ReadOptions, SingleThreaded};
use std::path::{Path, PathBuf};

/// Files kept open; the database may have thousands.
const MAX_OPEN_FILES: i32 = 256;

/// A column family of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyFamily {
    /// Content hash to node.
    Nodes,
    /// Bucket id to state.
    Buckets,
    /// Names to numbers; only in newer versions.
    Metadata,
}

impl LegacyFamily {
    const ALL: [Self; 3] = [Self::Nodes, Self::Buckets, Self::Metadata];

    /// Returns the column family's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Buckets => "buckets",
            Self::Metadata => "metadata",
        }
    }
}

/// The open database.
pub struct LegacyDb {
    db: DBWithThreadMode<SingleThreaded>,
    path: PathBuf,
}

impl LegacyDb {
    /// Opens the database in `path` for reading, with those of the known families that
    /// it has.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let fault =
            |error| EngineError::from_rocksdb("opening a provider's database", path, &error);
        let mut options = Options::default();
        options.set_max_open_files(MAX_OPEN_FILES);
        let there = DBWithThreadMode::<SingleThreaded>::list_cf(&options, path).map_err(fault)?;
        let families = LegacyFamily::ALL
            .map(LegacyFamily::name)
            .into_iter()
            .filter(|name| there.iter().any(|found| found == name))
            .map(|name| ColumnFamilyDescriptor::new(name, Options::default()));
        let db = DBWithThreadMode::open_cf_descriptors_read_only(&options, path, families, false)
            .map_err(fault)?;
        let path = path.to_owned();
        Ok(Self { db, path })
    }

    /// Returns whether the database has the family.
    pub fn has_family(&self, family: LegacyFamily) -> bool {
        self.db.cf_handle(family.name()).is_some()
    }

    fn family(&self, family: LegacyFamily) -> Result<&rocksdb::ColumnFamily, EngineError> {
        self.db.cf_handle(family.name()).ok_or_else(|| EngineError {
            doing: "looking for a column family",
            path: self.path.clone(),
            kind: FaultKind::Absent,
            message: format!("there is no family {}", family.name()),
        })
    }

    fn error_of(&self) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        |error| EngineError::from_rocksdb("reading a provider's database", &self.path, &error)
    }

    /// Reads a value, or `None` if the key is absent.
    pub fn get(&self, family: LegacyFamily, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.db
            .get_cf(self.family(family)?, key)
            .map_err(self.error_of())
    }

    /// Calls `each` with every key of a family, without the values: a bucket's value may
    /// be large, and the caller reads them one at a time.
    pub fn for_each_key(
        &self,
        family: LegacyFamily,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), EngineError> {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        let mut entries = self.db.raw_iterator_cf_opt(self.family(family)?, options);
        entries.seek_to_first();
        while let Some(key) = entries.key() {
            each(key);
            entries.next();
        }
        // At the end, or after an error, which looks the same.
        entries.status().map_err(self.error_of())
    }
}
