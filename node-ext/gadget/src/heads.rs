//! An endless stream of finalized heads that reconnects when the chain is lost.

use cairn_chain::{ChainClient, Head};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The pauses before reconnecting, at first and at most: half a block, and five.
const FIRST_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The finalized heads of a chain. Heads that queue up are skipped but for the newest.
pub(crate) struct Heads {
    chain: Arc<dyn ChainClient>,
    /// The name of the worker that follows, for the log.
    what: &'static str,
    stream: Option<BoxStream<'static, Head>>,
    pause: Duration,
    ask_at: Option<Instant>,
}

impl Heads {
    pub(crate) fn of(chain: Arc<dyn ChainClient>, what: &'static str) -> Self {
        Self {
            chain,
            what,
            stream: None,
            pause: FIRST_PAUSE,
            ask_at: None,
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
                    self.pause = FIRST_PAUSE;
                    return head;
                }
                None => {
                    tracing::warn!(
                        what = self.what,
                        "the stream of finalized heads has ended; reconnecting"
                    );
                    self.stream = None;
                }
            }
        }
    }

    async fn connect(&mut self) {
        if let Some(at) = self.ask_at {
            // A lost chain sends nothing, so it is polled, with a pause in between.
            tokio::time::sleep_until(at).await;
        }
        let heads = self.chain.finalized_heads().await;
        self.ask_at = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause.saturating_mul(2));
        match heads {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => {
                tracing::warn!(what = self.what, %error, "finalized heads cannot be subscribed to");
            }
        }
    }
}
