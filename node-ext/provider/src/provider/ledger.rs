//! The writer of the index, with the notes that are not yet written.
//!
//! A note is taken when a bucket is closed and when a writer is done with it. A thread
//! of its own writes the notes; until then they are read from here.

use crate::index::{BucketRecord, Index, IndexError, Note, Standing};
use cairn_bucket::ContentChange;
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

#[derive(Default)]
struct Pending {
    notes: HashMap<BucketId, Note>,
    /// Records that are being written.
    writing: HashMap<BucketId, BucketRecord>,
    /// Buckets that were written after their last note.
    touched: HashSet<BucketId>,
    /// Buckets that are gone but may still be in the index.
    forgotten: HashSet<BucketId>,
}

/// The index, with the notes that are still to be written.
pub(crate) struct Ledger {
    index: Index,
    pending: Mutex<Pending>,
    /// Held while pending notes are written: otherwise one of two threads would take the
    /// other's notes as written.
    writer: Mutex<()>,
    /// Held while changes are collected from buckets: otherwise a second thread would
    /// find no changes and return before the first has noted them.
    asking: Mutex<()>,
    /// Held while a record is removed from the index: otherwise the second of two
    /// threads would remove a newer record, written after the first.
    forgetting: Mutex<()>,
    /// Buckets whose record and content in the index are up to date.
    known: Mutex<HashSet<BucketId>>,
    /// Buckets in quarantine, with the reasons.
    quarantined: Mutex<HashMap<BucketId, String>>,
    /// Buckets whose folders are missing.
    lost: Mutex<HashSet<BucketId>>,
}

impl Ledger {
    pub(super) fn new(index: Index) -> Self {
        Self {
            index,
            pending: Mutex::default(),
            writer: Mutex::default(),
            asking: Mutex::default(),
            forgetting: Mutex::default(),
            known: Mutex::default(),
            quarantined: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the record of a bucket, pending or written. Also `None` if the index
    /// cannot be read, which is logged: the bucket itself can be read instead.
    pub(crate) fn record(&self, id: BucketId) -> Option<BucketRecord> {
        {
            let pending = self.pending.lock();
            if let Some(note) = pending.notes.get(&id) {
                return Some(note.record.clone());
            }
            if let Some(record) = pending.writing.get(&id) {
                return Some(record.clone());
            }
            if pending.forgotten.contains(&id) {
                return None;
            }
        }
        self.index.record(id).unwrap_or_else(|error| {
            tracing::error!(bucket = %id, %error, "the index cannot be read");
            None
        })
    }

    pub(crate) fn note(&self, id: BucketId, mut record: BucketRecord, changes: Vec<ContentChange>) {
        // Held until it is noted: a record that was read earlier must not undo a
        // quarantine.
        let quarantined = self.quarantined.lock();
        if let Some(reason) = quarantined.get(&id)
            && record.standing == Standing::Sound
        {
            record.standing = Standing::Quarantined(reason.clone());
            record.files = None;
        }
        let mut pending = self.pending.lock();
        let noted = pending.notes.remove(&id);
        let mut all = noted.map(|note| note.changes).unwrap_or_default();
        all.extend(changes);
        let changes = all;
        pending.notes.insert(id, Note { record, changes });
    }

    pub(crate) fn touched(&self, id: BucketId) {
        self.pending.lock().touched.insert(id);
    }

    /// Locks the collection of changes from written buckets.
    pub(super) fn ask_alone(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.asking.lock()
    }

    pub(super) fn take_touched(&self) -> HashSet<BucketId> {
        std::mem::take(&mut self.pending.lock().touched)
    }

    /// Removes the record and notes of a bucket that is gone. If the index cannot be
    /// written, they are removed in memory, and the write is repeated later; if the
    /// process ends before that, the record remains.
    pub(super) fn forget(&self, id: BucketId) -> Result<(), IndexError> {
        self.known.lock().remove(&id);
        self.quarantined.lock().remove(&id);
        self.lost.lock().remove(&id);
        let mut pending = self.pending.lock();
        pending.notes.remove(&id);
        pending.writing.remove(&id);
        pending.touched.remove(&id);
        pending.forgotten.insert(id);
        drop(pending);
        self.settle(id)
    }

    /// Makes the removal of a bucket's record durable. Until then no other bucket may
    /// take its place: after a power loss it would be mistaken for the old one.
    pub(super) fn settle(&self, id: BucketId) -> Result<(), IndexError> {
        let _alone = self.forgetting.lock();
        if self.pending.lock().forgotten.contains(&id) {
            self.index.forget_record(id)?;
            self.pending.lock().forgotten.remove(&id);
        }
        Ok(())
    }

    /// Restores the record of a bucket that was not removed after all.
    pub(super) fn take_back(
        &self,
        id: BucketId,
        before: Option<BucketRecord>,
        reason: Option<String>,
    ) {
        self.pending.lock().forgotten.remove(&id);
        if self.quarantined(id).is_none()
            && let Some(reason) = reason
        {
            self.restore_quarantine(id, reason);
        }
        if let Some(before) = before {
            if before.standing == Standing::Lost {
                self.lost.lock().insert(id);
            }
            let standing = self.quarantined(id).map(Standing::Quarantined);
            let record = BucketRecord {
                standing: standing.unwrap_or_else(|| before.standing.clone()),
                files: None,
                ..before
            };
            self.note(id, record, Vec::new());
        }
    }

    /// Writes the pending notes. Notes that cannot be written stay pending.
    pub(super) fn write(&self) {
        let _alone = self.writer.lock();
        let forgotten: Vec<_> = self.pending.lock().forgotten.iter().copied().collect();
        for id in forgotten {
            if let Err(error) = self.settle(id) {
                tracing::error!(
                    bucket = %id, %error, "the index still lists a deleted bucket; will retry"
                );
            }
        }
        let notes = {
            let mut pending = self.pending.lock();
            let notes = std::mem::take(&mut pending.notes);
            // A record is removed before anything else is noted of its bucket.
            let (later, notes): (HashMap<_, _>, HashMap<_, _>) = notes
                .into_iter()
                .partition(|(id, _)| pending.forgotten.contains(id));
            pending.notes = later;
            let records = notes.iter().map(|(id, note)| (*id, note.record.clone()));
            pending.writing = records.collect();
            notes
        };
        for (id, note) in notes {
            // A bucket that was forgotten in the meantime must not come back.
            let is_wanted = || self.pending.lock().writing.contains_key(&id);
            let written = self.index.write(id, || is_wanted().then(|| note.clone()));
            if let Err(error) = written {
                tracing::error!(bucket = %id, %error, "the index was not written; will retry");
                let mut pending = self.pending.lock();
                let newer = pending.notes.remove(&id);
                let record = newer
                    .as_ref()
                    .map_or(note.record, |note| note.record.clone());
                let mut changes = note.changes;
                changes.extend(newer.map(|note| note.changes).unwrap_or_default());
                pending.notes.insert(id, Note { record, changes });
            }
        }
        self.pending.lock().writing.clear();
    }

    pub(crate) fn is_known(&self, id: BucketId) -> bool {
        self.known.lock().contains(&id)
    }

    pub(super) fn set_known(&self, id: BucketId, known: bool) {
        let mut all = self.known.lock();
        if known {
            all.insert(id);
        } else {
            all.remove(&id);
        }
    }

    /// Puts a bucket into quarantine (I7).
    pub(crate) fn quarantine(&self, id: BucketId, reason: String) {
        let mut quarantined = self.quarantined.lock();
        if quarantined.get(&id) == Some(&reason) {
            return;
        }
        tracing::error!(bucket = %id, %reason, "the bucket is in quarantine; others are not affected");
        quarantined.insert(id, reason.clone());
        drop(quarantined);
        let standing = Standing::Quarantined(reason);
        let record = match self.record(id) {
            Some(record) => BucketRecord {
                standing,
                files: None,
                ..record
            },
            None => BucketRecord::unknown(standing),
        };
        self.note(id, record, Vec::new());
    }

    pub(super) fn restore_quarantine(&self, id: BucketId, reason: String) {
        self.quarantined.lock().insert(id, reason);
    }

    /// Records that a bucket's folder is missing although the bucket was not deleted.
    pub(super) fn note_lost(&self, id: BucketId, record: BucketRecord) {
        let signed = record.signed.is_some();
        tracing::error!(bucket = %id, signed, "the folder of a bucket is missing");
        self.lost.lock().insert(id);
        let record = BucketRecord {
            standing: Standing::Lost,
            files: None,
            ..record
        };
        self.note(id, record, Vec::new());
    }

    pub(super) fn lost(&self) -> Vec<BucketId> {
        self.lost.lock().iter().copied().collect()
    }

    /// Returns the reason of a bucket's quarantine, if it is in one.
    pub(super) fn quarantined(&self, id: BucketId) -> Option<String> {
        self.quarantined.lock().get(&id).cloned()
    }

    pub(super) fn all_quarantined(&self) -> Vec<(BucketId, String)> {
        let quarantined = self.quarantined.lock();
        let mut all: Vec<_> = quarantined
            .iter()
            .map(|(id, reason)| (*id, reason.clone()))
            .collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Stops the writer threads, also when the test fails.
    struct Ends<'e>(&'e AtomicBool);

    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn what_was_noted_last_is_what_is_known_whoever_writes_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(Index::open(&folder.path().join("index")).unwrap());
        let ended = AtomicBool::new(false);
        let record = |total_size| BucketRecord {
            total_size,
            ..BucketRecord::unknown(Standing::Sound)
        };
        std::thread::scope(|scope| {
            let _ends = Ends(&ended);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        ledger.write();
                    }
                });
            }
            for noted in 0..3_000 {
                let id = BucketId(noted % 3);
                ledger.note(id, record(noted), Vec::new());
                for _ in 0..3 {
                    assert_eq!(ledger.record(id), Some(record(noted)));
                }
            }
        });
        ledger.write();
        for id in 0..3 {
            let written = ledger.index().record(BucketId(id)).unwrap().unwrap();
            assert_eq!(written, record(2_997 + id));
        }
    }

    #[test]
    fn i7_a_bucket_that_was_set_apart_meanwhile_is_not_noted_as_sound() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::new(Index::open(&folder.path().join("index")).unwrap());
        let (id, reason) = (BucketId(1), "a chunk is lost");
        // Read before the quarantine, and noted after it.
        let record = BucketRecord::unknown(Standing::Sound);
        ledger.quarantine(id, reason.into());
        ledger.note(id, record.clone(), Vec::new());
        let standing = Standing::Quarantined(reason.into());
        assert_eq!(ledger.record(id).unwrap().standing, standing);
        ledger.forget(id).unwrap();
        ledger.note(id, record.clone(), Vec::new());
        assert_eq!(ledger.record(id), Some(record));
    }
}
