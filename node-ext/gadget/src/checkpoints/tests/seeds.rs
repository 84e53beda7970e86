//! Random sequences of events: nobody signs two commitments for one window, the chain has only
//! states of the providers, and after the faults end the chain is brought up to date.

use super::*;
use cairn_testing::Plan;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 8,
    grace: 3,
};
/// Few seeds, since opening and closing databases takes most of the time.
const SEEDS: u64 = 24;
const STEPS: usize = 60;

struct Story {
    village: Village,
    random: ChaCha8Rng,
    /// The number of leaves of each provider.
    have: Vec<u64>,
}

impl Story {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let number = random.gen_range(1..=3);
        let least = random.gen_range(1..=number);
        let window = random.gen_bool(0.7).then_some(WINDOW);
        let least = u32::try_from(least).unwrap();
        Self {
            village: Village::new(number, least, window, EAGER),
            random,
            have: vec![0; number],
        }
    }

    fn catch_up(&mut self, who: usize, to: u64) {
        if self.village.neighbours[who].is_alive() {
            while self.have[who] < to {
                self.have[who] += 1;
                commit(self.village.neighbours[who].provider(), self.have[who]);
            }
        }
    }

    async fn step(&mut self) {
        let who = self.random.gen_range(0..self.have.len());
        let account = self.village.neighbours[who].account.0;
        match self.random.gen_range(0..14) {
            0..=2 => {
                let to = self.have[who] + self.random.gen_range(1..3);
                self.catch_up(who, to);
            }
            3 => {
                let most = self.have.iter().copied().max().unwrap();
                self.catch_up(who, most);
            }
            4 if self.village.neighbours[who].is_alive() => self.village.kill(who),
            4 => self.village.start(who),
            5 => {
                let mut down = self.village.wire.down.lock();
                if !down.remove(&account) {
                    down.insert(account);
                }
            }
            6 => self.village.chain.with_pool(|pool| pool.rejecting = 1),
            7 => self.village.chain.with_pool(|pool| pool.drop_all(None)),
            8 => self
                .village
                .chain
                .with_pool(|pool| pool.drop_all(Some("usurped"))),
            9 => {
                let depth = self.random.gen_range(1..4);
                self.village.chain.retract(depth);
            }
            10 => {
                let delay = self.random.gen_range(0..4);
                self.village.chain.with_pool(|pool| pool.delay = delay);
            }
            11 => self.village.neighbours[who].client.fail_next(2),
            _ => {}
        }
        let plan = Plan {
            anchors: self.random.gen_range(1..4),
            twice: self.random.gen_bool(0.1),
            ..Plan::default()
        };
        let best = self.village.chain.add_block_by(plan);
        let lag = self.random.gen_range(0..4);
        self.village
            .chain
            .finalize_to(best.number.saturating_sub(lag));
        self.village.look().await;
        self.check();
    }

    /// The chain's checkpoint is a state that some provider has had.
    fn check(&self) {
        let Some(last) = self.village.checkpointed() else {
            return;
        };
        for (who, neighbour) in self.village.neighbours.iter().enumerate() {
            let snapshot = self.village.info().snapshot.unwrap();
            if !snapshot.signed_by(who) || !neighbour.is_alive() {
                continue;
            }
            let wanted = cairn_provider::Wanted::read();
            let lease = neighbour.provider().lease(ID, wanted).unwrap();
            let at = cairn_bucket::At::Root(last.mmr_root);
            let found = lease.run(|bucket| bucket.view(at)?.commitment());
            assert_eq!(found.unwrap(), last);
        }
    }

    async fn settle(&mut self) {
        let most = self.have.iter().copied().max().unwrap().max(1);
        self.village.wire.down.lock().clear();
        self.village
            .chain
            .with_pool(|pool| (pool.delay, pool.rejecting) = (0, 0));
        for who in 0..self.have.len() {
            if !self.village.neighbours[who].is_alive() {
                self.village.start(who);
            }
            self.village.neighbours[who].client.fail_next(0);
            self.catch_up(who, most);
        }
        for _ in 0..4 * WINDOW.interval {
            self.village.block().await;
        }
        assert_eq!(leaves(&self.village), Some(most));
        self.check();
    }
}

#[tokio::test]
async fn i4_whatever_happens_one_commitment_for_a_window_and_the_chain_up_to_date_in_the_end() {
    for seed in 0..SEEDS {
        let mut story = Story::new(seed);
        for _ in 0..STEPS {
            story.step().await;
        }
        story.settle().await;
    }
}
