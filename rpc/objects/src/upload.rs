//! Uploads of a body: a thread cuts it into chunks, hashes and stores them as they come.
//!
//! What an upload has stored is removed again if its body does not end as it should. Uploads have
//! places of their own instead of the lane of writes, since each waits for its client.

use crate::error::{BodyError, StoreError};
use crate::store::ObjectStore;
use bytes::{Buf, Bytes};
use cairn_bucket::{IngestError, Ingested};
use cairn_primitives::BucketId;
use cairn_provider::LeaseRequest;
use futures::{Stream, StreamExt};
use std::fmt::Display;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, timeout, timeout_at};

/// Pieces of a body that wait for the thread that stores them.
const PIECES_AHEAD: usize = 4;
/// Bytes that a body must bring within the time for a piece: one chunk.
const BYTES_IN_TIME: u64 = 256 << 10;
/// How long an upload waits for its place.
const PLACE_TIME: Duration = Duration::from_secs(10);

/// A piece of a body, or its end. A channel that closes before the end is a body that broke off.
enum Piece {
    Bytes(Bytes),
    End,
}

impl ObjectStore {
    /// Stores a body in a bucket, and commits nothing. The body's own errors, such as of a wrong
    /// checksum, end the upload.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing of the body is kept then.
    pub async fn upload<E: Display>(
        &self,
        bucket: BucketId,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Ingested, StoreError> {
        let places = Arc::clone(self.upload_places());
        let place = timeout(PLACE_TIME, places.acquire_owned()).await;
        // The semaphore is never closed.
        let Ok(Ok(place)) = place else {
            return Err(StoreError::Busy);
        };
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let provider = self.rpc().handle().provider.clone();
        let storing = tokio::task::spawn_blocking(move || {
            let _place = place;
            let lease = provider.blocking_lease(bucket, LeaseRequest::write())?;
            let source = PieceReader::new(receiver);
            let stored = lease.run(|bucket| bucket.ingest(source));
            Ok::<_, StoreError>(stored?)
        });
        let limits = self.limits();
        let sent = send(body, sender, (limits.object_bytes, limits.piece_time)).await;
        let stored = match storing.await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%bucket, %error, "an upload was aborted");
                return Err(BodyError::Broken("the upload was aborted".into()).into());
            }
        };
        match (sent, stored) {
            (Err(body), _) => Err(body.into()),
            (
                Ok(()),
                Err(StoreError::Object(cairn_objects::ObjectError::Ingest(IngestError::Source(
                    error,
                )))),
            ) => Err(BodyError::Broken(error.to_string()).into()),
            (Ok(()), stored) => stored,
        }
    }
}

/// Sends a body to its thread, until it ends or the thread does. `time` is what each chunk may
/// take.
async fn send<E: Display>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    sender: Sender<Piece>,
    (max, time): (u64, Duration),
) -> Result<(), BodyError> {
    let mut total = 0u64;
    let (mut until, mut counted) = (Instant::now() + time, 0u64);
    loop {
        let piece = timeout_at(until, body.next()).await;
        let piece = piece.map_err(|_| BodyError::TooSlow(time))?;
        let piece = match piece {
            None => break,
            Some(Err(error)) => return Err(BodyError::Broken(error.to_string())),
            Some(Ok(piece)) => piece,
        };
        total = total.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if total > max {
            return Err(BodyError::TooLong { max });
        }
        // The thread ends early with an error of its own.
        if sender.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
        // Time that the thread takes is not the client's.
        if total.saturating_sub(counted) >= BYTES_IN_TIME {
            (until, counted) = (Instant::now() + time, total);
        }
    }
    // As above.
    let _ = sender.send(Piece::End).await;
    Ok(())
}

/// Reads pieces as they come. Blocks its thread.
struct PieceReader {
    receiver: Receiver<Piece>,
    piece: Bytes,
    is_ended: bool,
}

impl PieceReader {
    const fn new(receiver: Receiver<Piece>) -> Self {
        Self {
            receiver,
            piece: Bytes::new(),
            is_ended: false,
        }
    }
}

impl Read for PieceReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() && !self.is_ended {
            match self.receiver.blocking_recv() {
                Some(Piece::Bytes(piece)) => self.piece = piece,
                Some(Piece::End) => self.is_ended = true,
                None => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let length = self.piece.len().min(into.len());
        if let Some(to) = into.get_mut(..length) {
            self.piece.copy_to_slice(to);
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    fn pieces(texts: &[&'static str]) -> Vec<Result<Bytes, String>> {
        let bytes = texts
            .iter()
            .map(|text| Ok(Bytes::from_static(text.as_bytes())));
        bytes.collect()
    }

    async fn through(
        body: impl Stream<Item = Result<Bytes, String>> + Unpin + Send + 'static,
    ) -> (Result<(), BodyError>, std::io::Result<String>) {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let read = PieceReader::new(receiver).read_to_string(&mut text);
            read.map(|_| text)
        });
        let sent = send(body, sender, (10, Duration::from_secs(60))).await;
        (sent, reading.await.unwrap())
    }

    #[tokio::test]
    async fn a_body_is_read_as_it_was_sent() {
        let (sent, read) = through(stream::iter(pieces(&["ab", "", "c", "defghij"]))).await;
        assert_eq!((sent, read.unwrap().as_str()), (Ok(()), "abcdefghij"));
        let (sent, read) = through(stream::iter(pieces(&[]))).await;
        assert_eq!((sent, read.unwrap().as_str()), (Ok(()), ""));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_is_too_long_never_looks_whole() {
        let (sent, read) = through(stream::iter(pieces(&["0123456789", "a"]))).await;
        assert_eq!(sent, Err(BodyError::TooLong { max: 10 }));
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
        let mut broken = pieces(&["01"]);
        broken.push(Err("reset".into()));
        let (sent, read) = through(stream::iter(broken)).await;
        assert_eq!(sent, Err(BodyError::Broken("reset".into())));
        assert!(read.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_is_given_up() {
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        let drained = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
        let drops = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, String>(Bytes::from_static(b"x")), ()))
        });
        let time = Duration::from_secs(60);
        let sent = send(Box::pin(drops), sender, (u64::MAX, time)).await;
        assert_eq!(sent, Err(BodyError::TooSlow(time)));
        drained.await.unwrap();
    }
}
