//! The retention worker: releases retired trees once nothing signed of them can be challenged any
//! more (I10), and not before.
//!
//! It is slow on purpose: it waits for a challenge period of two days, by the chain's clock and by
//! this provider's, and a release rewrites the rest of a bucket. It never removes a whole bucket;
//! it reports one that nothing holds, and an operator deletes it.

mod free_periods;
mod queries;
mod rules;
mod status;
mod storage;
#[cfg(test)]
mod tests;

pub use queries::RetentionError;
pub use rules::RetainReason;
pub use status::{RetentionStatistics, RetentionStatus};

use super::heads::Heads;
use cairn_chain::{ChainClient, Head};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::Provider;
use free_periods::FreePeriods;
use futures::FutureExt;
use queries::{BucketVerdict, ChainView, RetentionQueries};
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Anchor blocks between passes: an hour. Each pass opens every bucket to see which trees it has
/// retired.
const DEFAULT_INTERVAL: u32 = 600;
/// The challenge period of production chains, 48 hours: a shorter one is not believed.
const DEFAULT_MIN_WAIT: Duration = Duration::from_secs(48 * 60 * 60);
/// The number of bucket ids that are read at once.
const PAGE_SIZE: usize = 256;

/// The configuration of the retention worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Anchor blocks between passes over all buckets; 0 runs one at every finalized block.
    pub interval: u32,
    /// The minimum time for which nothing must have held a bucket before anything of it is
    /// released, as measured by this provider; a longer challenge period, at six seconds a block,
    /// takes precedence.
    pub min_wait: Duration,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self {
            interval: DEFAULT_INTERVAL,
            min_wait: DEFAULT_MIN_WAIT,
        }
    }
}

/// A monotonic clock; tests inject their own.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The worker that releases retired trees when the chain allows it.
pub(crate) struct RetentionWorker {
    queries: Arc<RetentionQueries>,
    config: RetentionConfig,
    clock: Clock,
    status: Arc<RetentionStatus>,
    next_at: u32,
    /// The time of the last pass.
    last_pass: Option<Instant>,
    /// Buckets that were reported as free to delete.
    reported: HashSet<BucketId>,
}

impl std::fmt::Debug for RetentionWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Retention")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl RetentionWorker {
    /// Creates the worker for a provider and a chain.
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: RetentionConfig,
    ) -> Self {
        let queries = Arc::new(RetentionQueries {
            chain,
            provider,
            min_wait: config.min_wait,
            head: Default::default(),
        });
        Self {
            status: Arc::new(RetentionStatus::new(queries.clone())),
            queries,
            config,
            clock: Arc::new(Instant::now),
            next_at: 0,
            last_pass: None,
            reported: HashSet::new(),
        }
    }

    /// Uses the given clock.
    #[must_use]
    pub(crate) fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Returns a view of the worker's state.
    pub(crate) fn status(&self) -> Arc<RetentionStatus> {
        self.status.clone()
    }

    /// Releases retired trees until `shutdown` completes. A release that is running then completes
    /// by itself, or continues at the next start.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::new(self.queries.chain.clone(), "retention");
        loop {
            let mut looked = pin!(
                async {
                    let head = heads.next().await;
                    let now = (self.clock)();
                    self.on_finalized_head(head, now).await;
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
    async fn on_finalized_head(&mut self, head: Head, now: Instant) {
        *self.queries.head.lock() = Some(head);
        // Also runs if the chain seems to go back: what it said before no longer holds.
        let due = self.next_at.saturating_sub(self.config.interval)..self.next_at;
        if due.contains(&head.anchor) {
            return;
        }
        let passed = self
            .last_pass
            .map_or(Duration::ZERO, |last| now.saturating_duration_since(last));
        match self.run_pass(head, passed).await {
            Ok(()) => {
                self.last_pass = Some(now);
                self.next_at = head.anchor.saturating_add(self.config.interval);
                self.status.counts.lock().passes += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "the retention pass failed; trying again");
                // Waiting loses nothing, and a permanent error is not logged at every block.
                if let RetentionError::Chain(error) = error
                    && !error.is_transient()
                {
                    self.next_at = head.anchor.saturating_add(self.config.interval);
                }
            }
        }
    }

    async fn run_pass(&mut self, head: Head, passed: Duration) -> Result<(), RetentionError> {
        let look = self.queries.read_chain(head).await?;
        let mut waits = self
            .queries
            .run_blocking(|provider| FreePeriods::read(provider.index()))
            .await??;
        let mut kept = BTreeMap::new();
        let mut ended = HashSet::new();
        let mut to_release = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .queries
                .run_blocking(move |provider| provider.page(after, PAGE_SIZE))
                .await??;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, _) in page {
                let judged = self
                    .judge_bucket(&look, id, (head.anchor, passed), &mut waits)
                    .await?;
                kept.extend(
                    judged
                        .retained
                        .into_iter()
                        .map(|(tree, why)| ((id, tree), why)),
                );
                if judged.is_deletable {
                    ended.insert(id);
                }
                to_release.extend(judged.releasable.into_iter().map(|tree| (id, tree)));
            }
        }
        self.queries
            .run_blocking(move |provider| waits.write(provider.index()))
            .await??;
        for (id, tree) in to_release {
            self.release(id, tree).await?;
        }
        for id in ended.difference(&self.reported) {
            tracing::info!(
                bucket = %id,
                "nothing holds a bucket any more, and the challenge period is over: it may be \
                 deleted. Do not make another agreement for it after that"
            );
        }
        let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let mut counts = self.status.counts.lock();
        counts.retained = number(kept.len());
        counts.deletable_buckets = number(ended.len());
        drop(counts);
        self.reported = ended;
        *self.status.retained.lock() = kept;
        Ok(())
    }

    async fn judge_bucket(
        &self,
        look: &ChainView,
        id: BucketId,
        (anchor, passed): (u32, Duration),
        waits: &mut FreePeriods,
    ) -> Result<BucketVerdict, RetentionError> {
        let info = self.queries.bucket(look, id).await?;
        let says = look.chain_state(info.as_ref(), id);
        let is_free = says.check_free();
        let free = waits.record(id, is_free.is_ok(), anchor, passed);
        let judged = match is_free.and_then(|()| says.check_wait(free)) {
            // The signed roots need not be read for that.
            Err(why) => {
                let retired = self.queries.retired(id).await?;
                retired.map(|retired| BucketVerdict::retain_all(retired, why))
            }
            Ok(()) => {
                let best = self.queries.check_free_in_best_block(id).await?;
                let trees = self.queries.trees(id).await?;
                trees.map(|trees| {
                    BucketVerdict::from_rule(&trees, |going| {
                        best.and_then(|()| says.check_deletable(going, free))
                    })
                })
            }
        };
        Ok(judged.unwrap_or_else(|error| {
            tracing::warn!(bucket = %id, %error, "a bucket's retired trees cannot be examined");
            BucketVerdict::default()
        }))
    }

    async fn release(&self, id: BucketId, tree: Sequence) -> Result<(), RetentionError> {
        let released = self
            .queries
            .run_blocking(move |provider| storage::release(provider, id, tree));
        match released.await? {
            Ok(released) => {
                self.status.counts.lock().released += 1;
                tracing::info!(
                    bucket = %id, %tree, leaves = released.leaves, bytes = released.content.bytes,
                    "released a retired tree, since nobody can challenge it any more"
                );
            }
            Err(error) => {
                self.status.counts.lock().failed += 1;
                tracing::warn!(bucket = %id, %tree, %error, "a retired tree could not be released; \
                    trying again");
            }
        }
        Ok(())
    }
}
