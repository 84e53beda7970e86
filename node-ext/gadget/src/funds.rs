//! The funds worker: compares the account's balance with the price of answers, and warns days
//! before a provider cannot pay for them.
//!
//! An answer is an extrinsic of up to a chunk and its proofs, paid by its length. A provider whose
//! account cannot pay loses its stake though it holds the content. The level is counted in
//! answers of full size: those that are due now, and a reserve for challenges to come.

mod status;
#[cfg(test)]
mod tests;

pub use status::{FundsLevel, FundsReading, FundsStatus};

use super::heads::{HeadFollower, follow};
use cairn_chain::{ChainClient, ChainError, Head, Submission};
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse};
use cairn_primitives::{H256, MAX_PATH, MAX_PEAKS, MerkleProof, MmrLeaf, MmrProof};
use std::future::Future;
use std::sync::Arc;

/// Anchor blocks between readings: ten minutes.
const DEFAULT_INTERVAL: u32 = 100;
/// Default of [`FundsConfig::critical_answers`].
const DEFAULT_CRITICAL_ANSWERS: u64 = 10;
/// Default of [`FundsConfig::low_answers`]: an answer every half hour for two days.
const DEFAULT_LOW_ANSWERS: u64 = 100;

/// The configuration of the funds worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundsConfig {
    /// Answers that the account must be able to pay for besides those to open challenges, or the
    /// operator must act now.
    pub critical_answers: u64,
    /// The same, for a warning days before.
    pub low_answers: u64,
    /// Anchor blocks between readings; 0 reads at every finalized block.
    pub interval: u32,
}

impl Default for FundsConfig {
    fn default() -> Self {
        Self {
            critical_answers: DEFAULT_CRITICAL_ANSWERS,
            low_answers: DEFAULT_LOW_ANSWERS,
            interval: DEFAULT_INTERVAL,
        }
    }
}

/// Decides the level of funds. An answer that is free can always be paid for.
fn level_of(config: &FundsConfig, spendable: u128, fee: u128, open: u64) -> (FundsLevel, u64) {
    let payable = spendable.checked_div(fee).map_or(u64::MAX, |answers| {
        u64::try_from(answers).unwrap_or(u64::MAX)
    });
    let level = if payable < open.saturating_add(config.critical_answers) {
        FundsLevel::Critical
    } else if payable < open.saturating_add(config.low_answers) {
        FundsLevel::Low
    } else {
        FundsLevel::Sufficient
    };
    (level, payable)
}

/// Returns an answer as large as any: a full chunk, and the longest proofs.
fn largest_answer(chunk_bytes: u32) -> Submission {
    let path = || MerkleProof {
        siblings: vec![H256::zero(); MAX_PATH],
        path: vec![false; MAX_PATH],
    };
    let response = ChallengeResponse::Proof {
        chunk_data: vec![0; usize::try_from(chunk_bytes).unwrap_or(usize::MAX)],
        mmr_proof: MmrProof {
            peaks: vec![H256::zero(); MAX_PEAKS],
            leaf: MmrLeaf {
                data_root: H256::zero(),
                data_size: 0,
                total_size: 0,
            },
            leaf_proof: path(),
        },
        chunk_proof: path(),
    };
    Submission::Response {
        id: ChallengeId {
            deadline: 0,
            index: 0,
        },
        response: Box::new(response),
    }
}

/// The worker that watches the account's funds.
pub(crate) struct FundsWorker {
    chain: Arc<dyn ChainClient>,
    /// Returns the number of open challenges.
    count_open: Box<dyn Fn() -> u64 + Send + Sync>,
    config: FundsConfig,
    status: Arc<FundsStatus>,
    next_at: u32,
    /// The number of open challenges at the last reading.
    open: u64,
}

impl std::fmt::Debug for FundsWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FundsWorker")
            .field("config", &self.config)
            .field("next_at", &self.next_at)
            .finish_non_exhaustive()
    }
}

impl HeadFollower for FundsWorker {
    const NAME: &'static str = "funds";

    fn chain(&self) -> Arc<dyn ChainClient> {
        self.chain.clone()
    }

    fn on_head(&mut self, head: Head) -> impl Future<Output = ()> + Send {
        self.on_finalized_head(head)
    }
}

impl FundsWorker {
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        count_open: impl Fn() -> u64 + Send + Sync + 'static,
        config: FundsConfig,
    ) -> Self {
        Self {
            chain,
            count_open: Box::new(count_open),
            config,
            status: Arc::default(),
            next_at: 0,
            open: 0,
        }
    }

    /// Returns a view of the worker's state.
    pub(crate) fn status(&self) -> Arc<FundsStatus> {
        self.status.clone()
    }

    /// Reads until `shutdown` completes.
    pub(crate) async fn run(&mut self, shutdown: impl Future<Output = ()> + Send) {
        follow(self, shutdown).await;
    }

    /// Reads at a finalized head, if that is due or more challenges are open.
    pub(crate) async fn on_finalized_head(&mut self, head: Head) {
        let open = (self.count_open)();
        let rest = self.next_at.saturating_sub(self.config.interval)..self.next_at;
        if rest.contains(&head.anchor) && open <= self.open {
            return;
        }
        match self.read(head, open).await {
            Ok(reading) => {
                self.open = open;
                self.next_at = head.anchor.saturating_add(self.config.interval);
                self.status.set(reading);
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the account's funds could not be read; trying again");
            }
            Err(error) => {
                self.next_at = head.anchor.saturating_add(self.config.interval);
                self.status.set_unknown(&error);
            }
        }
    }

    async fn read(&self, head: Head, open: u64) -> Result<FundsReading, ChainError> {
        let limits = self.chain.limits(head.hash).await?;
        let funds = self.chain.funds(head.hash).await?;
        let fee = self.chain.fee(&largest_answer(limits.chunk_bytes)).await?;
        let (level, payable_answers) = level_of(&self.config, funds.spendable, fee, open);
        Ok(FundsReading {
            level,
            spendable: funds.spendable,
            answer_fee: fee,
            payable_answers,
            open_challenges: open,
        })
    }
}
