//! Restores the records of objects from the journal: names, and what is known of them.
//!
//! Unlike a leaf, such a record is replaced and deleted, and written again under the same key. So
//! the changes in the journal are not applied one by one, which would for a time delete what was
//! put again, and keep an older value where a repair is interrupted. Only the last change of each
//! key counts:
//!
//! | journal | change                    | what becomes of the record                       |
//! |---------|---------------------------|--------------------------------------------------|
//! | whole   | any                       | it gets the state after the last change          |
//! | damaged | newer than the database   | the same                                         |
//! | damaged | not newer                 | it is put if it is missing and files were rebuilt |
//!
//! A damaged journal may lack a newer change, so the database is believed where it can be. A whole
//! journal that was rewritten since the database's last write has every record: what it does not
//! have was deleted before. So has one that belongs to a database whose files were rebuilt.

use super::writer::Writer;
use super::{BATCH_RECORDS, journal_error, open_journal};
use cairn_engine::layout;
use cairn_engine::{
    Change, Engine, EngineError, Family, JOURNAL_FILE, JournalReader, JournalRecord,
};
use cairn_primitives::{BucketId, H256, blake2_256};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

/// Changes whose keys are in memory at a time, some 100 bytes each. More are restored in several
/// passes over the journal, since a client can write any number. In tests few.
const MAX_CHANGES: u64 = if cfg!(test) { 4 } else { 1 << 22 };

/// A database before the restore.
#[derive(Clone, Copy)]
pub(super) struct DatabaseBefore {
    /// The number of its last write.
    pub(super) number: u64,
    /// Set if its files were rebuilt, so that it may have lost any record.
    pub(super) files_rebuilt: bool,
}

/// Returns whether a change is one of a record of an object.
pub(super) fn is_of_object(change: &Change<'_>) -> bool {
    key_and_value(change).is_some()
}

/// Returns the key and the new value of a record of an object; `None` for its deletion.
fn key_and_value<'c>(change: &Change<'c>) -> Option<(&'c [u8], Option<&'c [u8]>)> {
    let (key, value) = match *change {
        Change::Put {
            family: Family::Tree,
            key,
            value,
        } => (key, Some(value)),
        Change::Delete {
            family: Family::Tree,
            key,
        } => (key, None),
        _ => return None,
    };
    key.starts_with(layout::OBJECTS).then_some((key, value))
}

/// Restores the records of objects from the journal in `folder`, which is not older than the
/// database. Returns the number of records written.
pub(super) fn restore_objects(
    engine: &Engine,
    folder: &Path,
    bucket: BucketId,
    database: DatabaseBefore,
) -> Result<u64, EngineError> {
    let mut replay = Replay {
        engine,
        folder,
        bucket,
        database,
        journal: JournalSummary::default(),
        writer: Writer::new(engine, BATCH_RECORDS),
    };
    replay.journal = replay.summarise()?;
    let parts = replay.journal.changes.div_ceil(MAX_CHANGES);
    for part in 0..parts.max(1) {
        replay.restore_part(KeyPart {
            part,
            of: parts.max(1),
        })?;
    }
    replay.writer.finish()
}

/// Keys that are restored in one pass, chosen by their hashes.
#[derive(Clone, Copy)]
struct KeyPart {
    part: u64,
    of: u64,
}

impl KeyPart {
    /// Returns the hash of a key, if the key is in this part.
    fn hash(self, key: &[u8]) -> Option<H256> {
        let hash = blake2_256(key);
        let number = hash.to_low_u64_be();
        (number.checked_rem(self.of) == Some(self.part)).then_some(hash)
    }
}

/// The findings of a first pass over a journal.
#[derive(Clone, Copy, Default)]
struct JournalSummary {
    /// Changes of records of objects.
    changes: u64,
    is_damaged: bool,
    /// The number of the write at which the journal was written as a whole; `None` if its end is
    /// lost, or an earlier version did that, which leaves these records out.
    rewritten_at: Option<u64>,
}

struct Replay<'r> {
    engine: &'r Engine,
    folder: &'r Path,
    bucket: BucketId,
    database: DatabaseBefore,
    journal: JournalSummary,
    writer: Writer<'r>,
}

impl Replay<'_> {
    /// Calls `each` with the records of the journal, in order. Returns the journal at its end, if
    /// there is one.
    fn for_each_record(
        &self,
        mut each: impl FnMut(&JournalRecord) -> Result<(), EngineError>,
    ) -> Result<Option<JournalReader<File>>, EngineError> {
        let path = self.folder.join(JOURNAL_FILE);
        let Some(mut reader) = open_journal(self.folder, self.bucket)? else {
            return Ok(None);
        };
        while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
            each(&record)?;
        }
        Ok(Some(reader))
    }

    fn summarise(&self) -> Result<JournalSummary, EngineError> {
        let mut found = JournalSummary::default();
        let mut records = 0u64;
        let mut whole_length = None;
        let read = self.for_each_record(|record| {
            match records {
                0 => whole_length = record.rewritten_length(),
                1 if whole_length.is_some() => found.rewritten_at = Some(record.number),
                _ => {}
            }
            records = records.saturating_add(1);
            let changes = record.changes().filter(is_of_object).count();
            let changes = u64::try_from(changes).unwrap_or(u64::MAX);
            found.changes = found.changes.saturating_add(changes);
            Ok(())
        })?;
        let Some(read) = read else {
            return Ok(JournalSummary::default());
        };
        found.is_damaged = read.skipped() > 0;
        if whole_length.is_none_or(|length| length > read.end_of_last()) {
            found.rewritten_at = None;
        }
        Ok(found)
    }

    fn restore_part(&mut self, part: KeyPart) -> Result<(), EngineError> {
        // The last change of each key, by its place among all changes.
        let mut last: HashMap<H256, u64> = HashMap::new();
        let mut place = 0u64;
        self.for_each_record(|record| {
            for (key, _) in record.changes().filter_map(|change| key_and_value(&change)) {
                place = place.saturating_add(1);
                if let Some(hash) = part.hash(key) {
                    last.insert(hash, place);
                }
            }
            Ok(())
        })?;
        if self.has_all_records() {
            self.delete_unknown(part, &last)?;
        }
        self.apply(part, &last)
    }

    fn apply(&mut self, part: KeyPart, last: &HashMap<H256, u64>) -> Result<(), EngineError> {
        let path = self.folder.join(JOURNAL_FILE);
        let Some(mut reader) = open_journal(self.folder, self.bucket)? else {
            return Ok(());
        };
        let mut place = 0u64;
        while let Some(record) = reader.next_record().map_err(journal_error(&path))? {
            for (key, value) in record.changes().filter_map(|change| key_and_value(&change)) {
                place = place.saturating_add(1);
                let is_last = part
                    .hash(key)
                    .is_some_and(|hash| last.get(&hash) == Some(&place));
                if is_last {
                    self.set(record.number, key, value)?;
                }
            }
        }
        Ok(())
    }

    /// Gives a record the state after its last change, if that is what it should have.
    fn set(&mut self, number: u64, key: &[u8], value: Option<&[u8]>) -> Result<(), EngineError> {
        let stored = self.engine.get_uncached(Family::Tree, key);
        let is_missing = !matches!(stored, Ok(Some(_)));
        let is_certain = number > self.database.number || !self.journal.is_damaged;
        let may_be_lost = is_missing && self.database.files_rebuilt;
        if !is_certain && !may_be_lost {
            return Ok(());
        }
        match value {
            Some(value) if !matches!(&stored, Ok(Some(stored)) if stored == value) => {
                self.writer.put(Family::Tree, key, value)
            }
            None if !matches!(stored, Ok(None)) => self.writer.delete_stored(Family::Tree, key),
            _ => Ok(()),
        }
    }

    /// Returns whether the journal has every record that the database should have.
    fn has_all_records(&self) -> bool {
        let DatabaseBefore {
            number,
            files_rebuilt,
        } = self.database;
        let is_newer = |rewritten_at| files_rebuilt || number < rewritten_at;
        !self.journal.is_damaged && self.journal.rewritten_at.is_some_and(is_newer)
    }

    /// Deletes the records of which the journal has no change.
    fn delete_unknown(
        &mut self,
        part: KeyPart,
        last: &HashMap<H256, u64>,
    ) -> Result<(), EngineError> {
        for entry in self.engine.scan(Family::Tree, layout::OBJECTS)? {
            // What follows an unreadable record was not brought back by the loss of a file.
            let Ok((key, _)) = entry else { break };
            if part
                .hash(&key)
                .is_some_and(|hash| !last.contains_key(&hash))
            {
                self.writer.delete_stored(Family::Tree, &key)?;
            }
        }
        Ok(())
    }
}
