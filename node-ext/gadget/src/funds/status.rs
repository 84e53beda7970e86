//! The state of the account's funds, for operators.

use cairn_chain::ChainError;
use cairn_provider::{MetricGroup, MetricSpec};
use parking_lot::Mutex;
use std::sync::Arc;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// The level of the account's funds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FundsLevel {
    /// They have not been read, or the chain cannot tell them.
    #[default]
    Unknown,
    /// They pay for all answers that may be due soon.
    Sufficient,
    /// They pay for open challenges and some more: refill the account within days.
    Low,
    /// They hardly pay for open challenges: refill the account now.
    Critical,
}

/// One reading of the account's funds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FundsReading {
    /// The level.
    pub level: FundsLevel,
    /// The balance that can pay fees, in the chain's smallest unit.
    pub spendable: u128,
    /// The fee of an answer of full size, in the chain's smallest unit.
    pub answer_fee: u128,
    /// The answers of full size that the balance pays for.
    pub payable_answers: u64,
    /// The number of open challenges.
    pub open_challenges: u64,
}

/// A view of the funds worker's state.
#[derive(Debug, Default)]
pub struct FundsStatus(Mutex<FundsReading>);

impl FundsStatus {
    /// Returns the last reading.
    pub fn reading(&self) -> FundsReading {
        *self.0.lock()
    }

    /// Returns the level at the last reading.
    pub fn level(&self) -> FundsLevel {
        self.reading().level
    }

    /// Sets a reading, and logs a change of the level once.
    pub(super) fn set(&self, reading: FundsReading) {
        let before = std::mem::replace(&mut *self.0.lock(), reading);
        if before.level == reading.level {
            return;
        }
        let FundsReading {
            level,
            spendable,
            answer_fee,
            payable_answers,
            open_challenges,
        } = reading;
        match level {
            FundsLevel::Critical => tracing::error!(
                spendable,
                answer_fee,
                payable_answers,
                open_challenges,
                "THE ACCOUNT CAN HARDLY PAY FOR ITS ANSWERS: transfer funds to it now. A challenge \
                 that is not answered costs the stake"
            ),
            FundsLevel::Low => tracing::warn!(
                spendable,
                answer_fee,
                payable_answers,
                open_challenges,
                "the account's funds for answers are low: transfer funds to it"
            ),
            FundsLevel::Sufficient => {
                tracing::info!(
                    spendable,
                    payable_answers,
                    "the account can pay for its answers"
                );
            }
            FundsLevel::Unknown => {}
        }
    }

    /// Records that the chain cannot tell the funds.
    pub(super) fn set_unknown(&self, error: &ChainError) {
        let before = std::mem::take(&mut *self.0.lock());
        if before.level != FundsLevel::Unknown {
            tracing::warn!(%error, "the chain cannot tell the account's funds");
        }
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        fn bounded(number: u128) -> u64 {
            u64::try_from(number).unwrap_or(u64::MAX)
        }
        let gauges: [MetricSpec<FundsReading>; 6] = [
            (
                "spendable",
                "Balance that can pay fees, in the chain's smallest unit",
                |r| bounded(r.spendable),
            ),
            (
                "answer_fee",
                "Fee of an answer of full size, in the chain's smallest unit",
                |r| bounded(r.answer_fee),
            ),
            (
                "payable_answers",
                "Answers of full size that the balance pays for",
                |r| r.payable_answers,
            ),
            ("known", "1 if the balance was read", |r| {
                u64::from(r.level != FundsLevel::Unknown)
            }),
            (
                "low",
                "1 if the balance is too low for a reserve of answers",
                |r| u64::from(matches!(r.level, FundsLevel::Low | FundsLevel::Critical)),
            ),
            (
                "critical",
                "1 if the balance hardly pays for open challenges",
                |r| u64::from(r.level == FundsLevel::Critical),
            ),
        ];
        let status = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_funds_",
            source: Arc::new(move || status.reading()),
            registry,
        };
        readings.register_gauges(&gauges)
    }
}
