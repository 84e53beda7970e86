//! A body on its way to the thread that stores it.

use crate::error::BodyError;
use bytes::{Buf, Bytes};
use futures::{Stream, StreamExt};
use std::io::Read;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, timeout};

/// Pieces of a body that wait for the thread that stores them.
pub(crate) const PIECES_AHEAD: usize = 4;
/// The bytes that a body must bring for each second of its time: 64 KiB. One that is slower keeps
/// its place for too long.
const MIN_BYTES_PER_SECOND: u64 = 64 << 10;

/// A piece of a body, or its end. A channel that closes before the end is a body that broke off.
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// The rule for a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyRule {
    /// The most bytes.
    pub(crate) max: u64,
    /// How long it may be waited for, before it has brought as much as it must in that time.
    pub(crate) time: Duration,
}

/// A reason why a body did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError<E> {
    /// It broke the rule.
    Rule(BodyError),
    /// An error of its own.
    Source(E),
}

/// Sends a body to its thread, until it ends or the thread does.
pub(crate) async fn send<E>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    sender: Sender<Piece>,
    rule: BodyRule,
) -> Result<(), SendError<E>> {
    let BodyRule { max, time } = rule;
    let due = MIN_BYTES_PER_SECOND.saturating_mul(time.as_secs());
    let mut total = 0u64;
    let (mut left, mut counted) = (time, 0u64);
    loop {
        let asked = Instant::now();
        let piece = timeout(left, body.next()).await;
        // Time that the thread takes is not the client's.
        left = left.saturating_sub(asked.elapsed());
        let piece = piece.map_err(|_| SendError::Rule(BodyError::TooSlow(time)))?;
        let piece = match piece {
            None => break,
            Some(Err(error)) => return Err(SendError::Source(error)),
            Some(Ok(piece)) => piece,
        };
        total = total.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if total > max {
            return Err(SendError::Rule(BodyError::TooLong { max }));
        }
        // The thread ends early with an error of its own.
        if sender.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
        // A body that was fast gains nothing by it: it would be waited for ever longer.
        if total.saturating_sub(counted) >= due {
            (left, counted) = (time, total);
        }
    }
    // As above.
    let _ = sender.send(Piece::End).await;
    Ok(())
}

/// Reads pieces as they come. Blocks its thread.
pub(crate) struct PieceReader {
    receiver: Receiver<Piece>,
    piece: Bytes,
    is_ended: bool,
}

impl PieceReader {
    pub(crate) const fn new(receiver: Receiver<Piece>) -> Self {
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
    use tokio::sync::mpsc;

    const RULE: BodyRule = BodyRule {
        max: 10,
        time: Duration::from_secs(60),
    };

    fn pieces(texts: &[&'static str]) -> Vec<Result<Bytes, String>> {
        let bytes = texts
            .iter()
            .map(|text| Ok(Bytes::from_static(text.as_bytes())));
        bytes.collect()
    }

    async fn through(
        body: impl Stream<Item = Result<Bytes, String>> + Unpin + Send + 'static,
    ) -> (Result<(), SendError<String>>, std::io::Result<String>) {
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let read = PieceReader::new(receiver).read_to_string(&mut text);
            read.map(|_| text)
        });
        let sent = send(body, sender, RULE).await;
        (sent, reading.await.unwrap())
    }

    /// Sends `pieces` of some bytes each, with a pause before each, to a thread that takes all.
    async fn with_pauses(
        pieces: u32,
        bytes: usize,
        pause: Duration,
    ) -> Result<(), SendError<String>> {
        let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
        let drained = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
        let body = stream::unfold(pieces, move |left| async move {
            let left = left.checked_sub(1)?;
            tokio::time::sleep(pause).await;
            Some((Ok(Bytes::from(vec![1; bytes])), left))
        });
        let rule = BodyRule {
            max: u64::MAX,
            ..RULE
        };
        let sent = send(Box::pin(body), sender, rule).await;
        drained.await.unwrap();
        sent
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
        let long = BodyError::TooLong { max: 10 };
        assert_eq!(sent, Err(SendError::Rule(long)));
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
        let mut broken = pieces(&["01"]);
        broken.push(Err("reset".into()));
        let (sent, read) = through(stream::iter(broken)).await;
        assert_eq!(sent, Err(SendError::Source("reset".into())));
        assert!(read.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_is_given_up() {
        let slow = Err(SendError::Rule(BodyError::TooSlow(RULE.time)));
        let second = Duration::from_secs(1);
        assert_eq!(with_pauses(1_000, 1, second).await, slow);
        // A chunk for each half of a minute keeps a place no more.
        assert_eq!(with_pauses(100, 256 << 10, second * 30).await, slow);
        assert_eq!(with_pauses(1_000, 63 << 10, second).await, slow);
        assert_eq!(with_pauses(1_000, 66 << 10, second).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn time_of_the_thread_is_not_the_clients() {
        let (sender, mut receiver) = mpsc::channel(1);
        let drained = tokio::spawn(async move {
            while receiver.recv().await.is_some() {
                tokio::time::sleep(Duration::from_secs(50)).await;
            }
        });
        let body = stream::iter(pieces(&["a", "b", "c", "d", "e"]));
        assert_eq!(send(body, sender, RULE).await, Ok(()));
        drained.await.unwrap();
    }
}
