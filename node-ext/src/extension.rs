//! All that runs of a provider, as one future: for a node's task manager, or
//! for a process of its own.
//!
//! ```text
//! ChainClient ─┐                        ┌─ challenges
//! Provider ────┼─► Extension ── run ────┼─ checkpoints
//! Signer ──────┤       └─ handle        └─ retention
//! Cosigners ───┘            └─► the RPC
//! ```

use crate::chain::ChainClient;
use crate::provider::Provider;
use crate::schedule::{
    ChallengeBoard, ChallengeConfig, ChallengeError, ChallengeScheduler, CheckpointBoard,
    CheckpointConfig, CheckpointError, CheckpointScheduler, Cosigners, Countersigner, Retention,
    RetentionBoard, RetentionConfig,
};
use crate::signing::Signer;
use cairn_primitives::challenge::AccountId;
use futures::FutureExt;
use futures::future::FusedFuture;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// How the schedulers work.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtensionConfig {
    /// How challenges are answered.
    pub challenges: ChallengeConfig,
    /// When checkpoints are brought.
    pub checkpoints: CheckpointConfig,
    /// When trees that a prune has ended are looked at.
    pub retention: RetentionConfig,
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
        let challenges =
            ChallengeScheduler::new(chain.clone(), provider.clone(), config.challenges)?;
        let checkpoints = CheckpointScheduler::new(
            chain.clone(),
            provider.clone(),
            signer.clone(),
            cosigners,
            config.checkpoints,
        )?;
        let retention = Retention::new(chain.clone(), provider.clone(), config.retention);
        let handle = ExtensionHandle {
            account: chain.account(),
            provider,
            signer,
            desk: checkpoints.desk(),
            challenges: challenges.board(),
            checkpoints: checkpoints.board(),
            retention: retention.board(),
        };
        Ok(Self {
            challenges,
            checkpoints,
            retention,
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
        self.handle.retention.register_metrics(registry)
    }

    /// Runs until `shutdown` is done. Must run within a tokio runtime.
    ///
    /// Meant for an essential task: if it ends before that, a part of it has
    /// failed, and half a provider loses its stake without a word. May be
    /// dropped at any moment.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let shutdown = shutdown.shared();
        let mut challenges = pin!(self.challenges.run(shutdown.clone()).fuse());
        let mut checkpoints = pin!(self.checkpoints.run(shutdown.clone()).fuse());
        let mut retention = pin!(self.retention.run(shutdown.clone()).fuse());
        let ended = futures::select! {
            () = challenges => "answering challenges",
            () = checkpoints => "bringing checkpoints",
            () = retention => "keeping retired trees",
        };
        if shutdown.peek().is_none() && shutdown.clone().now_or_never().is_none() {
            tracing::error!("{ended} has ended by itself, and the provider with it");
            return;
        }
        // Each ends what it is at.
        futures::future::join3(
            until_done(challenges),
            until_done(checkpoints),
            until_done(retention),
        )
        .await;
    }
}

/// Waits for a part, unless it is done already.
async fn until_done(part: Pin<&mut impl FusedFuture<Output = ()>>) {
    if !part.is_terminated() {
        part.await;
    }
}
