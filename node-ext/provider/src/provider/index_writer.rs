//! The writer of the index, with the notes that are not yet written.
//!
//! A note is taken when a bucket is closed and when a writer is done with it. A thread
//! of its own writes the notes; until then they are read from here.

use crate::index::{BucketRecord, BucketStatus, Index, IndexError, Note};
use cairn_bucket::ContentChange;
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

#[derive(Default)]
struct Pending {
    notes: HashMap<BucketId, Note>,
    /// Records that are being written.
    being_written: HashMap<BucketId, BucketRecord>,
    /// Buckets that were written after their last note.
    touched: HashSet<BucketId>,
    /// Buckets that are gone but may still be in the index.
    removed: HashSet<BucketId>,
}

/// The index, with the notes that are still to be written.
pub(crate) struct IndexWriter {
    index: Index,
    pending: Mutex<Pending>,
    /// Held while pending notes are written: otherwise one of two threads would take the
    /// other's notes as written.
    writer: Mutex<()>,
    /// Held while changes are collected from buckets: otherwise a second thread would
    /// find no changes and return before the first has noted them.
    collecting: Mutex<()>,
    /// Held while a record is removed from the index: otherwise the second of two
    /// threads would remove a newer record, written after the first.
    removal_lock: Mutex<()>,
    /// Buckets whose record and content in the index are up to date.
    up_to_date: Mutex<HashSet<BucketId>>,
    /// Buckets in quarantine, with the reasons.
    quarantined: Mutex<HashMap<BucketId, String>>,
    /// Buckets whose folders are missing.
    lost: Mutex<HashSet<BucketId>>,
}

impl IndexWriter {
    pub(super) fn new(index: Index) -> Self {
        Self {
            index,
            pending: Mutex::default(),
            writer: Mutex::default(),
            collecting: Mutex::default(),
            removal_lock: Mutex::default(),
            up_to_date: Mutex::default(),
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
            if let Some(record) = pending.being_written.get(&id) {
                return Some(record.clone());
            }
            if pending.removed.contains(&id) {
                return None;
            }
        }
        self.index.record(id).unwrap_or_else(|error| {
            tracing::error!(bucket = %id, %error, "the index cannot be read");
            None
        })
    }

    pub(crate) fn queue_note(
        &self,
        id: BucketId,
        mut record: BucketRecord,
        changes: Vec<ContentChange>,
    ) {
        // Held until it is noted: a record that was read earlier must not undo a
        // quarantine.
        let quarantined = self.quarantined.lock();
        if let Some(reason) = quarantined.get(&id)
            && record.status == BucketStatus::Sound
        {
            record.status = BucketStatus::Quarantined(reason.clone());
            record.fingerprint = None;
        }
        let mut pending = self.pending.lock();
        let noted = pending.notes.remove(&id);
        let mut all = noted.map(|note| note.changes).unwrap_or_default();
        all.extend(changes);
        let changes = all;
        pending.notes.insert(id, Note { record, changes });
    }

    pub(crate) fn mark_touched(&self, id: BucketId) {
        self.pending.lock().touched.insert(id);
    }

    /// Locks the collection of changes from written buckets.
    pub(super) fn lock_collecting(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.collecting.lock()
    }

    pub(super) fn take_touched(&self) -> HashSet<BucketId> {
        std::mem::take(&mut self.pending.lock().touched)
    }

    /// Removes the record and notes of a bucket that is gone. If the index cannot be
    /// written, they are removed in memory, and the write is repeated later; if the
    /// process ends before that, the record remains.
    pub(super) fn remove(&self, id: BucketId) -> Result<(), IndexError> {
        self.up_to_date.lock().remove(&id);
        self.quarantined.lock().remove(&id);
        self.lost.lock().remove(&id);
        let mut pending = self.pending.lock();
        pending.notes.remove(&id);
        pending.being_written.remove(&id);
        pending.touched.remove(&id);
        pending.removed.insert(id);
        drop(pending);
        self.persist_removal(id)
    }

    /// Makes the removal of a bucket's record durable. Until then no other bucket may
    /// take its place: after a power loss it would be mistaken for the old one.
    pub(super) fn persist_removal(&self, id: BucketId) -> Result<(), IndexError> {
        let _alone = self.removal_lock.lock();
        if self.pending.lock().removed.contains(&id) {
            self.index.remove_record(id)?;
            self.pending.lock().removed.remove(&id);
        }
        Ok(())
    }

    /// Restores the record of a bucket that was not removed after all.
    pub(super) fn undo_remove(
        &self,
        id: BucketId,
        before: Option<BucketRecord>,
        reason: Option<String>,
    ) {
        self.pending.lock().removed.remove(&id);
        if self.quarantine_reason(id).is_none()
            && let Some(reason) = reason
        {
            self.restore_quarantine(id, reason);
        }
        if let Some(before) = before {
            if before.status == BucketStatus::Lost {
                self.lost.lock().insert(id);
            }
            let status = self.quarantine_reason(id).map(BucketStatus::Quarantined);
            let record = BucketRecord {
                status: status.unwrap_or_else(|| before.status.clone()),
                fingerprint: None,
                ..before
            };
            self.queue_note(id, record, Vec::new());
        }
    }

    /// Writes the pending notes. Notes that cannot be written stay pending.
    pub(super) fn write_pending(&self) {
        let _alone = self.writer.lock();
        let forgotten: Vec<_> = self.pending.lock().removed.iter().copied().collect();
        for id in forgotten {
            if let Err(error) = self.persist_removal(id) {
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
                .partition(|(id, _)| pending.removed.contains(id));
            pending.notes = later;
            let records = notes.iter().map(|(id, note)| (*id, note.record.clone()));
            pending.being_written = records.collect();
            notes
        };
        for (id, note) in notes {
            // A bucket that was forgotten in the meantime must not come back.
            let is_wanted = || self.pending.lock().being_written.contains_key(&id);
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
        self.pending.lock().being_written.clear();
    }

    pub(crate) fn is_up_to_date(&self, id: BucketId) -> bool {
        self.up_to_date.lock().contains(&id)
    }

    pub(super) fn set_up_to_date(&self, id: BucketId, known: bool) {
        let mut all = self.up_to_date.lock();
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
        let status = BucketStatus::Quarantined(reason);
        let record = match self.record(id) {
            Some(record) => BucketRecord {
                status,
                fingerprint: None,
                ..record
            },
            None => BucketRecord::unknown(status),
        };
        self.queue_note(id, record, Vec::new());
    }

    pub(super) fn restore_quarantine(&self, id: BucketId, reason: String) {
        self.quarantined.lock().insert(id, reason);
    }

    /// Records that a bucket's folder is missing although the bucket was not deleted.
    pub(super) fn mark_lost(&self, id: BucketId, record: BucketRecord) {
        let signed = record.signed.is_some();
        tracing::error!(bucket = %id, signed, "the folder of a bucket is missing");
        self.lost.lock().insert(id);
        let record = BucketRecord {
            status: BucketStatus::Lost,
            fingerprint: None,
            ..record
        };
        self.queue_note(id, record, Vec::new());
    }

    pub(super) fn lost_buckets(&self) -> Vec<BucketId> {
        self.lost.lock().iter().copied().collect()
    }

    /// Returns the reason of a bucket's quarantine, if it is in one.
    pub(super) fn quarantine_reason(&self, id: BucketId) -> Option<String> {
        self.quarantined.lock().get(&id).cloned()
    }

    pub(super) fn quarantined_buckets(&self) -> Vec<(BucketId, String)> {
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
    struct StopOnDrop<'e>(&'e AtomicBool);

    impl Drop for StopOnDrop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_last_note_wins_over_concurrent_writes() {
        let folder = tempfile::tempdir().unwrap();
        let index_writer = IndexWriter::new(Index::open(&folder.path().join("index")).unwrap());
        let ended = AtomicBool::new(false);
        let record = |total_size| BucketRecord {
            total_size,
            ..BucketRecord::unknown(BucketStatus::Sound)
        };
        std::thread::scope(|scope| {
            let _ends = StopOnDrop(&ended);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !ended.load(Ordering::SeqCst) {
                        index_writer.write_pending();
                    }
                });
            }
            for noted in 0..3_000 {
                let id = BucketId(noted % 3);
                index_writer.queue_note(id, record(noted), Vec::new());
                for _ in 0..3 {
                    assert_eq!(index_writer.record(id), Some(record(noted)));
                }
            }
        });
        index_writer.write_pending();
        for id in 0..3 {
            let written = index_writer.index().record(BucketId(id)).unwrap().unwrap();
            assert_eq!(written, record(2_997 + id));
        }
    }

    #[test]
    fn i7_a_stale_note_does_not_undo_a_quarantine() {
        let folder = tempfile::tempdir().unwrap();
        let index_writer = IndexWriter::new(Index::open(&folder.path().join("index")).unwrap());
        let (id, reason) = (BucketId(1), "a chunk is lost");
        // Read before the quarantine, and noted after it.
        let record = BucketRecord::unknown(BucketStatus::Sound);
        index_writer.quarantine(id, reason.into());
        index_writer.queue_note(id, record.clone(), Vec::new());
        let status = BucketStatus::Quarantined(reason.into());
        assert_eq!(index_writer.record(id).unwrap().status, status);
        index_writer.remove(id).unwrap();
        index_writer.queue_note(id, record.clone(), Vec::new());
        assert_eq!(index_writer.record(id), Some(record));
    }
}
