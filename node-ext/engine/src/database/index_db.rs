//! The Global Index's database: seven tables of small records.

use super::log_hole::{self, LogHole};
use super::options::index_options;
use super::write_count::{self, WriteCount};
use super::{EngineError, Entry, Table};
use parking_lot::RwLock;
use rocksdb::{
    ColumnFamilyDescriptor, DBWithThreadMode, Direction, Env, IteratorMode, SingleThreaded,
    WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

type Db = DBWithThreadMode<SingleThreaded>;

/// Entries that a scan reads in one step.
const SCAN_BATCH: usize = 1024;

/// The open index.
///
/// After a failed write RocksDB accepts no more writes, and the outcome of that one
/// is unknown (I9). The next write reopens the database, which either makes durable
/// what the log holds, or fails.
pub struct IndexDb {
    /// `None` if it could not be reopened.
    db: RwLock<Option<Db>>,
    path: PathBuf,
    /// Only an index on disk can be reopened.
    storage: IndexStorage,
    /// Set by a failed write until the database is reopened.
    has_failed: AtomicBool,
    /// Set by a reopening until the next call reports it.
    was_reopened: AtomicBool,
    /// The count of synced writes; only for an index that is open for writing on disk.
    write_count: Option<WriteCount>,
    /// Makes all writes fail.
    #[cfg(any(test, feature = "testing"))]
    pub fail_writes: AtomicBool,
}

/// The storage and access of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexStorage {
    /// In its folder, for reading and writing.
    Disk,
    /// In its folder, for reading only.
    ReadOnly,
    /// In memory, until the process ends.
    Memory,
}

/// Changes to the index that are applied as one atomic write.
#[derive(Default)]
pub struct IndexBatch {
    changes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

impl IndexBatch {
    /// Sets the value of a key of a table.
    pub fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.changes
            .push((table, key.to_vec(), Some(value.to_vec())));
    }

    /// Deletes a key of a table.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.changes.push((table, key.to_vec(), None));
    }
}

/// Opens the index after cutting its log at the first damage. The part that is cut was
/// never synced, or the count of synced writes shows that it is missing.
fn open_writable(path: &Path) -> Result<Db, EngineError> {
    if path.is_dir() {
        let manifest = log_hole::truncate_manifest(path);
        let cut = manifest.and_then(|manifest| Ok([manifest, log_hole::truncate_at_hole(path)?]));
        let cut = cut.map_err(|error| EngineError::from_io("reading the log of", path, &error))?;
        for LogHole { file, offset } in cut.into_iter().flatten() {
            tracing::warn!(file = %file.display(), offset, "the index was truncated at damage");
        }
    }
    let mut options = index_options();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    verify_tables(Db::open_cf_descriptors(&options, path, families()), path)
}

/// Opens the index for reading, as on a read-only disk.
fn open_readable(path: &Path) -> Result<Db, EngineError> {
    let hole = log_hole::find(path);
    let hole = hole.map_err(|error| EngineError::from_io("reading the log of", path, &error))?;
    if let Some(LogHole { file, offset }) = hole {
        return Err(EngineError {
            doing: "opening the index for reading",
            path: path.to_owned(),
            kind: super::FaultKind::Corrupt,
            message: format!("its log {} is damaged at {offset}", file.display()),
        });
    }
    log_hole::check_manifest(path, "opening the index for reading")?;
    // An earlier version may have written it, and a reader adds no table.
    let listed = Db::list_cf(&index_options(), path);
    let listed = listed.map_err(|error| {
        EngineError::from_rocksdb("listing the tables of the index", path, &error)
    })?;
    let families = families().filter(|family| listed.iter().any(|name| name == family.name()));
    let opened = Db::open_cf_descriptors_read_only(&index_options(), path, families, false);
    verify_tables(opened, path)
}

fn families() -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let names = Table::ALL.into_iter().map(Table::family);
    // RocksDB requires a family of this name.
    names
        .chain(["default"])
        .map(|name| ColumnFamilyDescriptor::new(name, index_options()))
}

fn verify_tables(opened: Result<Db, rocksdb::Error>, path: &Path) -> Result<Db, EngineError> {
    let db =
        opened.map_err(|error| EngineError::from_rocksdb("opening the index", path, &error))?;
    for table in Table::ALL.into_iter().filter(|table| table.is_original()) {
        family(&db, path, table)?;
    }
    Ok(db)
}

fn family<'d>(
    db: &'d Db,
    path: &Path,
    table: Table,
) -> Result<&'d rocksdb::ColumnFamily, EngineError> {
    db.cf_handle(table.family()).ok_or_else(|| EngineError {
        doing: "looking for a table of the index",
        path: path.to_owned(),
        kind: super::FaultKind::Corrupt,
        message: format!("there is no table {}", table.family()),
    })
}

impl IndexDb {
    /// Opens the index in `path`, and creates it if it does not exist.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let mut opened = Self::new(open_writable(path)?, path, IndexStorage::Disk);
        opened.check_readable()?;
        let number = opened.get(Table::Meta, write_count::KEY)?;
        let number = number.and_then(|number| number.try_into().ok());
        let number = number.map_or(0, u64::from_le_bytes);
        opened.write_count = Some(WriteCount::open(path, number)?);
        Ok(opened)
    }

    /// Returns an error if a table whose rows are trusted cannot be read. The tables of
    /// content are left out: they are large, and only count.
    fn check_readable(&self) -> Result<(), EngineError> {
        [Table::Meta, Table::Duties, Table::Buckets]
            .into_iter()
            .try_for_each(|table| {
                let mut entries = self.scan_from(table, &[])?;
                entries.try_for_each(|entry| entry.map(drop))
            })
    }

    /// Opens the index in `path` for reading only; writes nothing.
    pub fn open_read_only(path: &Path) -> Result<Self, EngineError> {
        Ok(Self::new(
            open_readable(path)?,
            path,
            IndexStorage::ReadOnly,
        ))
    }

    /// Creates an index in memory, which writes nothing to disk. RocksDB needs the name
    /// of an existing folder for it.
    pub fn in_memory(folder: &Path) -> Result<Self, EngineError> {
        let fault = |error: rocksdb::Error| {
            EngineError::from_rocksdb("making an index in memory", folder, &error)
        };
        let mut options = index_options();
        options.set_env(&Env::mem_env().map_err(fault)?);
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = verify_tables(
            Db::open_cf_descriptors(&options, folder, families()),
            folder,
        )?;
        Ok(Self::new(db, folder, IndexStorage::Memory))
    }

    fn new(db: Db, path: &Path, storage: IndexStorage) -> Self {
        Self {
            db: RwLock::new(Some(db)),
            path: path.to_owned(),
            storage,
            has_failed: AtomicBool::new(false),
            was_reopened: AtomicBool::new(false),
            write_count: None,
            #[cfg(any(test, feature = "testing"))]
            fail_writes: AtomicBool::new(false),
        }
    }

    fn error_of(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        move |error| EngineError::from_rocksdb(doing, &self.path, &error)
    }

    fn not_reopened(&self) -> EngineError {
        EngineError {
            doing: "reopening the index after a failed write",
            path: self.path.clone(),
            kind: super::FaultKind::Other,
            message: "it could not be opened; the next access tries again".into(),
        }
    }

    /// Reopens the database if a write has failed. Returns whether it was reopened since
    /// the last call. In that case writes that were reported as failed may be found on
    /// disk.
    pub fn reopen_if_failed(&self) -> Result<bool, EngineError> {
        self.ensure_writable()?;
        Ok(self.was_reopened.swap(false, Ordering::SeqCst))
    }

    fn ensure_writable(&self) -> Result<(), EngineError> {
        if self.has_failed.load(Ordering::SeqCst) {
            let mut db = self.db.write();
            // Unless another thread has reopened it.
            if self.has_failed.load(Ordering::SeqCst) {
                return self.reopen(&mut db);
            }
        }
        Ok(())
    }

    fn reopen(&self, db: &mut Option<Db>) -> Result<(), EngineError> {
        // One database must not have two handles (I8).
        drop(db.take());
        match open_writable(&self.path) {
            Ok(opened) => {
                *db = Some(opened);
                self.was_reopened.store(true, Ordering::SeqCst);
                self.has_failed.store(false, Ordering::SeqCst);
                tracing::warn!(path = %self.path.display(), "the index was reopened");
                Ok(())
            }
            Err(error) => {
                // Earlier writes stay readable meanwhile.
                *db = open_readable(&self.path).ok();
                Err(error)
            }
        }
    }

    /// Reads a value, or `None` if the key is absent.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.not_reopened())?;
        db.get_cf(family(db, &self.path, table)?, key)
            .map_err(self.error_of("reading the index"))
    }

    /// Scans the entries of a table from the key `from` on, in key order. May see some of
    /// the entries that are written meanwhile.
    pub fn scan_from<'d>(
        &'d self,
        table: Table,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'d>, EngineError> {
        let mut read = self.read_batch(table, from)?.into_iter();
        let mut is_last = read.len() < SCAN_BATCH;
        let mut last: Option<Box<[u8]>> = None;
        Ok(std::iter::from_fn(move || {
            if let Some((key, value)) = read.next() {
                last = Some(key.clone());
                return Some(Ok((key, value)));
            }
            let last_key = last.as_ref().filter(|_| !is_last)?;
            // The smallest key after the last one.
            let next = [last_key, &[0][..]].concat();
            match self.read_batch(table, &next) {
                Ok(more) => {
                    is_last = more.len() < SCAN_BATCH;
                    read = more.into_iter();
                    let (key, value) = read.next()?;
                    last = Some(key.clone());
                    Some(Ok((key, value)))
                }
                Err(error) => {
                    is_last = true;
                    Some(Err(error))
                }
            }
        }))
    }

    fn read_batch(&self, table: Table, from: &[u8]) -> Result<Vec<Entry>, EngineError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.not_reopened())?;
        let from = IteratorMode::From(from, Direction::Forward);
        db.iterator_cf(family(db, &self.path, table)?, from)
            .take(SCAN_BATCH)
            .map(|entry| entry.map_err(self.error_of("scanning the index")))
            .collect()
    }

    /// Returns at most `limit` keys of a table that begin with `prefix`, in key order. None if
    /// an earlier version wrote the index, without the table, and it is open for reading.
    pub fn keys_of(
        &self,
        table: Table,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Vec<Box<[u8]>>, EngineError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.not_reopened())?;
        let family = match family(db, &self.path, table) {
            Err(_) if !table.is_original() => return Ok(Vec::new()),
            family => family?,
        };
        let from = IteratorMode::From(prefix, Direction::Forward);
        let entries = db.iterator_cf(family, from).take(limit);
        let keys = entries.map(|entry| {
            let (key, _) = entry.map_err(self.error_of("scanning the index"))?;
            Ok(key)
        });
        let keys: Result<Vec<_>, EngineError> = keys.collect();
        let mut keys = keys?;
        keys.retain(|key| key.starts_with(prefix));
        Ok(keys)
    }

    /// Starts an empty batch.
    pub fn batch(&self) -> IndexBatch {
        IndexBatch::default()
    }

    /// Applies a batch atomically. After an error the outcome is unknown.
    pub fn write(&self, batch: IndexBatch, synced: bool) -> Result<(), EngineError> {
        match &self.write_count {
            Some(written) if synced => written.count_write(|number| {
                let mut batch = batch;
                batch.put(Table::Meta, write_count::KEY, &number.to_le_bytes());
                self.write_uncounted(batch, true)
            }),
            _ => self.write_uncounted(batch, synced),
        }
    }

    fn write_uncounted(&self, batch: IndexBatch, synced: bool) -> Result<(), EngineError> {
        self.ensure_writable()?;
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.not_reopened())?;
        let mut writes = WriteBatch::default();
        for (table, key, value) in batch.changes {
            let family = family(db, &self.path, table)?;
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(synced);
        #[cfg(any(test, feature = "testing"))]
        if self.fail_writes.load(Ordering::SeqCst) {
            self.has_failed.store(true, Ordering::SeqCst);
            return Err(EngineError {
                doing: "writing to the index",
                path: self.path.clone(),
                kind: super::FaultKind::Other,
                message: "a failure made by a test".into(),
            });
        }
        db.write_opt(writes, &options).map_err(|error| {
            let is_on_disk = self.storage == IndexStorage::Disk;
            self.has_failed.store(is_on_disk, Ordering::SeqCst);
            self.error_of("writing to the index")(error)
        })
    }
}
