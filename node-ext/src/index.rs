//! The Global Index: what is known of every bucket without opening it, and how
//! often each content is held.
//!
//! All of it but the nonce and the duties is a cache of what the buckets say (I6): it is
//! written behind them, never on the way of a commit, and learned anew from a
//! bucket whose files are not those that its record was made of. An index that
//! is lost, damaged or of another format is put aside and made anew.

mod content;
mod duties;
#[cfg(test)]
mod lost_files;
mod record;
mod signing;
#[cfg(test)]
mod tests;

pub use content::DedupReport;
pub(crate) use content::LearnError;
pub(crate) use duties::{DutyKind, PAST_OF_WINDOWS, SEEN_FOR_WINDOWS};
pub use record::{BucketRecord, Standing};

use crate::bucket::ContentChange;
use crate::engine::{EngineError, FaultKind, IndexBatch, IndexDb, Table};
use crate::folders::sync_name;
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
/// The number of synced writes, which the engine keeps.
const WRITTEN_KEY: &[u8] = b"written";
/// Where `meta` says that it was noted where the base path and this index are.
pub(crate) const LOCATION_KEY: &[u8] = b"location";

/// What is written at once, so that no write grows with a bucket.
const AT_ONCE: usize = 4096;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The database under it failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A record cannot be read.
    #[error(
        "the index has a record that cannot be read, {what}: remove the folder of the index, and it is made anew"
    )]
    Damaged {
        /// Which record.
        what: String,
    },
    /// Its folder cannot be made durable, and what is noted in it could be lost.
    #[error("cannot make the folder of the index at {path} durable: {source}")]
    Unsynced {
        /// The index.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder cannot be put aside.
    #[error("cannot put the index at {path} aside: {source}")]
    Folder {
        /// The index.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// What is to be noted of one bucket.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) record: BucketRecord,
    pub(crate) changes: Vec<ContentChange>,
}

/// The open index.
pub(crate) struct Index {
    db: IndexDb,
    /// Held while notes are taken and written, so that what was seen first is
    /// written first.
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
    /// Opens the index in `path`. One that cannot be used is put aside, and a
    /// new one is made.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        match Self::open_existing(path) {
            Ok(index) => Ok(index),
            // Somebody else's fault, which a new index would not mend.
            Err(IndexError::Engine(error))
                if !matches!(error.kind, FaultKind::Corrupt | FaultKind::Absent) =>
            {
                Err(error.into())
            }
            Err(error) => {
                let aside = put_aside(path)?;
                tracing::warn!(
                    %error, kept = %aside.display(),
                    "the index cannot be used, and is made anew from the buckets"
                );
                let index = Self::open_existing(path)?;
                index.take_over(&aside)?;
                Ok(index)
            }
        }
    }

    /// Takes over what an index that was put aside says of the provider, as far
    /// as that can be read. Its duties are not: some may be missing, and of an
    /// index that is new nothing is signed that these might forbid.
    fn take_over(&self, aside: &Path) -> Result<(), IndexError> {
        let Ok(old) = IndexDb::open_reading(aside) else {
            return Ok(());
        };
        let Ok(entries) = old.scan_from(Table::Meta, &[]) else {
            return Ok(());
        };
        let mut batch = self.db.batch();
        for (key, value) in entries.map_while(Result::ok) {
            if ![FORMAT_KEY, TOTALS_KEY, WRITTEN_KEY, LOCATION_KEY].contains(&&*key) {
                batch.put(Table::Meta, &key, &value);
            }
        }
        Ok(self.db.write(batch, true)?)
    }

    /// An index in memory, with what one that cannot be opened for writing says
    /// of buckets and duties, as far as that can be read. `folder` is one that
    /// is there, and nothing is written in it.
    pub(crate) fn in_memory(folder: &Path, path: &Path) -> Result<Self, IndexError> {
        let db = IndexDb::in_memory(folder)?;
        match IndexDb::open_reading(path) {
            Ok(old) => {
                for table in [Table::Meta, Table::Duties, Table::Buckets] {
                    copy(&old, &db, table)?;
                }
                let mut batch = db.batch();
                // What buckets hold is not copied, and not counted.
                batch.delete(Table::Meta, TOTALS_KEY);
                db.write(batch, false)?;
            }
            Err(error) => tracing::error!(
                %error,
                "the index cannot be read either: what it knew of buckets is not known"
            ),
        }
        Self::over(db)
    }

    fn open_existing(path: &Path) -> Result<Self, IndexError> {
        let db = IndexDb::open(path)?;
        // Before anything is noted in it that must be found again.
        sync_name(path).map_err(|source| IndexError::Unsynced {
            path: path.to_owned(),
            source,
        })?;
        Self::over(db)
    }

    fn over(db: IndexDb) -> Result<Self, IndexError> {
        match db.get(Table::Meta, FORMAT_KEY)? {
            Some(format) if format == INDEX_FORMAT.encode() => {}
            Some(_) => return Err(damaged("its format is another")),
            None => {
                let mut batch = db.batch();
                batch.put(Table::Meta, FORMAT_KEY, &INDEX_FORMAT.encode());
                let (key, unknown) = duties::unknown_past();
                batch.put(Table::Duties, &key, &unknown);
                db.write(batch, true)?;
            }
        }
        let totals = Mutex::new(read_totals(&db)?);
        Ok(Self { db, totals })
    }

    /// What is written of a bucket.
    pub(crate) fn record(&self, id: BucketId) -> Result<Option<BucketRecord>, IndexError> {
        self.db
            .get(Table::Buckets, &bucket_key(id))?
            .map(|value| parse_record(id, &value))
            .transpose()
    }

    /// What is written of the buckets after `after`, in the order of their ids,
    /// at most `limit` of them.
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

    /// The totals, as they are on disk: more may have been written than was heard of,
    /// where a write has failed.
    fn lock_totals(&self) -> Result<MutexGuard<'_, Totals>, IndexError> {
        let mut totals = self.totals.lock();
        if self.db.mend()? {
            *totals = read_totals(&self.db)?;
        }
        Ok(totals)
    }

    /// Takes notes and writes them, in one write for each bucket.
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
        let mut parts = changes.chunks(AT_ONCE).peekable();
        // The record last: it says that all before it is there.
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

    /// Forgets what a bucket was; see [`Index::forget_content`] for the rest.
    pub(crate) fn forget_record(&self, id: BucketId) -> Result<(), IndexError> {
        // In turn with whoever is writing it.
        let _totals = self.totals.lock();
        let mut batch = self.db.batch();
        batch.delete(Table::Buckets, &bucket_key(id));
        // Durably: another bucket may get its place, which is not to be taken for this
        // one with its newest writes gone.
        Ok(self.db.write(batch, true)?)
    }

    /// Forgets what a bucket held.
    pub(crate) fn forget_content(&self, id: BucketId) -> Result<(), IndexError> {
        loop {
            let mut totals = self.lock_totals()?;
            let held = self.held_from(id, None, AT_ONCE)?;
            let changes: Vec<_> = held
                .iter()
                .map(|(hash, _)| ContentChange {
                    hash: *hash,
                    length: None,
                })
                .collect();
            let mut batch = self.db.batch();
            let after = self.count(&mut batch, *totals, id, &changes)?;
            self.db.write(batch, false)?;
            *totals = after;
            if held.len() < AT_ONCE {
                return Ok(());
            }
        }
    }

    /// The provider's nonce, which is not the buckets' to tell.
    pub(crate) fn nonce(&self) -> Result<Option<u64>, IndexError> {
        self.db
            .get(Table::Meta, NONCE_KEY)?
            .map(|value| u64::decode_all(&mut &*value).map_err(|_| damaged("the nonce")))
            .transpose()
    }

    /// Keeps the provider's nonce, durably. It never goes back.
    pub(crate) fn raise_nonce(&self, nonce: u64) -> Result<u64, IndexError> {
        let _one_at_a_time = self.totals.lock();
        let raised = self.nonce()?.map_or(nonce, |kept| kept.max(nonce));
        let mut batch = self.db.batch();
        batch.put(Table::Meta, NONCE_KEY, &raised.encode());
        self.db.write(batch, true)?;
        Ok(raised)
    }

    /// What is said of the index as a whole under a key.
    pub(crate) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(Table::Meta, key)?)
    }

    /// Keeps what is said of the index as a whole, durably.
    pub(crate) fn keep_meta(&self, key: &[u8], value: &[u8]) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        batch.put(Table::Meta, key, value);
        Ok(self.db.write(batch, true)?)
    }

    fn put_totals(batch: &mut IndexBatch, totals: Totals) {
        batch.put(Table::Meta, TOTALS_KEY, &totals.encode());
    }
}

fn copy(from: &IndexDb, to: &IndexDb, table: Table) -> Result<(), IndexError> {
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

/// Renames the index's folder to a name that is free.
fn put_aside(path: &Path) -> Result<PathBuf, IndexError> {
    let fault = |source| IndexError::Folder {
        path: path.to_owned(),
        source,
    };
    let mut number = 0u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".unusable-{number}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            std::fs::rename(path, &aside).map_err(fault)?;
            return Ok(aside);
        }
        number = number.saturating_add(1);
    }
}
