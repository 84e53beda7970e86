//! Random sequences of events: nobody signs two commitments for one window, the chain has only
//! states of the providers, and after the faults end the chain is brought up to date.

use super::*;
use cairn_testing::BlockPlan;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 8,
    grace: 3,
};
/// Few seeds, since opening and closing databases takes most of the time.
const SEEDS: u64 = 24;
const STEPS: usize = 60;

struct Run {
    network: Network,
    random: ChaCha8Rng,
    /// The number of leaves of each provider.
    have: Vec<u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let number = random.gen_range(1..=3);
        let least = random.gen_range(1..=number);
        let window = random.gen_bool(0.7).then_some(WINDOW);
        let least = u32::try_from(least).unwrap();
        Self {
            network: Network::new(number, least, window, EAGER),
            random,
            have: vec![0; number],
        }
    }

    fn catch_up(&mut self, who: usize, to: u64) {
        if self.network.providers[who].is_running() {
            while self.have[who] < to {
                self.have[who] += 1;
                commit(self.network.providers[who].provider(), self.have[who]);
            }
        }
    }

    async fn step(&mut self) {
        let who = self.random.gen_range(0..self.have.len());
        let account = self.network.providers[who].account.0;
        match self.random.gen_range(0..14) {
            0..=2 => {
                let to = self.have[who] + self.random.gen_range(1..3);
                self.catch_up(who, to);
            }
            3 => {
                let most = self.have.iter().copied().max().unwrap();
                self.catch_up(who, most);
            }
            4 if self.network.providers[who].is_running() => self.network.kill(who),
            4 => self.network.start(who),
            5 => {
                let mut down = self.network.cosigners.unreachable.lock();
                if !down.remove(&account) {
                    down.insert(account);
                }
            }
            6 => self
                .network
                .chain
                .with_pool(|pool| pool.submissions_to_reject = 1),
            7 => self.network.chain.with_pool(|pool| pool.drop_all(None)),
            8 => self
                .network
                .chain
                .with_pool(|pool| pool.drop_all(Some("usurped"))),
            9 => {
                let depth = self.random.gen_range(1..4);
                self.network.chain.retract(depth);
            }
            10 => {
                let delay = self.random.gen_range(0..4);
                self.network.chain.with_pool(|pool| pool.delay = delay);
            }
            11 => self.network.providers[who].client.fail_next(2),
            _ => {}
        }
        let plan = BlockPlan {
            anchors: self.random.gen_range(1..4),
            include_twice: self.random.gen_bool(0.1),
            ..BlockPlan::default()
        };
        let best = self.network.chain.add_block_with(plan);
        let lag = self.random.gen_range(0..4);
        self.network
            .chain
            .finalize_to(best.number.saturating_sub(lag));
        self.network.evaluate().await;
        self.check();
    }

    /// The chain's checkpoint is a state that some provider has had.
    fn check(&self) {
        let Some(last) = self.network.checkpointed() else {
            return;
        };
        for (who, peer) in self.network.providers.iter().enumerate() {
            let snapshot = self.network.info().snapshot.unwrap();
            if !snapshot.signed_by(who) || !peer.is_running() {
                continue;
            }
            let wanted = cairn_provider::LeaseRequest::read();
            let lease = peer.provider().blocking_lease(ID, wanted).unwrap();
            let at = cairn_bucket::StateRef::Root(last.mmr_root);
            let found = lease.run(|bucket| bucket.view(at)?.commitment());
            assert_eq!(found.unwrap(), last);
        }
    }

    async fn wait_until_up_to_date(&mut self) {
        let most = self.have.iter().copied().max().unwrap().max(1);
        self.network.cosigners.unreachable.lock().clear();
        self.network
            .chain
            .with_pool(|pool| (pool.delay, pool.submissions_to_reject) = (0, 0));
        for who in 0..self.have.len() {
            if !self.network.providers[who].is_running() {
                self.network.start(who);
            }
            self.network.providers[who].client.fail_next(0);
            self.catch_up(who, most);
        }
        for _ in 0..4 * WINDOW.interval {
            self.network.block().await;
        }
        assert_eq!(leaves(&self.network), Some(most));
        self.check();
    }
}

#[tokio::test]
async fn i4_random_faults_sign_once_per_window_and_catch_up() {
    for seed in 0..SEEDS {
        let mut story = Run::new(seed);
        for _ in 0..STEPS {
            story.step().await;
        }
        story.wait_until_up_to_date().await;
    }
}
