//! An endless stream of finalized heads that reconnects when the chain is lost, and the loop of the
//! workers that do nothing else than follow it.

#[cfg(test)]
mod tests;

use cairn_chain::{ChainClient, Head};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The pauses before reconnecting, at first and at most: half a block, and five.
const RECONNECT_BACKOFF_MIN: Duration = Duration::from_secs(3);
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The finalized heads of a chain. Heads that queue up are skipped but for the newest.
pub(crate) struct Heads {
    chain: Arc<dyn ChainClient>,
    /// The name of the worker that follows, for the log.
    worker: &'static str,
    stream: Option<BoxStream<'static, Head>>,
    backoff: Duration,
    reconnect_at: Option<Instant>,
}

impl Heads {
    pub(crate) fn new(chain: Arc<dyn ChainClient>, worker: &'static str) -> Self {
        Self {
            chain,
            worker,
            stream: None,
            backoff: RECONNECT_BACKOFF_MIN,
            reconnect_at: None,
        }
    }

    /// Returns the next head, or the newest of several that are ready. Cancel-safe: no head is lost
    /// if the future is dropped.
    pub(crate) async fn next(&mut self) -> Head {
        loop {
            let Some(stream) = &mut self.stream else {
                self.connect().await;
                continue;
            };
            match stream.next().await {
                Some(mut head) => {
                    while let Some(Some(newer)) = stream.next().now_or_never() {
                        head = newer;
                    }
                    self.backoff = RECONNECT_BACKOFF_MIN;
                    return head;
                }
                None => {
                    tracing::warn!(
                        what = self.worker,
                        "the stream of finalized heads has ended; reconnecting"
                    );
                    self.stream = None;
                }
            }
        }
    }

    async fn connect(&mut self) {
        if let Some(at) = self.reconnect_at {
            // A lost chain sends nothing, so it is polled, with a pause in between.
            tokio::time::sleep_until(at).await;
        }
        let heads = self.chain.finalized_heads().await;
        self.reconnect_at = Some(Instant::now() + self.backoff);
        self.backoff = RECONNECT_BACKOFF_MAX.min(self.backoff.saturating_mul(2));
        match heads {
            // Fused: one that has ended may be polled again for a newer head.
            Ok(stream) => self.stream = Some(stream.fuse().boxed()),
            Err(error) => {
                tracing::warn!(what = self.worker, %error, "finalized heads cannot be subscribed to");
            }
        }
    }
}

/// A worker that acts at finalized heads only.
pub(crate) trait HeadFollower: Send {
    /// Its name, for the log.
    const NAME: &'static str;

    /// Returns the chain that it follows.
    fn chain(&self) -> Arc<dyn ChainClient>;

    /// Does what is due at a finalized head.
    fn on_head(&mut self, head: Head) -> impl Future<Output = ()> + Send;
}

/// Calls a worker at each finalized head, until `shutdown` completes. What the worker does then is
/// dropped.
pub(crate) async fn follow<F: HeadFollower>(
    follower: &mut F,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = pin!(shutdown.fuse());
    let mut heads = Heads::new(follower.chain(), F::NAME);
    loop {
        let mut followed = pin!(
            async {
                let head = heads.next().await;
                follower.on_head(head).await;
            }
            .fuse()
        );
        futures::select_biased! {
            () = shutdown => return,
            () = followed => {}
        }
    }
}
