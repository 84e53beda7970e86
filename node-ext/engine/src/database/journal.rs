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
mod new_file;
mod rewrite;
mod selection;
mod sync;

pub use attach::JournalLag;
pub(super) use format::Changes;
use format::Marks;
pub use format::{Change, Reader, Record, last_record};
use new_file::NewJournal;
pub(super) use rewrite::Rewriter;

use super::{EngineError, FaultKind};
use parking_lot::Mutex;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The journal's name in a bucket's folder.
pub const JOURNAL_FILE: &str = "JOURNAL";
/// Upper bound on unsynced bytes in memory.
const MAX_HELD_BYTES: usize = 64 << 10;
/// How often a rewrite copies what was added meanwhile before writes have to wait for the rest.
const CATCH_UP_ROUNDS: u32 = 4;

/// The journal of an open bucket.
pub(crate) struct Journal {
    path: PathBuf,
    bucket: u64,
    salt: format::Salt,
    /// The number of the last write. Locked from before the write reaches the database
    /// until it is in the journal, so that both have the same order.
    order: Mutex<u64>,
    tail: Arc<Tail>,
    /// Held during a rewrite.
    rewriting: Mutex<()>,
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
    /// The length after the file was last written as a whole; 0 if that is not known.
    rewritten_length: u64,
    /// No rewrite begins below this length.
    min_rewrite_length: u64,
    number: u64,
    marks: Marks,
    /// Changes that are not in a record yet. Nobody was given a signature over
    /// unsynced changes.
    held: Changes,
    /// Set while something is not synced yet.
    is_dirty: bool,
}

impl TailState {
    /// Writes the held changes as one record. A failure disables the journal, which drops them.
    fn write_held(&mut self, salt: format::Salt) -> std::io::Result<()> {
        let changes = std::mem::take(&mut self.held);
        self.marks = self.marks.after(&changes);
        let Some(mut file) = self.file.as_deref() else {
            return Ok(());
        };
        let mut record = Vec::new();
        format::write_record(&mut record, salt, self.number, self.marks, changes.bytes());
        if let Err(error) = file.write_all(&record) {
            self.file = None;
            return Err(error);
        }
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

    /// Rewrites the journal from the database while writes continue. They wait only for the copy
    /// of the records that were added last.
    fn rewrite(
        &self,
        fill: impl FnOnce(&mut NewJournal) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let _alone = self.rewriting.lock();
        let fault = |error| journal_error(&self.path, &error);
        let (mut copied, number, marks) = {
            let state = self.flush_held().map_err(fault)?;
            self.check_enabled(&state)?;
            (state.length, state.number, state.marks)
        };
        let mut filling = NewJournal::create(&self.path, self.bucket, self.salt, number, marks)?;
        fill(&mut filling)?;
        filling.end_fill()?;
        // Records that were added meanwhile, in their order.
        let mut old = File::open(&self.path).map_err(fault)?;
        old.seek(SeekFrom::Start(copied)).map_err(fault)?;
        for _ in 0..CATCH_UP_ROUNDS {
            let end = self.tail.state.lock().length;
            filling.copy_from(&mut old, end.saturating_sub(copied))?;
            copied = end;
        }
        filling.sync()?;
        let _order = self.order.lock();
        let mut state = self.flush_held().map_err(fault)?;
        // Changes since would be missing.
        self.check_enabled(&state)?;
        filling.copy_from(&mut old, state.length.saturating_sub(copied))?;
        let (file, length) = filling.finish(true)?;
        state.file = Some(Arc::new(file));
        state.length = length;
        state.rewritten_length = length;
        state.min_rewrite_length = 0;
        Ok(())
    }

    fn check_enabled(&self, state: &TailState) -> Result<(), EngineError> {
        match state.file {
            Some(_) => Ok(()),
            None => Err(EngineError {
                doing: "rewriting the journal",
                path: self.path.clone(),
                kind: FaultKind::Other,
                message: "it is disabled until the bucket is opened again".into(),
            }),
        }
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
