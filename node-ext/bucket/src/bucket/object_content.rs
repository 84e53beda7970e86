//! Records of the content that object records refer to, which a release reads.
//!
//! The leaves of an object lead to its content, but not to the nodes above them; and parts of
//! uploads, and content whose object was not recorded, have no leaf. Without these records, such
//! nodes would keep what is under them for ever.
//!
//! | space | name | value |
//! |-------|------|-------|
//! | `w` | sequence of an object's first leaf, `u64` big-endian | data root, size |
//! | `r` | data root, size as `u64` big-endian | number of the change, `u64` |
//! | `q` | id of an upload, number of the part | number of the part, data root, size, … |
//!
//! A `w` stays while its first leaf does, also when the name goes. An `r` is content to release.
//! Content of a `q` stays.

use super::content::ContentKey;
use super::{Bucket, Ingested, ObjectChanges};
use crate::error::ProveError;
use cairn_engine::layout;
use cairn_primitives::{H256, Sequence, chunk_tree};
use codec::{Decode, DecodeAll, Encode};
use std::collections::HashSet;

/// The space of whole objects, by their first leaf.
pub(super) const WHOLES: u8 = b'w';
/// The space of content to release.
pub(super) const FORGOTTEN: u8 = b'r';
/// The space of the parts of open uploads.
const PARTS: u8 = b'q';
/// The space of numbers of records.
const COUNTS_SPACE: u8 = b'#';
/// Bytes that each record `w` and `r` is counted as: its own, and its entries in table, filter and
/// journal.
pub const CONTENT_RECORD_BYTES: u64 = 48 + 128;

/// Content that a record of an object refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct ObjectContent {
    /// Root of its chunk tree.
    pub data_root: H256,
    /// Its length in bytes.
    pub size: u64,
}

impl From<&Ingested> for ObjectContent {
    fn from(content: &Ingested) -> Self {
        Self {
            data_root: content.data_root,
            size: content.data_size,
        }
    }
}

impl ObjectContent {
    /// Returns the key of its root.
    pub(super) fn key(&self) -> ContentKey {
        match chunk_tree::depth(self.size) {
            0 => layout::chunk_length_key(&self.data_root),
            _ => layout::interior_key(&self.data_root),
        }
    }

    fn name(&self) -> Vec<u8> {
        [self.data_root.as_bytes(), &self.size.to_be_bytes()].concat()
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        let (root, size) = name.split_first_chunk::<32>()?;
        Some(Self {
            data_root: H256(*root),
            size: u64::from_be_bytes(size.try_into().ok()?),
        })
    }
}

/// The numbers of records `w` and `r`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Counts {
    /// The number of both.
    records: u64,
    /// The number of the last change that wrote an `r`.
    last_change: u64,
}

impl Counts {
    /// Returns the numbers without some records.
    pub(super) fn without(self, records: u64) -> Self {
        let records = self.records.saturating_sub(records);
        Self { records, ..self }
    }

    /// Returns the key and the value of their record.
    pub(super) fn entry(self) -> (Vec<u8>, Vec<u8>) {
        (layout::object_key(COUNTS_SPACE, &[WHOLES]), self.encode())
    }
}

/// The records `w` and `r` of a bucket, with changes that are not written yet.
#[derive(Debug)]
pub struct ContentRecords<'b> {
    bucket: &'b Bucket,
    counts: Counts,
    before: Counts,
    forgotten: HashSet<ObjectContent>,
}

impl ContentRecords<'_> {
    /// The bytes that the records are counted as.
    pub fn bytes(&self) -> u64 {
        self.counts.records.saturating_mul(CONTENT_RECORD_BYTES)
    }

    /// Records the whole content of an object of several leaves, unless that is recorded.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn set_whole(
        &mut self,
        changes: &mut ObjectChanges,
        first_leaf: Sequence,
        content: &ObjectContent,
    ) -> Result<(), ProveError> {
        let name = first_leaf.0.to_be_bytes();
        let before = self.bucket.object_record(WHOLES, &name)?;
        if before.is_none() {
            self.counts.records = self.counts.records.saturating_add(1);
        }
        let value = content.encode();
        if before.as_ref() != Some(&value) {
            changes.put(WHOLES, &name, value);
        }
        Ok(())
    }

    /// Records content to release.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn forget(
        &mut self,
        changes: &mut ObjectChanges,
        content: &ObjectContent,
    ) -> Result<(), ProveError> {
        if !self.forgotten.insert(*content) {
            return Ok(());
        }
        let name = content.name();
        // A release under way may have read the record that is there: the new number outlasts it.
        self.counts.last_change = self.before.last_change.saturating_add(1);
        if self.bucket.object_record(FORGOTTEN, &name)?.is_none() {
            self.counts.records = self.counts.records.saturating_add(1);
        }
        changes.put(FORGOTTEN, &name, self.counts.last_change.encode());
        Ok(())
    }

    /// Adds the new numbers of records to the changes.
    pub fn finish(self, changes: &mut ObjectChanges) {
        if self.counts != self.before {
            changes.put(COUNTS_SPACE, &[WHOLES], self.counts.encode());
        }
    }
}

impl Bucket {
    /// Returns the records of content, to be changed by the job of [`Bucket::change_objects`].
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn object_content_records(&self) -> Result<ContentRecords<'_>, ProveError> {
        let counts = self.content_counts()?;
        Ok(ContentRecords {
            bucket: self,
            counts,
            before: counts,
            forgotten: HashSet::new(),
        })
    }

    pub(super) fn content_counts(&self) -> Result<Counts, ProveError> {
        let value = self.object_record(COUNTS_SPACE, &[WHOLES])?;
        let counts = value.map(|value| Counts::decode_all(&mut &value[..]));
        Ok(counts.unwrap_or(Ok(Counts::default())).unwrap_or_else(|_| {
            // They only bound what clients may store.
            tracing::warn!(bucket = %self.id, "the numbers of content records cannot be read");
            Counts::default()
        }))
    }

    /// Iterates over whole objects from a first leaf on. Leaves out those that cannot be read.
    pub(super) fn whole_objects_from(
        &self,
        from: Sequence,
    ) -> Result<impl Iterator<Item = Result<(Sequence, ObjectContent), ProveError>>, ProveError>
    {
        self.readable_records(WHOLES, &from.0.to_be_bytes(), |name, value| {
            let first_leaf = u64::from_be_bytes(name.try_into().ok()?);
            let content = ObjectContent::decode_all(&mut &*value).ok()?;
            Some((Sequence(first_leaf), content))
        })
    }

    /// Iterates over content to release, with the numbers of the changes that wrote the records.
    /// Leaves out those that cannot be read.
    pub(super) fn forgotten_content(
        &self,
    ) -> Result<impl Iterator<Item = Result<(ObjectContent, u64), ProveError>>, ProveError> {
        self.readable_records(FORGOTTEN, &[], |name, value| {
            Some((ObjectContent::from_name(name)?, change_of(value)?))
        })
    }

    /// Iterates over the content of parts of open uploads. Leaves out those that cannot be read.
    pub(super) fn part_content(
        &self,
    ) -> Result<impl Iterator<Item = Result<ObjectContent, ProveError>>, ProveError> {
        self.readable_records(PARTS, &[], |_, mut value| {
            let (_number, content) = <(u16, ObjectContent)>::decode(&mut value).ok()?;
            Some(content)
        })
    }

    fn readable_records<'b, T, F: Fn(&[u8], &[u8]) -> Option<T>>(
        &'b self,
        space: u8,
        from: &[u8],
        parse: F,
    ) -> Result<impl Iterator<Item = Result<T, ProveError>> + use<'b, T, F>, ProveError> {
        let records = self.object_records_from(space, from)?;
        Ok(records.filter_map(move |record| match record {
            Err(error) => Some(Err(error)),
            Ok((name, value)) => {
                let parsed = parse(&name, &value);
                if parsed.is_none() {
                    // No object needs it to be read, so a release goes on.
                    let space = char::from(space);
                    tracing::warn!(bucket = %self.id, %space, "a record cannot be read");
                }
                parsed.map(Ok)
            }
        }))
    }
}

/// Returns the number of the change that wrote a record `r`.
pub(super) fn change_of(value: &[u8]) -> Option<u64> {
    u64::decode_all(&mut &*value).ok()
}
