//! Queries the chain and the disk to judge a bucket, for the periodic pass and for a caller who
//! wants to delete one now.

use super::rules::{ChainSays, Going, Kept};
use super::trees::{self, Trees};
use super::waits::Waits;
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
pub enum NotJudged {
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
    BrokenOff(#[from] tokio::task::JoinError),
}

/// Access to chain and disk.
pub(super) struct Asking {
    pub(super) chain: Arc<dyn ChainClient>,
    pub(super) provider: Arc<Provider>,
    pub(super) least_wait: Duration,
    /// The last finalized head.
    pub(super) head: Mutex<Option<Head>>,
}

/// The on-chain state that concerns all buckets.
pub(super) struct Look {
    head: Head,
    account: AccountId,
    is_registered: bool,
    challenge_period: u32,
    least_wait: Duration,
    open: Vec<OpenChallenge>,
    listed: HashSet<BucketId>,
}

impl Look {
    pub(super) fn says<'l>(&'l self, info: Option<&'l BucketInfo>, id: BucketId) -> ChainSays<'l> {
        ChainSays {
            bucket: id,
            account: self.account,
            is_registered: self.is_registered,
            anchor: self.head.anchor,
            challenge_period: self.challenge_period,
            least_wait: self.least_wait,
            open: &self.open,
            info,
            is_listed: self.listed.contains(&id),
        }
    }
}

impl Asking {
    /// Reads the on-chain state that concerns all buckets at a head.
    pub(super) async fn look(&self, head: Head) -> Result<Look, NotJudged> {
        let chain = &self.chain;
        let period = chain.limits(head.hash).await?.challenge_period;
        let is_registered = chain.provider(head.hash).await?.is_some();
        let open = chain.open_challenges(head.hash).await?;
        let listed = chain.buckets(head.hash).await?.into_iter().collect();
        // The period of a chain on which the account is not registered is not remembered.
        let longest = self.blocking(move |provider| match is_registered {
            true => provider.longest_period(period),
            false => period,
        });
        Ok(Look {
            head,
            account: chain.account(),
            is_registered,
            challenge_period: longest.await?,
            least_wait: self.least_wait,
            open,
            listed,
        })
    }

    pub(super) async fn bucket(
        &self,
        look: &Look,
        id: BucketId,
    ) -> Result<Option<BucketInfo>, NotJudged> {
        Ok(self.chain.bucket(look.head.hash, id).await?)
    }

    /// Decides whether a whole bucket may be deleted, at the last finalized head.
    pub(super) async fn may_delete(&self, id: BucketId) -> Result<Result<(), Kept>, NotJudged> {
        let Some(head) = *self.head.lock() else {
            return Ok(Err(Kept::NotAsked));
        };
        let look = self.look(head).await?;
        let info = self.bucket(&look, id).await?;
        let says = look.says(info.as_ref(), id);
        if let Err(why) = says.is_free() {
            return Ok(Err(why));
        }
        let free = self
            .blocking(move |provider| Waits::last(provider.index(), id))
            .await??;
        if let Err(why) = says.is_over(free) {
            return Ok(Err(why));
        }
        let trees = self.trees(id).await??;
        if let Err(why) = says.may_go(&trees.whole, free) {
            return Ok(Err(why));
        }
        self.is_free_in_best_block(id).await
    }

    /// Checks that nothing holds the account in the best block either. A new agreement is in no
    /// finalized block yet, and what is released now would be missing once it is final.
    pub(super) async fn is_free_in_best_block(
        &self,
        id: BucketId,
    ) -> Result<Result<(), Kept>, NotJudged> {
        let best = match self.chain.best_head().await {
            Ok(best) => best,
            // Then only the finalized block is known.
            Err(ChainError::Unsupported(_)) => return Ok(Ok(())),
            Err(error) => return Err(error.into()),
        };
        let look = self.look(best).await?;
        let info = self.bucket(&look, id).await?;
        Ok(look.says(info.as_ref(), id).is_free())
    }

    /// Returns the trees of a bucket with all their signed roots.
    pub(super) async fn trees(
        &self,
        id: BucketId,
    ) -> Result<Result<Trees, ProviderError>, NotJudged> {
        self.blocking(move |provider| trees::of(provider, id)).await
    }

    /// Returns the retired trees of a bucket, and whether the release of each has begun.
    pub(super) async fn retired(
        &self,
        id: BucketId,
    ) -> Result<Result<Vec<(Sequence, bool)>, ProviderError>, NotJudged> {
        self.blocking(move |provider| trees::retired_of(provider, id))
            .await
    }

    /// Runs disk work on a blocking thread.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Provider) -> T + Send + 'static,
    ) -> Result<T, NotJudged> {
        let provider = self.provider.clone();
        Ok(tokio::task::spawn_blocking(move || work(&provider)).await?)
    }
}

/// The verdict on a bucket: what may be released, and why the rest stays.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) kept: Vec<(Sequence, Kept)>,
    pub(super) may_go: Vec<Sequence>,
    pub(super) may_be_deleted: bool,
}

impl Judged {
    /// Keeps all trees for one reason.
    pub(super) fn all_kept(retired: Vec<(Sequence, bool)>, why: Kept) -> Self {
        let mut judged = Self::default();
        for (tree, is_going) in retired {
            judged.add(tree, is_going, Err(why));
        }
        judged
    }

    pub(super) fn by_rule(
        trees: &Trees,
        mut may_go: impl FnMut(&Going) -> Result<(), Kept>,
    ) -> Self {
        let mut judged = Self {
            may_be_deleted: may_go(&trees.whole).is_ok(),
            ..Self::default()
        };
        for (tree, going, is_going) in &trees.retired {
            judged.add(*tree, *is_going, may_go(going));
        }
        judged
    }

    fn add(&mut self, tree: Sequence, is_going: bool, may_go: Result<(), Kept>) {
        match may_go {
            // A release that has begun is completed: the tree is no longer proven from.
            _ if is_going => self.may_go.push(tree),
            Ok(()) => self.may_go.push(tree),
            Err(why) => self.kept.push((tree, why)),
        }
    }
}
