//! Levels of funds, and readings over a simulated chain.

use super::*;
use cairn_primitives::challenge::AccountId;
use cairn_testing::{LIMITS, SimulatedChain, SimulatedClient};
use codec::Encode;
use proptest::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::Registry;

const ACCOUNT: AccountId = AccountId([1; 32]);

struct Fixture {
    chain: SimulatedChain,
    client: Arc<SimulatedClient>,
    open: Arc<AtomicU64>,
    worker: FundsWorker,
}

impl Fixture {
    /// A worker that warns at 20 answers and alarms at 5.
    fn new(interval: u32) -> Self {
        let chain = SimulatedChain::new(LIMITS);
        let client = chain.client(ACCOUNT);
        let open = Arc::<AtomicU64>::default();
        let config = FundsConfig {
            critical_answers: 5,
            low_answers: 20,
            interval,
        };
        let counted = open.clone();
        let count_open = move || counted.load(Ordering::Relaxed);
        Self {
            worker: FundsWorker::new(client.clone(), count_open, config),
            chain,
            client,
            open,
        }
    }

    /// Sets the balance to the price of some answers, and reads it.
    async fn pass(&mut self, answers: u64) -> FundsReading {
        let submission = largest_answer(LIMITS.chunk_bytes);
        let fee = self.client.fee(&submission).await.unwrap();
        self.chain.edit(move |pallet| {
            _ = pallet.balances.insert(ACCOUNT.0, fee * u128::from(answers));
        });
        self.worker.on_finalized_head(self.chain.advance()).await;
        self.worker.status.reading()
    }
}

#[tokio::test]
async fn the_level_falls_with_the_balance() {
    let mut fixture = Fixture::new(0);
    assert_eq!(fixture.worker.status.level(), FundsLevel::Unknown);
    for (answers, level) in [
        (1_000, FundsLevel::Sufficient),
        (20, FundsLevel::Sufficient),
        (19, FundsLevel::Low),
        (5, FundsLevel::Low),
        (4, FundsLevel::Critical),
        (0, FundsLevel::Critical),
        (50, FundsLevel::Sufficient),
    ] {
        let reading = fixture.pass(answers).await;
        assert_eq!((reading.level, reading.payable_answers), (level, answers));
    }
    let registry = Registry::new();
    fixture.worker.status().register_metrics(&registry).unwrap();
    let payable = registry.gather().into_iter();
    let mut payable = payable.filter(|one| one.get_name() == "cairn_funds_payable_answers");
    let payable = payable.next().unwrap();
    assert_eq!(payable.get_metric()[0].get_gauge().get_value(), 50.0);
}

#[tokio::test]
async fn open_challenges_count_at_once() {
    let mut fixture = Fixture::new(1_000);
    assert_eq!(fixture.pass(30).await.level, FundsLevel::Sufficient);
    // Not read yet.
    assert_eq!(fixture.pass(3).await.payable_answers, 30);
    fixture.open.store(1, Ordering::Relaxed);
    let reading = fixture.pass(25).await;
    assert_eq!(
        (reading.level, reading.open_challenges),
        (FundsLevel::Sufficient, 1)
    );
    fixture.open.store(21, Ordering::Relaxed);
    assert_eq!(fixture.pass(25).await.level, FundsLevel::Critical);
}

#[tokio::test]
async fn a_chain_without_balances_raises_no_alarm() {
    let mut fixture = Fixture::new(0);
    fixture.client.remove_methods(&["funds"]);
    assert_eq!(fixture.pass(0).await, FundsReading::default());
    fixture.client.remove_methods(&[]);
    assert_eq!(fixture.pass(0).await.level, FundsLevel::Critical);
    // A lost connection says nothing about the balance.
    fixture.client.disconnect();
    fixture
        .worker
        .on_finalized_head(fixture.chain.advance())
        .await;
    assert_eq!(fixture.worker.status.level(), FundsLevel::Critical);
}

#[test]
fn the_largest_answer_has_a_full_chunk_and_the_longest_proofs() {
    let Submission::Response { response, .. } = largest_answer(262_144) else {
        unreachable!("it is a response")
    };
    let bytes = response.encoded_size();
    let proofs = (MAX_PEAKS + 2 * MAX_PATH) * 32;
    assert!(bytes > 262_144 + proofs, "{bytes}");
}

proptest! {
    #[test]
    fn a_level_never_rises_with_challenges_or_fees(
        spendable in 0u128..10_000, fee in 0u128..50, open in 0u64..200,
    ) {
        let config = FundsConfig::default();
        let rank = |level| match level {
            FundsLevel::Sufficient => 2,
            FundsLevel::Low => 1,
            FundsLevel::Critical | FundsLevel::Unknown => 0,
        };
        let (level, payable) = level_of(&config, spendable, fee, open);
        prop_assert!(rank(level_of(&config, spendable, fee, open + 1).0) <= rank(level));
        prop_assert!(rank(level_of(&config, spendable + 1, fee, open).0) >= rank(level));
        if fee > 0 {
            prop_assert!(rank(level_of(&config, spendable, fee + 1, open).0) <= rank(level));
            prop_assert!(u128::from(payable) * fee <= spendable);
        } else {
            prop_assert_eq!(level, FundsLevel::Sufficient);
        }
    }
}
