//! The root over an index, as today's provider and its clients compute it.
//!
//! Each record is a leaf, in the order of names: BLAKE2b-256 of the name, the data root and the
//! size (`u64`, little-endian). The leaves are padded with zero hashes to the next power of two and
//! hashed pairwise, as chunks are under a data root. One record is its own root, and none is zero.

use super::listing::Entry;
use super::{Index, Stats};
use crate::error::ObjectError;
use crate::record::ObjectRecord;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, TreeBuilder};
use cairn_primitives::{H256, blake2_256};
use std::time::Instant;

/// Records that are read between two looks at the clock.
const CLOCK_INTERVAL: usize = 1_024;

fn leaf(name: &str, record: &ObjectRecord) -> H256 {
    let size = record.size.to_le_bytes();
    blake2_256(&[name.as_bytes(), record.data_root.as_bytes(), &size].concat())
}

impl Index<'_> {
    /// Returns the root over all records. Reads each once, and keeps one hash for each level.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if a record cannot be read.
    pub fn root(&self) -> Result<H256, ObjectError> {
        self.root_of(self.records_from(b"")?, None)
    }

    /// Returns the root over all records and their numbers, both of one moment. Changes that come
    /// meanwhile do not delay it, and it delays none.
    ///
    /// # Errors
    ///
    /// [`ObjectError::TooLate`] after the deadline; [`ObjectError`] if a record cannot be read.
    pub fn root_with_stats(&self, deadline: Instant) -> Result<(H256, Stats), ObjectError> {
        let (stats, entries) = self.bucket.object_view(|| {
            // The iterator reads the records as they are when it is made.
            let stats = self.stats()?;
            Ok::<_, ObjectError>((stats, self.records_from(b"")?))
        })?;
        Ok((self.root_of(entries, Some(deadline))?, stats))
    }

    fn root_of(
        &self,
        entries: impl Iterator<Item = Result<Entry, ObjectError>>,
        deadline: Option<Instant>,
    ) -> Result<H256, ObjectError> {
        // The tree has the shape of a chunk tree whose chunks are full.
        let mut tree = TreeBuilder::new(self.bucket.config().profile);
        for (number, entry) in entries.enumerate() {
            let looks_at_clock = number.checked_rem(CLOCK_INTERVAL) == Some(0);
            if looks_at_clock && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let bucket = self.bucket.id();
                return Err(ObjectError::TooLate { bucket });
            }
            let (name, record) = entry?;
            let pushed = tree.push(leaf(&name, &record), CHUNK_BYTES, |_| ());
            pushed.map_err(|_| ObjectError::Unreadable {
                bucket: self.bucket.id(),
                name,
            })?;
        }
        Ok(tree.finish(|_| ()).map_or(H256::zero(), |tree| tree.root))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Condition, Index, ObjectName, ObjectRecord, Space};
    use cairn_bucket::{Bucket, BucketConfig};
    use cairn_engine::SharedResources;
    use cairn_primitives::{BucketId, H256, blake2_256};

    /// The rule of today's provider, as it is described: a list that is padded and halved.
    fn by_the_rule(entries: &[(&str, H256, u64)]) -> H256 {
        let mut level: Vec<H256> = entries
            .iter()
            .map(|(name, root, size)| {
                let mut bytes = name.as_bytes().to_vec();
                bytes.extend(root.as_bytes());
                bytes.extend(size.to_le_bytes());
                blake2_256(&bytes)
            })
            .collect();
        if level.is_empty() {
            return H256::zero();
        }
        level.resize(level.len().next_power_of_two(), H256::zero());
        while level.len() > 1 {
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| blake2_256(&[pair[0].as_bytes(), pair[1].as_bytes()].concat()))
                .collect();
        }
        level[0]
    }

    #[test]
    fn the_root_is_that_of_todays_provider() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let index = Index::new(&bucket, Space::Keys);
        let roots = [
            "0x0000000000000000000000000000000000000000000000000000000000000000",
            ROOT_OF_ONE,
        ];
        assert_eq!(format!("{:?}", index.root().unwrap()), roots[0]);
        let mut entries: Vec<(String, H256, u64)> = Vec::new();
        // Also where keys are no order of numbers, and are not ASCII.
        for (number, name) in ["b", "a/1", "a", "ä", "Z", "a/10", "a/2"]
            .iter()
            .enumerate()
        {
            let (data_root, size) = (H256::repeat_byte(1), 100 + number as u64);
            let record = ObjectRecord {
                kind: crate::Kind::File,
                data_root,
                size,
                leaves: vec![data_root],
                ..ObjectRecord::directory()
            };
            let name = ObjectName::key(*name).unwrap();
            index.put(&name, &record, Condition::Any).unwrap();
            if number == 0 {
                assert_eq!(format!("{:?}", index.root().unwrap()), roots[1]);
            }
            entries.push((name.as_str().to_owned(), data_root, size));
            entries.sort();
            let expected: Vec<_> = entries
                .iter()
                .map(|(name, root, size)| (name.as_str(), *root, *size))
                .collect();
            assert_eq!(index.root().unwrap(), by_the_rule(&expected), "{number}");
        }
        assert_eq!(format!("{:?}", index.root().unwrap()), ROOT_OF_SEVEN);
    }

    // Computed by Python's hashlib from the same rule.
    const ROOT_OF_ONE: &str = "0x930840e4ce5f2e3d34310276b25ed52f624fb5e1142d5f0c4532bf9ca9739e9e";
    const ROOT_OF_SEVEN: &str =
        "0xae257d44ce3c816fc0933083ca009d2d8395ae96f41f81bb3547de63f865111c";
}
