//! Uploads of a body: a thread cuts it into chunks, hashes and stores them as they come.
//!
//! What an upload has stored is removed again if its body does not end as it should. Uploads have
//! places of their own instead of the lane of writes, since each waits for its client. An upload
//! ends with the request that waits for it.

use crate::body::{BodyRule, PIECES_AHEAD, PieceReader, SendError, send};
use crate::content::ByteRange;
use crate::error::{BodyError, StoreError};
use crate::store::ObjectStore;
use crate::stored::StoredContent;
use bytes::Bytes;
use cairn_bucket::{Bucket, IngestError, Ingested};
use cairn_objects::{ObjectError, ObjectRecord};
use cairn_primitives::BucketId;
use cairn_provider::LeaseRequest;
use futures::Stream;
use std::fmt::Display;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// How long the store's own content may be waited for where it is copied, by the rule for bodies:
/// longer than a read may take, which has a timeout of its own.
const COPY_TIMEOUT: Duration = Duration::from_secs(600);

/// A thread that stores content, with its place and its lease.
pub(crate) struct StoringThread(tokio::task::JoinHandle<Result<StoredContent, StoreError>>);

impl StoringThread {
    /// Returns the content.
    pub(crate) async fn join(self) -> Result<StoredContent, StoreError> {
        match self.0.await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%error, "an upload was aborted");
                Err(BodyError::Broken("the upload was aborted".into()).into())
            }
        }
    }
}

impl ObjectStore {
    /// Stores a body in a bucket, and commits nothing. The body's own errors, such as of a wrong
    /// checksum, end the upload. `client` is who sends it, for the number of its uploads.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the body is kept then.
    pub async fn upload<E: Display>(
        &self,
        bucket: BucketId,
        client: &str,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<StoredContent, StoreError> {
        let limits = self.limits();
        let rule = BodyRule {
            max: limits.object_bytes,
            time: limits.piece_time,
        };
        let broken = |error: E| StoreError::from(BodyError::Broken(error.to_string()));
        self.store_body((bucket, client), body, rule, broken).await
    }

    /// Stores a range of an object's content again, as an upload.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing is kept then.
    pub async fn copy_range(
        &self,
        (bucket, client): (BucketId, &str),
        name: &str,
        record: ObjectRecord,
        range: ByteRange,
    ) -> Result<StoredContent, StoreError> {
        let max = self.limits().object_bytes;
        if range.length() > max {
            return Err(BodyError::TooLong { max }.into());
        }
        let content = self.content(bucket, name, record, range).await?;
        let body = Box::pin(content.into_stream());
        self.copy((bucket, client), body, max).await
    }

    /// Stores content of this store again.
    pub(crate) async fn copy(
        &self,
        by: (BucketId, &str),
        body: impl Stream<Item = Result<Bytes, StoreError>> + Unpin,
        max: u64,
    ) -> Result<StoredContent, StoreError> {
        let rule = BodyRule {
            max,
            time: COPY_TIMEOUT,
        };
        self.store_body(by, body, rule, |error| error).await
    }

    /// Runs work that stores content on a thread of its own, in a place for uploads.
    pub(crate) async fn store_content(
        &self,
        (bucket, client): (BucketId, &str),
        job: impl FnOnce(&Bucket) -> Result<Ingested, ObjectError> + Send + 'static,
    ) -> Result<StoringThread, StoreError> {
        let place = self.places().acquire(client, bucket).await?;
        let (store, runtime) = (self.clone(), Handle::current());
        let storing = tokio::task::spawn_blocking(move || {
            let _place = place;
            let provider = &store.rpc().handle().provider;
            let lease = provider.blocking_lease(bucket, LeaseRequest::write())?;
            store.check_not_replica(bucket)?;
            let content = lease.run(job)?;
            drop(lease);
            // Nobody may wait for it any more: then it is dropped, and forgotten.
            Ok::<_, StoreError>(StoredContent::new(store, bucket, content, runtime))
        });
        Ok(StoringThread(storing))
    }

    async fn store_body<E>(
        &self,
        by: (BucketId, &str),
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
        rule: BodyRule,
        of_source: impl FnOnce(E) -> StoreError,
    ) -> Result<StoredContent, StoreError> {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let ingest = move |bucket: &Bucket| Ok(bucket.ingest(PieceReader::new(receiver))?);
        let storing = self.store_content(by, ingest).await?;
        let sent = send(body, sender, rule).await;
        let stored = storing.join().await;
        match (sent, stored) {
            (Err(SendError::Rule(error)), _) => Err(error.into()),
            (Err(SendError::Source(error)), _) => Err(of_source(error)),
            (Ok(()), Err(StoreError::Object(ObjectError::Ingest(IngestError::Source(error))))) => {
                Err(BodyError::Broken(error.to_string()).into())
            }
            (Ok(()), stored) => stored,
        }
    }
}
