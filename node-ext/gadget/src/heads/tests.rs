//! A worker sees each finalized head, and its loop ends with the shutdown.

use super::*;
use cairn_primitives::challenge::AccountId;
use cairn_testing::{LIMITS, SimulatedChain};
use futures::channel::{mpsc, oneshot};

/// A worker that reports each head, and may never be done with one.
struct Reporter {
    chain: Arc<dyn ChainClient>,
    seen: mpsc::UnboundedSender<Head>,
    is_stuck: bool,
}

impl HeadFollower for Reporter {
    const NAME: &'static str = "a test";

    fn chain(&self) -> Arc<dyn ChainClient> {
        self.chain.clone()
    }

    async fn on_head(&mut self, head: Head) {
        self.seen.unbounded_send(head).unwrap();
        if self.is_stuck {
            std::future::pending::<()>().await;
        }
    }
}

fn reporter(chain: &SimulatedChain) -> (Reporter, mpsc::UnboundedReceiver<Head>) {
    let (seen, heads) = mpsc::unbounded();
    let worker = Reporter {
        chain: chain.client(AccountId([1; 32])),
        seen,
        is_stuck: false,
    };
    (worker, heads)
}

#[tokio::test]
async fn a_follower_sees_each_finalized_head_until_the_shutdown() {
    let chain = SimulatedChain::new(LIMITS);
    let (mut worker, mut heads) = reporter(&chain);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { follow(&mut worker, stopped.map(drop)).await });
    assert_eq!(heads.next().await, Some(chain.finalized_head()));
    for _ in 0..3 {
        let head = chain.advance();
        assert_eq!(heads.next().await, Some(head));
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    // The worker is dropped: nothing was seen besides.
    assert_eq!(heads.next().await, None);
}

#[tokio::test]
async fn a_follower_that_is_stuck_is_dropped_at_the_shutdown() {
    let chain = SimulatedChain::new(LIMITS);
    let (mut worker, mut heads) = reporter(&chain);
    worker.is_stuck = true;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { follow(&mut worker, stopped.map(drop)).await });
    assert!(heads.next().await.is_some());
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn a_follower_sees_nothing_after_the_shutdown() {
    let chain = SimulatedChain::new(LIMITS);
    let (mut worker, mut heads) = reporter(&chain);
    follow(&mut worker, std::future::ready(())).await;
    drop(worker);
    assert_eq!(heads.next().await, None);
}
