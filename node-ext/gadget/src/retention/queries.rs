//! Queries the chain and the disk to judge a bucket, for the periodic pass and for a caller who
//! wants to delete one now.

use super::free_periods::FreePeriods;
use super::rules::{ChainState, DeletionCandidate, RetainReason};
use super::storage::{self, BucketTrees};
use cairn_chain::{ChainClient, ChainError, Head};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{IndexError, Provider, ProviderError};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Errors that keep a bucket from being judged. The next pass tries again.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// A query of the chain failed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The bucket cannot be read.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The index cannot be read or written.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The runtime is shutting down, or the task panicked.
    #[error("the task was aborted: {0}")]
    Aborted(#[from] tokio::task::JoinError),
}

/// Access to chain and disk.
pub(super) struct RetentionQueries {
    pub(super) chain: Arc<dyn ChainClient>,
    pub(super) provider: Arc<Provider>,
    pub(super) min_wait: Duration,
    /// The last finalized head.
    pub(super) head: Mutex<Option<Head>>,
}

/// The on-chain state that concerns all buckets.
pub(super) struct ChainView {
    head: Head,
    account: AccountId,
    is_registered: bool,
    challenge_period: u32,
    min_wait: Duration,
    open: Vec<OpenChallenge>,
    listed: HashSet<BucketId>,
}

impl ChainView {
    pub(super) fn chain_state<'l>(
        &'l self,
        info: Option<&'l BucketInfo>,
        id: BucketId,
    ) -> ChainState<'l> {
        ChainState {
            bucket: id,
            account: self.account,
            is_registered: self.is_registered,
            anchor: self.head.anchor,
            challenge_period: self.challenge_period,
            min_wait: self.min_wait,
            open: &self.open,
            info,
            is_listed: self.listed.contains(&id),
        }
    }
}

impl RetentionQueries {
    /// Reads the on-chain state that concerns all buckets at a head.
    pub(super) async fn read_chain(&self, head: Head) -> Result<ChainView, RetentionError> {
        let chain = &self.chain;
        let period = chain.limits(head.hash).await?.challenge_period;
        let is_registered = chain.provider(head.hash).await?.is_some();
        let open = chain.open_challenges(head.hash).await?.complete()?;
        let listed = chain.buckets(head.hash).await?.into_iter().collect();
        // The period of a chain on which the account is not registered is not remembered.
        let longest = self.run_blocking(move |provider| match is_registered {
            true => provider.longest_period(period),
            false => period,
        });
        Ok(ChainView {
            head,
            account: chain.account(),
            is_registered,
            challenge_period: longest.await?,
            min_wait: self.min_wait,
            open,
            listed,
        })
    }

    pub(super) async fn bucket(
        &self,
        look: &ChainView,
        id: BucketId,
    ) -> Result<Option<BucketInfo>, RetentionError> {
        Ok(self.chain.bucket(look.head.hash, id).await?)
    }

    /// Decides whether a whole bucket may be deleted, at the last finalized head.
    pub(super) async fn check_deletable(
        &self,
        id: BucketId,
    ) -> Result<Result<(), RetainReason>, RetentionError> {
        let Some(head) = *self.head.lock() else {
            return Ok(Err(RetainReason::ChainUnread));
        };
        let look = self.read_chain(head).await?;
        let info = self.bucket(&look, id).await?;
        let says = look.chain_state(info.as_ref(), id);
        if let Err(why) = says.check_free() {
            return Ok(Err(why));
        }
        let free = self
            .run_blocking(move |provider| FreePeriods::read_last(provider.index(), id))
            .await??;
        if let Err(why) = says.check_wait(free) {
            return Ok(Err(why));
        }
        let trees = self.trees(id).await??;
        if let Err(why) = says.check_deletable(&trees.whole, free) {
            return Ok(Err(why));
        }
        self.check_free_in_best_block(id).await
    }

    /// Checks that nothing holds the account in the best block either. A new agreement is in no
    /// finalized block yet, and what is released now would be missing once it is final.
    pub(super) async fn check_free_in_best_block(
        &self,
        id: BucketId,
    ) -> Result<Result<(), RetainReason>, RetentionError> {
        let best = match self.chain.best_head().await {
            Ok(best) => best,
            // Then only the finalized block is known.
            Err(ChainError::Unsupported(_)) => return Ok(Ok(())),
            Err(error) => return Err(error.into()),
        };
        let look = self.read_chain(best).await?;
        let info = self.bucket(&look, id).await?;
        Ok(look.chain_state(info.as_ref(), id).check_free())
    }

    /// Returns the trees of a bucket with all their signed roots.
    pub(super) async fn trees(
        &self,
        id: BucketId,
    ) -> Result<Result<BucketTrees, ProviderError>, RetentionError> {
        self.run_blocking(move |provider| storage::read_trees(provider, id))
            .await
    }

    /// Returns the retired trees of a bucket, and whether the release of each has begun.
    pub(super) async fn retired(
        &self,
        id: BucketId,
    ) -> Result<Result<Vec<(Sequence, bool)>, ProviderError>, RetentionError> {
        self.run_blocking(move |provider| storage::read_retired(provider, id))
            .await
    }

    /// Runs disk work on a blocking thread.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Provider) -> T + Send + 'static,
    ) -> Result<T, RetentionError> {
        let provider = self.provider.clone();
        Ok(tokio::task::spawn_blocking(move || work(&provider)).await?)
    }
}

/// The verdict on a bucket: what may be released, and why the rest stays.
#[derive(Default)]
pub(super) struct BucketVerdict {
    pub(super) retained: Vec<(Sequence, RetainReason)>,
    pub(super) releasable: Vec<Sequence>,
    pub(super) is_deletable: bool,
}

impl BucketVerdict {
    /// Keeps all trees for one reason.
    pub(super) fn retain_all(retired: Vec<(Sequence, bool)>, why: RetainReason) -> Self {
        let mut judged = Self::default();
        for (tree, is_going) in retired {
            judged.add(tree, is_going, Err(why));
        }
        judged
    }

    pub(super) fn from_rule(
        trees: &BucketTrees,
        mut may_go: impl FnMut(&DeletionCandidate) -> Result<(), RetainReason>,
    ) -> Self {
        let mut judged = Self {
            is_deletable: may_go(&trees.whole).is_ok(),
            ..Self::default()
        };
        for (tree, going, is_going) in &trees.retired {
            judged.add(*tree, *is_going, may_go(going));
        }
        judged
    }

    fn add(&mut self, tree: Sequence, is_going: bool, may_go: Result<(), RetainReason>) {
        match may_go {
            // A release that has begun is completed: the tree is no longer proven from.
            _ if is_going => self.releasable.push(tree),
            Ok(()) => self.releasable.push(tree),
            Err(why) => self.retained.push((tree, why)),
        }
    }
}
