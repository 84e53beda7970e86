//! A chain client that serves only the chain that the base path belongs to: on each new connection
//! it compares the genesis hash before it passes anything on.
//!
//! All workers share it, so that none of them can skip the comparison.

use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Agreement, BucketInfo, Limits, Outcome, ProviderInfo, TermsRules};
use cairn_primitives::{BucketId, H256};
use cairn_provider::{OnOtherChain, Provider, ProviderError};
use futures::stream::BoxStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The line of the log if the node serves another chain.
const OTHER_CHAIN: &str = "THE NODE SERVES ANOTHER CHAIN: its answers are not used";

/// A chain client that fails while the chain is not the base path's own.
pub(crate) struct GenesisCheckedChain {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    on_other_chain: OnOtherChain,
    /// Set once the genesis of the current connection has been compared.
    is_verified: AtomicBool,
}

impl GenesisCheckedChain {
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        on_other_chain: OnOtherChain,
    ) -> Self {
        Self {
            chain,
            provider,
            on_other_chain,
            is_verified: AtomicBool::new(false),
        }
    }

    async fn verify_genesis(&self) -> Result<(), ChainError> {
        let genesis = match self.chain.genesis().await {
            Ok(genesis) => genesis,
            Err(error) => {
                // A client may know its chain by itself.
                if let ChainError::OtherChain { .. } = error {
                    self.is_verified.store(false, Ordering::Release);
                    tracing::error!(%error, "{OTHER_CHAIN}");
                }
                return Err(error);
            }
        };
        let (provider, on_other) = (self.provider.clone(), self.on_other_chain);
        let followed = tokio::task::spawn_blocking(move || provider.follow(genesis, on_other));
        let compared = match followed.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error))
                if let ProviderError::OtherChain {
                    expected, found, ..
                } = error =>
            {
                tracing::error!(%error, "{OTHER_CHAIN}");
                Err(ChainError::OtherChain { expected, found })
            }
            // A disk error, or the runtime's shutdown: worth another try.
            Ok(Err(error)) => Err(ChainError::Unreachable(error.to_string())),
            Err(error) => Err(ChainError::Unreachable(error.to_string())),
        };
        self.is_verified.store(compared.is_ok(), Ordering::Release);
        compared
    }

    /// Returns the chain once it is known to be the base path's own.
    async fn verified(&self) -> Result<&dyn ChainClient, ChainError> {
        if !self.is_verified.load(Ordering::Acquire) {
            self.verify_genesis().await?;
        }
        Ok(&*self.chain)
    }
}

#[async_trait]
impl ChainClient for GenesisCheckedChain {
    fn account(&self) -> AccountId {
        self.chain.account()
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.chain.genesis().await
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        self.verified().await?.is_syncing().await
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        // Another node may serve this address meanwhile.
        self.verify_genesis().await?;
        self.chain.finalized_heads().await
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.verified().await?.best_head().await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.verified().await?.limits(at).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.verified().await?.provider(at).await
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.verified().await?.terms_rules(at).await
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.verified().await?.funds(at).await
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.verified().await?.fee(submission).await
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        self.verified().await?.open_challenges(at).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.verified().await?.bucket(at, bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.verified().await?.buckets(at).await
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.verified().await?.agreements(at).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.verified().await?.outcomes(at).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        self.verified().await?.dry_run(id, response).await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.verified().await?.submit(submission).await
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        self.verified().await?.submit_urgently(submission).await
    }
}

#[cfg(test)]
mod tests;
