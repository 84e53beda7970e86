//! A provider and its workers as one future, for a node's task manager or a process of its own.
//!
//! ```text
//! ChainClient ─┐                        ┌─ challenges
//! Provider ────┼─► Extension ── run ────┼─ checkpoints
//! Signer ──────┤       └─ handle        ├─ promises
//! Cosigners ───┘            └─► the RPC └─ retention
//! ```
//!
//! The stake depends on challenges alone, so they depend on no other worker: each worker is its own
//! task, and only the end of the challenge worker ends the extension.

use crate::{
    ChallengeBoard, ChallengeConfig, ChallengeError, ChallengeScheduler, CheckpointBoard,
    CheckpointConfig, CheckpointError, CheckpointScheduler, Clock, Cosigners, Countersigner,
    OwnChain, PromiseBoard, PromiseConfig, PromiseWatch, Retention, RetentionBoard,
    RetentionConfig, broke_off,
};
use cairn_chain::ChainClient;
use cairn_keys::Signer;
use cairn_primitives::challenge::AccountId;
use cairn_provider::{OnOtherChain, Provider};
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Shared};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::task::JoinSet;

/// The configuration of all workers.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionConfig {
    /// How challenges are answered.
    pub challenges: ChallengeConfig,
    /// When checkpoints are submitted.
    pub checkpoints: CheckpointConfig,
    /// When retired trees are examined.
    pub retention: RetentionConfig,
    /// When our signatures on chain are compared with what this provider holds.
    pub promises: PromiseConfig,
    /// How to proceed if the chain is not the one that the base path belongs to.
    pub on_other_chain: OnOtherChain,
}

/// Errors that keep the workers from starting.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// The challenge scheduler cannot start.
    #[error("challenges cannot be answered: {0}")]
    Challenges(#[from] ChallengeError),
    /// The checkpoint scheduler cannot start.
    #[error("checkpoints cannot be submitted: {0}")]
    Checkpoints(#[from] CheckpointError),
}

/// A provider with its workers, ready to run.
pub struct Extension {
    challenges: ChallengeScheduler,
    checkpoints: CheckpointScheduler,
    retention: Retention,
    promises: PromiseWatch,
    handle: ExtensionHandle,
}

/// A view of a running provider. Clones share the same state.
#[derive(Clone)]
pub struct ExtensionHandle {
    /// The provider's account on chain.
    pub account: AccountId,
    /// The provider, which owns the buckets.
    pub provider: Arc<Provider>,
    /// The key that signs commitments.
    pub signer: Signer,
    /// The countersigner, which answers other primary providers over the RPC.
    pub desk: Arc<Countersigner>,
    /// The state of the challenges.
    pub challenges: ChallengeBoard,
    /// The state of the checkpoints.
    pub checkpoints: Arc<CheckpointBoard>,
    /// The retired trees that are kept, and the reasons.
    pub retention: Arc<RetentionBoard>,
    /// Signatures of ours that the chain has and this provider cannot account for.
    pub promises: Arc<PromiseBoard>,
}

impl Extension {
    /// Creates the workers of a provider over a chain. The signer's key must be the one that the
    /// chain has registered for the account. Reads the index, which blocks briefly.
    ///
    /// # Errors
    ///
    /// [`ExtensionError`] if a worker's configuration is invalid or the index cannot be read.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        signer: Signer,
        cosigners: Arc<dyn Cosigners>,
        config: ExtensionConfig,
    ) -> Result<Self, ExtensionError> {
        let own = OwnChain::new(chain, provider.clone(), config.on_other_chain);
        let chain: Arc<dyn ChainClient> = Arc::new(own);
        provider.tell_unsigned();
        let challenges =
            ChallengeScheduler::new(chain.clone(), provider.clone(), config.challenges)?;
        let checkpoints = CheckpointScheduler::new(
            chain.clone(),
            provider.clone(),
            signer.clone(),
            cosigners,
            config.checkpoints,
        )?;
        let asked = challenges.board();
        let checkpoints = checkpoints.hurrying(move |bucket| asked.wants_a_checkpoint(bucket));
        let retention = Retention::new(chain.clone(), provider.clone(), config.retention);
        let promises = PromiseWatch::new(chain.clone(), provider.clone(), config.promises);
        let handle = ExtensionHandle {
            account: chain.account(),
            provider,
            signer,
            desk: checkpoints.desk(),
            challenges: challenges.board(),
            checkpoints: checkpoints.board(),
            retention: retention.board(),
            promises: promises.board(),
        };
        Ok(Self {
            challenges,
            checkpoints,
            retention,
            promises,
            handle,
        })
    }

    /// Returns a handle for queries while the extension runs.
    pub fn handle(&self) -> ExtensionHandle {
        self.handle.clone()
    }

    /// Registers the metrics of all workers, of the pool and of the scrub.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.handle.provider.register_metrics(registry)?;
        self.handle.challenges.register_metrics(registry)?;
        self.handle.checkpoints.register_metrics(registry)?;
        self.handle.retention.register_metrics(registry)?;
        self.handle.promises.register_metrics(registry)
    }

    /// Asks a second node about each challenge before an answer to it is submitted.
    #[must_use]
    pub fn with_second_chain(mut self, second: Arc<dyn ChainClient>) -> Self {
        let provider = self.handle.provider.clone();
        let own = OwnChain::new(second, provider, OnOtherChain::Refuse);
        self.challenges = self.challenges.with_second_chain(Arc::new(own));
        self
    }

    /// Makes retention use the given clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.retention = self.retention.with_clock(clock);
        self
    }

    /// Runs until `shutdown` completes. Must run within a tokio runtime. From this call on, not
    /// from the first poll, nothing is signed until the chain has been compared with the disk: call
    /// it before the RPC is served.
    ///
    /// Challenges are answered in a task of their own. Any other worker that ends or panics is
    /// logged and restarted after a pause. If this future ends before `shutdown`, challenges are no
    /// longer answered: spawn it as an essential task. It may be dropped at any time.
    pub fn run(self, shutdown: impl Future<Output = ()> + Send) -> impl Future<Output = ()> + Send {
        self.handle.provider.sign_once_compared();
        self.run_until(shutdown)
    }

    async fn run_until(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop).boxed().shared();
        // Dropping the set aborts the tasks.
        let mut workers = JoinSet::new();
        let answering = workers.spawn(self.challenges.run(stopped.clone())).id();
        workers.spawn(keep(self.checkpoints, stopped.clone()));
        workers.spawn(keep(self.promises, stopped.clone()));
        workers.spawn(keep(self.retention, stopped));
        let mut shutdown = pin!(shutdown.fuse());
        loop {
            let mut next = pin!(workers.join_next_with_id().fuse());
            let ended = futures::select_biased! {
                () = shutdown => break,
                ended = next => ended,
            };
            match ended {
                Some(Ok((id, ()))) if id != answering => {}
                Some(Err(error)) if error.id() != answering => {
                    tracing::error!(%error, "a worker has stopped; challenges are still answered");
                }
                _ => {
                    tracing::error!(
                        "the challenge worker has stopped by itself, and the provider with it"
                    );
                    return;
                }
            }
        }
        drop(stop);
        // Let every worker finish its current step.
        while workers.join_next().await.is_some() {}
    }
}

/// Completes when all workers must stop.
type Stopped = Shared<BoxFuture<'static, ()>>;

/// The pauses before a worker that stopped by itself is restarted: the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A worker without which challenges are still answered.
trait Part: Send + 'static {
    /// Its task, for the log.
    const WHAT: &'static str;

    /// Runs until `stopped` completes. May be called again after a panic.
    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send;
}

impl Part for CheckpointScheduler {
    const WHAT: &'static str = "submitting checkpoints";

    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Part for Retention {
    const WHAT: &'static str = "keeping retired trees";

    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Part for PromiseWatch {
    const WHAT: &'static str = "comparing the chain with the disk";

    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

/// Runs a worker and restarts it whenever it stops by itself.
async fn keep<P: Part>(mut worker: P, stopped: Stopped) {
    let mut pause = FIRST_PAUSE;
    loop {
        let ran = AssertUnwindSafe(worker.go_on(stopped.clone()));
        let ended = ran.catch_unwind().await;
        if stopped.clone().now_or_never().is_some() {
            return;
        }
        let reason = match ended {
            Ok(()) => "it returned".to_owned(),
            Err(panic) => broke_off(&*panic),
        };
        tracing::error!(
            what = P::WHAT,
            reason,
            ?pause,
            "A WORKER HAS STOPPED BY ITSELF, a bug in Cairn: report it. Challenges are still \
             answered, and the worker is restarted"
        );
        let mut over = pin!(tokio::time::sleep(pause).fuse());
        futures::select_biased! {
            () = stopped.clone() => return,
            () = over => {}
        }
        pause = LONGEST_PAUSE.min(pause.saturating_mul(2));
    }
}

#[cfg(test)]
mod tests;
