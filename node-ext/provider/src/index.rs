//! The Global Index: a record of every bucket, readable without opening it; a count of the
//! buckets that hold each chunk; and the places of all content, by its hash.
//!
//! All of it except the nonce and the duties is a cache of the buckets (I6). It is
//! written in the background, never during a commit, and rebuilt from a bucket whose
//! files differ from those that its record was made of. An index that is damaged or
//! has another format is moved to a backup folder and created again.

mod content;
mod duties;
mod held_key;
#[cfg(test)]
mod lost_files;
mod places;
mod record;
mod signing;
mod terms;
#[cfg(test)]
mod tests;

pub use content::DedupReport;
pub(crate) use content::{ReindexCursor, ReindexError};
pub use duties::{AGREEMENTS_KNOWN, DutyKind, WINDOWS_COMPLETE_SINCE, WINDOWS_LAST_SEEN};
pub use record::{BucketRecord, BucketStatus};

use cairn_bucket::ContentChange;
use cairn_engine::{EngineError, FaultKind, IndexBatch, IndexDb, Table};
use cairn_fs::sync_name;
use cairn_primitives::BucketId;
use codec::{DecodeAll, Encode};
use content::Totals;
use parking_lot::{Mutex, MutexGuard};
use std::path::{Path, PathBuf};

/// The version of the index's keys and values.
const INDEX_FORMAT: u32 = 1;

const FORMAT_KEY: &[u8] = b"format";
const NONCE_KEY: &[u8] = b"nonce";
const TOTALS_KEY: &[u8] = b"totals";
/// The number of synced writes, which the engine maintains.
const WRITTEN_KEY: &[u8] = b"written";
/// The row in `meta` which says that the location files were written.
pub(crate) const LOCATION_KEY: &[u8] = b"location";

/// The most rows in one write, so that no write grows with a bucket.
const MAX_BATCH_ROWS: usize = 4096;

/// An error of the index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The underlying database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A record cannot be decoded.
    #[error(
        "the index has a damaged record ({what}): if its folder is removed, the index is rebuilt"
    )]
    Damaged {
        /// The record.
        what: String,
    },
    /// The index's folder cannot be synced, so a note in it could be lost.
    #[error("cannot sync the folder of the index at {path}: {source}")]
    Unsynced {
        /// The index.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// The folder cannot be moved to a backup.
    #[error("cannot move the index at {path} to a backup folder: {source}")]
    Backup {
        /// The index.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
}

/// A note about one bucket, to be written to the index.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) record: BucketRecord,
    pub(crate) changes: Vec<ContentChange>,
}

/// The open Global Index.
pub struct Index {
    db: IndexDb,
    /// Held while notes are taken and written, so that they are written in the order in
    /// which they were taken.
    totals: Mutex<Totals>,
}

fn bucket_key(id: BucketId) -> [u8; 8] {
    id.0.to_be_bytes()
}

fn parse_bucket_key(key: &[u8]) -> Option<BucketId> {
    key.try_into()
        .ok()
        .map(|key| BucketId(u64::from_be_bytes(key)))
}

fn damaged(what: impl Into<String>) -> IndexError {
    IndexError::Damaged { what: what.into() }
}

impl Index {
    /// Opens the index in `path`. Moves one that cannot be used to a backup folder, and
    /// creates a new one.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        match Self::open_existing(path) {
            Ok(index) => Ok(index),
            // Not the index's fault: a new one would fail the same way.
            Err(IndexError::Engine(error))
                if !matches!(error.kind, FaultKind::Corrupt | FaultKind::Absent) =>
            {
                Err(error.into())
            }
            Err(error) => {
                let backup = move_to_backup(path)?;
                tracing::warn!(
                    %error, kept = %backup.display(),
                    "the index cannot be used and is rebuilt from the buckets"
                );
                let index = Self::open_existing(path)?;
                index.adopt_meta(&backup)?;
                Ok(index)
            }
        }
    }

    /// Copies the rows about the provider from the backup of an unusable index, as far
    /// as they can be read. Duties are not copied, since some may be missing: with a
    /// new index the provider signs nothing that a lost duty might forbid.
    fn adopt_meta(&self, backup: &Path) -> Result<(), IndexError> {
        let Ok(old) = IndexDb::open_read_only(backup) else {
            return Ok(());
        };
        let Ok(entries) = old.scan_from(Table::Meta, &[]) else {
            return Ok(());
        };
        let mut batch = self.db.batch();
        for (key, value) in entries.map_while(Result::ok) {
            let own = [
                FORMAT_KEY,
                TOTALS_KEY,
                WRITTEN_KEY,
                LOCATION_KEY,
                places::COMPLETE_KEY,
            ];
            if !own.contains(&&*key) {
                batch.put(Table::Meta, &key, &value);
            }
        }
        Ok(self.db.write(batch, true)?)
    }

    /// Creates an index in memory from one that cannot be opened for writing, with its
    /// buckets and duties as far as they can be read. `folder` must exist; nothing is
    /// written to it.
    pub(crate) fn in_memory(folder: &Path, path: &Path) -> Result<Self, IndexError> {
        let db = IndexDb::in_memory(folder)?;
        match IndexDb::open_read_only(path) {
            Ok(old) => {
                for table in [Table::Meta, Table::Duties, Table::Buckets] {
                    copy_table(&old, &db, table)?;
                }
                let mut batch = db.batch();
                // The content of buckets is not copied, so its totals are not either.
                batch.delete(Table::Meta, TOTALS_KEY);
                // Nor are places: to note them again would take the memory of all content.
                batch.put(Table::Meta, places::COMPLETE_KEY, &[]);
                db.write(batch, false)?;
            }
            Err(error) => tracing::error!(
                %error,
                "the index cannot be read either: its records of buckets are not available"
            ),
        }
        Self::from_db(db)
    }

    /// Opens the index for reading. Writes nothing, also if it cannot be used.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self, IndexError> {
        let db = IndexDb::open_read_only(path)?;
        match db.get(Table::Meta, FORMAT_KEY)? {
            Some(format) if format == INDEX_FORMAT.encode() => {}
            Some(_) => return Err(damaged("its format differs")),
            None => return Err(damaged("it has no format")),
        }
        let totals = Mutex::new(read_totals(&db)?);
        Ok(Self { db, totals })
    }

    fn open_existing(path: &Path) -> Result<Self, IndexError> {
        let db = IndexDb::open(path)?;
        // Before anything is noted in it that must survive.
        sync_name(path).map_err(|source| IndexError::Unsynced {
            path: path.to_owned(),
            source,
        })?;
        Self::from_db(db)
    }

    fn from_db(db: IndexDb) -> Result<Self, IndexError> {
        match db.get(Table::Meta, FORMAT_KEY)? {
            Some(format) if format == INDEX_FORMAT.encode() => {}
            Some(_) => return Err(damaged("its format differs")),
            None => {
                let mut batch = db.batch();
                batch.put(Table::Meta, FORMAT_KEY, &INDEX_FORMAT.encode());
                let (key, unknown) = duties::unknown_windows_row();
                batch.put(Table::Duties, &key, &unknown);
                batch.put(Table::Meta, places::COMPLETE_KEY, &[]);
                db.write(batch, true)?;
            }
        }
        let totals = Mutex::new(read_totals(&db)?);
        Ok(Self { db, totals })
    }

    /// Returns the record of a bucket.
    pub(crate) fn record(&self, id: BucketId) -> Result<Option<BucketRecord>, IndexError> {
        self.db
            .get(Table::Buckets, &bucket_key(id))?
            .map(|value| parse_record(id, &value))
            .transpose()
    }

    /// Returns the records of at most `limit` buckets after `after`, in the order of
    /// their ids.
    pub(crate) fn page(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<(BucketId, BucketRecord)>, IndexError> {
        let from = match after {
            None => BucketId(0),
            Some(BucketId(u64::MAX)) => return Ok(Vec::new()),
            Some(BucketId(after)) => BucketId(after.saturating_add(1)),
        };
        self.db
            .scan_from(Table::Buckets, &bucket_key(from))?
            .take(limit)
            .map(|entry| {
                let (key, value) = entry?;
                let id = parse_bucket_key(&key).ok_or_else(|| damaged("a bucket's key"))?;
                Ok((id, parse_record(id, &value)?))
            })
            .collect()
    }

    /// Locks the totals, and reads them from disk after a failed write, which may have
    /// taken effect all the same.
    fn lock_totals(&self) -> Result<MutexGuard<'_, Totals>, IndexError> {
        let mut totals = self.totals.lock();
        if self.db.reopen_if_failed()? {
            *totals = read_totals(&self.db)?;
        }
        Ok(totals)
    }

    /// Takes a note about a bucket and writes it. `note` runs under the lock.
    pub(crate) fn write(
        &self,
        id: BucketId,
        note: impl FnOnce() -> Option<Note>,
    ) -> Result<(), IndexError> {
        let mut totals = self.lock_totals()?;
        let Some(Note { record, changes }) = note() else {
            return Ok(());
        };
        let record = record.encode();
        let mut parts = changes.chunks(MAX_BATCH_ROWS).peekable();
        // The record comes last: it says that all changes before it are written.
        while let Some(part) = parts.next() {
            let mut batch = self.db.batch();
            let after = self.count(&mut batch, *totals, id, part)?;
            if parts.peek().is_none() {
                batch.put(Table::Buckets, &bucket_key(id), &record);
            }
            self.db.write(batch, false)?;
            *totals = after;
        }
        if changes.is_empty() {
            let mut batch = self.db.batch();
            batch.put(Table::Buckets, &bucket_key(id), &record);
            self.db.write(batch, false)?;
        }
        Ok(())
    }

    /// Removes the record of a bucket; [`Index::remove_content`] removes the rest.
    pub(crate) fn remove_record(&self, id: BucketId) -> Result<(), IndexError> {
        // Not while another thread writes it.
        let _totals = self.totals.lock();
        let mut batch = self.db.batch();
        batch.delete(Table::Buckets, &bucket_key(id));
        // Durably: another bucket may take its place, and must not be mistaken for this
        // one with its newest writes missing.
        Ok(self.db.write(batch, true)?)
    }

    /// Returns the provider's nonce, which no bucket knows.
    pub(crate) fn nonce(&self) -> Result<Option<u64>, IndexError> {
        self.db
            .get(Table::Meta, NONCE_KEY)?
            .map(|value| u64::decode_all(&mut &*value).map_err(|_| damaged("the nonce")))
            .transpose()
    }

    /// Advances the provider's nonce, durably, unless a greater one is kept. Returns the
    /// kept nonce.
    pub(crate) fn advance_nonce(&self, nonce: u64) -> Result<u64, IndexError> {
        let _one_at_a_time = self.totals.lock();
        let raised = self.nonce()?.map_or(nonce, |kept| kept.max(nonce));
        let mut batch = self.db.batch();
        batch.put(Table::Meta, NONCE_KEY, &raised.encode());
        self.db.write(batch, true)?;
        Ok(raised)
    }

    /// Returns a row of the `meta` table.
    pub(crate) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(Table::Meta, key)?)
    }

    /// Writes a row of the `meta` table, durably.
    pub(crate) fn set_meta(&self, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        batch.put(Table::Meta, key, value);
        Ok(self.db.write(batch, true)?)
    }

    fn put_totals(batch: &mut IndexBatch, totals: Totals) {
        batch.put(Table::Meta, TOTALS_KEY, &totals.encode());
    }
}

fn copy_table(from: &IndexDb, to: &IndexDb, table: Table) -> Result<(), IndexError> {
    for entry in from.scan_from(table, &[])? {
        let (key, value) = entry?;
        let mut batch = to.batch();
        batch.put(table, &key, &value);
        to.write(batch, false)?;
    }
    Ok(())
}

fn read_totals(db: &IndexDb) -> Result<Totals, IndexError> {
    match db.get(Table::Meta, TOTALS_KEY)? {
        Some(value) => Totals::decode_all(&mut &*value).map_err(|_| damaged("its totals")),
        None => Ok(Totals::default()),
    }
}

fn parse_record(id: BucketId, value: &[u8]) -> Result<BucketRecord, IndexError> {
    BucketRecord::decode_all(&mut &*value).map_err(|_| damaged(format!("that of bucket {id}")))
}

/// Renames the index's folder to a free backup name.
fn move_to_backup(path: &Path) -> Result<PathBuf, IndexError> {
    let fault = |source| IndexError::Backup {
        path: path.to_owned(),
        source,
    };
    let mut number = 0u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".unusable-{number}"));
        let backup = PathBuf::from(name);
        if !backup.exists() {
            std::fs::rename(path, &backup).map_err(fault)?;
            return Ok(backup);
        }
        number = number.saturating_add(1);
    }
}
