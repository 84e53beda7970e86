//! Attaching a bucket's journal when the bucket is opened, and rewriting it if it
//! is absent or at another write than the database.

use super::format::{self, LastRecord, Marks, Salt};
use super::new_file::UNFINISHED_FILE;
use super::rewrite::fill_journal;
use super::{JOURNAL_FILE, Journal, NewJournal, Tail, TailState, journal_error};
use crate::database::{Batch, Durability, Engine, EngineError, Family};
use crate::layout;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// New name for a file that is not a journal of this bucket; a number follows.
const UNUSABLE_FILE: &str = "JOURNAL.unusable";

/// A database that has lost writes which its journal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLag {
    /// Number of the last write in the database.
    pub database: u64,
    /// Number of the last write in the journal.
    pub journal: u64,
}

/// The write that the database is at.
struct DatabaseState {
    bucket: u64,
    number: u64,
    marks: Marks,
}

impl Engine {
    /// Attaches the journal, so that it gets all later writes. Rewrites it if it does not
    /// match the database, or if a version wrote it that left out the names of objects. A journal
    /// that cannot be opened is no error: the bucket then has no second copy.
    pub fn attach_journal(&self) -> Result<Option<JournalLag>, EngineError> {
        let Some(state) = self.database_state()? else {
            return Ok(None);
        };
        let path = self.path.join(JOURNAL_FILE);
        match self.open_or_make_journal(&path, &state) {
            Ok(Err(behind)) => return Ok(Some(behind)),
            // One engine takes one journal up.
            Ok(Ok(journal)) => drop(self.journal.set(Arc::new(journal))),
            Err(error) => {
                tracing::error!(
                    %error,
                    "the bucket has no second copy of its leaves and signed roots"
                );
                self.count_unjournaled_writes(&state);
            }
        }
        Ok(None)
    }

    /// Counts the writes of a bucket without a journal as one. If they had no number, a journal
    /// that can be opened later would seem to have them.
    fn count_unjournaled_writes(&self, state: &DatabaseState) {
        let number = state.number.saturating_add(1);
        let mut batch = self.batch();
        batch.put(Family::Tree, layout::JOURNAL_KEY, &number.to_be_bytes());
        if let Err(error) = self.write(batch, Durability::Synced) {
            tracing::error!(%error, "the journal was not marked as out of date");
        }
    }

    /// Returns the lag if the database has lost writes that its journal has. Changes
    /// nothing.
    pub fn journal_lag(&self) -> Result<Option<JournalLag>, EngineError> {
        let path = self.path.join(JOURNAL_FILE);
        let Some(state) = self.database_state()? else {
            return Ok(None);
        };
        let last_record = match File::open(&path) {
            Ok(file) => format::last_record(&file, state.bucket),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(error),
        };
        let last_record = last_record.map_err(|error| journal_error(&path, &error))?;
        Ok(last_record.and_then(|last_record| state.lag_behind(&last_record)))
    }

    /// Writes a new journal for a database that has everything its journal had but is at
    /// another write. `min_number` is a number that no write had yet.
    pub fn replace_journal(&self, min_number: u64) -> Result<(), EngineError> {
        let number = self.journal_number()?.max(min_number);
        let mut batch = self.batch();
        batch.put(Family::Tree, layout::JOURNAL_KEY, &number.to_be_bytes());
        self.write(batch, Durability::Synced)?;
        if let Some(state) = self.database_state()? {
            let path = self.path.join(JOURNAL_FILE);
            self.make_journal(&path, &state, true)?;
        }
        Ok(())
    }

    /// Returns the number of the last write that the journal should have.
    pub fn journal_number(&self) -> Result<u64, EngineError> {
        let number = self.get_uncached(Family::Tree, layout::JOURNAL_KEY)?;
        let number = number.and_then(|number| number.try_into().ok());
        Ok(number.map_or(0, u64::from_be_bytes))
    }

    /// Returns `None` if the database holds no bucket yet.
    fn database_state(&self) -> Result<Option<DatabaseState>, EngineError> {
        let Some(state) = self.get_uncached(Family::Tree, layout::STATE_KEY)? else {
            return Ok(None);
        };
        let Some(bucket) = state.get(4..12).and_then(|id| id.try_into().ok()) else {
            return Ok(None);
        };
        let usage = self.get_uncached(Family::Content, layout::USAGE_KEY)?;
        Ok(Some(DatabaseState {
            bucket: u64::from_le_bytes(bucket),
            number: self.journal_number()?,
            marks: Marks::from_records(Some(&state), usage.as_deref()),
        }))
    }

    fn open_or_make_journal(
        &self,
        path: &Path,
        state: &DatabaseState,
    ) -> Result<Result<Journal, JournalLag>, EngineError> {
        let fault = |error: std::io::Error| journal_error(path, &error);
        // A process that was killed may have left it.
        let _ = std::fs::remove_file(path.with_file_name(UNFINISHED_FILE));
        let opened = OpenOptions::new().read(true).append(true).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.make_journal(path, state, false).map(Ok);
            }
            Err(error) => return Err(fault(error)),
        };
        let Some(last_record) = format::last_record(&file, state.bucket).map_err(fault)? else {
            rename_unusable(path).map_err(fault)?;
            return self.make_journal(path, state, false).map(Ok);
        };
        if let Some(behind) = state.lag_behind(&last_record) {
            return Ok(Err(behind));
        }
        if last_record.number != state.number || last_record.marks != state.marks {
            return self.make_journal(path, state, false).map(Ok);
        }
        let written = format::rewritten_length(&file, last_record.salt).map_err(fault)?;
        // It was not synced before a loss of power.
        let is_cut = written.is_some_and(|length| length > last_record.end);
        if is_cut || (written.is_none() && self.has_objects()?) {
            return self.make_journal(path, state, false).map(Ok);
        }
        // A loss of power leaves a torn end.
        if file.metadata().map_err(fault)?.len() != last_record.end {
            file.set_len(last_record.end).map_err(fault)?;
        }
        Ok(Ok(Journal::new(
            path,
            state,
            last_record.salt,
            (file, last_record.end),
            written.unwrap_or(0),
        )))
    }

    /// Returns whether the database has records of objects.
    fn has_objects(&self) -> Result<bool, EngineError> {
        let mut found = self.scan(Family::Tree, layout::OBJECTS)?;
        Ok(found.next().transpose()?.is_some())
    }

    fn make_journal(
        &self,
        path: &Path,
        state: &DatabaseState,
        sync: bool,
    ) -> Result<Journal, EngineError> {
        let salt = Salt::new();
        let (number, marks) = (state.number, state.marks);
        let mut filling = NewJournal::create(path, state.bucket, salt, number, marks)?;
        fill_journal(self.records(), &mut filling)?;
        filling.end_fill()?;
        let (file, length) = filling.finish(sync)?;
        Ok(Journal::new(path, state, salt, (file, length), length))
    }

    /// Writes a batch of which the journal keeps a part.
    pub(in crate::database) fn write_journaled(
        &self,
        journal: &Journal,
        mut batch: Batch<'_>,
        synced: bool,
        write: impl FnOnce(Batch<'_>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let changes = std::mem::take(&mut batch.changes);
        if !changes.is_ordered {
            write(batch)?;
            if changes.bytes().is_empty() {
                journal.hold(changes);
            } else {
                journal.append(changes, None);
            }
            return Ok(());
        }
        if !synced {
            // It has no number: nothing signed is lost with it.
            write(batch)?;
            journal.hold(changes);
            return Ok(());
        }
        let mut last = journal.lock_order();
        let number = last.saturating_add(1);
        batch.put(Family::Tree, layout::JOURNAL_KEY, &number.to_be_bytes());
        write(batch)?;
        *last = number;
        journal.append(changes, Some(number));
        Ok(())
    }
}

impl DatabaseState {
    fn lag_behind(&self, last_record: &LastRecord) -> Option<JournalLag> {
        (self.number < last_record.number).then_some(JournalLag {
            database: self.number,
            journal: last_record.number,
        })
    }
}

impl Journal {
    fn new(
        path: &Path,
        state: &DatabaseState,
        salt: Salt,
        (file, length): (File, u64),
        rewritten_length: u64,
    ) -> Self {
        let tail = Arc::new(Tail {
            state: Mutex::new(TailState {
                file: Some(Arc::new(file)),
                length,
                rewritten_length,
                min_rewrite_length: 0,
                number: state.number,
                marks: state.marks,
                held: Default::default(),
                is_dirty: false,
            }),
        });
        Self {
            path: path.to_owned(),
            bucket: state.bucket,
            salt,
            order: Mutex::new(state.number),
            tail,
            rewriting: Mutex::new(()),
        }
    }
}

/// Renames a file that is not a journal of this bucket. Only the operator removes
/// it.
fn rename_unusable(path: &Path) -> std::io::Result<()> {
    let names =
        (1..u32::MAX).map(|number| path.with_file_name(format!("{UNUSABLE_FILE}-{number}")));
    let free = names.into_iter().find(|name| !name.exists());
    let free = free.ok_or(std::io::Error::from(ErrorKind::AlreadyExists))?;
    tracing::warn!(
        path = %path.display(), kept = %free.display(),
        "the journal does not belong to the bucket, and is rewritten"
    );
    std::fs::rename(path, free)
}
