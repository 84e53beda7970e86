//! The chain client of the provider over the game's chain.

use crate::book::Book;
use crate::chain::{Chain, Part};
use crate::runtime::{StorageProvider, Who};
use async_trait::async_trait;
use cairn_chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
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
pub(crate) struct Client {
    pub(crate) chain: Arc<Mutex<Chain>>,
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) activity: Activity,
}

impl Client {
    fn asked(&self, part: Part) -> Result<(), ChainError> {
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

    fn at<R>(&self, part: Part, at: H256, read: impl FnOnce() -> R) -> Result<R, ChainError> {
        self.asked(part)?;
        let found = self.chain.lock().at(at, read);
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
impl ChainClient for Client {
    fn account(&self) -> AccountId {
        Who::Us.account()
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
        self.at(Part::Limits, at, StorageProvider::limits)
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        let read = || StorageProvider::provider_info(Who::Us.account());
        self.at(Part::Provider, at, read)
    }

    async fn open_challenges(&self, at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        let read = || StorageProvider::open_challenges(Who::Us.account());
        self.at(Part::OpenChallenges, at, read)
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.at(Part::Bucket, at, || StorageProvider::bucket_info(bucket))
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        let read = || StorageProvider::buckets_of(Who::Us.account());
        self.at(Part::Buckets, at, read)
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.asked(Part::Outcomes)?;
        let found = self.chain.lock().outcomes(at);
        found.ok_or_else(|| no_such_block(at))
    }

    async fn judge(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        match self.asked(Part::Judge) {
            Err(ChainError::Unsupported(_)) => return Ok(Verdict::NotOffered),
            asked => asked?,
        }
        let judged = self.chain.lock().judge(Who::Us.account(), id, response);
        Ok(judged.map_or_else(Verdict::Refused, |()| Verdict::Accepted))
    }

    async fn submit(&self, submission: Submission) -> Result<Ticket, ChainError> {
        self.asked(Part::Submit)?;
        let mut chain = self.chain.lock();
        let mut book = self.book.lock();
        match &submission {
            Submission::Response { id, response } => {
                let judged = chain.judge(Who::Us.account(), *id, response);
                if let Err(ResponseRefusal::Slashable(reason)) = judged {
                    book.submitted_falsely(reason);
                }
            }
            Submission::Checkpoint {
                bucket,
                commitment,
                window,
                signatures,
            } => {
                for (_, signature) in signatures {
                    book.seen(*bucket, *commitment, *window, signature);
                }
            }
        }
        Ok(chain.submit(submission))
    }
}
