//! Views of object records that do not change while they are taken, and content that a release
//! must not remove while a record of it is written.

use super::Bucket;
use super::object_content::ObjectContent;
use super::uploads::UploadEpoch;
use crate::error::ProveError;

/// Keeps content that is stored from a release, from here until this is dropped.
///
/// A release that begins waits for it, as for an upload. One that is under way keeps the content
/// that [`ContentHold::keep`] has found.
pub struct ContentHold<'b> {
    bucket: &'b Bucket,
    epoch: UploadEpoch,
}

impl std::fmt::Debug for ContentHold<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ContentHold").field(&self.bucket.id).finish()
    }
}

impl ContentHold<'_> {
    /// Keeps content if it is stored. Returns whether it is.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn keep(&self, content: &ObjectContent) -> Result<bool, ProveError> {
        let key = content.key();
        let mut state = self.bucket.content.lock();
        let is_stored = self.bucket.read_unclaimed_in(&state, &key)?.is_some();
        if is_stored && let Some(relied_on) = &mut state.relied_on {
            relied_on.insert(key);
        }
        Ok(is_stored)
    }
}

impl Drop for ContentHold<'_> {
    fn drop(&mut self) {
        self.bucket.content.lock().uploads.end(self.epoch);
        self.bucket.upload_ended.notify_all();
    }
}

impl Bucket {
    /// Begins to keep content from a release.
    pub fn hold_content(&self) -> ContentHold<'_> {
        let epoch = self.content.lock().uploads.begin();
        ContentHold {
            bucket: self,
            epoch,
        }
    }

    /// Runs `job` while no object record changes. An iterator that it makes stays as the records
    /// are then. It must not change records itself.
    pub fn object_view<T>(&self, job: impl FnOnce() -> T) -> T {
        let _alone = self.objects.lock();
        job()
    }
}
