//! The retention worker: releases retired trees once nothing signed of them can be challenged any
//! more (I10), and not before.
//!
//! It is slow on purpose: it waits for a challenge period of two days, by the chain's clock and by
//! this provider's, and a release rewrites the rest of a bucket. It never removes a whole bucket;
//! it reports one that nothing holds, and an operator deletes it.

mod asking;
mod board;
mod rules;
#[cfg(test)]
mod tests;
mod trees;
mod waits;

pub use asking::NotJudged;
pub use board::{RetentionBoard, RetentionStatistics};
pub use rules::Kept;

use super::heads::Heads;
use asking::{Asking, Judged, Look};
use cairn_chain::{ChainClient, Head};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::Provider;
use futures::FutureExt;
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waits::Waits;

/// Anchor blocks between passes: an hour. Each pass opens every bucket to see which trees it has
/// retired.
const USUAL_EVERY: u32 = 600;
/// The challenge period of production chains, 48 hours: a shorter one is not believed.
const USUAL_WAIT: Duration = Duration::from_secs(48 * 60 * 60);
/// The number of bucket ids that are read at once.
const PAGE: usize = 256;

/// The configuration of the retention worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Anchor blocks between passes over all buckets; 0 runs one at every finalized block.
    pub every: u32,
    /// The minimum time for which nothing must have held a bucket before anything of it is
    /// released, as measured by this provider; a longer challenge period, at six seconds a block,
    /// takes precedence.
    pub least_wait: Duration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            every: USUAL_EVERY,
            least_wait: USUAL_WAIT,
        }
    }
}

/// A monotonic clock; tests inject their own.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The worker that releases retired trees when the chain allows it.
pub struct Retention {
    asking: Arc<Asking>,
    config: RetentionConfig,
    clock: Clock,
    board: Arc<RetentionBoard>,
    next_at: u32,
    /// The time of the last pass.
    looked_at: Option<Instant>,
    /// Buckets that were reported as free to delete.
    told: HashSet<BucketId>,
}

impl std::fmt::Debug for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retention")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl Retention {
    /// Creates the worker for a provider and a chain.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: RetentionConfig,
    ) -> Self {
        let asking = Arc::new(Asking {
            chain,
            provider,
            least_wait: config.least_wait,
            head: Default::default(),
        });
        Self {
            board: Arc::new(RetentionBoard::new(asking.clone())),
            asking,
            config,
            clock: Arc::new(Instant::now),
            next_at: 0,
            looked_at: None,
            told: HashSet::new(),
        }
    }

    /// Uses the given clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns a view of the worker's state.
    pub fn board(&self) -> Arc<RetentionBoard> {
        self.board.clone()
    }

    /// Releases retired trees until `shutdown` completes. A release that is running then completes
    /// by itself, or continues at the next start.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::of(self.asking.chain.clone(), "retention");
        loop {
            let mut looked = pin!(
                async {
                    let head = heads.next().await;
                    let now = (self.clock)();
                    self.saw(head, now).await;
                }
                .fuse()
            );
            futures::select_biased! {
                () = shutdown => return,
                () = looked => {}
            }
        }
    }

    /// Runs a pass at a finalized head, if one is due.
    async fn saw(&mut self, head: Head, now: Instant) {
        *self.asking.head.lock() = Some(head);
        // Also runs if the chain seems to go back: what it said before no longer holds.
        let due = self.next_at.saturating_sub(self.config.every)..self.next_at;
        if due.contains(&head.anchor) {
            return;
        }
        let passed = self
            .looked_at
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        match self.look(head, passed).await {
            Ok(()) => {
                self.looked_at = Some(now);
                self.next_at = head.anchor.saturating_add(self.config.every);
                self.board.counts.lock().rounds += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "the retention pass failed; trying again");
                // Waiting loses nothing, and a permanent error is not logged at every block.
                if let NotJudged::Chain(error) = error
                    && !error.is_passing()
                {
                    self.next_at = head.anchor.saturating_add(self.config.every);
                }
            }
        }
    }

    async fn look(&mut self, head: Head, passed: Duration) -> Result<(), NotJudged> {
        let look = self.asking.look(head).await?;
        let mut waits = self
            .asking
            .blocking(|provider| Waits::read(provider.index()))
            .await??;
        let mut kept = BTreeMap::new();
        let mut ended = HashSet::new();
        let mut to_release = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .asking
                .blocking(move |provider| provider.page(after, PAGE))
                .await??;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, _) in page {
                let judged = self
                    .look_at(&look, id, (head.anchor, passed), &mut waits)
                    .await?;
                kept.extend(judged.kept.into_iter().map(|(tree, why)| ((id, tree), why)));
                if judged.may_be_deleted {
                    ended.insert(id);
                }
                to_release.extend(judged.may_go.into_iter().map(|tree| (id, tree)));
            }
        }
        self.asking
            .blocking(move |provider| waits.write(provider.index()))
            .await??;
        for (id, tree) in to_release {
            self.release(id, tree).await?;
        }
        for id in ended.difference(&self.told) {
            tracing::info!(
                bucket = %id,
                "nothing holds a bucket any more, and the challenge period is over: it may be \
                 deleted. Do not make another agreement for it after that"
            );
        }
        let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let mut counts = self.board.counts.lock();
        counts.kept = number(kept.len());
        counts.ended_buckets = number(ended.len());
        drop(counts);
        self.told = ended;
        *self.board.kept.lock() = kept;
        Ok(())
    }

    async fn look_at(
        &self,
        look: &Look,
        id: BucketId,
        (anchor, passed): (u32, Duration),
        waits: &mut Waits,
    ) -> Result<Judged, NotJudged> {
        let info = self.asking.bucket(look, id).await?;
        let says = look.says(info.as_ref(), id);
        let is_free = says.is_free();
        let free = waits.note(id, is_free.is_ok(), anchor, passed);
        let judged = match is_free.and_then(|()| says.is_over(free)) {
            // The signed roots need not be read for that.
            Err(why) => {
                let retired = self.asking.retired(id).await?;
                retired.map(|retired| Judged::all_kept(retired, why))
            }
            Ok(()) => {
                let best = self.asking.is_free_in_best_block(id).await?;
                let trees = self.asking.trees(id).await?;
                trees.map(|trees| {
                    Judged::by_rule(&trees, |going| best.and_then(|()| says.may_go(going, free)))
                })
            }
        };
        Ok(judged.unwrap_or_else(|error| {
            tracing::warn!(bucket = %id, %error, "a bucket's retired trees cannot be examined");
            Judged::default()
        }))
    }

    async fn release(&self, id: BucketId, tree: Sequence) -> Result<(), NotJudged> {
        let released = self
            .asking
            .blocking(move |provider| trees::release(provider, id, tree));
        match released.await? {
            Ok(released) => {
                self.board.counts.lock().released += 1;
                tracing::info!(
                    bucket = %id, %tree, leaves = released.leaves, bytes = released.content.bytes,
                    "released a retired tree, since nobody can challenge it any more"
                );
            }
            Err(error) => {
                self.board.counts.lock().failed += 1;
                tracing::warn!(bucket = %id, %tree, %error, "a retired tree could not be released; \
                    trying again");
            }
        }
        Ok(())
    }
}
