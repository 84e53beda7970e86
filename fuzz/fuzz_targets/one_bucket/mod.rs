//! A chain that knows one bucket, and is asked for nothing else.

use async_trait::async_trait;
use cairn_node_ext::chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, MultiSigner, OpenChallenge, Outcome, PrimaryProvider, ProviderInfo,
};
use cairn_primitives::{BucketId, H256};
use futures::stream::BoxStream;

/// The chain.
pub struct OneBucket {
    pub account: AccountId,
    pub bucket: BucketId,
    pub key: [u8; 32],
}

fn elsewhere<T>() -> Result<T, ChainError> {
    Err(ChainError::Unreachable("nobody is asked".into()))
}

#[async_trait]
impl ChainClient for OneBucket {
    fn account(&self) -> AccountId {
        self.account
    }
    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        elsewhere()
    }
    async fn limits(&self, _at: H256) -> Result<Limits, ChainError> {
        elsewhere()
    }
    async fn provider(&self, _at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        elsewhere()
    }
    async fn open_challenges(&self, _at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        elsewhere()
    }
    async fn bucket(&self, _at: H256, id: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        let primary = PrimaryProvider {
            account: self.account,
            key: Some(MultiSigner::Sr25519(self.key)),
            endpoint: Vec::new(),
            agreement: None,
        };
        Ok((id == self.bucket).then(|| BucketInfo {
            members: Vec::new(),
            min_providers: 1,
            primary_providers: vec![primary],
            frozen_start_seq: None,
            snapshot: None,
            historical_roots: Vec::new(),
            window: None,
            last_window: None,
        }))
    }
    async fn buckets(&self, _at: H256) -> Result<Vec<BucketId>, ChainError> {
        elsewhere()
    }
    async fn outcomes(&self, _at: H256) -> Result<Vec<Outcome>, ChainError> {
        elsewhere()
    }
    async fn judge(
        &self,
        _id: ChallengeId,
        _response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        elsewhere()
    }
    async fn submit(&self, _submission: Submission) -> Result<Ticket, ChainError> {
        elsewhere()
    }
}
