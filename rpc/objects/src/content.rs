//! The content of an object, or a range of it, as a stream.
//!
//! One chunk is in memory at a time. The first one is read before a status is sent; a failure after
//! that ends the stream with an error, since content that ended early would look complete.

use crate::error::StoreError;
use crate::store::ObjectStore;
use bytes::Bytes;
use cairn_objects::{ObjectRecord, read_chunk};
use cairn_primitives::BucketId;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use futures::stream::{self, Stream};

/// A range of bytes: the first, and the one after the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

impl ByteRange {
    /// Returns the range of all bytes.
    pub const fn all(size: u64) -> Self {
        Self {
            start: 0,
            end: size,
        }
    }

    /// Returns the number of bytes.
    pub const fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// The content of an object, of which the first chunk is read.
pub struct ObjectContent {
    store: ObjectStore,
    bucket: BucketId,
    name: String,
    record: ObjectRecord,
    /// The bytes that are not read yet.
    range: ByteRange,
    first: Option<Bytes>,
}

impl ObjectStore {
    /// Opens the content of an object for reading a range of it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the first chunk cannot be read.
    pub async fn content(
        &self,
        bucket: BucketId,
        name: &str,
        record: ObjectRecord,
        range: ByteRange,
    ) -> Result<ObjectContent, StoreError> {
        let mut content = ObjectContent {
            store: self.clone(),
            bucket,
            name: name.to_owned(),
            range: ByteRange {
                start: range.start,
                end: range.end.min(record.size),
            },
            record,
            first: None,
        };
        content.first = content.read().await?;
        Ok(content)
    }
}

impl ObjectContent {
    /// Reads the next piece and moves on; `None` at the end.
    async fn read(&mut self) -> Result<Option<Bytes>, StoreError> {
        let ByteRange { start, end } = self.range;
        if start >= end {
            return Ok(None);
        }
        let size = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        let index = start / size;
        let (name, record) = (self.name.clone(), self.record.clone());
        let job = move |bucket: &cairn_bucket::Bucket| read_chunk(bucket, &name, &record, index);
        let chunk = Bytes::from(self.store.read(self.bucket, job).await?);
        let before = index.saturating_mul(size);
        let within = |at: u64| usize::try_from(at.saturating_sub(before)).unwrap_or(usize::MAX);
        let piece_end = within(end).min(chunk.len());
        // The chunk has the length that the record says, so the range is within it.
        let piece_start = within(start).min(piece_end);
        let piece = chunk.slice(piece_start..piece_end);
        self.range.start = before.saturating_add(size).min(end);
        Ok(Some(piece))
    }

    /// Returns the pieces of the content.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
        stream::try_unfold(self, |mut content| async move {
            let piece = match content.first.take() {
                Some(first) => Some(first),
                None => content.read().await?,
            };
            Ok(piece.map(|piece| (piece, content)))
        })
    }
}
