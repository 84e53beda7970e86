//! A journal that is written as a whole, and then takes the place of the one before.

use super::format::{self, Changes, Marks, Salt};
use super::{MAX_HELD_BYTES, journal_error};
use crate::database::{EngineError, Family};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Name of a journal that is not complete yet.
pub(super) const UNFINISHED_FILE: &str = "JOURNAL.new";

/// A new journal that will replace the current one.
pub(super) struct NewJournal {
    path: PathBuf,
    unfinished: PathBuf,
    file: BufWriter<File>,
    length: u64,
    salt: Salt,
    number: u64,
    marks: Marks,
    changes: Changes,
    is_in_place: bool,
}

impl Drop for NewJournal {
    fn drop(&mut self) {
        if !self.is_in_place {
            // Else the next opening removes it.
            let _ = std::fs::remove_file(&self.unfinished);
        }
    }
}

impl NewJournal {
    /// Starts a file next to the journal `path`, for a database at the write `number`.
    pub(super) fn create(
        path: &Path,
        bucket: u64,
        salt: Salt,
        number: u64,
        marks: Marks,
    ) -> Result<Self, EngineError> {
        let unfinished = path.with_file_name(UNFINISHED_FILE);
        let fault = |error: std::io::Error| journal_error(&unfinished, &error);
        let file = File::create(&unfinished).map_err(fault)?;
        let mut filling = Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(MAX_HELD_BYTES, file),
            unfinished: unfinished.clone(),
            length: 0,
            salt,
            number,
            marks,
            changes: Changes::default(),
            is_in_place: false,
        };
        filling.write(&format::header(bucket, salt))?;
        // Its length is written at the end.
        filling.write(&format::rewrite_mark(salt, 0))?;
        Ok(filling)
    }

    fn fault(&self, error: &std::io::Error) -> EngineError {
        journal_error(&self.unfinished, error)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| self.fault(&error))?;
        self.add_length(bytes.len());
        Ok(())
    }

    fn add_length(&mut self, bytes: usize) {
        let more = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
    }

    /// Appends a record of the database.
    pub(super) fn put(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), EngineError> {
        self.changes.put(family, key, value);
        if self.changes.bytes().len() < MAX_HELD_BYTES {
            return Ok(());
        }
        self.write_changes()
    }

    /// Ends the records of the database. The last record holds the number, even if it has no
    /// changes.
    pub(super) fn end_fill(&mut self) -> Result<(), EngineError> {
        self.write_changes()
    }

    fn write_changes(&mut self) -> Result<(), EngineError> {
        let mut record = Vec::new();
        let (number, changes) = (self.number, self.changes.bytes());
        format::write_record(&mut record, self.salt, number, self.marks, changes);
        self.changes = Changes::default();
        self.write(&record)
    }

    /// Appends the next `bytes` of the current journal, which are whole records.
    pub(super) fn copy_from(&mut self, old: &mut File, bytes: u64) -> Result<(), EngineError> {
        let copied = std::io::copy(&mut Read::take(old, bytes), &mut self.file);
        let copied = copied.map_err(|error| self.fault(&error))?;
        if copied != bytes {
            return Err(self.fault(&ErrorKind::UnexpectedEof.into()));
        }
        self.length = self.length.saturating_add(copied);
        Ok(())
    }

    /// Makes durable what was written so far.
    pub(super) fn sync(&mut self) -> Result<(), EngineError> {
        let synced = self.file.flush();
        let synced = synced.and_then(|()| self.file.get_ref().sync_data());
        synced.map_err(|error| self.fault(&error))
    }

    /// Moves the file into place. Returns it, open for appending, and its length.
    pub(super) fn finish(mut self, sync: bool) -> Result<(File, u64), EngineError> {
        let mark = format::rewrite_mark(self.salt, self.length);
        let written = self.file.flush().and_then(|()| {
            let file = self.file.get_ref();
            file.write_all_at(&mark, format::rewrite_mark_offset())?;
            if sync { file.sync_data() } else { Ok(()) }
        });
        written.map_err(|error| self.fault(&error))?;
        let moved = std::fs::rename(&self.unfinished, &self.path);
        moved.map_err(|error| journal_error(&self.path, &error))?;
        self.is_in_place = true;
        let opened = OpenOptions::new().append(true).open(&self.path);
        let file = opened.map_err(|error| journal_error(&self.path, &error))?;
        Ok((file, self.length))
    }
}
