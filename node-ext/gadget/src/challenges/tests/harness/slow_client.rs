//! A chain client whose calls take time on the test's clock.

use super::{SharedClock, random_latency};
use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Agreement, BucketInfo, Limits, Outcome, ProviderInfo, TermsRules};
use cairn_primitives::{BucketId, H256};
use cairn_testing::SimulatedClient;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::sync::Arc;

/// A client of the simulated chain with latency.
pub(super) struct SlowClient {
    pub(super) clock: SharedClock,
    pub(super) client: Arc<SimulatedClient>,
    /// If true, dry runs fail.
    pub(super) dry_run_fails: Arc<Mutex<bool>>,
}

#[async_trait]
impl ChainClient for SlowClient {
    fn account(&self) -> AccountId {
        self.client.account()
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.client.genesis().await
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        self.client.is_syncing().await
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        random_latency(&self.clock).await;
        self.client.finalized_heads().await
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.client.best_head().await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.client.limits(at).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.client.provider(at).await
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.client.terms_rules(at).await
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.client.funds(at).await
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.client.fee(submission).await
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        random_latency(&self.clock).await;
        self.client.open_challenges(at).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        random_latency(&self.clock).await;
        self.client.bucket(at, bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.client.buckets(at).await
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.client.agreements(at).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        random_latency(&self.clock).await;
        self.client.outcomes(at).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        random_latency(&self.clock).await;
        if *self.dry_run_fails.lock() {
            return Err(ChainError::Unreachable("as the test has it".into()));
        }
        self.client.dry_run(id, response).await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        random_latency(&self.clock).await;
        let ticket = self.client.submit(submission).await;
        // Submitted, but the process may be killed before it knows.
        random_latency(&self.clock).await;
        ticket
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        random_latency(&self.clock).await;
        let ticket = self.client.submit_urgently(submission).await;
        random_latency(&self.clock).await;
        ticket
    }
}
