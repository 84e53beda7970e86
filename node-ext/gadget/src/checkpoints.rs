//! The checkpoint worker: submits checkpoints when enough is new or has been new for long enough,
//! and in each window if the chain has windows, in turn with the other primary providers.
//!
//! A promise is durable before its signature exists (`cosign::desk`). The finalized state says
//! whether a checkpoint was taken; the pool's reports only decide when to retry. So nothing here
//! has to survive the process except what was signed, which the countersigner stores.

mod attempt;
mod config;
mod following;
mod local;
mod looking;
mod status;
#[cfg(test)]
mod tests;

pub use config::{CheckpointConfig, CheckpointConfigError};
pub use status::{CheckpointBoard, CheckpointStage, CheckpointStatistics};

use super::checkpoint_rules::Plan;
use super::cosign::{Cosigners, Countersigner};
use super::heads::Heads;
use attempt::{Failure, Submitted};
use cairn_chain::{ChainClient, ChainError, Progress};
use cairn_keys::Signer;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{IndexError, Provider};
use following::InFlight;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
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
struct Shared {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    cosigners: Arc<dyn Cosigners>,
    desk: Arc<Countersigner>,
    board: Arc<CheckpointBoard>,
    account: AccountId,
    plan: Plan,
    /// Bounds the attempts that run at once.
    turns: Semaphore,
}

/// The scheduler's state of one bucket.
#[derive(Default)]
struct Known {
    /// The bucket's on-chain state, with the anchor block at which it was read.
    info: Option<(u32, BucketInfo)>,
    /// A checkpoint, with the bytes of all leaves up to it if known.
    size: Option<(Commitment, Option<u64>)>,
    /// The anchor block at which growth or age first sufficed.
    due_since: Option<u32>,
    /// The anchor block from which the next attempt may start.
    not_before: u32,
    attempting: bool,
    in_flight: Option<InFlight>,
    /// Providers that said they could sign the last choice, but did not.
    left_out: Vec<AccountId>,
}

type Attempted = (BucketId, Option<u64>, Result<Submitted, Failure>);
/// The progress of the submission with this number.
type Followed = (BucketId, u64, Progress);

/// Submits checkpoints of an account's buckets to its chain.
pub struct CheckpointScheduler {
    shared: Arc<Shared>,
    known: HashMap<BucketId, Known>,
    anchor: u32,
    attempts: FuturesUnordered<BoxFuture<'static, Attempted>>,
    follows: SelectAll<BoxStream<'static, Followed>>,
    submissions: u64,
    /// Returns true if a bucket needs a checkpoint at once.
    is_hurried: Box<dyn Fn(BucketId) -> bool + Send + Sync>,
    /// The error of the last query of the account's buckets, so that it is logged once.
    told: Option<ChainError>,
}

impl std::fmt::Debug for CheckpointScheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointScheduler")
            .field("plan", &self.shared.plan)
            .field("anchor", &self.anchor)
            .finish_non_exhaustive()
    }
}

impl CheckpointScheduler {
    /// Creates a scheduler. The signer's key must be the one that is registered for the chain's
    /// account.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`] if the configuration is invalid or the index cannot be read.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        signer: Signer,
        cosigners: Arc<dyn Cosigners>,
        config: CheckpointConfig,
    ) -> Result<Self, CheckpointError> {
        let plan = config.validate()?;
        let desk = Countersigner::new(chain.clone(), provider.clone(), signer)?;
        let desk = Arc::new(desk);
        let account = chain.account();
        let shared = Arc::new(Shared {
            chain,
            provider,
            cosigners,
            board: Arc::new(CheckpointBoard::new(desk.clone())),
            desk,
            account,
            plan,
            turns: Semaphore::new(plan.concurrency.get()),
        });
        Ok(Self {
            shared,
            known: HashMap::new(),
            anchor: 0,
            attempts: FuturesUnordered::new(),
            follows: SelectAll::new(),
            submissions: 0,
            is_hurried: Box::new(|_| false),
            told: None,
        })
    }

    /// Submits a checkpoint of a bucket at once, however little is new, while `is_hurried` returns
    /// true for it.
    #[must_use]
    pub fn hurrying(
        mut self,
        is_hurried: impl Fn(BucketId) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_hurried = Box::new(is_hurried);
        self
    }

    /// Returns the countersigner, which answers other primary providers.
    pub fn desk(&self) -> Arc<Countersigner> {
        self.shared.desk.clone()
    }

    /// Returns a view of the worker's state.
    pub fn board(&self) -> Arc<CheckpointBoard> {
        self.shared.board.clone()
    }

    /// Submits checkpoints until `shutdown` completes. Pending work is then dropped: only what was
    /// signed matters afterwards, and that is durable.
    ///
    /// May be called again after a panic; it then starts without earlier state.
    pub async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        self.known.clear();
        self.attempts = FuturesUnordered::new();
        self.follows = SelectAll::new();
        let mut shutdown = pin!(shutdown.fuse());
        let mut heads = Heads::of(self.shared.chain.clone(), "checkpoints");
        loop {
            let head = {
                let mut next = pin!(heads.next().fuse());
                futures::select_biased! {
                    () = shutdown => return,
                    attempted = self.attempts.select_next_some() => {
                        self.attempted(attempted);
                        continue;
                    }
                    followed = self.follows.select_next_some() => {
                        self.followed(followed);
                        continue;
                    }
                    head = next => head,
                }
            };
            let mut seen = pin!(self.saw(head).fuse());
            futures::select_biased! {
                () = shutdown => return,
                () = seen => {}
            }
        }
    }
}
