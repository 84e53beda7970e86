//! The numbers of an index, which are kept with each change of it.

use super::Index;
use super::room::{STATS_SPACE, bytes_of};
use crate::error::ObjectError;
use crate::record::{Kind, ObjectRecord};
use cairn_bucket::ObjectChanges;
use codec::{Decode, DecodeAll, Encode};

/// The numbers of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Stats {
    /// The number of objects or files.
    pub files: u64,
    /// The number of directories.
    pub directories: u64,
    /// The bytes of all objects or files.
    pub total_size: u64,
    /// The bytes that names and records are counted as.
    pub index_bytes: u64,
    /// The number of changes so far. The index is the same while it is.
    pub version: u64,
    /// The time of the first change, in seconds since 1970: two buckets under one id differ by it.
    pub begun_s: u64,
}

impl Stats {
    pub(super) fn add(&mut self, name: &str, record: &ObjectRecord) {
        let count = match record.kind {
            Kind::File => &mut self.files,
            Kind::Directory => &mut self.directories,
        };
        *count = count.saturating_add(1);
        self.total_size = self.total_size.saturating_add(record.size);
        self.index_bytes = self.index_bytes.saturating_add(bytes_of(name, record));
    }

    pub(super) fn remove(&mut self, name: &str, record: &ObjectRecord) {
        let count = match record.kind {
            Kind::File => &mut self.files,
            Kind::Directory => &mut self.directories,
        };
        *count = count.saturating_sub(1);
        self.total_size = self.total_size.saturating_sub(record.size);
        self.index_bytes = self.index_bytes.saturating_sub(bytes_of(name, record));
    }
}

impl Index<'_> {
    /// Returns the numbers of the index.
    ///
    /// # Errors
    ///
    /// [`ObjectError`] if they cannot be read.
    pub fn stats(&self) -> Result<Stats, ObjectError> {
        let name = [self.space.tag()];
        let Some(value) = self.bucket.object_record(STATS_SPACE, &name)? else {
            return Ok(Stats::default());
        };
        Stats::decode_all(&mut &value[..]).map_err(|_| ObjectError::Unreadable {
            bucket: self.bucket.id(),
            name: "the numbers of its objects".to_owned(),
        })
    }

    pub(super) fn put_stats(&self, changes: &mut ObjectChanges, stats: Stats) {
        let begun_s = match stats.version {
            0 => crate::record::now_s(),
            _ => stats.begun_s,
        };
        let stats = Stats {
            version: stats.version.saturating_add(1),
            begun_s,
            ..stats
        };
        changes.put(STATS_SPACE, &[self.space.tag()], stats.encode());
    }
}
