//! The chain client of the provider over the game's chain.

use crate::chain::{Chain, Query};
use crate::runtime::{Actor, StorageProvider};
use crate::signature_log::SignatureLog;
use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, DryRunResult, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, H256};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts everything that the provider does, so that idleness can be detected.
pub(crate) type Activity = Arc<AtomicU64>;

/// The provider's connection to a chain.
pub(crate) struct GameClient {
    pub(crate) chain: Arc<Mutex<Chain>>,
    pub(crate) signature_log: Arc<Mutex<SignatureLog>>,
    pub(crate) activity: Activity,
}

impl GameClient {
    fn check_available(&self, part: Query) -> Result<(), ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let chain = self.chain.lock();
        if chain.node.unsupported.contains(&part) {
            return Err(ChainError::Unsupported(format!("{part:?}")));
        }
        if chain
            .node
            .failing
            .iter()
            .any(|(failing, _)| *failing == part)
        {
            return Err(ChainError::Unreachable(format!("{part:?} fails now")));
        }
        Ok(())
    }

    fn at<R>(&self, part: Query, at: H256, read: impl FnOnce() -> R) -> Result<R, ChainError> {
        self.check_available(part)?;
        let found = self.chain.lock().read_at(at, read);
        found.ok_or_else(|| no_such_block(at))
    }
}

fn no_such_block(at: H256) -> ChainError {
    ChainError::NoSuchBlock {
        block: format!("{at:?}"),
        reason: "the block does not exist".into(),
    }
}

#[async_trait]
impl ChainClient for GameClient {
    fn account(&self) -> AccountId {
        Actor::Us.account()
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        Ok(self.chain.lock().genesis())
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        Ok(self.chain.lock().heads())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        Ok(self.chain.lock().best())
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.at(Query::Limits, at, StorageProvider::limits)
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        let read = || StorageProvider::provider_info(Actor::Us.account());
        self.at(Query::Provider, at, read)
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        let read = || StorageProvider::open_challenges(Actor::Us.account());
        self.at(Query::OpenChallenges, at, read)
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.at(Query::Bucket, at, || StorageProvider::bucket_info(bucket))
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        let read = || StorageProvider::buckets_of(Actor::Us.account());
        self.at(Query::Buckets, at, read)
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.check_available(Query::Outcomes)?;
        let found = self.chain.lock().outcomes(at);
        found.ok_or_else(|| no_such_block(at))
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        match self.check_available(Query::Judge) {
            Err(ChainError::Unsupported(_)) => return Ok(DryRunResult::NotOffered),
            asked => asked?,
        }
        let judged = self.chain.lock().judge(Actor::Us.account(), id, response);
        Ok(judged.map_or_else(DryRunResult::Refused, |()| DryRunResult::Accepted))
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.check_available(Query::Submit)?;
        let mut chain = self.chain.lock();
        let mut signature_log = self.signature_log.lock();
        match &submission {
            Submission::Response { id, response } => {
                let judged = chain.judge(Actor::Us.account(), *id, response);
                if let Err(ResponseRefusal::Slashable(reason)) = judged {
                    signature_log.record_false_submission(reason);
                }
            }
            Submission::Checkpoint {
                bucket,
                commitment,
                window,
                signatures,
            } => {
                for (_, signature) in signatures {
                    signature_log.record(*bucket, *commitment, *window, signature);
                }
            }
        }
        Ok(chain.submit(submission))
    }
}
