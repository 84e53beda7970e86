//! Letting retired trees go when the chain says that nothing signed of them can
//! be challenged any more (I10), and not before.
//!
//! Slow on purpose: what it may release has waited for a challenge period of
//! two days, and a release rewrites what is left of a bucket. A whole bucket is
//! never removed here; whose agreement has ended is told of, and an operator
//! deletes it.

mod board;
mod ended;
mod rules;
#[cfg(test)]
mod tests;
mod trees;

pub use board::{RetentionBoard, RetentionStatistics};
pub use rules::Kept;

use super::heads::Heads;
use crate::chain::{ChainClient, ChainError, Head};
use crate::index::IndexError;
use crate::provider::{Provider, ProviderError};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Sequence};
use ended::Endings;
use futures::FutureExt;
use rules::{Agreed, ChainSays, Retired};
use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

/// Anchor blocks between two looks: an hour. Every look opens each bucket that
/// is here, to see which trees it has retired.
const USUAL_EVERY: u32 = 600;
/// Buckets whose ids are read at once.
const PAGE: usize = 256;

/// How retired trees are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionConfig {
    /// Anchor blocks from one look at all buckets to the next; 0 for at every
    /// finalized block.
    pub every: u32,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { every: USUAL_EVERY }
    }
}

/// Why a look was broken off. The next one looks again.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the work was broken off: {0}")]
    BrokenOff(#[from] tokio::task::JoinError),
}

/// What is asked of the chain once for all buckets of a look.
struct Look {
    head: Head,
    challenge_period: u32,
    open: Vec<OpenChallenge>,
    listed: HashSet<BucketId>,
}

/// What one bucket came to.
#[derive(Default)]
struct Seen {
    kept: Vec<(Sequence, Kept)>,
    may_go: Vec<Sequence>,
    has_ended: bool,
}

/// Releases retired trees when the chain lets them go.
pub struct Retention {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    config: RetentionConfig,
    board: Arc<RetentionBoard>,
    endings: Arc<Endings>,
    next_at: u32,
    /// Buckets that were told of as ended.
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
        Self {
            chain,
            provider,
            config,
            board: Arc::default(),
            endings: Arc::default(),
            next_at: 0,
            told: HashSet::new(),
        }
    }

    /// How it stands, to be read at any time.
    pub fn board(&self) -> Arc<RetentionBoard> {
        self.board.clone()
    }

    /// Looks after retired trees until `shutdown` is there. A release that is
    /// under way then ends by itself, or goes on at the next start.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::of(self.chain.clone(), "retention");
        loop {
            let mut looked = pin!(
                async {
                    let head = heads.next().await;
                    self.saw(head).await;
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
    async fn saw(&mut self, head: Head) {
        if head.anchor < self.next_at {
            return;
        }
        match self.look(head).await {
            Ok(()) => {
                self.next_at = head.anchor.saturating_add(self.config.every);
                self.board.counts.lock().rounds += 1;
            }
            Err(error) => {
                tracing::warn!(%error, "retired trees are not looked at; it is tried again");
                // Nothing is lost by waiting, and what does not pass is not told
                // at every block.
                if let Failure::Chain(error) = error
                    && !error.is_passing()
                {
                    self.next_at = head.anchor.saturating_add(self.config.every);
                }
            }
        }
    }

    async fn look(&mut self, head: Head) -> Result<(), Failure> {
        let look = Look {
            head,
            challenge_period: self.chain.limits(head.hash).await?.challenge_period,
            open: self.chain.open_challenges(head.hash).await?,
            listed: self.chain.buckets(head.hash).await?.into_iter().collect(),
        };
        let mut kept = BTreeMap::new();
        let mut ended = HashSet::new();
        let mut after = None;
        loop {
            let provider = self.provider.clone();
            let page = tokio::task::spawn_blocking(move || provider.page(after, PAGE)).await??;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, _) in page {
                let seen = self.look_at(&look, id).await?;
                kept.extend(seen.kept.into_iter().map(|(tree, why)| ((id, tree), why)));
                if seen.has_ended {
                    ended.insert(id);
                }
                for tree in seen.may_go {
                    self.release(id, tree).await?;
                }
            }
        }
        for id in ended.difference(&self.told) {
            tracing::info!(
                bucket = %id,
                "the agreement with a bucket and the time for challenges are over: `cairn bucket \
                 delete {id}` gives its bytes back"
            );
        }
        let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let mut counts = self.board.counts.lock();
        counts.kept = number(kept.len());
        counts.ended_buckets = number(ended.len());
        drop(counts);
        self.told.clone_from(&ended);
        *self.board.ended.lock() = ended;
        *self.board.kept.lock() = kept;
        Ok(())
    }

    async fn look_at(&self, look: &Look, id: BucketId) -> Result<Seen, Failure> {
        let info = self.chain.bucket(look.head.hash, id).await?;
        let retired = match self.retired(id).await? {
            Ok(retired) => retired,
            Err(error) => {
                tracing::warn!(bucket = %id, %error, "a bucket's retired trees are not looked at");
                return Ok(Seen::default());
            }
        };
        let says = look.says(info.as_ref(), self.chain.account(), id);
        let ended = self.note_ending(id, says.agreed(), says.anchor).await?;
        let mut seen = Seen {
            has_ended: ended.is_some_and(|ended| {
                info.is_some() && says.anchor > ended.saturating_add(says.challenge_period)
            }),
            ..Seen::default()
        };
        for (tree, is_going) in retired {
            match says.may_go(&tree, ended) {
                // Once begun, a release is ended: nothing is proven any more.
                _ if is_going => seen.may_go.push(tree.tree),
                Ok(()) => seen.may_go.push(tree.tree),
                Err(why) => seen.kept.push((tree.tree, why)),
            }
        }
        Ok(seen)
    }

    /// The retired trees of a bucket with what was signed of each, and whether
    /// its release has begun.
    async fn retired(
        &self,
        id: BucketId,
    ) -> Result<Result<Vec<(Retired, bool)>, ProviderError>, Failure> {
        let provider = self.provider.clone();
        Ok(tokio::task::spawn_blocking(move || trees::retired_of(&provider, id)).await?)
    }

    async fn note_ending(
        &self,
        id: BucketId,
        agreed: Agreed,
        anchor: u32,
    ) -> Result<Option<u32>, Failure> {
        let (provider, endings) = (self.provider.clone(), self.endings.clone());
        let noted =
            tokio::task::spawn_blocking(move || endings.note(provider.index(), id, agreed, anchor));
        Ok(noted.await??)
    }

    async fn release(&self, id: BucketId, tree: Sequence) -> Result<(), Failure> {
        let provider = self.provider.clone();
        let released = tokio::task::spawn_blocking(move || trees::release(&provider, id, tree));
        match released.await? {
            Ok(released) => {
                self.board.counts.lock().released += 1;
                tracing::info!(
                    bucket = %id, %tree, leaves = released.leaves, bytes = released.content.bytes,
                    "a retired tree is released, since nothing of it can be challenged any more"
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

impl Look {
    fn says<'l>(
        &'l self,
        info: Option<&'l BucketInfo>,
        account: AccountId,
        id: BucketId,
    ) -> ChainSays<'l> {
        ChainSays {
            account,
            anchor: self.head.anchor,
            challenge_period: self.challenge_period,
            open: &self.open,
            info,
            is_listed: self.listed.contains(&id),
        }
    }
}
