//! One change of the records of a bucket, with the numbers that are kept with them.

use super::room::{self, STATS_SPACE, UPLOADS};
use crate::error::ObjectError;
use crate::record::ObjectRecord;
use cairn_bucket::{Bucket, ContentHold, ContentRecords, ObjectChanges, ObjectContent};
use codec::Encode;

/// A change under way. No other change comes between.
pub(crate) struct Change<'c, 'b> {
    bucket: &'b Bucket,
    /// The changes, which are written at the end.
    pub(crate) changes: &'c mut ObjectChanges,
    /// Lasts until all is written, so that no release removes content in between.
    hold: &'c ContentHold<'b>,
    content: ContentRecords<'b>,
    content_bytes_before: u64,
    uploads_before: u64,
    uploads: u64,
}

impl<'b> Change<'_, 'b> {
    /// Runs `job`, and writes what it changes durably, in one write.
    pub(crate) fn run<T>(
        bucket: &'b Bucket,
        job: impl FnOnce(&mut Change<'_, 'b>) -> Result<T, ObjectError>,
    ) -> Result<T, ObjectError> {
        let hold = bucket.hold_content();
        bucket.change_objects(|changes| {
            let content = bucket.object_content_records()?;
            let uploads = room::uploads_bytes(bucket)?;
            let mut change = Change {
                bucket,
                changes,
                hold: &hold,
                content_bytes_before: content.bytes(),
                content,
                uploads_before: uploads,
                uploads,
            };
            let result = job(&mut change)?;
            change.finish();
            Ok(result)
        })
    }

    fn finish(self) {
        if self.uploads != self.uploads_before {
            self.changes
                .put(STATS_SPACE, &[UPLOADS], self.uploads.encode());
        }
        self.content.finish(self.changes);
    }

    /// Records the whole content of an object, for a release, if it has nodes above its leaves.
    pub(super) fn record_whole(&mut self, record: &ObjectRecord) -> Result<(), ObjectError> {
        if record.leaves.len() > 1 {
            let content = ObjectContent {
                data_root: record.data_root,
                size: record.size,
            };
            // If a release has removed it, the leaves have the content all the same.
            self.hold.keep(&content)?;
            self.content
                .set_whole(self.changes, record.first_leaf, &content)?;
        }
        Ok(())
    }

    /// Keeps content of an upload from a release under way. Returns whether it is stored.
    pub(crate) fn keep(&self, content: &ObjectContent) -> Result<bool, ObjectError> {
        Ok(self.hold.keep(content)?)
    }

    /// Records content to release.
    pub(crate) fn forget(&mut self, content: &ObjectContent) -> Result<(), ObjectError> {
        Ok(self.content.forget(self.changes, content)?)
    }

    /// Counts bytes of a new record of an upload or a part.
    pub(crate) fn count_upload(&mut self, bytes: u64) {
        self.uploads = self.uploads.saturating_add(bytes);
    }

    /// Counts bytes of a removed record of an upload or a part.
    pub(crate) fn uncount_upload(&mut self, bytes: u64) {
        self.uploads = self.uploads.saturating_sub(bytes);
    }

    /// Checks the room for a change after which a name's index takes `after` bytes instead of
    /// `before`.
    pub(crate) fn check_room(&self, before: u64, after: u64) -> Result<(), ObjectError> {
        let names = room::names_bytes(self.bucket)?;
        let all_before = names
            .saturating_add(self.uploads_before)
            .saturating_add(self.content_bytes_before);
        let all_after = names
            .saturating_sub(before)
            .saturating_add(after)
            .saturating_add(self.uploads)
            .saturating_add(self.content.bytes());
        room::check(self.bucket, all_before, all_after)
    }
}
