//! The room for names, open uploads and records of content. They are not charged against the
//! quota, so they have a bound of their own: a client must not fill the disk with names.

use super::Index;
use crate::error::ObjectError;
use crate::name::Space;
use crate::record::ObjectRecord;
use cairn_bucket::{Bucket, CONTENT_RECORD_BYTES};
use codec::DecodeAll;

/// The space of numbers; their names are the spaces that they are about.
pub(crate) const STATS_SPACE: u8 = b'#';
/// The space of uploads, by id, and the name of the bytes that uploads and parts are counted as.
pub(crate) const UPLOADS: u8 = b'u';
/// Bytes that a record is counted as besides its own: its entries in table, filter and journal.
const RECORD_OVERHEAD: u64 = 128;
/// Bytes of records that any bucket may have: 64 MiB, some 200,000 objects.
const FREE_INDEX_BYTES: u64 = 64 << 20;
/// The part of its quota that a bucket's records may have besides: 1/16.
const QUOTA_SHARE: u64 = 16;
/// The most that the share of a quota gives: 64 GiB, for a bucket without a quota.
const MAX_SHARE_BYTES: u64 = 64 << 30;

/// Returns the bytes that a record is counted as.
pub(crate) fn record_bytes(name: usize, value: usize) -> u64 {
    let bytes = u64::try_from(name.saturating_add(value)).unwrap_or(u64::MAX);
    bytes.saturating_add(RECORD_OVERHEAD)
}

/// Returns the bytes that a name with its record is counted as.
pub(super) fn bytes_of(name: &str, record: &ObjectRecord) -> u64 {
    record_bytes(name.len(), record.to_bytes().len())
}

/// Returns the bytes that the names of both indexes are counted as.
pub(crate) fn names_bytes(bucket: &Bucket) -> Result<u64, ObjectError> {
    let keys = Index::new(bucket, Space::Keys).stats()?;
    let paths = Index::new(bucket, Space::Paths).stats()?;
    Ok(keys.index_bytes.saturating_add(paths.index_bytes))
}

/// Returns the bytes that open uploads and their parts are counted as.
pub(crate) fn uploads_bytes(bucket: &Bucket) -> Result<u64, ObjectError> {
    let Some(value) = bucket.object_record(STATS_SPACE, &[UPLOADS])? else {
        return Ok(0);
    };
    u64::decode_all(&mut &value[..]).map_err(|_| ObjectError::Unreadable {
        bucket: bucket.id(),
        name: "the size of its open uploads".to_owned(),
    })
}

/// Checks that records may take `after` bytes in all, where they take `before`. They may always
/// take less.
pub(crate) fn check(bucket: &Bucket, before: u64, after: u64) -> Result<(), ObjectError> {
    let share = bucket.config().max_bytes / QUOTA_SHARE;
    let max = FREE_INDEX_BYTES.saturating_add(share.min(MAX_SHARE_BYTES));
    match after <= max || after <= before {
        true => Ok(()),
        false => Err(ObjectError::IndexFull {
            bucket: bucket.id(),
            used: after,
            max,
        }),
    }
}

impl Index<'_> {
    /// Checks, before content is stored or committed, that there is room for its record of about
    /// `bytes` bytes under a name. Another change may take that room since.
    ///
    /// # Errors
    ///
    /// [`ObjectError::IndexFull`], or the failure of a read.
    pub fn check_room(&self, name: &str, bytes: u64) -> Result<(), ObjectError> {
        let before = names_bytes(self.bucket)?
            .saturating_add(uploads_bytes(self.bucket)?)
            .saturating_add(self.bucket.object_content_records()?.bytes());
        let replaced = self.get(name)?.map_or(0, |record| bytes_of(name, &record));
        // The content may have several leaves.
        let added = record_bytes(name.len(), 0)
            .saturating_add(bytes)
            .saturating_add(CONTENT_RECORD_BYTES);
        let after = before.saturating_sub(replaced).saturating_add(added);
        check(self.bucket, before, after)
    }
}

#[cfg(test)]
mod tests;
