//! What is to be noted in the index, and is not written yet.
//!
//! Notes are taken when a bucket is closed and when a writer is done with it,
//! and written behind, by a thread of their own; until then they are read here.

use crate::bucket::ContentChange;
use crate::index::{BucketRecord, Index, IndexError, Note, Standing};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};

#[derive(Default)]
struct Pending {
    notes: HashMap<BucketId, Note>,
    /// Those that are being written.
    writing: HashMap<BucketId, BucketRecord>,
    /// Buckets that were written since their last note.
    touched: HashSet<BucketId>,
    /// Buckets that are gone, and that the index may list still.
    forgotten: HashSet<BucketId>,
}

/// The index, and what is on its way there.
pub(crate) struct Ledger {
    index: Index,
    pending: Mutex<Pending>,
    /// Held by whoever writes what is pending: of two at once, one would take
    /// the other's notes for written.
    writer: Mutex<()>,
    /// Held while buckets are asked for what changed in them: another thread would
    /// find nothing to note, and return before it is noted.
    asking: Mutex<()>,
    /// Held while a record is removed from the index: the second of two threads would
    /// remove a newer one, written after the first.
    forgetting: Mutex<()>,
    /// Buckets whose record and content are noted as they are.
    known: Mutex<HashSet<BucketId>>,
    /// Buckets that take no writes, and why.
    quarantined: Mutex<HashMap<BucketId, String>>,
    /// Buckets whose folders are gone.
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

    /// What is known of a bucket, noted or written. `None` as well where the
    /// index cannot be read, which is logged: the bucket itself can be asked.
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
        // Held until it is noted: what was found meanwhile must not be unsaid by
        // what was read before.
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

    /// Taken before the buckets that were written since are asked what changed.
    pub(super) fn ask_alone(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.asking.lock()
    }

    pub(super) fn take_touched(&self) -> HashSet<BucketId> {
        std::mem::take(&mut self.pending.lock().touched)
    }

    /// Forgets a bucket that is gone: its record, and all notes of it. Where the index
    /// cannot be written it is forgotten in memory, and the index follows as soon as
    /// it can: a process that ends before that has not forgotten it.
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

    /// Makes durable that a bucket is forgotten. Until then nothing else may be in its
    /// place, which would be taken for it after a loss of power.
    pub(super) fn settle(&self, id: BucketId) -> Result<(), IndexError> {
        let _alone = self.forgetting.lock();
        if self.pending.lock().forgotten.contains(&id) {
            self.index.forget_record(id)?;
            self.pending.lock().forgotten.remove(&id);
        }
        Ok(())
    }

    /// Knows again what was forgotten of a bucket that is not gone after all.
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

    /// Writes what is to be noted. What cannot be written stays to be noted.
    pub(super) fn write(&self) {
        let _alone = self.writer.lock();
        let forgotten: Vec<_> = self.pending.lock().forgotten.iter().copied().collect();
        for id in forgotten {
            if let Err(error) = self.settle(id) {
                tracing::error!(
                    bucket = %id, %error, "the index still lists a bucket that is gone; it is tried again"
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
            // Forgotten meanwhile: it must not come back.
            let is_wanted = || self.pending.lock().writing.contains_key(&id);
            let written = self.index.write(id, || is_wanted().then(|| note.clone()));
            if let Err(error) = written {
                tracing::error!(bucket = %id, %error, "the index was not written; it is tried again");
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

    /// Sets a bucket apart (I7).
    pub(crate) fn quarantine(&self, id: BucketId, reason: String) {
        let mut quarantined = self.quarantined.lock();
        if quarantined.get(&id) == Some(&reason) {
            return;
        }
        tracing::error!(bucket = %id, %reason, "the bucket is in quarantine; all others go on");
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

    /// A bucket whose folder is gone, and that nobody has deleted.
    pub(super) fn note_lost(&self, id: BucketId, record: BucketRecord) {
        let signed = record.signed.is_some();
        tracing::error!(bucket = %id, signed, "the folder of a bucket is gone");
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

    /// Why a bucket takes no writes, where that is so.
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

    /// Lets the writers end, however the test ends.
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
        // Read before, and noted afterwards.
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
