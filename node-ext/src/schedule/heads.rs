//! Finalized heads without an end: where the chain is lost, it is asked again.

use crate::chain::{ChainClient, Head};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait before a chain that was lost is asked again, at first and
/// at most: half a block, and five.
const FIRST_PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The finalized heads of a chain, the newest each time.
pub(crate) struct Heads {
    chain: Arc<dyn ChainClient>,
    /// Who follows, for the log.
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

    /// The next head, and of several that are ready the last. May be dropped
    /// and called again; nothing is lost.
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
                        "the chain is lost; it is asked again until it answers"
                    );
                    self.stream = None;
                }
            }
        }
    }

    async fn connect(&mut self) {
        if let Some(at) = self.ask_at {
            // A chain that is lost tells of nothing: it is asked, and not without a pause.
            tokio::time::sleep_until(at).await;
        }
        let heads = self.chain.finalized_heads().await;
        self.ask_at = Some(Instant::now() + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause.saturating_mul(2));
        match heads {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => {
                tracing::warn!(what = self.what, %error, "the chain does not give its blocks");
            }
        }
    }
}
