//! All that runs of a provider, as one future: for a node's task manager, or
//! for a process of its own.
//!
//! ```text
//! ChainClient ─┐                        ┌─ challenges
//! Provider ────┼─► Extension ── run ────┼─ checkpoints
//! Signer ──────┤       └─ handle        ├─ promises
//! Cosigners ───┘            └─► the RPC └─ retention
//! ```
//!
//! The stake hangs on challenges alone, so they depend on nothing else: each is a
//! task of its own, and only the end of answering is the end of all.

use crate::chain::ChainClient;
use crate::provider::{OnOtherChain, Provider};
use crate::schedule::{
    ChallengeBoard, ChallengeConfig, ChallengeError, ChallengeScheduler, CheckpointBoard,
    CheckpointConfig, CheckpointError, CheckpointScheduler, Clock, Cosigners, Countersigner,
    OwnChain, PromiseBoard, PromiseConfig, PromiseWatch, Retention, RetentionBoard,
    RetentionConfig, broke_off,
};
use crate::signing::Signer;
use cairn_primitives::challenge::AccountId;
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

/// How the schedulers work.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionConfig {
    /// How challenges are answered.
    pub challenges: ChallengeConfig,
    /// When checkpoints are brought.
    pub checkpoints: CheckpointConfig,
    /// When trees that a prune has ended are looked at.
    pub retention: RetentionConfig,
    /// When what the chain has of our signatures is compared with what is here.
    pub promises: PromiseConfig,
    /// What to do where the chain is another than the base path's own.
    pub on_other_chain: OnOtherChain,
}

/// Why the schedulers do not start.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// The one that answers challenges.
    #[error("challenges cannot be answered: {0}")]
    Challenges(#[from] ChallengeError),
    /// The one that brings checkpoints.
    #[error("checkpoints cannot be brought: {0}")]
    Checkpoints(#[from] CheckpointError),
}

/// A provider with its schedulers, ready to run.
pub struct Extension {
    challenges: ChallengeScheduler,
    checkpoints: CheckpointScheduler,
    retention: Retention,
    promises: PromiseWatch,
    handle: ExtensionHandle,
}

/// What of a running provider can be asked; its clones show the same.
#[derive(Clone)]
pub struct ExtensionHandle {
    /// The provider's account on chain.
    pub account: AccountId,
    /// Its buckets.
    pub provider: Arc<Provider>,
    /// What its commitments are signed with.
    pub signer: Signer,
    /// What signs for other primary providers, to be served to them.
    pub desk: Arc<Countersigner>,
    /// How the challenges stand.
    pub challenges: ChallengeBoard,
    /// How the checkpoints stand.
    pub checkpoints: Arc<CheckpointBoard>,
    /// What is kept of retired trees, and why.
    pub retention: Arc<RetentionBoard>,
    /// What the chain has of our signatures and is not here.
    pub promises: Arc<PromiseBoard>,
}

impl Extension {
    /// A provider's schedulers over a chain. The signer's key must be the one
    /// that the chain has registered for the account. Reads the index, which
    /// blocks shortly.
    ///
    /// # Errors
    ///
    /// [`ExtensionError`], with what to change.
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

    /// What can be asked while it runs.
    pub fn handle(&self) -> ExtensionHandle {
        self.handle.clone()
    }

    /// Registers all that is counted, the pool and the scrub included, with a
    /// node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.handle.provider.register_metrics(registry)?;
        self.handle.challenges.register_metrics(registry)?;
        self.handle.checkpoints.register_metrics(registry)?;
        self.handle.retention.register_metrics(registry)?;
        self.handle.promises.register_metrics(registry)
    }

    /// The same, which asks a second node for each challenge before an answer to
    /// it is handed over.
    #[must_use]
    pub fn with_second_chain(mut self, second: Arc<dyn ChainClient>) -> Self {
        let provider = self.handle.provider.clone();
        let own = OwnChain::new(second, provider, OnOtherChain::Refuse);
        self.challenges = self.challenges.with_second_chain(Arc::new(own));
        self
    }

    /// The same, whose retention tells time by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.retention = self.retention.with_clock(clock);
        self
    }

    /// Runs until `shutdown` is done. Must run within a tokio runtime. From the call
    /// on, and not from the first poll, nothing is signed until the chain has been
    /// compared with what is here: call it before the RPC is served.
    ///
    /// Answering challenges is a task of its own: what else ends or breaks off
    /// is told, and begun again after a pause, and does not end it. If this ends
    /// before `shutdown`, challenges are not answered any more: it is meant for
    /// an essential task. May be dropped at any moment.
    pub fn run(self, shutdown: impl Future<Output = ()> + Send) -> impl Future<Output = ()> + Send {
        self.handle.provider.sign_once_compared();
        self.run_until(shutdown)
    }

    async fn run_until(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop).boxed().shared();
        // Dropped with this, they end.
        let mut parts = JoinSet::new();
        let answering = parts.spawn(self.challenges.run(stopped.clone())).id();
        parts.spawn(keep(self.checkpoints, stopped.clone()));
        parts.spawn(keep(self.promises, stopped.clone()));
        parts.spawn(keep(self.retention, stopped));
        let mut shutdown = pin!(shutdown.fuse());
        loop {
            let mut next = pin!(parts.join_next_with_id().fuse());
            let ended = futures::select_biased! {
                () = shutdown => break,
                ended = next => ended,
            };
            match ended {
                Some(Ok((id, ()))) if id != answering => {}
                Some(Err(error)) if error.id() != answering => {
                    tracing::error!(%error, "a scheduler is gone; challenges are answered all the same");
                }
                _ => {
                    tracing::error!(
                        "answering challenges has ended by itself, and the provider with it"
                    );
                    return;
                }
            }
        }
        drop(stop);
        // Each ends what it is at.
        while parts.join_next().await.is_some() {}
    }
}

/// Told to all parts when it is time to stop.
type Stopped = Shared<BoxFuture<'static, ()>>;

/// Before a part that has ended by itself is begun again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A part that a provider may go without for a while.
trait Part: Send + 'static {
    /// What it does.
    const WHAT: &'static str;

    /// Does it until it is time to stop. After it broke off, anew.
    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send;
}

impl Part for CheckpointScheduler {
    const WHAT: &'static str = "bringing checkpoints";

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
    const WHAT: &'static str = "comparing promises with the chain";

    fn go_on(&mut self, stopped: Stopped) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

/// Runs a part, and begins it again where it ends by itself.
async fn keep<P: Part>(mut part: P, stopped: Stopped) {
    let mut pause = FIRST_PAUSE;
    loop {
        let ran = AssertUnwindSafe(part.go_on(stopped.clone()));
        let ended = ran.catch_unwind().await;
        if stopped.clone().now_or_never().is_some() {
            return;
        }
        let reason = match ended {
            Ok(()) => "it ended".to_owned(),
            Err(panic) => broke_off(&*panic),
        };
        tracing::error!(
            what = P::WHAT,
            reason,
            ?pause,
            "A PART OF THE PROVIDER HAS ENDED BY ITSELF, a fault of Cairn: report it. Challenges \
             are answered all the same, and it is begun again"
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
