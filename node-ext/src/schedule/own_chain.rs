//! The chain that the base path belongs to, and no other: each time the chain is
//! reached anew, its genesis is compared before anything that it says is taken.
//!
//! One room for all schedulers, so that none of them can be the one that does
//! not ask.

use crate::chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use crate::provider::{OnOtherChain, Provider, ProviderError};
use async_trait::async_trait;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo};
use cairn_primitives::{BucketId, H256};
use futures::stream::BoxStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A chain, for as long as it is the base path's own.
pub(crate) struct OwnChain {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    on_other: OnOtherChain,
    /// Whether the chain was compared since it was reached last.
    is_own: AtomicBool,
}

impl OwnChain {
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        on_other: OnOtherChain,
    ) -> Self {
        Self {
            chain,
            provider,
            on_other,
            is_own: AtomicBool::new(false),
        }
    }

    async fn compare(&self) -> Result<(), ChainError> {
        let genesis = self.chain.genesis().await?;
        let (provider, on_other) = (self.provider.clone(), self.on_other);
        let followed = tokio::task::spawn_blocking(move || provider.follow(genesis, on_other));
        let compared = match followed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error))
                if let ProviderError::OtherChain {
                    expected, found, ..
                } = error =>
            {
                tracing::error!(%error, "ANOTHER CHAIN IS SERVED: nothing that it says is taken");
                Err(ChainError::OtherChain { expected, found })
            }
            // The disk's fault or the runtime's end: tried again.
            Ok(Err(error)) => Err(ChainError::Unreachable(error.to_string())),
            Err(error) => Err(ChainError::Unreachable(error.to_string())),
        };
        self.is_own.store(compared.is_ok(), Ordering::Release);
        compared
    }

    /// The chain, once it is known to be the base path's own.
    async fn own(&self) -> Result<&dyn ChainClient, ChainError> {
        if !self.is_own.load(Ordering::Acquire) {
            self.compare().await?;
        }
        Ok(&*self.chain)
    }
}

#[async_trait]
impl ChainClient for OwnChain {
    fn account(&self) -> AccountId {
        self.chain.account()
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.chain.genesis().await
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        // A node may have been put in another's place meanwhile.
        self.compare().await?;
        self.chain.finalized_heads().await
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.own().await?.best_head().await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.own().await?.limits(at).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.own().await?.provider(at).await
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        self.own().await?.open_challenges(at).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.own().await?.bucket(at, bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.own().await?.buckets(at).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.own().await?.outcomes(at).await
    }

    async fn judge(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        self.own().await?.judge(id, response).await
    }

    async fn submit(&self, submission: Submission) -> Result<Ticket, ChainError> {
        self.own().await?.submit(submission).await
    }
}

#[cfg(test)]
mod tests;
