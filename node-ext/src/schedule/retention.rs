//! Letting retired trees go when nothing signed of them can be asked for any
//! more (I10), and not before.
//!
//! Slow on purpose: what it may release has waited for a challenge period of
//! two days, by the chain's clock and by this provider's, and a release rewrites
//! what is left of a bucket. A whole bucket is never removed here; one that
//! nothing holds is told of, and an operator deletes it.

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
use crate::chain::{ChainClient, Head};
use crate::provider::Provider;
use asking::{Asking, Judged, Look};
use cairn_primitives::{BucketId, Sequence};
use futures::FutureExt;
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use waits::Waits;

/// Anchor blocks between two looks: an hour. Every look opens each bucket that
/// is here, to see which trees it has retired.
const USUAL_EVERY: u32 = 600;
/// The challenge period of chains in production, 48 hours: a node that tells of
/// a shorter one is not believed for it.
const USUAL_WAIT: Duration = Duration::from_secs(48 * 60 * 60);
/// Buckets whose ids are read at once.
const PAGE: usize = 256;

/// How retired trees are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Anchor blocks from one look at all buckets to the next; 0 for at every
    /// finalized block.
    pub every: u32,
    /// How long nothing must have held a bucket, by time that this provider saw
    /// pass, before anything of it goes; a challenge period of six seconds a
    /// block where that is longer.
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

/// Tells time that passes; a test turns its own.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// Releases retired trees when the chain lets them go.
pub struct Retention {
    asking: Arc<Asking>,
    config: RetentionConfig,
    clock: Clock,
    board: Arc<RetentionBoard>,
    next_at: u32,
    /// When all buckets were looked at last.
    looked_at: Option<Instant>,
    /// Buckets that were told of as free to be deleted.
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
    /// Retention over a provider's buckets, by what a chain says.
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

    /// The same, by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How it stands, to be read at any time.
    pub fn board(&self) -> Arc<RetentionBoard> {
        self.board.clone()
    }

    /// Looks after retired trees until `shutdown` is there. A release that is
    /// under way then ends by itself, or goes on at the next start.
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

    /// Looks at all buckets as of a finalized head, if it is time.
    async fn saw(&mut self, head: Head, now: Instant) {
        *self.asking.head.lock() = Some(head);
        // A chain that seems to go back is looked at too: what it said before is
        // not so.
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
                tracing::warn!(%error, "retired trees are not looked at; it is tried again");
                // Nothing is lost by waiting, and what does not pass is not told
                // at every block.
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
                "nothing holds a bucket any more, and the time for challenges is over: \
                 `cairn bucket delete {id}` gives its bytes back. Do not agree to it again afterwards"
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
            // What was signed need not be read for that.
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
            tracing::warn!(bucket = %id, %error, "a bucket's retired trees are not looked at");
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
                    "a retired tree is released, since nobody can bring a challenge of it about"
                );
            }
            Err(error) => {
                self.board.counts.lock().failed += 1;
                tracing::warn!(bucket = %id, %tree, %error, "a retired tree is not released yet");
            }
        }
        Ok(())
    }
}
