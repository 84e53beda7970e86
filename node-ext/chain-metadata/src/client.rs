//! The chain client of a provider, over any node: it asks the state, signs extrinsics, and
//! follows them.

use crate::capability::Capability;
use crate::extrinsic::{self, Context};
use crate::node::{Node, SubmitError, late};
use crate::nonces::{HeldNonce, Nonces};
use crate::state::ChainState;
use async_trait::async_trait;
use cairn_chain::{
    ChainClient, ChainError, DryRunResult, ExtrinsicStatus, Funds, Head, OpenChallenges,
    Submission, SubmittedExtrinsic,
};
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{Agreement, BucketInfo, Limits, Outcome, ProviderInfo, TermsRules};
use cairn_primitives::{BucketId, H256, HashingProfile};
use futures::stream::{BoxStream, StreamExt, once, unfold};
use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

/// The timeout of a question, or of each request of a question that reads many rows. Blocks come
/// every few seconds; a node that needs several of them for an answer is of no use.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// The most pending finalizations that are taken at once; only the newest head is used.
const MAX_READY: usize = 1024;
/// How many more nonces to try if extrinsics that were sent elsewhere for the account have
/// taken one.
const MAX_NONCE_RETRIES: usize = 8;

/// A chain, for one account, over a node.
pub struct MetadataClient<N> {
    state: Arc<ChainState<N>>,
    account: AccountId,
    signer: Option<Signer>,
    timeout: Duration,
    /// The tip of an urgent extrinsic.
    urgent_tip: u128,
    nonces: Nonces,
    /// Held from choosing a nonce until the pool has the extrinsic, so that a rejected one
    /// leaves no gap below others.
    submitting: tokio::sync::Mutex<()>,
}

impl<N> std::fmt::Debug for MetadataClient<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetadataClient")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl<N: Node> MetadataClient<N> {
    /// Creates a client for the account of the signer's key.
    pub fn new(node: N, signer: Signer) -> Self {
        let account = AccountId(signer.public());
        Self {
            signer: Some(signer),
            ..Self::watching(node, account)
        }
    }

    /// Creates a client that asks for an account, and cannot submit.
    pub fn watching(node: N, account: AccountId) -> Self {
        let mut state = ChainState::new(node, HashingProfile::default());
        state.request_timeout = Some(RESPONSE_TIMEOUT);
        Self {
            state: Arc::new(state),
            account,
            signer: None,
            timeout: RESPONSE_TIMEOUT,
            urgent_tip: 0,
            nonces: Nonces::default(),
            submitting: tokio::sync::Mutex::default(),
        }
    }

    /// Sets the hashing of the chain's commitments, which no chain tells.
    #[must_use]
    pub fn with_hashing(mut self, hashing: HashingProfile) -> Self {
        if let Some(state) = Arc::get_mut(&mut self.state) {
            state.hashing = hashing;
        }
        self
    }

    /// Sets the tip of urgent extrinsics for the author of the block, in the chain's smallest
    /// unit.
    #[must_use]
    pub const fn with_urgent_tip(mut self, tip: u128) -> Self {
        self.urgent_tip = tip;
        self
    }

    /// Sets the timeout of a question, and of each request of a question that reads many rows.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        if let Some(state) = Arc::get_mut(&mut self.state) {
            state.request_timeout = Some(timeout);
        }
        self
    }

    /// Returns the node.
    pub fn node(&self) -> &N {
        self.state.node()
    }

    /// Returns the chain's state.
    pub fn state(&self) -> &ChainState<N> {
        &self.state
    }

    /// Checks that the node can be reached, and that its runtime has what answering a
    /// challenge needs.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unreachable`], or [`ChainError::Unsupported`].
    pub async fn ensure_usable(&self) -> Result<(), ChainError> {
        self.timed(async {
            let best = self.node().best().await?;
            let block = self.state.block(best).await?;
            block.code.features()?;
            for needed in [
                Capability::Follow,
                Capability::ReadChallenges,
                Capability::Answer,
                Capability::Extrinsics,
            ] {
                block.code.require(needed)?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn timed<T>(
        &self,
        work: impl Future<Output = Result<T, ChainError>> + Send,
    ) -> Result<T, ChainError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(late(self.timeout)),
        }
    }

    async fn submit_with_tip(
        &self,
        submission: Submission,
        tip: u128,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        let no_key = || ChainError::NoKey {
            account: hex::encode(self.account.0),
        };
        let signer = self.signer.as_ref().ok_or_else(no_key)?;
        self.judge_first(&submission).await?;
        let _turn = self.submitting.lock().await;
        let node = self.node();
        let best = node.best().await?;
        let block = self.state.block(best).await?;
        let mut context = Context {
            genesis: node.genesis().await?,
            nonce: 0,
            birth: self.birth(best, extrinsic::lifetime(&block.code)).await?,
            tip,
        };
        let next = node.next_nonce(self.account).await?;
        let mut taken = Vec::new();
        loop {
            let nonce = self.nonces.take(next);
            context.nonce = nonce.get();
            let unsigned = self.state.unsigned(&block.code, &submission, &context)?;
            let extrinsic = unsigned.sign(&block.code, self.account, signer)?;
            match node.submit(extrinsic.bytes).await {
                Ok(statuses) => {
                    return Ok(SubmittedExtrinsic {
                        hash: extrinsic.hash,
                        statuses: follow(statuses, nonce),
                    });
                }
                Err(SubmitError::NonceTaken(_)) if taken.len() < MAX_NONCE_RETRIES => {
                    taken.push(nonce);
                }
                Err(SubmitError::NonceTaken(why)) => return Err(ChainError::PoolRejected(why)),
                Err(SubmitError::Chain(error)) => return Err(error),
            }
        }
    }

    /// Makes a dry run of an answer to a challenge with fields that Cairn does not know: only
    /// the chain can tell what they mean.
    async fn judge_first(&self, submission: &Submission) -> Result<(), ChainError> {
        let Submission::Response { id, response } = submission else {
            return Ok(());
        };
        let best = self.node().best().await?;
        let block = self.state.block(best).await?;
        let Some(unknown) = block.code.features()?.unknown_challenge_fields.first() else {
            return Ok(());
        };
        match self
            .state
            .dry_run(best, self.account, *id, response)
            .await?
        {
            DryRunResult::Accepted => Ok(()),
            other => Err(ChainError::Unsupported(format!(
                "challenges have a field `{unknown}`, which Cairn does not know, and a dry run of \
                 the answer gives {other:?}"
            ))),
        }
    }

    /// Returns the block at which an extrinsic's lifetime starts: the finalized one, which is
    /// safe from reorganisations, unless finality lags by half of the lifetime.
    async fn birth(&self, best: H256, lifetime: u32) -> Result<(u32, H256), ChainError> {
        let node = self.node();
        let finalized = node.finalized().await?;
        let best_number = node.header(best).await?.number;
        let finalized_number = node.header(finalized).await?.number;
        let lag = best_number.saturating_sub(finalized_number);
        Ok(match lag <= lifetime >> 1 {
            true => (finalized_number, finalized),
            false => (best_number, best),
        })
    }
}

/// Follows an extrinsic to its final status, and holds its nonce until then.
fn follow(
    statuses: BoxStream<'static, ExtrinsicStatus>,
    nonce: HeldNonce,
) -> BoxStream<'static, ExtrinsicStatus> {
    unfold(Some((statuses, nonce)), |following| async move {
        let (mut statuses, nonce) = following?;
        let status = statuses.next().await?;
        let is_final = matches!(
            status,
            ExtrinsicStatus::Finalized(_) | ExtrinsicStatus::Dropped(_)
        );
        Some((status, (!is_final).then_some((statuses, nonce))))
    })
    .boxed()
}

#[async_trait]
impl<N: Node> ChainClient for MetadataClient<N> {
    fn account(&self) -> AccountId {
        self.account
    }

    async fn genesis(&self) -> Result<H256, ChainError> {
        self.timed(self.node().genesis()).await
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        self.timed(self.node().is_syncing()).await
    }

    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        let (timeout, state) = (self.timeout, self.state.clone());
        let (ticks, present) = self
            .timed(async {
                // Subscribed before the current head is read, so that no head is missed.
                let ticks = state.node().finality().await?;
                let present = state.head(state.node().finalized().await?).await?;
                Ok((ticks, present))
            })
            .await?;
        let from = (state, ticks.ready_chunks(MAX_READY), present.number);
        let later = unfold(from, move |(state, mut ticks, last)| async move {
            loop {
                // The newest of the pending heads.
                ticks.next().await?;
                let read = async { state.head(state.node().finalized().await?).await };
                let head = tokio::time::timeout(timeout, read).await;
                match head.unwrap_or_else(|_| Err(late(timeout))) {
                    Ok(head) if head.number <= last => {}
                    Ok(head) => return Some((head, (state, ticks, head.number))),
                    Err(error) => {
                        tracing::warn!(%error, "the subscription to finalized heads ended");
                        return None;
                    }
                }
            }
        });
        Ok(once(ready(present)).chain(later).boxed())
    }

    async fn best_head(&self) -> Result<Head, ChainError> {
        self.timed(async { self.state.head(self.node().best().await?).await })
            .await
    }

    async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        self.timed(self.state.limits(at)).await
    }

    async fn provider(&self, at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        self.timed(self.state.provider(at, self.account)).await
    }

    async fn terms_rules(&self, at: H256) -> Result<TermsRules, ChainError> {
        self.timed(self.state.terms_rules(at, self.account)).await
    }

    async fn funds(&self, at: H256) -> Result<Funds, ChainError> {
        self.timed(self.state.funds(at, self.account)).await
    }

    async fn fee(&self, submission: &Submission) -> Result<u128, ChainError> {
        self.timed(async {
            let best = self.node().best().await?;
            self.state.fee(best, self.account, submission).await
        })
        .await
    }

    async fn open_challenges(&self, at: H256) -> Result<OpenChallenges, ChainError> {
        self.state.open_challenges(at, self.account).await
    }

    async fn bucket(&self, at: H256, bucket: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        self.timed(self.state.bucket(at, bucket)).await
    }

    async fn buckets(&self, at: H256) -> Result<Vec<BucketId>, ChainError> {
        self.state.buckets(at, self.account).await
    }

    async fn agreements(&self, at: H256) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        self.state.agreements(at, self.account).await
    }

    async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        self.timed(self.state.outcomes(at)).await
    }

    async fn dry_run(
        &self,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        self.timed(async {
            let best = self.node().best().await?;
            self.state.dry_run(best, self.account, id, response).await
        })
        .await
    }

    async fn submit(&self, submission: Submission) -> Result<SubmittedExtrinsic, ChainError> {
        self.timed(self.submit_with_tip(submission, 0)).await
    }

    async fn submit_urgently(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        self.timed(self.submit_with_tip(submission, self.urgent_tip))
            .await
    }
}
