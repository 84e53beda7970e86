//! The index of a bucket: a record for each name, and their numbers.

pub(crate) mod change;
mod listing;
pub(crate) mod room;
mod root;
mod stats;
mod token;

pub use listing::{ListRequest, Listed, Listing};
pub use stats::Stats;
pub use token::list_token;

use crate::error::ObjectError;
use crate::name::{ObjectName, Space};
use crate::record::{Kind, ObjectRecord};
use cairn_bucket::{Bucket, Ingested, ObjectContent};
use change::Change;

/// A condition for writing a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// There is no record of that name.
    Absent,
    /// There is a record of that name, with this data root.
    Is(cairn_primitives::H256),
}

impl Condition {
    fn check(self, name: &str, before: Option<&ObjectRecord>) -> Result<(), ObjectError> {
        let holds = match self {
            Self::Any => true,
            Self::Absent => before.is_none(),
            Self::Is(root) => before.is_some_and(|before| before.data_root == root),
        };
        match holds {
            true => Ok(()),
            false => Err(ObjectError::Condition { name: name.into() }),
        }
    }
}

/// The index of one space of an open bucket.
#[derive(Clone, Copy)]
pub struct Index<'b> {
    bucket: &'b Bucket,
    space: Space,
}

impl<'b> Index<'b> {
    /// Returns the index of a space.
    pub const fn new(bucket: &'b Bucket, space: Space) -> Self {
        Self { bucket, space }
    }

    /// Returns the record of a name.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if it cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<ObjectRecord>, ObjectError> {
        let value = self
            .bucket
            .object_record(self.space.tag(), name.as_bytes())?;
        value.map(|value| self.parse(name, &value)).transpose()
    }

    fn parse(&self, name: &str, value: &[u8]) -> Result<ObjectRecord, ObjectError> {
        ObjectRecord::parse(value).ok_or_else(|| ObjectError::Unreadable {
            bucket: self.bucket.id(),
            name: name.to_owned(),
        })
    }

    /// Sets the record of a name, durably. Returns the one that it replaces.
    ///
    /// # Errors
    ///
    /// [`ObjectError::Condition`], [`ObjectError::OtherKind`] if a directory would replace a file
    /// or the other way, [`ObjectError::IndexFull`], or the database's failure.
    pub fn put(
        &self,
        name: &ObjectName,
        record: &ObjectRecord,
        condition: Condition,
    ) -> Result<Option<ObjectRecord>, ObjectError> {
        Change::run(self.bucket, |change| {
            self.put_in(change, name, record, condition)
        })
    }

    /// Does the same as a part of a larger change. There may be one in each.
    pub(crate) fn put_in(
        &self,
        change: &mut Change<'_, 'b>,
        name: &ObjectName,
        record: &ObjectRecord,
        condition: Condition,
    ) -> Result<Option<ObjectRecord>, ObjectError> {
        let before = self.get(name.as_str())?;
        condition.check(name.as_str(), before.as_ref())?;
        let is_other = |before: &ObjectRecord| before.kind != record.kind;
        if before.as_ref().is_some_and(is_other) {
            let name = name.as_str().to_owned();
            return Err(ObjectError::OtherKind { name });
        }
        let mut stats = self.stats()?;
        let bytes_before = stats.index_bytes;
        if let Some(before) = &before {
            stats.remove(name.as_str(), before);
        }
        stats.add(name.as_str(), record);
        change.record_whole(record)?;
        change.check_room(bytes_before, stats.index_bytes)?;
        change.changes.put(
            self.space.tag(),
            name.as_str().as_bytes(),
            record.to_bytes(),
        );
        self.put_stats(change.changes, stats);
        Ok(before)
    }

    /// Records, durably, that content is of no use, so that a release removes it: content of an
    /// object whose leaves or name could not be written. What something else needs stays.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn forget_content(&self, content: &Ingested) -> Result<(), ObjectError> {
        Change::run(self.bucket, |change| {
            change.forget(&ObjectContent::from(content))
        })
    }

    /// Makes a directory, durably, unless it is there. Returns whether it is new.
    ///
    /// # Errors
    ///
    /// As [`Index::put`].
    pub fn make_directory(&self, name: &ObjectName) -> Result<bool, ObjectError> {
        Change::run(self.bucket, |change| {
            match self.get(name.as_str())?.map(|before| before.kind) {
                Some(Kind::Directory) => Ok(false),
                _ => {
                    let record = ObjectRecord::directory();
                    self.put_in(change, name, &record, Condition::Any)?;
                    Ok(true)
                }
            }
        })
    }

    /// Removes the record of a name, durably. Returns it, if there was one. The leaves stay.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn delete(&self, name: &str) -> Result<Option<ObjectRecord>, ObjectError> {
        self.bucket.change_objects(|changes| {
            let Some(before) = self.get(name)? else {
                return Ok(None);
            };
            let mut stats = self.stats()?;
            stats.remove(name, &before);
            changes.delete(self.space.tag(), name.as_bytes());
            self.put_stats(changes, stats);
            Ok(Some(before))
        })
    }
}

#[cfg(test)]
mod tests;
