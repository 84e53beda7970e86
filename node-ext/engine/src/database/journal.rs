//! The journal of a bucket: a second copy, in its own file, of the records that
//! cannot be derived from others.
//!
//! Each write goes to the database first, so a database that has lost nothing is
//! never behind its journal. A write does not sync the journal; that happens within
//! a second. The number of the last write is in the database (`j`) and in each
//! record of the journal. Together with marks of state and usage it shows, at
//! opening, whether both are at the same write.

mod attach;
mod format;
mod selection;
mod sync;

pub use attach::JournalLag;
pub(super) use format::Changes;
use format::Marks;
pub use format::{Change, Reader, last_record};

use super::EngineError;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal's name in a bucket's folder.
pub const JOURNAL_FILE: &str = "JOURNAL";
/// Name of a journal that is not complete yet.
const UNFINISHED_FILE: &str = "JOURNAL.new";
/// Upper bound on unsynced bytes in memory.
const MAX_HELD_BYTES: usize = 64 << 10;

/// The journal of an open bucket.
pub(crate) struct Journal {
    path: PathBuf,
    bucket: u64,
    salt: format::Salt,
    /// The number of the last write. Locked from before the write reaches the database
    /// until it is in the journal, so that both have the same order.
    order: Mutex<u64>,
    tail: Arc<Tail>,
}

/// The end of the file, which all writers share.
#[derive(Default)]
struct Tail {
    state: Mutex<TailState>,
}

#[derive(Default)]
struct TailState {
    /// `None` after a failed write, since a later record would follow a gap.
    file: Option<Arc<File>>,
    length: u64,
    number: u64,
    marks: Marks,
    /// Changes that are not in a record yet. Nobody was given a signature over
    /// unsynced changes.
    held: Changes,
    /// Set while something is not synced yet.
    is_dirty: bool,
}

impl TailState {
    /// Writes the held changes as one record.
    fn write_held(&mut self, salt: format::Salt) -> std::io::Result<()> {
        let Some(mut file) = self.file.as_deref() else {
            return Ok(());
        };
        let changes = std::mem::take(&mut self.held);
        self.marks = self.marks.after(&changes);
        let mut record = Vec::new();
        format::write_record(&mut record, salt, self.number, self.marks, changes.bytes());
        file.write_all(&record)?;
        let more = u64::try_from(record.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
        Ok(())
    }
}

impl Journal {
    /// Locks the order of writes. The guard holds the number of the last one.
    pub(crate) fn lock_order(&self) -> parking_lot::MutexGuard<'_, u64> {
        self.order.lock()
    }

    /// Appends changes that the database already has. `number` is the number of the
    /// write, if it has one. A failure ends the journal until the bucket is opened
    /// again, but is no error of the write, since the database has it.
    pub(super) fn append(&self, changes: Changes, number: Option<u64>) {
        let mut state = self.tail.state.lock();
        state.number = number.unwrap_or(state.number);
        state.held.append(changes);
        self.write_held_or_disable(&mut state);
    }

    /// Keeps changes in memory, to be written with the next record.
    pub(super) fn hold(&self, changes: Changes) {
        let mut state = self.tail.state.lock();
        state.held.append(changes);
        if state.held.bytes().len() >= MAX_HELD_BYTES {
            self.write_held_or_disable(&mut state);
        }
    }

    fn write_held_or_disable(&self, state: &mut TailState) {
        if let Err(error) = state.write_held(self.salt) {
            state.file = None;
            tracing::error!(
                path = %self.path.display(), %error,
                "the journal is disabled until the bucket is opened again; \
                 later changes have no second copy"
            );
            return;
        }
        if !std::mem::replace(&mut state.is_dirty, true) {
            sync::schedule_sync(&self.tail);
        }
    }

    fn flush_held(&self) -> std::io::Result<parking_lot::MutexGuard<'_, TailState>> {
        let mut state = self.tail.state.lock();
        if !state.held.is_empty() {
            state.write_held(self.salt)?;
            state.is_dirty = true;
        }
        Ok(state)
    }

    /// Makes the whole journal durable.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        drop(self.flush_held()?);
        self.tail.sync()
    }

    /// Rewrites the journal from the database while writes continue.
    pub(crate) fn rewrite(
        &self,
        fill: impl FnOnce(&mut NewJournal) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let fault = |error| journal_error(&self.path, &error);
        let (from, number, marks) = {
            let state = self.flush_held().map_err(fault)?;
            (state.length, state.number, state.marks)
        };
        let mut filling = NewJournal::create(&self.path, self.bucket, self.salt, number, marks)?;
        fill(&mut filling)?;
        let _order = self.order.lock();
        let mut state = self.flush_held().map_err(fault)?;
        // Records that were added meanwhile, in their order.
        let mut old = File::open(&self.path).map_err(fault)?;
        old.seek(SeekFrom::Start(from)).map_err(fault)?;
        let mut since = Vec::new();
        old.read_to_end(&mut since).map_err(fault)?;
        let (file, length) = filling.finish(&since, true)?;
        state.file = Some(Arc::new(file));
        state.length = length;
        Ok(())
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.flush_held() {
            tracing::warn!(
                path = %self.path.display(), %error,
                "the end of the journal was not written"
            );
        }
    }
}

fn journal_error(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::from_io("writing the journal", path, error)
}

/// A new journal that will replace the current one.
pub(crate) struct NewJournal {
    path: PathBuf,
    unfinished: PathBuf,
    file: std::io::BufWriter<File>,
    length: u64,
    salt: format::Salt,
    number: u64,
    marks: Marks,
    changes: Changes,
}

impl NewJournal {
    fn create(
        path: &Path,
        bucket: u64,
        salt: format::Salt,
        number: u64,
        marks: Marks,
    ) -> Result<Self, EngineError> {
        let unfinished = path.with_file_name(UNFINISHED_FILE);
        let fault = |error: std::io::Error| journal_error(&unfinished, &error);
        let file = File::create(&unfinished).map_err(fault)?;
        let mut filling = Self {
            path: path.to_owned(),
            file: std::io::BufWriter::with_capacity(MAX_HELD_BYTES, file),
            unfinished: unfinished.clone(),
            length: 0,
            salt,
            number,
            marks,
            changes: Changes::default(),
        };
        filling.write(&format::header(bucket, salt))?;
        Ok(filling)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| journal_error(&self.unfinished, &error))?;
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
        Ok(())
    }

    /// Appends a record of the database.
    pub(crate) fn put(
        &mut self,
        family: super::Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), EngineError> {
        self.changes.put(family, key, value);
        if self.changes.bytes().len() < MAX_HELD_BYTES {
            return Ok(());
        }
        self.write_changes()
    }

    fn write_changes(&mut self) -> Result<(), EngineError> {
        let mut record = Vec::new();
        let (number, changes) = (self.number, self.changes.bytes());
        format::write_record(&mut record, self.salt, number, self.marks, changes);
        self.changes = Changes::default();
        self.write(&record)
    }

    /// Moves the file into place. Returns it, open for appending, and its length.
    fn finish(mut self, since: &[u8], sync: bool) -> Result<(File, u64), EngineError> {
        // Even if there are no changes left: the last record holds the number.
        self.write_changes()?;
        self.write(since)?;
        let fault = |error: std::io::Error| journal_error(&self.path, &error);
        self.file.flush().map_err(fault)?;
        if sync {
            self.file.get_ref().sync_data().map_err(fault)?;
        }
        drop(self.file);
        std::fs::rename(&self.unfinished, &self.path).map_err(fault)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&self.path)
            .map_err(fault)?;
        Ok((file, self.length))
    }
}
