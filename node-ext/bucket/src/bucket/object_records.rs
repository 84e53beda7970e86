//! Records of objects: names that clients give to content, with what else is known of it.
//!
//! They are in the bucket's own database and journal, so that a copy, an export and a repair of a
//! bucket have them too. What is in them is the matter of `cairn-objects`; here they are bytes.
//! They are no part of any commitment.

use super::Bucket;
use crate::error::{CommitError, ProveError};
use cairn_engine::layout;
use cairn_engine::{Durability, Family};

/// The name and the value of a record.
pub type ObjectRecordEntry = (Vec<u8>, Vec<u8>);

/// Bytes that a change takes besides its key and value, in the database and in the journal each.
const CHANGE_BYTES: u64 = 64;

/// Changes of object records that are written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectChanges {
    /// The key and the new value; `None` to remove it.
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl ObjectChanges {
    /// Sets a record.
    pub fn put(&mut self, space: u8, name: &[u8], value: Vec<u8>) {
        let key = layout::object_key(space, name);
        self.changes.push((key, Some(value)));
    }

    /// Removes a record.
    pub fn delete(&mut self, space: u8, name: &[u8]) {
        self.changes.push((layout::object_key(space, name), None));
    }

    /// Returns how many bytes the changes take where they are written. A deletion takes some too:
    /// the old record goes with a later compaction.
    fn written_bytes(&self) -> u64 {
        let sizes = self.changes.iter().map(|(key, value)| {
            let value = value.as_ref().map_or(0, Vec::len);
            let bytes = u64::try_from(key.len().saturating_add(value)).unwrap_or(u64::MAX);
            bytes.saturating_add(CHANGE_BYTES)
        });
        sizes.fold(0, u64::saturating_add)
    }
}

impl Bucket {
    /// Returns the record of a name.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn object_record(&self, space: u8, name: &[u8]) -> Result<Option<Vec<u8>>, ProveError> {
        let key = layout::object_key(space, name);
        Ok(self.engine.get(Family::Tree, &key)?)
    }

    /// Iterates over the records of a space from a name on, in the order of names. Ends after the
    /// first error.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn object_records_from<'b>(
        &'b self,
        space: u8,
        from: &[u8],
    ) -> Result<impl Iterator<Item = Result<ObjectRecordEntry, ProveError>> + use<'b>, ProveError>
    {
        let from = layout::object_key(space, from);
        let entries = self
            .engine
            .scan_from(Family::Tree, layout::OBJECTS, &from)?;
        let parsed = entries.map(move |entry| {
            let (key, value) = entry?;
            let (of, name) = layout::parse_object_key(&key)
                .ok_or_else(|| self.unsound("the key of an object cannot be read"))?;
            Ok((of, (name.to_vec(), value.into_vec())))
        });
        Ok(parsed
            .take_while(move |entry| !matches!(entry, Ok((of, _)) if *of != space))
            .map(|entry| entry.map(|(_, entry)| entry)))
    }

    /// Changes object records by what they are now, in one durable write. `job` reads them, and
    /// returns its result with the changes; no other change comes between.
    ///
    /// # Errors
    ///
    /// The error of `job`, [`CommitError::Reserved`] or the database's failure; nothing is changed
    /// then. After a failed write the bucket takes no more.
    pub fn change_objects<T, E: From<CommitError>>(
        &self,
        job: impl FnOnce(&mut ObjectChanges) -> Result<T, E>,
    ) -> Result<T, E> {
        self.check_writable().map_err(CommitError::from)?;
        let _alone = self.objects.lock();
        let mut changes = ObjectChanges::default();
        let result = job(&mut changes)?;
        if changes.changes.is_empty() {
            return Ok(result);
        }
        self.write_objects(changes)?;
        // It keeps replaced and deleted records.
        self.engine.shorten_journal();
        Ok(result)
    }

    fn write_objects(&self, changes: ObjectChanges) -> Result<(), CommitError> {
        // In the database and in the journal. Deletions too stop before the reserve: they free
        // nothing that a prune and a release need, and clients could send any number.
        let bytes = changes.written_bytes().saturating_mul(2);
        self.engine.shared().admit(bytes)?;
        let mut batch = self.engine.batch();
        for (key, value) in changes.changes {
            match value {
                Some(value) => batch.put(Family::Tree, key, &value),
                None => batch.delete(Family::Tree, key),
            }
        }
        let written = self.engine.write(batch, Durability::Synced);
        Ok(written.map_err(|error| self.poison_with(error))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::BucketConfig;
    use cairn_engine::{Access, Change, JOURNAL_FILE, JournalReader, SharedResources};
    use cairn_fs::{DiskFree, DiskGuard};
    use cairn_primitives::BucketId;
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn names(bucket: &Bucket, space: u8, from: &[u8]) -> Vec<Vec<u8>> {
        let records = bucket.object_records_from(space, from).unwrap();
        records.map(|record| record.unwrap().0).collect()
    }

    #[test]
    fn records_are_kept_by_space_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let put = |space: u8, name: &[u8]| {
            bucket.change_objects(|changes| {
                changes.put(space, name, b"value".to_vec());
                Ok::<_, CommitError>(())
            })
        };
        for name in [&b"b"[..], b"a/2", b"a/1", &[b'z'; 1_000]] {
            put(b'k', name).unwrap();
        }
        put(b'p', b"/a").unwrap();
        let long = vec![b'z'; 1_000];
        let all = [b"a/1".to_vec(), b"a/2".to_vec(), b"b".to_vec(), long];
        assert_eq!(names(&bucket, b'k', b""), all);
        assert_eq!(names(&bucket, b'k', b"a/2"), all[1..]);
        assert_eq!(names(&bucket, b'j', b""), Vec::<Vec<u8>>::new());
        let removed: Result<(), CommitError> = bucket.change_objects(|changes| {
            changes.delete(b'k', b"b");
            Ok(())
        });
        removed.unwrap();
        assert_eq!(bucket.object_record(b'k', b"b").unwrap(), None);
        let kept = bucket.object_record(b'p', b"/a").unwrap();
        assert_eq!(kept.as_deref(), Some(&b"value"[..]));

        drop(bucket);
        let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
        assert_eq!(names(&bucket, b'k', b"").len(), 3);
        let refused: Result<(), CommitError> = bucket.change_objects(|_| Ok(()));
        assert!(matches!(refused, Err(CommitError::NotWritable(_))));
    }

    #[test]
    fn a_job_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let failed: Result<(), CommitError> = bucket.change_objects(|changes| {
            changes.put(b'k', b"name", Vec::new());
            Err(CommitError::NoLeaves {
                bucket: BucketId(1),
            })
        });
        assert!(failed.is_err());
        assert_eq!(bucket.object_record(b'k', b"name").unwrap(), None);
    }

    fn put(bucket: &Bucket, name: &[u8], value: Vec<u8>) -> Result<(), CommitError> {
        bucket.change_objects(|changes| {
            changes.put(b'k', name, value);
            Ok(())
        })
    }

    fn delete(bucket: &Bucket, name: &[u8]) -> Result<(), CommitError> {
        bucket.change_objects(|changes| {
            changes.delete(b'k', name);
            Ok(())
        })
    }

    /// The records that the journal leaves after its last change.
    fn journaled(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let file = File::open(path.join(JOURNAL_FILE)).unwrap();
        let mut reader = JournalReader::new(file).unwrap();
        let mut records = BTreeMap::new();
        while let Some(record) = reader.next_record().unwrap() {
            for change in record.changes() {
                match change {
                    Change::Put { key, value, .. } if key.starts_with(layout::OBJECTS) => {
                        records.insert(key[2..].to_vec(), value.to_vec());
                    }
                    Change::Delete { key, .. } if key.starts_with(layout::OBJECTS) => {
                        records.remove(&key[2..]);
                    }
                    _ => {}
                }
            }
        }
        records
    }

    #[test]
    fn the_journal_stays_short_over_restarts_while_a_name_gets_new_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        drop(Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap());
        for _ in 0..10 {
            let bucket = Bucket::open(&path, Access::ReadWrite, &shared).unwrap();
            bucket.engine.probe.set_journal_slack(20_000);
            for value in 0..8 {
                put(&bucket, b"name", vec![value; 1_000]).unwrap();
            }
        }
        let length = std::fs::metadata(path.join(JOURNAL_FILE)).unwrap().len();
        // 80 values were written.
        assert!(length < 60_000, "{length}");
        let newest = [(b"name".to_vec(), vec![7; 1_000])];
        assert_eq!(journaled(&path), BTreeMap::from(newest));
    }

    #[test]
    fn a_rewrite_of_the_journal_loses_no_change_that_comes_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        bucket.engine.probe.set_journal_slack(0);
        std::thread::scope(|scope| {
            for thread in 0..3u8 {
                let bucket = &bucket;
                scope.spawn(move || {
                    for number in 0..60u8 {
                        let name = [thread, number % 7];
                        if number % 4 == 3 {
                            delete(bucket, &name).unwrap();
                        } else {
                            put(bucket, &name, vec![number; 300]).unwrap();
                        }
                    }
                });
            }
        });
        let records = bucket.object_records_from(b'k', b"").unwrap();
        let records: BTreeMap<_, _> = records.map(Result::unwrap).collect();
        drop(bucket);
        assert_eq!(journaled(&path), records);
        Bucket::open(&path, Access::ReadWrite, &shared).unwrap();
    }

    #[test]
    fn names_are_neither_put_nor_deleted_in_the_reserve_of_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let free = Arc::new(AtomicU64::new(1 << 40));
        let reported = free.clone();
        let ask = move || {
            Ok(DiskFree {
                free: reported.load(Ordering::Relaxed),
                total: 1 << 40,
            })
        };
        let guard = DiskGuard::with_query(ask, Some(1 << 20)).without_credit();
        let shared = SharedResources::default().with_disk_guard(guard);
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        put(&bucket, b"name", vec![1]).unwrap();
        free.store(1 << 20, Ordering::Relaxed);
        for refused in [put(&bucket, b"other", vec![1]), delete(&bucket, b"name")] {
            assert!(matches!(refused, Err(CommitError::Reserved(_))));
        }
        assert_eq!(names(&bucket, b'k', b""), [b"name".to_vec()]);
    }
}
