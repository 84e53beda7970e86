//! A connection's stream behind its valve.

use super::valve::Valve;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_io_timeout::TimeoutStream;

/// How long a socket may take none of the bytes that it is given.
const STALLED: Duration = Duration::from_secs(30);

/// A stream behind its valve, with what ends when it is closed.
pub(super) struct Valved<S, C> {
    stream: Pin<Box<TimeoutStream<S>>>,
    valve: Arc<Valve>,
    _on_close: C,
}

impl<S: AsyncRead + AsyncWrite, C> Valved<S, C> {
    /// A stream that ends when it is without a byte for `idle`.
    pub(super) fn new(stream: S, valve: Arc<Valve>, idle: Duration, on_close: C) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(idle));
        stream.set_write_timeout(Some(STALLED));
        Self {
            stream: Box::pin(stream),
            valve,
            _on_close: on_close,
        }
    }

    fn check(&self) -> Result<()> {
        if self.valve.is_closed() {
            let why = "the client holds what others need";
            return Err(Error::new(ErrorKind::ConnectionAborted, why));
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite, C: Unpin> AsyncRead for Valved<S, C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        // Before it is looked at: whatever opens it afterwards wakes.
        self.valve.reader.register(context.waker());
        self.check()?;
        if self.valve.is_shut() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = self.stream.as_mut().poll_read(context, buffer);
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() {
            self.valve.read(bytes);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite, C: Unpin> AsyncWrite for Valved<S, C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.valve.writer.register(context.waker());
        self.check()?;
        let written = self.stream.as_mut().poll_write(context, bytes);
        match &written {
            Poll::Ready(Ok(length)) => self.valve.wrote(bytes.get(..*length).unwrap_or_default()),
            Poll::Pending => self.valve.blocked(),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// One of them after the other, so that what has passed is one piece.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let first = bytes.iter().find(|bytes| !bytes.is_empty());
        self.poll_write(context, first.map_or(&[], |bytes| bytes))
    }

    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.stream.as_mut().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::crowd::Crowd;
    use super::super::source::Source;
    use super::*;
    use crate::limits::ConnectionLimits;
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const MIB: usize = 1 << 20;

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            in_flight: 2,
            unread_bytes: MIB as u64,
            request_bytes: 100,
            response_bytes: 0,
            ..ConnectionLimits::default()
        }
    }

    fn somewhere() -> Source {
        Source::of("192.0.2.1".parse().unwrap())
    }

    fn valved(crowd: &Arc<Crowd>) -> (Valved<DuplexStream, ()>, Arc<Valve>, DuplexStream) {
        let (ours, theirs) = duplex(64);
        let valve = Valve::new(&limits(), crowd.clone(), somewhere());
        let idle = Duration::from_secs(120);
        (Valved::new(ours, valve.clone(), idle, ()), valve, theirs)
    }

    #[tokio::test]
    async fn nothing_is_read_while_too_much_is_in_hand() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        theirs.write_all(b"abcd").await.unwrap();
        let two = [valve.enter().unwrap(), valve.enter().unwrap()];
        assert!(valve.enter().is_none());
        assert!(ours.read_u8().now_or_never().is_none());
        drop(two);
        assert_eq!(ours.read_u8().await.unwrap(), b'a');

        valve.answered(MIB, false);
        assert!(ours.read_u8().now_or_never().is_none());
        ours.write_all(&[0; 40]).await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'b');

        // The peer's buffer is full, and what it says is left where it is.
        assert!(ours.write_all(&[0; 40]).now_or_never().is_none());
        assert!(ours.read_u8().now_or_never().is_none());
        let mut read = [0; 64];
        theirs.read_exact(&mut read).await.unwrap();
        ours.write_all(&[0; 8]).await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'c');
    }

    #[tokio::test]
    async fn messages_of_a_websocket_are_read_on_when_others_were_answered() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        assert!(valve.becomes_websocket());
        // Eight, of three bytes each.
        theirs.write_all(b"\r\n\r\n").await.unwrap();
        theirs.write_all(&[0x81, 1, b'x'].repeat(9)).await.unwrap();
        let mut read = [0; 4 + 8 * 3];
        ours.read_exact(&mut read).await.unwrap();
        assert!(ours.read_u8().now_or_never().is_none());
        ours.write_all(b"\r\n\r\n").await.unwrap();
        ours.write_all(&[0x81, 1, b'y']).await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), 0x81);
    }

    #[tokio::test]
    async fn messages_that_come_with_the_request_for_a_websocket_are_counted() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        let first = [&b"\r\n\r\n"[..], &[0x81, 1, b'x'].repeat(8), b"y"].concat();
        theirs.write_all(&first).await.unwrap();
        let mut read = vec![0; first.len() - 1];
        ours.read_exact(&mut read).await.unwrap();
        assert!(valve.becomes_websocket());
        assert!(ours.read_u8().now_or_never().is_none());
    }

    #[tokio::test]
    async fn what_was_asked_over_http_is_no_message_of_a_websocket_that_is_refused() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        valve.is_asked();
        // A body that would be messages, if it were frames.
        let body = [&b"\r\n\r\n"[..], &[0x81, 1, b'x'].repeat(9)].concat();
        theirs.write_all(&body).await.unwrap();
        ours.read_exact(&mut vec![0; body.len()]).await.unwrap();
        assert!(!valve.becomes_websocket());
        theirs.write_all(b"z").await.unwrap();
        assert_eq!(ours.read_u8().now_or_never().unwrap().unwrap(), b'z');
    }

    #[tokio::test]
    async fn what_has_come_of_a_request_over_http_is_held_until_it_is_answered() {
        let crowd = Crowd::new(100);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        let (_other, modest, _) = valved(&crowd);
        valve.is_asked();
        for (done, held) in [(true, 0), (false, 60)] {
            theirs.write_all(&[b'a'; 60]).await.unwrap();
            ours.read_exact(&mut [0; 60]).await.unwrap();
            assert_eq!(valve.held(), 60);
            if done {
                valve.is_done();
            }
            assert_eq!(valve.held(), held);
        }
        // Half a request that never becomes a whole one is in others' way.
        modest.answered(41, false);
        assert!(valve.is_closed() && !modest.is_closed());
    }

    #[test]
    fn only_the_first_request_may_open_a_websocket() {
        let crowd = Crowd::new(64 << 20);
        let asked = Valve::new(&limits(), crowd.clone(), somewhere());
        asked.is_asked();
        assert!(!asked.becomes_websocket());
        let fresh = Valve::new(&limits(), crowd, somewhere());
        assert!(fresh.becomes_websocket());
        assert!(!fresh.becomes_websocket());
    }

    #[tokio::test]
    async fn an_answer_waits_until_those_before_it_were_read() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, mut theirs) = valved(&crowd);
        assert!(valve.take_room().await);
        valve.answered(MIB, true);
        let mut next = Box::pin(valve.take_room());
        assert!((&mut next).now_or_never().is_none());
        let reading = async {
            let mut all = vec![0; MIB];
            theirs.read_exact(&mut all).await.unwrap();
        };
        let bytes = vec![0; MIB];
        let (written, ()) = tokio::join!(ours.write_all(&bytes), reading);
        written.unwrap();
        assert!(next.await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_for_which_there_is_never_room_waits_once_and_not_each_time() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, valve, _theirs) = valved(&crowd);
        valve.answered(MIB, false);
        assert!(!valve.take_room().await);
        let at_once = valve.take_room().now_or_never();
        assert_eq!(at_once, Some(false));
        // What was not sent after all is forgotten with the next request.
        valve.is_asked();
        assert_eq!(valve.take_room().now_or_never(), Some(true));
        ours.write_all(b"x").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_or_takes_nothing_ends() {
        let crowd = Crowd::new(64 << 20);
        let (mut ours, _, _theirs) = valved(&crowd);
        let idle = ours.read_u8().await.unwrap_err();
        assert_eq!(idle.kind(), ErrorKind::TimedOut);
        let stalled = ours.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(stalled.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn when_all_hold_too_much_the_one_that_holds_most_is_closed_and_no_other() {
        let crowd = Crowd::new(150);
        let (mut greedy, greedy_valve, _reads_nothing) = valved(&crowd);
        let (mut modest, modest_valve, mut theirs) = valved(&crowd);
        greedy_valve.answered(120, false);
        assert!(!greedy_valve.is_closed());
        modest_valve.answered(40, false);
        assert!(greedy_valve.is_closed() && !modest_valve.is_closed());
        // What it held is given back at once.
        assert!(!modest_valve.is_tight());
        let cut = greedy.write_all(b"x").await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::ConnectionAborted);
        assert!(greedy.read_u8().await.is_err());
        theirs.write_all(b"a").await.unwrap();
        assert_eq!(modest.read_u8().await.unwrap(), b'a');
        drop((greedy, greedy_valve));
        // With the byte that was read.
        modest_valve.answered(109, false);
        assert!(!modest_valve.is_closed());
        assert_eq!(modest_valve.held(), 150);
    }

    #[tokio::test(start_paused = true)]
    async fn when_places_are_wanted_who_says_nothing_goes_first() {
        let crowd = Crowd::new(64 << 20);
        let (mut talks, talking, mut theirs) = valved(&crowd);
        let (_waits, silent, _other) = valved(&crowd);
        talking.is_asked();
        assert!(!crowd.make_place(somewhere()), "none of them is old enough");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(crowd.make_place(somewhere()));
        assert!(silent.is_closed() && !talking.is_closed());
        assert!(!crowd.make_place(somewhere()));
        // Bytes are a sign of life, whatever they are.
        tokio::time::advance(Duration::from_secs(40)).await;
        theirs.write_all(b"pong").await.unwrap();
        assert_eq!(talks.read_u8().await.unwrap(), b'p');
        tokio::time::advance(Duration::from_secs(44)).await;
        assert!(!crowd.make_place(somewhere()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(crowd.make_place(somewhere()));
        assert!(talking.is_closed());
    }
}
