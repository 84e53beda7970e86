//! Challenges answered before their deadline: one future for a node's task
//! manager.
//!
//! ```text
//! finalized head ─► scan ─► Book ─► job: prove, check twice, ask the chain, submit
//!                            ▲                                        │
//!                            └──── in a block, retracted, gone, final ◄┘
//! ```
//!
//! The [`book`] decides; what is here asks, waits and tells it. A stop at any
//! moment loses nothing: the next start has the duties that were kept, and the
//! first scan says what is open.

mod answer;
mod book;
mod claim;
mod config;
mod driver;
mod duty;
mod prover;
mod scan;
mod second;
mod statistics;
#[cfg(test)]
mod tests;

pub use book::{ChallengeDuty, NotFollowed, Stage};
pub use config::{
    BYTES_IN_FLIGHT, CLAIM_WITHIN, CRITICAL_PART, ChallengeConfig, ChallengeConfigError, IN_FLIGHT,
    RECONNECT_FIRST, RECONNECT_MOST, RESUBMIT_AFTER, STALE_AFTER, TICK, WARN_PART,
};
pub use statistics::ChallengeStatistics;

use crate::chain::ChainClient;
use crate::index::IndexError;
use crate::provider::Provider;
use answer::Prover;
use book::Book;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, H256};
use driver::{Delay, Driver};
use duty::{DutyLog, IndexLog};
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

/// Why challenges are not answered.
#[derive(Debug, thiserror::Error)]
pub enum ChallengeError {
    /// The configuration is none.
    #[error(transparent)]
    Config(#[from] ChallengeConfigError),
    /// The duties in hand cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Answers the challenges against one account.
pub struct ChallengeScheduler {
    parts: Parts,
    book: Arc<Mutex<Book>>,
    events: watch::Sender<()>,
}

/// What a scheduler works with.
#[derive(Clone)]
struct Parts {
    chain: Arc<dyn ChainClient>,
    /// Asked before an answer is handed over, where there is one.
    second: Option<Arc<dyn ChainClient>>,
    prover: Arc<dyn Prover>,
    log: Arc<dyn DutyLog>,
    delay: Delay,
    config: config::Checked,
}

impl ChallengeScheduler {
    /// A scheduler over a chain and a provider, with the duties that an earlier
    /// process had in hand. Reads the index, which blocks shortly.
    ///
    /// # Errors
    ///
    /// [`ChallengeError`], with what to change.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        config: ChallengeConfig,
    ) -> Result<Self, ChallengeError> {
        let config = config.validate()?;
        let log = IndexLog::new(provider.clone());
        let kept = log.load()?;
        let book = Book::new(config, chain.account(), kept);
        let parts = Parts {
            chain,
            second: None,
            prover: Arc::new(ProviderProver::new(provider)),
            log: Arc::new(log),
            // Pauses before a chain that is lost is asked again; a test turns its own clock.
            delay: Arc::new(|time| Box::pin(tokio::time::sleep(time))),
            config,
        };
        Ok(Self::of_parts(parts, book))
    }

    fn of_parts(parts: Parts, book: Book) -> Self {
        let book = Arc::new(Mutex::new(book));
        let events = watch::Sender::new(());
        Self {
            parts,
            book,
            events,
        }
    }

    /// What can be asked while it runs.
    pub fn board(&self) -> ChallengeBoard {
        ChallengeBoard {
            book: self.book.clone(),
            events: self.events.subscribe(),
        }
    }

    /// The same, which asks a second node for each challenge before an answer
    /// is handed over.
    #[must_use]
    pub fn with_second_chain(mut self, second: Arc<dyn ChainClient>) -> Self {
        self.parts.second = Some(second);
        self
    }

    /// Answers until `shutdown` is done, and for nothing else: what breaks off
    /// is begun again. Must run within a tokio runtime.
    ///
    /// May be stopped at any moment, by `shutdown` or by dropping it.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown.fuse());
        loop {
            let Self {
                parts,
                book,
                events,
            } = &self;
            let driver = Driver::new(parts.clone(), book.clone(), events.clone());
            let ended = AssertUnwindSafe(driver.run(&mut shutdown)).catch_unwind();
            let Err(panic) = ended.await else { return };
            tracing::error!(
                reason = broke_off(&*panic),
                "ANSWERING CHALLENGES BROKE OFF, a fault of Cairn: report it. It is begun again"
            );
            book.lock().broke_off();
            let mut pause = (parts.delay)(parts.config.reconnect_first).fuse();
            futures::select_biased! {
                () = shutdown => return,
                () = pause => {}
            }
        }
    }
}

/// The message of a panic.
pub(crate) fn broke_off(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("it broke off: {}", said.unwrap_or("it did not say why"))
}

/// What is known of the challenges in hand; its clones show the same.
#[derive(Clone)]
pub struct ChallengeBoard {
    book: Arc<Mutex<Book>>,
    events: watch::Receiver<()>,
}

impl ChallengeBoard {
    /// The open challenges, the nearest deadline first.
    pub fn duties(&self) -> Vec<ChallengeDuty> {
        self.book.lock().duties()
    }

    /// Those that somebody must see to.
    pub fn alarms(&self) -> Vec<ChallengeDuty> {
        let mut duties = self.duties();
        duties.retain(|duty| duty.alarm.is_some());
        duties
    }

    /// The deadline of an open challenge that asks just this, the nearest if
    /// several do.
    pub fn deadline_of(
        &self,
        bucket: BucketId,
        root: &H256,
        location: ChunkLocation,
    ) -> Option<u32> {
        self.book.lock().deadline_of(bucket, root, location)
    }

    /// Whether any challenge to a bucket is open.
    pub fn is_asked_about(&self, bucket: BucketId) -> bool {
        self.book.lock().is_asked_about(bucket)
    }

    /// Whether the chain is reached, and a new finalized block has been read not
    /// long ago.
    pub fn follows_the_chain(&self) -> bool {
        self.not_followed().is_none()
    }

    /// Why the chain is not followed, where it is not.
    pub fn not_followed(&self) -> Option<NotFollowed> {
        self.book.lock().not_followed()
    }

    /// Whether a challenge to a bucket is open that no proof can answer: then
    /// another checkpoint of it is wanted at once.
    pub fn wants_a_checkpoint(&self, bucket: BucketId) -> bool {
        self.book.lock().wants_a_checkpoint(bucket)
    }

    /// Marks a moment at which something may have changed; ends by itself when
    /// the scheduler does.
    pub fn events(&self) -> watch::Receiver<()> {
        self.events.clone()
    }

    /// What was counted.
    pub fn statistics(&self) -> ChallengeStatistics {
        self.book.lock().statistics()
    }

    /// Registers what is counted with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        let board = self.clone();
        statistics::register_all(Arc::new(move || board.statistics()), registry)
    }
}
