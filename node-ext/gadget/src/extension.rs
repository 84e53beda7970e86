//! A provider and its workers as one future, for a node's task manager or a process of its own.
//!
//! ```text
//! ChainClient ─┐                        ┌─ challenges
//! Provider ────┼─► Extension ── run ────┼─ checkpoints
//! Signer ──────┤       └─ handle        ├─ signed roots
//! Cosigners ───┘            └─► the RPC ├─ retention
//!                                       ├─ agreements
//!                                       ├─ replicas, if the chain's client and peers are given
//!                                       └─ funds
//! ```
//!
//! The stake depends on challenges alone, so they depend on no other worker: each worker is its own
//! task, and only the end of the challenge worker ends the extension.

use crate::agreements::{AgreementWorker, was_replica};
use crate::challenges::{ChallengeWorker, panic_message};
use crate::checkpoints::CheckpointWorker;
use crate::funds::FundsWorker;
use crate::genesis_check::GenesisCheckedChain;
use crate::replicas::{ReplicaInputs, ReplicaWorker};
use crate::retention::RetentionWorker;
use crate::signed_roots::SignedRootWorker;
use crate::terms::QuoterInputs;
use crate::{
    AgreementConfig, AgreementStatus, ChallengeConfig, ChallengeError, ChallengeStatus,
    CheckpointConfig, CheckpointError, CheckpointStatus, Clock, Cosigners, Countersigner,
    FundsConfig, FundsLevel, FundsStatus, Quoter, ReplicaConfig, ReplicaPeers, ReplicaStatus,
    RetentionConfig, RetentionStatus, SignedRootConfig, SignedRootStatus, TermsPolicy,
    TermsPolicyError,
};
use cairn_chain::{ChainClient, ReplicaClient};
use cairn_keys::Signer;
use cairn_primitives::BucketId;
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
#[derive(Clone, Debug, Default)]
pub struct ExtensionConfig {
    /// How challenges are answered.
    pub challenges: ChallengeConfig,
    /// When checkpoints are submitted.
    pub checkpoints: CheckpointConfig,
    /// When retired trees are examined.
    pub retention: RetentionConfig,
    /// When our signatures on chain are compared with what this provider holds.
    pub signed_roots: SignedRootConfig,
    /// How buckets follow their agreements.
    pub agreements: AgreementConfig,
    /// The terms that are signed for new agreements.
    pub terms: TermsPolicy,
    /// When the operator gets a warning that the account is short of funds.
    pub funds: FundsConfig,
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
    /// The policy for terms contradicts itself.
    #[error("the policy for terms of agreements is invalid: {0}")]
    Terms(#[from] TermsPolicyError),
}

/// A provider with its workers, ready to run.
pub struct Extension {
    challenges: ChallengeWorker,
    checkpoints: CheckpointWorker,
    retention: RetentionWorker,
    signed_roots: SignedRootWorker,
    agreements: AgreementWorker,
    funds: FundsWorker,
    replicas: Option<ReplicaWorker>,
    /// The chain, checked to be the one that the base path belongs to.
    chain: Arc<dyn ChainClient>,
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
    pub countersigner: Arc<Countersigner>,
    /// The state of the challenges.
    pub challenges: ChallengeStatus,
    /// The state of the checkpoints.
    pub checkpoints: Arc<CheckpointStatus>,
    /// The retired trees that are kept, and the reasons.
    pub retention: Arc<RetentionStatus>,
    /// Signatures of ours that the chain has and this provider cannot account for.
    pub signed_roots: Arc<SignedRootStatus>,
    /// The agreements, and the state of their buckets.
    pub agreements: Arc<AgreementStatus>,
    /// The buckets of which the account is a replica.
    pub replicas: Arc<ReplicaStatus>,
    /// The answers to requests for terms.
    pub quoter: Arc<Quoter>,
    /// The account's funds against the price of answers.
    pub funds: Arc<FundsStatus>,
}

impl ExtensionHandle {
    /// Returns whether the account is a replica of a bucket: nothing is committed to its copy then
    /// but what the primary providers have. Before the agreements are read, those that were last
    /// seen count. Nothing is signed before the first comparison with the chain, which knows them.
    /// Reads the index, which blocks briefly.
    pub fn is_replica(&self, bucket: BucketId) -> bool {
        self.agreements.is_replica(bucket).unwrap_or_else(|| {
            self.replicas.is_replica(bucket)
                || self.signed_roots.is_replica(bucket)
                || was_replica(self.provider.index(), bucket)
        })
    }
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
        let own = GenesisCheckedChain::new(chain, provider.clone(), config.on_other_chain);
        let chain: Arc<dyn ChainClient> = Arc::new(own);
        provider.log_unsigned();
        let challenges = ChallengeWorker::new(chain.clone(), provider.clone(), config.challenges)?;
        let checkpoints = CheckpointWorker::new(
            chain.clone(),
            provider.clone(),
            signer.clone(),
            cosigners,
            config.checkpoints,
        )?;
        let asked = challenges.status();
        let checkpoints = checkpoints.with_urgency(move |bucket| asked.needs_checkpoint(bucket));
        let retention = RetentionWorker::new(chain.clone(), provider.clone(), config.retention);
        let public = signer.public();
        let compared = provider.clone();
        let signed_roots =
            SignedRootWorker::new(chain.clone(), compared, public, config.signed_roots);
        let (counted, followed) = (challenges.status(), challenges.status());
        let count_open = move || counted.statistics().open;
        let funds = FundsWorker::new(chain.clone(), count_open, config.funds);
        let agreements = AgreementWorker::new(chain.clone(), provider.clone(), config.agreements);
        let inputs = QuoterInputs {
            is_synced: Box::new(move || followed.is_synced()),
            agreements: agreements.status(),
            funds: funds.status(),
        };
        let quoter = Quoter::new(
            chain.clone(),
            provider.clone(),
            signer.clone(),
            config.terms,
            inputs,
        )?;
        let quoter = Arc::new(quoter);
        let handle = ExtensionHandle {
            account: chain.account(),
            provider,
            signer,
            countersigner: checkpoints.countersigner(),
            challenges: challenges.status(),
            checkpoints: checkpoints.status(),
            retention: retention.status(),
            signed_roots: signed_roots.status(),
            agreements: agreements.status(),
            replicas: Arc::default(),
            quoter,
            funds: funds.status(),
        };
        Ok(Self {
            challenges,
            checkpoints,
            retention,
            signed_roots,
            agreements,
            funds,
            replicas: None,
            chain,
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
        self.handle.signed_roots.register_metrics(registry)?;
        self.handle.agreements.register_metrics(registry)?;
        self.handle.replicas.register_metrics(registry)?;
        self.handle.quoter.register_metrics(registry)?;
        self.handle.funds.register_metrics(registry)
    }

    /// Asks a second node about each challenge before an answer to it is submitted.
    #[must_use]
    pub fn with_second_node(mut self, second: Arc<dyn ChainClient>) -> Self {
        let provider = self.handle.provider.clone();
        let own = GenesisCheckedChain::new(second, provider, OnOtherChain::Refuse);
        self.challenges = self.challenges.with_second_node(Arc::new(own));
        self
    }

    /// Copies the buckets of which the account is a replica, and confirms them on chain, if the
    /// configuration says so. In any case compares what was confirmed with the disk.
    #[must_use]
    pub fn with_replicas(
        mut self,
        replicas: Arc<dyn ReplicaClient>,
        peers: Arc<dyn ReplicaPeers>,
        config: ReplicaConfig,
    ) -> Self {
        self.signed_roots = self.signed_roots.with_replicas(replicas.clone());
        let (challenges, funds) = (self.handle.challenges.clone(), self.handle.funds.clone());
        let may_spend = move || {
            if challenges.statistics().open > 0 {
                return Err("a challenge is open, and its answer comes first".to_owned());
            }
            if let Some(reason) = challenges.not_synced() {
                return Err(format!(
                    "it is not known whether a challenge is open: {reason}"
                ));
            }
            match funds.level() {
                FundsLevel::Critical => {
                    Err("the account can hardly pay for answers to challenges".to_owned())
                }
                FundsLevel::Unknown | FundsLevel::Sufficient | FundsLevel::Low => Ok(()),
            }
        };
        let inputs = ReplicaInputs {
            chain: self.chain.clone(),
            replicas,
            peers,
            provider: self.handle.provider.clone(),
            signer: self.handle.signer.clone(),
            may_spend: Box::new(may_spend),
        };
        let status = self.handle.replicas.clone();
        self.replicas = Some(ReplicaWorker::new(inputs, config, status));
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
        self.handle.provider.defer_signing_until_compared();
        self.run_until(shutdown)
    }

    async fn run_until(self, shutdown: impl Future<Output = ()> + Send) {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = stopped.map(drop).boxed().shared();
        // Dropping the set aborts the tasks.
        let mut workers = JoinSet::new();
        let answering = workers.spawn(self.challenges.run(stopped.clone())).id();
        workers.spawn(supervise(self.checkpoints, stopped.clone()));
        workers.spawn(supervise(self.signed_roots, stopped.clone()));
        workers.spawn(supervise(self.agreements, stopped.clone()));
        workers.spawn(supervise(self.funds, stopped.clone()));
        if let Some(replicas) = self.replicas {
            workers.spawn(supervise(replicas, stopped.clone()));
        }
        workers.spawn(supervise(self.retention, stopped));
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
type Shutdown = Shared<BoxFuture<'static, ()>>;

/// The pauses before a worker that stopped by itself is restarted: the first and the longest.
const RESTART_DELAY_MIN: Duration = Duration::from_secs(1);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(300);

/// A worker without which challenges are still answered.
trait Worker: Send + 'static {
    /// Its task, for the log.
    const TASK: &'static str;

    /// Runs until `stopped` completes. May be called again after a panic.
    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send;
}

impl Worker for CheckpointWorker {
    const TASK: &'static str = "submitting checkpoints";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Worker for RetentionWorker {
    const TASK: &'static str = "keeping retired trees";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Worker for SignedRootWorker {
    const TASK: &'static str = "comparing the chain with the disk";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Worker for AgreementWorker {
    const TASK: &'static str = "following agreements";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Worker for ReplicaWorker {
    const TASK: &'static str = "keeping replicas";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

impl Worker for FundsWorker {
    const TASK: &'static str = "watching the account's funds";

    fn run_worker(&mut self, stopped: Shutdown) -> impl Future<Output = ()> + Send {
        self.run(stopped)
    }
}

/// Runs a worker and restarts it whenever it stops by itself.
async fn supervise<P: Worker>(mut worker: P, stopped: Shutdown) {
    let mut pause = RESTART_DELAY_MIN;
    loop {
        let ran = AssertUnwindSafe(worker.run_worker(stopped.clone()));
        let ended = ran.catch_unwind().await;
        if stopped.clone().now_or_never().is_some() {
            return;
        }
        let reason = match ended {
            Ok(()) => "it returned".to_owned(),
            Err(panic) => panic_message(&*panic),
        };
        tracing::error!(
            what = P::TASK,
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
        pause = RESTART_DELAY_MAX.min(pause.saturating_mul(2));
    }
}

#[cfg(test)]
mod tests;
