//! A connection's byte stream under backpressure.

use crate::backpressure::Backpressure;
use crate::connections::Connection;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_io_timeout::TimeoutStream;

/// How long a socket may take no bytes while there are some to send.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A stream under backpressure, with a guard that is dropped when it is closed.
pub(crate) struct ConnectionStream<S, C> {
    stream: Pin<Box<TimeoutStream<S>>>,
    backpressure: Arc<Backpressure>,
    _on_close: C,
}

impl<S: AsyncRead + AsyncWrite, C> ConnectionStream<S, C> {
    /// Wraps a stream, which ends after `idle` without a byte.
    pub(crate) fn new(
        stream: S,
        backpressure: Arc<Backpressure>,
        idle: Duration,
        on_close: C,
    ) -> Self {
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(idle));
        stream.set_write_timeout(Some(WRITE_TIMEOUT));
        Self {
            stream: Box::pin(stream),
            backpressure,
            _on_close: on_close,
        }
    }

    fn check(&self) -> Result<()> {
        if self.backpressure.is_closed() {
            let reason = "other connections needed its place or memory";
            return Err(Error::new(ErrorKind::ConnectionAborted, reason));
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite, C: Unpin> AsyncRead for ConnectionStream<S, C> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        // Registered before the check, so that no change in between is missed.
        self.backpressure.reader.register(context.waker());
        self.check()?;
        if self.backpressure.pauses_reading() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = self.stream.as_mut().poll_read(context, buffer);
        let bytes = buffer.filled().get(before..).unwrap_or_default();
        if !bytes.is_empty() {
            self.backpressure.on_read(bytes);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite, C: Unpin> AsyncWrite for ConnectionStream<S, C> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.backpressure.writer.register(context.waker());
        self.check()?;
        let written = self.stream.as_mut().poll_write(context, bytes);
        match &written {
            Poll::Ready(Ok(length)) => {
                let written = bytes.get(..*length).unwrap_or_default();
                self.backpressure.on_written(written);
            }
            Poll::Pending => self.backpressure.on_blocked(),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Writes the first buffer only, so that the written bytes are contiguous.
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
    use super::*;
    use crate::connections::Connections;
    use crate::limits::ConnectionLimits;
    use crate::source::Source;
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

    fn open(
        connections: &Arc<Connections>,
    ) -> (
        ConnectionStream<DuplexStream, ()>,
        Arc<Backpressure>,
        DuplexStream,
    ) {
        let (ours, theirs) = duplex(64);
        let state = Backpressure::new(&limits(), connections.clone(), somewhere());
        let idle = Duration::from_secs(120);
        (
            ConnectionStream::new(ours, state.clone(), idle, ()),
            state,
            theirs,
        )
    }

    #[tokio::test]
    async fn nothing_is_read_while_a_limit_is_reached() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, mut theirs) = open(&connections);
        theirs.write_all(b"abcd").await.unwrap();
        let two = [state.admit().unwrap(), state.admit().unwrap()];
        assert!(state.admit().is_none());
        assert!(ours.read_u8().now_or_never().is_none());
        drop(two);
        assert_eq!(ours.read_u8().await.unwrap(), b'a');

        state.add_response(MIB, false);
        assert!(ours.read_u8().now_or_never().is_none());
        ours.write_all(&[0; 40]).await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'b');

        // The peer's buffer is full, so its bytes are not read.
        assert!(ours.write_all(&[0; 40]).now_or_never().is_none());
        assert!(ours.read_u8().now_or_never().is_none());
        let mut read = [0; 64];
        theirs.read_exact(&mut read).await.unwrap();
        ours.write_all(&[0; 8]).await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'c');
    }

    #[tokio::test]
    async fn reading_resumes_when_messages_were_answered() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, mut theirs) = open(&connections);
        assert!(state.upgrade());
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
    async fn messages_that_come_with_the_upgrade_are_counted() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, mut theirs) = open(&connections);
        let first = [&b"\r\n\r\n"[..], &[0x81, 1, b'x'].repeat(8), b"y"].concat();
        theirs.write_all(&first).await.unwrap();
        let mut read = vec![0; first.len() - 1];
        ours.read_exact(&mut read).await.unwrap();
        assert!(state.upgrade());
        assert!(ours.read_u8().now_or_never().is_none());
    }

    #[tokio::test]
    async fn bytes_over_http_are_no_websocket_messages() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, mut theirs) = open(&connections);
        state.start_http();
        // A body that looks like frames.
        let body = [&b"\r\n\r\n"[..], &[0x81, 1, b'x'].repeat(9)].concat();
        theirs.write_all(&body).await.unwrap();
        ours.read_exact(&mut vec![0; body.len()]).await.unwrap();
        assert!(!state.upgrade());
        theirs.write_all(b"z").await.unwrap();
        assert_eq!(ours.read_u8().now_or_never().unwrap().unwrap(), b'z');
    }

    #[tokio::test]
    async fn a_request_over_http_is_held_until_it_is_answered() {
        let connections = Connections::new(100);
        let (mut ours, state, mut theirs) = open(&connections);
        let (_other, modest, _) = open(&connections);
        state.start_http();
        for (done, held) in [(true, 0), (false, 60)] {
            theirs.write_all(&[b'a'; 60]).await.unwrap();
            ours.read_exact(&mut [0; 60]).await.unwrap();
            assert_eq!(state.held_bytes(), 60);
            if done {
                state.finish_http();
            }
            assert_eq!(state.held_bytes(), held);
        }
        // Half a request that is never completed takes memory from others.
        modest.add_response(41, false);
        assert!(state.is_closed() && !modest.is_closed());
    }

    #[test]
    fn only_the_first_request_may_open_a_websocket() {
        let connections = Connections::new(64 << 20);
        let asked = Backpressure::new(&limits(), connections.clone(), somewhere());
        asked.start_http();
        assert!(!asked.upgrade());
        let fresh = Backpressure::new(&limits(), connections, somewhere());
        assert!(fresh.upgrade());
        assert!(!fresh.upgrade());
    }

    #[tokio::test]
    async fn a_response_waits_until_earlier_ones_were_read() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, mut theirs) = open(&connections);
        assert!(state.reserve_response().await);
        state.add_response(MIB, true);
        let mut next = Box::pin(state.reserve_response());
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
    async fn a_response_without_room_waits_only_once() {
        let connections = Connections::new(64 << 20);
        let (mut ours, state, _theirs) = open(&connections);
        state.add_response(MIB, false);
        assert!(!state.reserve_response().await);
        let at_once = state.reserve_response().now_or_never();
        assert_eq!(at_once, Some(false));
        // Responses that were never sent are forgotten with the next request.
        state.start_http();
        assert_eq!(state.reserve_response().now_or_never(), Some(true));
        ours.write_all(b"x").await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_or_stalled_connection_ends() {
        let connections = Connections::new(64 << 20);
        let (mut ours, _, _theirs) = open(&connections);
        let idle = ours.read_u8().await.unwrap_err();
        assert_eq!(idle.kind(), ErrorKind::TimedOut);
        let stalled = ours.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(stalled.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn only_the_connection_that_holds_most_is_closed() {
        let connections = Connections::new(150);
        let (mut greedy, greedy_state, _reads_nothing) = open(&connections);
        let (mut modest, modest_state, mut theirs) = open(&connections);
        greedy_state.add_response(120, false);
        assert!(!greedy_state.is_closed());
        modest_state.add_response(40, false);
        assert!(greedy_state.is_closed() && !modest_state.is_closed());
        // Its bytes are released at once.
        assert!(!modest_state.is_memory_scarce());
        let cut = greedy.write_all(b"x").await.unwrap_err();
        assert_eq!(cut.kind(), ErrorKind::ConnectionAborted);
        assert!(greedy.read_u8().await.is_err());
        theirs.write_all(b"a").await.unwrap();
        assert_eq!(modest.read_u8().await.unwrap(), b'a');
        drop((greedy, greedy_state));
        // With the byte that was read.
        modest_state.add_response(109, false);
        assert!(!modest_state.is_closed());
        assert_eq!(modest_state.held_bytes(), 150);
    }

    #[tokio::test(start_paused = true)]
    async fn unused_connections_are_closed_first() {
        let connections = Connections::new(64 << 20);
        let (mut talks, talking, mut theirs) = open(&connections);
        let (_waits, silent, _other) = open(&connections);
        talking.start_http();
        assert!(
            !connections.make_place(somewhere()),
            "none of them is old enough"
        );
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(connections.make_place(somewhere()));
        assert!(silent.is_closed() && !talking.is_closed());
        assert!(!connections.make_place(somewhere()));
        // Any byte is a sign of life.
        tokio::time::advance(Duration::from_secs(40)).await;
        theirs.write_all(b"pong").await.unwrap();
        assert_eq!(talks.read_u8().await.unwrap(), b'p');
        tokio::time::advance(Duration::from_secs(44)).await;
        assert!(!connections.make_place(somewhere()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(connections.make_place(somewhere()));
        assert!(talking.is_closed());
    }
}
