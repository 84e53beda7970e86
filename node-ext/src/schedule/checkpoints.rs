//! Bringing checkpoints: when enough is new or has been new for long enough,
//! and in each window where the chain has windows, by whoever's turn it is.
//!
//! What is signed is durable before (`cosign::desk`). What becomes of an
//! extrinsic is told by the finalized state; what the chain's pool says of it
//! only tells when to try again. So nothing here has to outlive the process but
//! what was signed, which the desk keeps.

mod attempt;
mod config;
mod following;
mod local;
mod looking;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use config::Plan;
pub use config::{CheckpointConfig, CheckpointConfigError};
pub use status::{CheckpointBoard, CheckpointStage, CheckpointStatistics};

use super::cosign::{Cosigners, Countersigner};
use super::heads::Heads;
use crate::chain::{ChainClient, ChainError, Progress};
use crate::index::IndexError;
use crate::provider::Provider;
use crate::signing::Signer;
use attempt::{Failure, Submitted};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::BucketInfo;
use cairn_primitives::{BucketId, Commitment};
use following::InFlight;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Why there is no checkpoint scheduler.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Its configuration makes no sense.
    #[error(transparent)]
    Config(#[from] CheckpointConfigError),
    /// What was signed before cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// What attempts share with the scheduler.
struct Shared {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    cosigners: Arc<dyn Cosigners>,
    desk: Arc<Countersigner>,
    board: Arc<CheckpointBoard>,
    account: AccountId,
    plan: Plan,
    /// Attempts that may be made at once.
    turns: Semaphore,
}

/// What is known of one bucket.
#[derive(Default)]
struct Known {
    /// What the chain said of it, and at which anchor block.
    info: Option<(u32, BucketInfo)>,
    /// Bytes up to the last checkpoint, for the checkpoint that was asked about.
    size: Option<(Commitment, Option<u64>)>,
    /// When growth or age was first seen to be enough.
    due_since: Option<u32>,
    /// When the next attempt may be made.
    not_before: u32,
    attempting: bool,
    in_flight: Option<InFlight>,
    /// Those who said that they could sign what was chosen last, and did not.
    left_out: Vec<AccountId>,
}

type Attempted = (BucketId, Option<u64>, Result<Submitted, Failure>);
/// What became of the extrinsic with a number of our own.
type Followed = (BucketId, u64, Progress);

/// Brings checkpoints of an account's buckets to its chain.
pub struct CheckpointScheduler {
    shared: Arc<Shared>,
    known: HashMap<BucketId, Known>,
    anchor: u32,
    attempts: FuturesUnordered<BoxFuture<'static, Attempted>>,
    follows: SelectAll<BoxStream<'static, Followed>>,
    submissions: u64,
    /// Whether a checkpoint of a bucket is wanted at once.
    is_hurried: Box<dyn Fn(BucketId) -> bool + Send + Sync>,
    /// Why the last look at the chain came to nothing.
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
    /// A scheduler that signs with a key, which must be the one that is
    /// registered for the chain's account.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
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

    /// The same, which does not wait for more to be new where it is told that a
    /// checkpoint of a bucket is wanted.
    #[must_use]
    pub fn hurrying(
        mut self,
        is_hurried: impl Fn(BucketId) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.is_hurried = Box::new(is_hurried);
        self
    }

    /// What signs for the others, to be served to them.
    pub fn desk(&self) -> Arc<Countersigner> {
        self.shared.desk.clone()
    }

    /// How it stands, to be read at any time.
    pub fn board(&self) -> Arc<CheckpointBoard> {
        self.shared.board.clone()
    }

    /// Brings checkpoints until `shutdown` is there. What is under way then is
    /// dropped: nothing but what was signed has to be known afterwards, and that
    /// is durable.
    ///
    /// May be called again after it broke off, and then knows nothing of before.
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
