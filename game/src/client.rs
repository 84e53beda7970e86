//! The chain client of the provider: the product's reader by metadata over the game's node, with
//! faults before it.

use crate::actors::Actor;
use crate::chain::{Chain, Query, Verification};
use crate::node::{Activity, GameNode};
use crate::signature_log::SignatureLog;
use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, Funds, Head, OpenChallenges, Submission,
    SubmittedExtrinsic,
};
use cairn_chain_metadata::ChainState;
use cairn_gadget::CheckpointRequest;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Agreement, BucketInfo, Limits, Outcome, ProviderInfo, TermsRules};
use cairn_primitives::{BucketId, H256, HashingProfile};
use futures::stream::{BoxStream, StreamExt};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The errors of wrong answers, on the chain that does not slash for them.
const WRONG_ANSWERS: [&str; 5] = [
    "InvalidChallengeProof",
    "InvalidDeletionProof",
    "InvalidSignature",
    "LeafBeyondCanonical",
    "NoSnapshot",
];

/// The provider's connection to a chain.
pub(crate) struct GameClient {
    chain: Arc<Mutex<Chain>>,
    state: Arc<ChainState<GameNode>>,
    signature_log: Arc<Mutex<SignatureLog>>,
    activity: Activity,
    is_killed: Arc<AtomicBool>,
}

impl GameClient {
    pub(crate) fn new(
        chain: Arc<Mutex<Chain>>,
        signature_log: Arc<Mutex<SignatureLog>>,
        activity: Activity,
        is_killed: Arc<AtomicBool>,
    ) -> Self {
        let node = GameNode {
            chain: chain.clone(),
            activity: activity.clone(),
        };
        Self {
            chain,
            state: Arc::new(ChainState::new(node, HashingProfile::Plain)),
            signature_log,
            activity,
            is_killed,
        }
    }

    fn check_available(&self, part: Query) -> Result<(), ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let chain = self.chain.lock();
        if chain.node.unsupported.contains(&part) {
            return Err(ChainError::Unsupported(format!("{part:?}")));
        }
        let mut failing = chain.node.failing.iter();
        if failing.any(|(failing, _)| *failing == part) {
            return Err(ChainError::Unreachable(format!("{part:?} fails now")));
        }
        Ok(())
    }

    fn best(&self) -> H256 {
        self.activity.fetch_add(1, Ordering::Relaxed);
        self.chain.lock().best().hash
    }

    /// Records what a submission shows: signatures, and an answer that the chain would slash for.
    fn observe(&self, submission: &Submission, call: &[u8]) {
        let mut signature_log = self.signature_log.lock();
        match submission {
            Submission::Response { id, .. } => {
                match self.chain.lock().verify_answer(*id, call) {
                    Verification::Slashed(reason) => signature_log.record_false_submission(reason),
                    // It costs only the fee, and is false all the same.
                    Verification::Refused(error) if WRONG_ANSWERS.contains(&&*error) => {
                        signature_log.record_false_submission(None);
                    }
                    Verification::Refused(_) | Verification::Accepted => {}
                }
            }
            Submission::Checkpoint {
                bucket,
                commitment,
                window,
                nonce,
                signatures,
            } => {
                let request = CheckpointRequest::new(*bucket, *commitment, *window);
                for (_, signature) in signatures {
                    signature_log.record(&request.with_nonce(*nonce), signature);
                }
            }
            Submission::ConfirmSync(_) | Submission::Provider(_) => {}
        }
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

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(false)
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let (heads, state) = (self.chain.lock().heads(), self.state.clone());
        let read = heads.then(move |head| {
            let state = state.clone();
            async move { state.head(head.hash).await.ok() }
        });
        // Without its anchor block a head cannot be followed, and the subscription ends.
        let known = read.take_while(|head| std::future::ready(head.is_some()));
        Ok(known.filter_map(std::future::ready).boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.state.head(self.best()).await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.check_available(Query::Limits)?;
        self.state.limits(at).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.check_available(Query::Provider)?;
        self.state.provider(at, self.account()).await
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.check_available(Query::Limits)?;
        self.state.terms_rules(at, self.account()).await
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.check_available(Query::Provider)?;
        self.state.funds(at, self.account()).await
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.check_available(Query::Limits)?;
        let best = self.best();
        self.state.fee(best, self.account(), submission).await
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        self.check_available(Query::OpenChallenges)?;
        self.state.open_challenges(at, self.account()).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.check_available(Query::Bucket)?;
        self.state.bucket(at, bucket).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.check_available(Query::Buckets)?;
        self.state.buckets(at, self.account()).await
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.check_available(Query::Buckets)?;
        self.state.agreements(at, self.account()).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.check_available(Query::Outcomes)?;
        self.state.outcomes(at).await
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
        let best = self.best();
        self.state.dry_run(best, self.account(), id, response).await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.check_available(Query::Submit)?;
        // Work on another thread goes on for a moment, which a killed process does not.
        if self.is_killed.load(Ordering::SeqCst) {
            return Err(ChainError::Unreachable("the process is killed".into()));
        }
        let best = self.best();
        let call = self.state.call_data(best, &submission).await?;
        self.observe(&submission, &call);
        Ok(self.chain.lock().submit(submission, call))
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        self.submit(submission).await
    }
}
