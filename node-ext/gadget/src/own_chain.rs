//! A chain client that serves only the chain that the base path belongs to: on each new connection
//! it compares the genesis hash before it passes anything on.
//!
//! All workers share it, so that none of them can skip the comparison.

use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo};
use cairn_primitives::{BucketId, H256};
use cairn_provider::{OnOtherChain, Provider, ProviderError};
use futures::stream::BoxStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A chain client that fails while the chain is not the base path's own.
pub struct OwnChain {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    on_other: OnOtherChain,
    /// Set once the genesis of the current connection has been compared.
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
                tracing::error!(%error, "THE NODE SERVES ANOTHER CHAIN: its answers are not used");
                Err(ChainError::OtherChain { expected, found })
            }
            // A disk error, or the runtime's shutdown: worth another try.
            Ok(Err(error)) => Err(ChainError::Unreachable(error.to_string())),
            Err(error) => Err(ChainError::Unreachable(error.to_string())),
        };
        self.is_own.store(compared.is_ok(), Ordering::Release);
        compared
    }

    /// Returns the chain once it is known to be the base path's own.
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
        // Another node may serve this address meanwhile.
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
