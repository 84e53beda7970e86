//! The progress of a body: one that does not come gives its place up.

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::sleep;

/// The bytes of a body that must come in a second.
const MIN_RATE: u64 = 4_096;

/// The progress of one body. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<Counts>);

#[derive(Default)]
struct Counts {
    bytes: AtomicU64,
    has_ended: AtomicBool,
}

impl Progress {
    /// Watches a body.
    pub(super) fn watch(&self, body: Body) -> Body {
        let progress = self.clone();
        Body::new(PacedBody { body, progress })
    }

    fn add(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }

    /// Returns once too little of the body has come within `idle`; never, if it comes to its end.
    pub(super) async fn stalls(&self, idle: Duration) {
        let milliseconds = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let least = milliseconds.saturating_mul(MIN_RATE) / 1_000;
        let mut before = 0;
        loop {
            sleep(idle).await;
            if self.0.has_ended.load(Ordering::Relaxed) {
                return std::future::pending().await;
            }
            let now = self.0.bytes.load(Ordering::Relaxed);
            if now.saturating_sub(before) < least {
                return;
            }
            before = now;
        }
    }
}

/// A body whose bytes are counted.
struct PacedBody {
    body: Body,
    progress: Progress,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    // Wrapped once more, an error would not be known as that of a body above its limit.
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.progress.add(frame.data_ref().map_or(0, Bytes::len))
            }
            Poll::Ready(_) => self.progress.end(),
            Poll::Pending => {}
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(axum::Error::into_inner)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for PacedBody {
    fn drop(&mut self) {
        self.progress.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const IDLE: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_stalls_and_one_that_ended_does_not() {
        let (slow, fast) = (Progress::default(), Progress::default());
        slow.add(4_095);
        assert_eq!(timeout(IDLE * 2, slow.stalls(IDLE)).await, Ok(()));
        fast.add(4_096);
        // Enough in the first second, and nothing in the next.
        assert!(timeout(IDLE * 3 / 2, fast.stalls(IDLE)).await.is_err());
        assert_eq!(timeout(IDLE * 3, fast.stalls(IDLE)).await, Ok(()));
        let ended = Progress::default();
        drop(ended.watch(Body::empty()));
        assert!(timeout(IDLE * 9, ended.stalls(IDLE)).await.is_err());
    }
}
