//! The journal: a second copy, in a file of its own, of the records of a bucket
//! that no other record says.
//!
//! Written after the database has the same, so that it is never ahead of a
//! database that has lost nothing; and not synced by the write itself, but
//! within a second. A number in the database (`j`) and in each record of the
//! journal, and marks of the state and the usage, say at an opening whether both
//! are of one moment.

mod attach;
mod format;
mod kept;
mod sync;

pub(crate) use attach::Behind;
use format::Marks;
pub(crate) use format::{Change, Changes, Reader, standing};

use super::EngineError;
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal's name in a bucket's folder.
pub(crate) const JOURNAL_FILE: &str = "JOURNAL";
/// A journal that is being made.
const UNFINISHED: &str = "JOURNAL.new";
/// The most bytes that are held in memory while they are not synced.
const MOST_HELD: usize = 64 << 10;

/// The journal of an open bucket.
pub(crate) struct Journal {
    path: PathBuf,
    bucket: u64,
    salt: format::Salt,
    /// The number of the last write, held from before it reaches the database
    /// until it is in the journal: so both have the same order.
    order: Mutex<u64>,
    tail: Arc<Tail>,
}

/// The file's end, where all writers meet.
#[derive(Default)]
struct Tail {
    state: Mutex<TailState>,
}

#[derive(Default)]
struct TailState {
    /// `None` after a failed write: what follows would be behind a gap.
    file: Option<Arc<File>>,
    length: u64,
    number: u64,
    marks: Marks,
    /// Changes that are in no record yet: what is not synced was promised to
    /// nobody.
    held: Changes,
    /// Whether there is something that was not synced.
    is_dirty: bool,
}

impl TailState {
    /// Writes what is held as one record.
    fn write_down(&mut self, salt: format::Salt) -> std::io::Result<()> {
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
    /// The number of the next write, and the right to make it.
    pub(super) fn next(&self) -> parking_lot::MutexGuard<'_, u64> {
        self.order.lock()
    }

    /// Adds what the database has by now. `number` is that of a write that has
    /// one. A failure ends the journal until the bucket is opened again, and is
    /// no failure of the write: the database has it.
    pub(super) fn add(&self, changes: Changes, number: Option<u64>) {
        let mut state = self.tail.state.lock();
        state.number = number.unwrap_or(state.number);
        state.held.append(changes);
        self.write_down(&mut state);
    }

    /// Adds the same in memory, until something is added that is not held.
    pub(super) fn hold(&self, changes: Changes) {
        let mut state = self.tail.state.lock();
        state.held.append(changes);
        if state.held.bytes().len() >= MOST_HELD {
            self.write_down(&mut state);
        }
    }

    fn write_down(&self, state: &mut TailState) {
        if let Err(error) = state.write_down(self.salt) {
            state.file = None;
            tracing::error!(
                path = %self.path.display(), %error,
                "the journal takes no more; the bucket has no second copy of what comes until it is opened again"
            );
            return;
        }
        if !std::mem::replace(&mut state.is_dirty, true) {
            sync::soon(&self.tail);
        }
    }

    fn write_down_held(&self) -> std::io::Result<parking_lot::MutexGuard<'_, TailState>> {
        let mut state = self.tail.state.lock();
        if !state.held.is_empty() {
            state.write_down(self.salt)?;
            state.is_dirty = true;
        }
        Ok(state)
    }

    /// Makes all of it durable.
    pub(super) fn sync(&self) -> std::io::Result<()> {
        drop(self.write_down_held()?);
        self.tail.sync()
    }

    /// Makes the journal anew from what the database has, while writes go on.
    pub(super) fn renew(
        &self,
        fill: impl FnOnce(&mut Filling) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let fault = |error| io_fault(&self.path, &error);
        let (from, number, marks) = {
            let state = self.write_down_held().map_err(fault)?;
            (state.length, state.number, state.marks)
        };
        let mut filling = Filling::begin(&self.path, self.bucket, self.salt, number, marks)?;
        fill(&mut filling)?;
        let _order = self.order.lock();
        let mut state = self.write_down_held().map_err(fault)?;
        // What came meanwhile, in its order.
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
        if let Err(error) = self.write_down_held() {
            tracing::warn!(path = %self.path.display(), %error, "the journal's end was not written");
        }
    }
}

fn io_fault(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::of_file("writing the journal", path, error)
}

/// A journal that is being made beside the one that it takes the place of.
pub(crate) struct Filling {
    path: PathBuf,
    unfinished: PathBuf,
    file: std::io::BufWriter<File>,
    length: u64,
    salt: format::Salt,
    number: u64,
    marks: Marks,
    changes: Changes,
}

impl Filling {
    fn begin(
        path: &Path,
        bucket: u64,
        salt: format::Salt,
        number: u64,
        marks: Marks,
    ) -> Result<Self, EngineError> {
        let unfinished = path.with_file_name(UNFINISHED);
        let fault = |error: std::io::Error| io_fault(&unfinished, &error);
        let file = File::create(&unfinished).map_err(fault)?;
        let mut filling = Self {
            path: path.to_owned(),
            file: std::io::BufWriter::with_capacity(MOST_HELD, file),
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
        written.map_err(|error| io_fault(&self.unfinished, &error))?;
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
        Ok(())
    }

    /// Adds a record of the database.
    pub(super) fn put(
        &mut self,
        family: super::Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), EngineError> {
        self.changes.put(family, key, value);
        if self.changes.bytes().len() < MOST_HELD {
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

    /// Gives it its name. Returns the file, to be written on, and its length.
    fn finish(mut self, since: &[u8], sync: bool) -> Result<(File, u64), EngineError> {
        // Also where there is nothing left: the last record says the number.
        self.write_changes()?;
        self.write(since)?;
        let fault = |error: std::io::Error| io_fault(&self.path, &error);
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
