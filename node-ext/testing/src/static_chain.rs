//! A static in-memory chain, for tests and benchmarks of a provider.

use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, Role};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, Limits, OpenChallenge, Outcome, PayloadFormat, PrimaryProvider,
    ProviderInfo, TermsRules,
};
use cairn_primitives::{BucketId, H256, HashingProfile};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use std::collections::BTreeMap;

/// Its only block.
const HEAD: Head = Head {
    hash: H256::repeat_byte(1),
    number: 1,
    anchor: 1,
};

/// A chain with one finalized block. It accepts no submissions and offers no dry run.
#[derive(Clone, Debug)]
pub struct StaticChain {
    /// The provider's account.
    pub account: AccountId,
    /// The chain's buckets.
    pub buckets: BTreeMap<BucketId, BucketInfo>,
    /// The challenges against the account.
    pub open_challenges: Vec<OpenChallenge>,
}

impl StaticChain {
    /// The challenge period in anchor blocks: 48 hours, as in production.
    pub const CHALLENGE_PERIOD: u32 = 28_800;

    /// Creates a chain without buckets and challenges.
    pub const fn new(account: AccountId) -> Self {
        Self {
            account,
            buckets: BTreeMap::new(),
            open_challenges: Vec::new(),
        }
    }

    /// Adds a bucket that has no checkpoint yet, and whose checkpoints need the
    /// signatures of all its primary providers.
    #[must_use]
    pub fn with_bucket(
        mut self,
        id: BucketId,
        admin: Option<AccountId>,
        primary_providers: Vec<PrimaryProvider>,
    ) -> Self {
        let signers = u32::try_from(primary_providers.len()).unwrap_or(u32::MAX);
        let info = BucketInfo {
            members: admin
                .map(|admin| (admin, Role::Admin))
                .into_iter()
                .collect(),
            min_providers: signers.max(1),
            primary_providers,
            frozen_start_seq: None,
            snapshot: None,
            historical_roots: Vec::new(),
            window: None,
            last_window: None,
        };
        self.buckets.insert(id, info);
        self
    }
}

#[async_trait]
impl ChainClient for StaticChain {
    fn account(&self) -> AccountId {
        self.account
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(H256::zero())
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(false)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        Ok(stream::iter([HEAD]).chain(stream::pending()).boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        Ok(HEAD)
    }

    async fn limits(&self, _at: H256) -> Result<Limits, ChainError> {
        Ok(Limits {
            chunk_bytes: 262_144,
            primary_providers: 5,
            challenges_per_deadline: 1_024,
            challenge_period: Self::CHALLENGE_PERIOD,
            profile: HashingProfile::Plain,
            strict_leaf_binding: true,
            payload: PayloadFormat::V1,
            wrong_answers_slash: true,
            challenge_ids_shift: false,
        })
    }

    async fn provider(&self, _at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        Ok(None)
    }

    async fn terms_rules(&self, _at: H256) -> Result<TermsRules, ChainError> {
        Err(ChainError::Unsupported("this chain has no terms".into()))
    }

    async fn funds(&self, _at: H256) -> Result<Funds, ChainError> {
        Err(ChainError::Unsupported("this chain has no balances".into()))
    }

    async fn fee(&self, _submission: &Submission) -> Result<u128, ChainError> {
        Err(ChainError::Unsupported("this chain has no fees".into()))
    }

    async fn open_challenges(&self, _at: H256) -> Result<OpenChallenges, ChainError> {
        Ok(self.open_challenges.clone().into())
    }

    async fn bucket(&self, _at: H256, id: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        Ok(self.buckets.get(&id).cloned())
    }

    async fn buckets(&self, _at: H256) -> Result<Vec<BucketId>, ChainError> {
        Ok(self.buckets.keys().copied().collect())
    }

    async fn agreements(&self, _at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        let own = |(id, info): (&BucketId, &BucketInfo)| {
            let place = info.primary_index_of(&self.account)?;
            Some((*id, info.primary_providers.get(place)?.agreement?))
        };
        Ok(self.buckets.iter().filter_map(own).collect())
    }

    async fn outcomes(&self, _at: H256) -> Result<Vec<Outcome>, ChainError> {
        Ok(Vec::new())
    }

    async fn dry_run(
        &self,
        _id: ChallengeId,
        _response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        Ok(DryRunResult::NotOffered)
    }

    async fn submit(&self, _submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        Err(ChainError::Unreachable("this chain is static".into()))
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        self.submit(submission).await
    }
}
