//! The Global Index's database: five tables of small records.

use super::log_hole::{self, LogHole};
use super::options::index_options;
use super::written::{self, Written};
use super::{EngineError, Entry};
use parking_lot::RwLock;
use rocksdb::{
    ColumnFamilyDescriptor, DBWithThreadMode, Direction, Env, IteratorMode, SingleThreaded,
    WriteBatch, WriteOptions,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

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

type Db = DBWithThreadMode<SingleThreaded>;

/// Entries that a scan reads at once.
const AT_ONCE: usize = 1024;

/// The open index.
///
/// After a failed write RocksDB takes no other, and what became of that one is not
/// known (I9). The next write closes the database and opens it anew, which makes
/// durable what is found in its log, or fails.
pub(crate) struct IndexDb {
    /// Nothing where it did not open anew.
    db: RwLock<Option<Db>>,
    path: PathBuf,
    /// Where it is; only one on disk can be opened anew.
    place: Place,
    /// A write has failed since it was opened.
    has_failed: AtomicBool,
    /// It was opened anew since somebody asked.
    was_reopened: AtomicBool,
    /// Of one that is open for writing on a disk.
    written: Option<Written>,
    /// Whether all writes are to fail.
    #[cfg(test)]
    pub(crate) fails: AtomicBool,
}

/// Where an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In its folder.
    Disk,
    /// In its folder, for reading.
    Reading,
    /// In memory, for as long as the process lives.
    Memory,
}

/// Changes to the index that become one atomic write.
#[derive(Default)]
pub(crate) struct IndexBatch {
    changes: Vec<(Table, Vec<u8>, Option<Vec<u8>>)>,
}

impl IndexBatch {
    pub(crate) fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.changes
            .push((table, key.to_vec(), Some(value.to_vec())));
    }

    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.changes.push((table, key.to_vec(), None));
    }
}

/// What is behind a hole in the log was not synced, or its loss is noticed by the number of
/// synced writes.
fn open_writable(path: &Path) -> Result<Db, EngineError> {
    if path.is_dir() {
        let manifest = log_hole::cut_manifest(path);
        let cut = manifest.and_then(|manifest| Ok([manifest, log_hole::cut(path)?]));
        let cut = cut.map_err(|error| EngineError::of_file("reading the log of", path, &error))?;
        for LogHole { file, offset } in cut.into_iter().flatten() {
            tracing::warn!(file = %file.display(), offset, "the index was cut at its damage");
        }
    }
    let mut options = index_options();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    checked(Db::open_cf_descriptors(&options, path, families()), path)
}

/// For reading what there is, where the disk takes no writes.
fn open_readable(path: &Path) -> Result<Db, EngineError> {
    let hole = log_hole::find(path);
    let hole = hole.map_err(|error| EngineError::of_file("reading the log of", path, &error))?;
    if let Some(LogHole { file, offset }) = hole {
        return Err(EngineError {
            doing: "opening the index for reading",
            path: path.to_owned(),
            kind: super::FaultKind::Corrupt,
            message: format!("its log {} is damaged at {offset}", file.display()),
        });
    }
    log_hole::check_manifest(path, "opening the index for reading")?;
    let opened = Db::open_cf_descriptors_read_only(&index_options(), path, families(), false);
    checked(opened, path)
}

fn families() -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let names = Table::ALL.into_iter().map(Table::family);
    // RocksDB has one of this name in any case.
    names
        .chain(["default"])
        .map(|name| ColumnFamilyDescriptor::new(name, index_options()))
}

fn checked(opened: Result<Db, rocksdb::Error>, path: &Path) -> Result<Db, EngineError> {
    let db = opened.map_err(|error| EngineError::new("opening the index", path, &error))?;
    for table in Table::ALL {
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
    /// Opens the index in `path`, making it where it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, EngineError> {
        let mut opened = Self::opened(open_writable(path)?, path, Place::Disk);
        opened.check_readable()?;
        let number = opened.get(Table::Meta, written::KEY)?;
        let number = number.and_then(|number| number.try_into().ok());
        let number = number.map_or(0, u64::from_le_bytes);
        opened.written = Some(Written::open(path, number)?);
        Ok(opened)
    }

    /// Fails where a table cannot be read whose rows are believed: not those of
    /// content, which are many, and only count.
    fn check_readable(&self) -> Result<(), EngineError> {
        [Table::Meta, Table::Duties, Table::Buckets]
            .into_iter()
            .try_for_each(|table| {
                let mut entries = self.scan_from(table, &[])?;
                entries.try_for_each(|entry| entry.map(drop))
            })
    }

    /// Opens the index in `path` for reading alone, which writes nothing.
    pub(crate) fn open_reading(path: &Path) -> Result<Self, EngineError> {
        Ok(Self::opened(open_readable(path)?, path, Place::Reading))
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
        let db = checked(
            Db::open_cf_descriptors(&options, folder, families()),
            folder,
        )?;
        Ok(Self::opened(db, folder, Place::Memory))
    }

    fn opened(db: Db, path: &Path, place: Place) -> Self {
        Self {
            db: RwLock::new(Some(db)),
            path: path.to_owned(),
            place,
            has_failed: AtomicBool::new(false),
            was_reopened: AtomicBool::new(false),
            written: None,
            #[cfg(test)]
            fails: AtomicBool::new(false),
        }
    }

    fn fault(&self, doing: &'static str) -> impl Fn(rocksdb::Error) -> EngineError + '_ {
        move |error| EngineError::new(doing, &self.path, &error)
    }

    fn closed(&self) -> EngineError {
        EngineError {
            doing: "opening the index anew, since a write to it has failed,",
            path: self.path.clone(),
            kind: super::FaultKind::Other,
            message: "it does not open; it is tried again".into(),
        }
    }

    /// Opens the database anew where a write has failed. Returns whether it was, since
    /// this was last asked: what was written before it failed is then found on disk,
    /// and may be more than was heard of.
    pub(crate) fn mend(&self) -> Result<bool, EngineError> {
        self.be_writable()?;
        Ok(self.was_reopened.swap(false, Ordering::SeqCst))
    }

    fn be_writable(&self) -> Result<(), EngineError> {
        if self.has_failed.load(Ordering::SeqCst) {
            let mut db = self.db.write();
            // Unless another thread was first.
            if self.has_failed.load(Ordering::SeqCst) {
                return self.reopen(&mut db);
            }
        }
        Ok(())
    }

    fn reopen(&self, db: &mut Option<Db>) -> Result<(), EngineError> {
        // Two handles of one database do not go together (I8).
        drop(db.take());
        match open_writable(&self.path) {
            Ok(opened) => {
                *db = Some(opened);
                self.was_reopened.store(true, Ordering::SeqCst);
                self.has_failed.store(false, Ordering::SeqCst);
                tracing::warn!(path = %self.path.display(), "the index was opened anew");
                Ok(())
            }
            Err(error) => {
                // What was written can be read meanwhile.
                *db = open_readable(&self.path).ok();
                Err(error)
            }
        }
    }

    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.closed())?;
        db.get_cf(family(db, &self.path, table)?, key)
            .map_err(self.fault("reading the index"))
    }

    /// The entries of a table from the key `from` on, in the order of keys. Of those
    /// that are written meanwhile some are seen.
    pub(crate) fn scan_from<'d>(
        &'d self,
        table: Table,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<Entry, EngineError>> + use<'d>, EngineError> {
        let mut read = self.some_from(table, from)?.into_iter();
        let mut is_last = read.len() < AT_ONCE;
        let mut last: Option<Box<[u8]>> = None;
        Ok(std::iter::from_fn(move || {
            if let Some((key, value)) = read.next() {
                last = Some(key.clone());
                return Some(Ok((key, value)));
            }
            let last_key = last.as_ref().filter(|_| !is_last)?;
            // The next key that there can be.
            let next = [last_key, &[0][..]].concat();
            match self.some_from(table, &next) {
                Ok(more) => {
                    is_last = more.len() < AT_ONCE;
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

    fn some_from(&self, table: Table, from: &[u8]) -> Result<Vec<Entry>, EngineError> {
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.closed())?;
        let from = IteratorMode::From(from, Direction::Forward);
        db.iterator_cf(family(db, &self.path, table)?, from)
            .take(AT_ONCE)
            .map(|entry| entry.map_err(self.fault("scanning the index")))
            .collect()
    }

    pub(crate) fn batch(&self) -> IndexBatch {
        IndexBatch::default()
    }

    /// Applies a batch, all of it or nothing. After a failure it is not known which.
    pub(crate) fn write(&self, batch: IndexBatch, synced: bool) -> Result<(), EngineError> {
        match &self.written {
            Some(written) if synced => written.next(|number| {
                let mut batch = batch;
                batch.put(Table::Meta, written::KEY, &number.to_le_bytes());
                self.write_as_it_is(batch, true)
            }),
            _ => self.write_as_it_is(batch, synced),
        }
    }

    fn write_as_it_is(&self, batch: IndexBatch, synced: bool) -> Result<(), EngineError> {
        self.be_writable()?;
        let db = self.db.read();
        let db = db.as_ref().ok_or_else(|| self.closed())?;
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
        #[cfg(test)]
        if self.fails.load(Ordering::SeqCst) {
            self.has_failed.store(true, Ordering::SeqCst);
            return Err(EngineError {
                doing: "writing to the index",
                path: self.path.clone(),
                kind: super::FaultKind::Other,
                message: "as the test has it".into(),
            });
        }
        db.write_opt(writes, &options).map_err(|error| {
            let is_on_disk = self.place == Place::Disk;
            self.has_failed.store(is_on_disk, Ordering::SeqCst);
            self.fault("writing to the index")(error)
        })
    }
}
