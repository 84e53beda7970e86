//! A chain that stands still: one finalized block, and the challenges that are
//! given to it. What is handed in is never included.

use async_trait::async_trait;
use cairn_node_ext::chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo};
use cairn_primitives::{BucketId, H256, HashingProfile};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

/// Anchor blocks that a challenge has.
pub(super) const PERIOD: u32 = 28_800;

/// The chain.
pub(super) struct StillChain {
    pub(super) account: AccountId,
    pub(super) open: Vec<OpenChallenge>,
}

fn elsewhere<T>() -> Result<T, ChainError> {
    Err(ChainError::Unreachable("this chain stands still".into()))
}

#[async_trait]
impl ChainClient for StillChain {
    fn account(&self) -> AccountId {
        self.account
    }
    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        let head = Head {
            hash: H256::repeat_byte(1),
            number: 1,
            anchor: 1,
        };
        Ok(stream::iter([head]).chain(stream::pending()).boxed())
    }
    async fn limits(&self, _at: H256) -> Result<Limits, ChainError> {
        Ok(Limits {
            chunk_bytes: 1 << 18,
            primary_providers: 5,
            challenges_per_deadline: 1_024,
            challenge_period: PERIOD,
            profile: HashingProfile::Plain,
            strict_leaf_binding: true,
        })
    }
    async fn provider(&self, _at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        Ok(None)
    }
    async fn open_challenges(&self, _at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        Ok(self.open.clone())
    }
    async fn bucket(&self, _at: H256, _id: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        Ok(None)
    }
    async fn buckets(&self, _at: H256) -> Result<Vec<BucketId>, ChainError> {
        Ok(Vec::new())
    }
    async fn outcomes(&self, _at: H256) -> Result<Vec<Outcome>, ChainError> {
        Ok(Vec::new())
    }
    async fn judge(
        &self,
        _id: ChallengeId,
        _response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        Ok(Verdict::NotOffered)
    }
    async fn submit(&self, _submission: Submission) -> Result<Ticket, ChainError> {
        elsewhere()
    }
}
