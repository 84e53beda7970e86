//! The challenge worker: one future that answers challenges before their deadline.
//!
//! ```text
//! finalized head ─► scan ─► tracker ─► job: prove, check twice, ask the chain, submit
//!                             ▲                                                  │
//!                             └───── in a block, retracted, gone, final ◄────────┘
//! ```
//!
//! The [`tracker`] decides; this module queries, waits and reports results to it. A stop at any time
//! loses nothing: the next start restores the recorded duties, and the first scan reads what is
//! open.

mod answer;
mod claim;
mod config;
mod driver;
mod duty;
mod no_proof;
mod prover;
mod scan;
mod second_node;
mod statistics;
#[cfg(test)]
mod tests;
mod tracker;

pub use config::{
    ChallengeConfig, ChallengeConfigError, DEFAULT_CLAIM_WITHIN, DEFAULT_CRITICAL_DIVISOR,
    DEFAULT_MAX_BYTES_IN_FLIGHT, DEFAULT_MAX_IN_FLIGHT, DEFAULT_RESUBMIT_AFTER,
    DEFAULT_STALE_AFTER, DEFAULT_TICK_INTERVAL, DEFAULT_WARN_DIVISOR, RECONNECT_BACKOFF_MAX,
    RECONNECT_BACKOFF_MIN,
};
pub use statistics::ChallengeStatistics;
pub use tracker::{AnswerStage, ChallengeDuty, NotSynced};

use answer::Prover;
use cairn_chain::ChainClient;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, H256};
use cairn_provider::{IndexError, Provider};
use driver::{Delay, Driver};
use duty::{DutyStore, IndexDutyStore};
use futures::FutureExt;
use parking_lot::Mutex;
use prover::ProviderProver;
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::watch;
use tracker::ChallengeTracker;

/// Errors that keep the challenge worker from starting.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ChallengeConfigError),
    /// The recorded duties cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// The worker that answers the challenges against one account.
pub(crate) struct ChallengeWorker {
    dependencies: Dependencies,
    tracker: Arc<Mutex<ChallengeTracker>>,
    events: watch::Sender<()>,
}

/// The dependencies of a scheduler.
#[derive(Clone)]
struct Dependencies {
    chain: Arc<dyn ChainClient>,
    /// A second node to ask before an answer is submitted, if one is configured.
    second_node: Option<Arc<dyn ChainClient>>,
    prover: Arc<dyn Prover>,
    duties: Arc<dyn DutyStore>,
    delay: Delay,
    config: config::ValidatedConfig,
}

impl ChallengeWorker {
    /// Creates a scheduler over a chain and a provider, with the duties that an earlier process
    /// recorded. Reads the index, which blocks briefly.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`] if the configuration is invalid or the index cannot be read.
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: ChallengeConfig,
    ) -> Result<Self, ChallengeError> {
        let config = config.validate()?;
        let log = IndexDutyStore::new(provider.clone());
        let kept = log.load()?;
        let tracker = ChallengeTracker::new(config, chain.account(), kept);
        let dependencies = Dependencies {
            chain,
            second_node: None,
            prover: Arc::new(ProviderProver::new(provider)),
            duties: Arc::new(log),
            // Wall-clock delays between reconnects; tests inject their own clock.
            delay: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            config,
        };
        Ok(Self::from_dependencies(dependencies, tracker))
    }

    fn from_dependencies(dependencies: Dependencies, tracker: ChallengeTracker) -> Self {
        let tracker = Arc::new(Mutex::new(tracker));
        let events = watch::Sender::new(());
        Self {
            dependencies,
            tracker,
            events,
        }
    }

    /// Returns a handle for queries while the scheduler runs.
    pub(crate) fn status(&self) -> ChallengeStatus {
        ChallengeStatus {
            tracker: self.tracker.clone(),
            events: self.events.subscribe(),
        }
    }

    /// Asks a second node about each challenge before an answer is submitted.
    #[must_use]
    pub(crate) fn with_second_node(mut self, second: Arc<dyn ChainClient>) -> Self {
        self.dependencies.second_node = Some(second);
        self
    }

    /// Answers challenges until `shutdown` completes; restarts after a panic. Must run within a
    /// tokio runtime.
    ///
    /// May be stopped at any time, by `shutdown` or by dropping the future.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        loop {
            let Self {
                dependencies,
                tracker,
                events,
            } = &self;
            let driver = Driver::new(dependencies.clone(), tracker.clone(), events.clone());
            let ended = AssertUnwindSafe(driver.run(&mut shutdown)).catch_unwind();
            let Err(panic) = ended.await else { return };
            tracing::error!(
                reason = panic_message(&*panic),
                "THE CHALLENGE WORKER PANICKED, a bug in Cairn: report it. It is restarted"
            );
            tracker.lock().reset_after_panic();
            let mut pause = (dependencies.delay)(dependencies.config.reconnect_backoff_min).fuse();
            futures::select_biased! {
                () = shutdown => return,
                () = pause => {}
            }
        }
    }
}

/// Returns the message of a panic.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it panicked: {}", said.unwrap_or("no message"))
}

/// A view of the open challenges. Clones share the same state.
#[derive(Clone)]
pub struct ChallengeStatus {
    tracker: Arc<Mutex<ChallengeTracker>>,
    events: watch::Receiver<()>,
}

impl ChallengeStatus {
    /// Returns the open challenges, nearest deadline first.
    pub fn duties(&self) -> Vec<ChallengeDuty> {
        self.tracker.lock().duties()
    }

    /// Returns the open challenges that need an operator.
    pub fn alarms(&self) -> Vec<ChallengeDuty> {
        let mut duties = self.duties();
        duties.retain(|duty| duty.alarm.is_some());
        duties
    }

    /// Returns the deadline of an open challenge of this chunk under this root; the nearest if
    /// there are several.
    pub fn deadline_of(
        &self,
        bucket: BucketId,
        root: &H256,
        location: ChunkLocation,
    ) -> Option<u32> {
        self.tracker.lock().deadline_of(bucket, root, location)
    }

    /// Returns true if any challenge of the bucket is open.
    pub fn has_open_challenge(&self, bucket: BucketId) -> bool {
        self.tracker.lock().has_open_challenge(bucket)
    }

    /// Returns true if the chain is reachable and a new finalized block was read recently.
    pub fn is_synced(&self) -> bool {
        self.not_synced().is_none()
    }

    /// Returns the reason why the chain is not followed, or `None` if it is.
    pub fn not_synced(&self) -> Option<NotSynced> {
        self.tracker.lock().not_synced()
    }

    /// Returns true if an open challenge of the bucket can never be answered by a proof: then the
    /// bucket needs another checkpoint at once.
    pub fn needs_checkpoint(&self, bucket: BucketId) -> bool {
        self.tracker.lock().needs_checkpoint(bucket)
    }

    /// Returns a receiver that is notified whenever something may have changed, and that closes
    /// when the scheduler ends.
    pub fn events(&self) -> watch::Receiver<()> {
        self.events.clone()
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> ChallengeStatistics {
        self.tracker.lock().statistics()
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        let status = self.clone();
        statistics::register(Arc::new(move || status.statistics()), registry)
    }
}
