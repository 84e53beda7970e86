//! Uploads in parts that are being completed or aborted: by one request at a time, so that no
//! content is committed twice, and none of an upload that is gone.

use crate::error::StoreError;
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;

type UploadId = (BucketId, String);

/// The uploads that a request completes or aborts.
#[derive(Clone, Default)]
pub(crate) struct Completions(Arc<Mutex<HashSet<UploadId>>>);

/// An upload that one request completes or aborts, until this is dropped.
pub(crate) struct Completion {
    all: Completions,
    upload: UploadId,
}

impl Completions {
    /// Begins to complete or abort an upload.
    pub(crate) fn begin(&self, bucket: BucketId, id: &str) -> Result<Completion, StoreError> {
        let id = (bucket, id.to_owned());
        match self.0.lock().insert(id.clone()) {
            true => Ok(Completion {
                all: self.clone(),
                upload: id,
            }),
            false => Err(StoreError::UploadInUse { id: id.1 }),
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        self.all.0.lock().remove(&self.upload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_completes_an_upload() {
        let all = Completions::default();
        let first = all.begin(BucketId(1), "a").unwrap();
        let second = all.begin(BucketId(1), "a");
        assert!(matches!(second, Err(StoreError::UploadInUse { .. })));
        // Another upload, and the same id in another bucket.
        all.begin(BucketId(1), "b").unwrap();
        all.begin(BucketId(2), "a").unwrap();
        drop(first);
        all.begin(BucketId(1), "a").unwrap();
        assert!(all.0.lock().is_empty());
    }
}
