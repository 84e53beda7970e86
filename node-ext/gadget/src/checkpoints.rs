//! The checkpoint worker: submits checkpoints when enough is new or has been new for long enough,
//! and in each window if the chain has windows, in turn with the other primary providers.
//!
//! A signed root is durable before its signature exists (`cosign::countersigner`). The finalized state says
//! whether a checkpoint was taken; the pool's reports only decide when to retry. So nothing here
//! has to survive the process except what was signed, which the countersigner stores.

mod attempt;
mod config;
mod evaluate;
mod in_flight;
mod local_state;
mod status;
#[cfg(test)]
mod tests;

pub use config::{CheckpointConfig, CheckpointConfigError};
pub use status::{CheckpointStage, CheckpointStatistics, CheckpointStatus};

use super::checkpoint_rules::CheckpointPolicy;
use super::cosign::{Cosigners, Countersigner};
use super::heads::Heads;
use attempt::{AttemptError, SubmittedCheckpoint};
use cairn_chain::{ChainClient, ChainError, ExtrinsicStatus};
use cairn_keys::Signer;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{IndexError, Provider};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
use in_flight::InFlight;
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Errors that keep the checkpoint worker from starting.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] CheckpointConfigError),
    /// The record of earlier signatures cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// The state that attempts share with the scheduler.
struct AttemptContext {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    cosigners: Arc<dyn Cosigners>,
    countersigner: Arc<Countersigner>,
    status: Arc<CheckpointStatus>,
    account: AccountId,
    policy: CheckpointPolicy,
    /// Bounds the attempts that run at once.
    slots: Semaphore,
}

/// The scheduler's state of one bucket.
#[derive(Default)]
struct BucketState {
    /// The bucket's on-chain state, with the anchor block at which it was read.
    info: Option<(u32, BucketInfo)>,
    /// A checkpoint, with the bytes of all leaves up to it if known.
    snapshot_size: Option<(Commitment, Option<u64>)>,
    /// The anchor block at which growth or age first sufficed.
    due_since: Option<u32>,
    /// The anchor block from which the next attempt may start.
    not_before: u32,
    is_attempting: bool,
    in_flight: Option<InFlight>,
    /// Providers that said they could sign the last choice, but did not.
    excluded: Vec<AccountId>,
}

type AttemptResult = (
    BucketId,
    Option<u64>,
    Result<SubmittedCheckpoint, AttemptError>,
);
/// The progress of the submission with this number.
type ProgressItem = (BucketId, u64, ExtrinsicStatus);

/// Submits checkpoints of an account's buckets to its chain.
pub(crate) struct CheckpointWorker {
    context: Arc<AttemptContext>,
    buckets: HashMap<BucketId, BucketState>,
    anchor: u32,
    attempts: FuturesUnordered<BoxFuture<'static, AttemptResult>>,
    progress: SelectAll<BoxStream<'static, ProgressItem>>,
    submissions: u64,
    /// Returns true if a bucket needs a checkpoint at once.
    is_urgent: Box<dyn Fn(BucketId) -> bool + Send + Sync>,
    /// The error of the last query of the account's buckets, so that it is logged once.
    reported_error: Option<ChainError>,
}

impl std::fmt::Debug for CheckpointWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointWorker")
            .field("plan", &self.context.policy)
            .field("anchor", &self.anchor)
            .finish_non_exhaustive()
    }
}

impl CheckpointWorker {
    /// Creates a scheduler. The signer's key must be the one that is registered for the chain's
    /// account.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if the configuration is invalid or the index cannot be read.
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        signer: Signer,
        cosigners: Arc<dyn Cosigners>,
        config: CheckpointConfig,
    ) -> Result<Self, CheckpointError> {
        let plan = config.validate()?;
        let countersigner = Countersigner::new(chain.clone(), provider.clone(), signer)?;
        let countersigner = Arc::new(countersigner);
        let account = chain.account();
        let shared = Arc::new(AttemptContext {
            chain,
            provider,
            cosigners,
            status: Arc::new(CheckpointStatus::new(countersigner.clone())),
            countersigner,
            account,
            policy: plan,
            slots: Semaphore::new(plan.concurrency.get()),
        });
        Ok(Self {
            context: shared,
            buckets: HashMap::new(),
            anchor: 0,
            attempts: FuturesUnordered::new(),
            progress: SelectAll::new(),
            submissions: 0,
            is_urgent: Box::new(|_| false),
            reported_error: None,
        })
    }

    /// Submits a checkpoint of a bucket at once, however little is new, while `is_hurried` returns
    /// true for it.
    #[must_use]
    pub(crate) fn with_urgency(
        mut self,
        is_hurried: impl Fn(BucketId) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_urgent = Box::new(is_hurried);
        self
    }

    /// Returns the countersigner, which answers other primary providers.
    pub(crate) fn countersigner(&self) -> Arc<Countersigner> {
        self.context.countersigner.clone()
    }

    /// Returns a view of the worker's state.
    pub(crate) fn status(&self) -> Arc<CheckpointStatus> {
        self.context.status.clone()
    }

    /// Submits checkpoints until `shutdown` completes. Pending work is then dropped: only what was
    /// signed matters afterwards, and that is durable.
    ///
    /// May be called again after a panic; it then starts without earlier state.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        self.buckets.clear();
        self.attempts = FuturesUnordered::new();
        self.progress = SelectAll::new();
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::new(self.context.chain.clone(), "checkpoints");
        loop {
            let head = {
                let mut next = pin!(heads.next().fuse());
                futures::select_biased! {
                    () = shutdown => return,
                    attempted = self.attempts.select_next_some() => {
                        self.on_attempt_done(attempted);
                        continue;
                    }
                    followed = self.progress.select_next_some() => {
                        self.on_progress(followed);
                        continue;
                    }
                    head = next => head,
                }
            };
            let mut seen = pin!(self.on_finalized_head(head).fuse());
            futures::select_biased! {
                () = shutdown => return,
                () = seen => {}
            }
        }
    }
}
