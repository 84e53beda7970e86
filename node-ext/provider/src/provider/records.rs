//! The records of the buckets, read from the index and from the open buckets.

use super::{Provider, ProviderError};
use crate::index::{BucketRecord, BucketStatus};
use cairn_primitives::BucketId;

/// The index's record of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedBucket {
    /// The bucket.
    pub id: BucketId,
    /// Its record.
    pub record: BucketRecord,
    /// True if the record is up to date. If not, the bucket was not read since its files
    /// changed or were found.
    pub is_current: bool,
}

impl Provider {
    /// Returns the record of a bucket: from the bucket itself if it is open for writing,
    /// otherwise from the index. Reindexes the bucket if its record is missing or out of
    /// date.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.summary(id)
    }

    /// Returns the record of a bucket without reading its content. May open the bucket, but
    /// does not reindex it, which takes time in proportion to its size. For requests by
    /// strangers.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn quick_summary(&self, id: BucketId) -> Result<BucketRecord, ProviderError> {
        self.inner.quick_summary(id)
    }

    /// Returns the records of at most `limit` buckets after `after`, in the order of their
    /// ids, as [`Provider::summary`] does. A bucket that cannot be opened is listed with its
    /// old record, or as in quarantine.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] if the folder of buckets cannot be read.
    pub fn page(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<(BucketId, BucketRecord)>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let summarised = ids.into_iter().filter_map(|id| {
            match self.inner.summary(id) {
                Ok(record) => Some((id, record)),
                // Removed after it was listed.
                Err(ProviderError::NoSuchBucket { .. } | ProviderError::Reserved { .. }) => None,
                Err(error) => {
                    let status = BucketStatus::Quarantined(error.to_string());
                    let known = self.inner.index_writer.record(id);
                    let record = known.unwrap_or_else(|| BucketRecord::unknown(status));
                    Some((id, record))
                }
            }
        });
        Ok(summarised.take(limit).collect())
    }

    /// Returns the index's records of at most `limit` buckets after `after`, in the order of
    /// their ids. Opens no bucket, so that its cost does not depend on their state.
    ///
    /// # Errors
    ///
    /// [`ProviderError::BasePath`] if the folder of buckets cannot be read.
    pub fn indexed_buckets(
        &self,
        after: Option<BucketId>,
        limit: usize,
    ) -> Result<Vec<IndexedBucket>, ProviderError> {
        let ids = self.inner.ids_after(after)?;
        let noted = ids.into_iter().take(limit);
        Ok(noted.map(|id| self.inner.indexed_bucket(id)).collect())
    }

    /// Returns the index's record of a bucket without opening it; `None` if there is no such
    /// bucket.
    pub fn indexed_bucket(&self, id: BucketId) -> Option<IndexedBucket> {
        let noted = self.inner.indexed_bucket(id);
        let is_nowhere = !noted.is_current && !self.inner.pool.store().path(id).is_dir();
        (!is_nowhere).then_some(noted)
    }

    /// Lists the buckets in quarantine, with the reasons.
    pub fn quarantined(&self) -> Vec<(BucketId, String)> {
        self.inner.index_writer.quarantined_buckets()
    }
}
