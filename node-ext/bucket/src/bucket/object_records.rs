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

    fn new_bytes(&self) -> u64 {
        let sizes = self.changes.iter().map(|(key, value)| {
            let value = value.as_ref().map_or(0, Vec::len);
            u64::try_from(key.len().saturating_add(value)).unwrap_or(u64::MAX)
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
        Ok(result)
    }

    fn write_objects(&self, changes: ObjectChanges) -> Result<(), CommitError> {
        // In the database and in the journal.
        let bytes = changes.new_bytes().saturating_mul(2);
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
    use cairn_engine::{Access, SharedResources};
    use cairn_primitives::BucketId;

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
}
