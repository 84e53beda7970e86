//! The test harness of the scheduler: a simulated chain, buckets in memory, a clock that the test
//! advances, and a process that can be killed and restarted.
//!
//! Everything runs on one thread until nothing can proceed, so a test knows when the scheduler is
//! idle.

mod slow_client;

use crate::challenges::answer::Prover;
use crate::challenges::driver::Delay;
use crate::challenges::duty::{DutyChange, DutyStore, StoredDuty};
use crate::challenges::no_proof::NoProof;
use crate::challenges::tracker::ChallengeTracker;
use crate::challenges::{ChallengeConfig, ChallengeStatus, ChallengeWorker, Dependencies};
use async_trait::async_trait;
use cairn_bucket::AuthorisedDeletion;
use cairn_chain::{ChainClient, Head};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation, MultiSignature, Role};
use cairn_primitives::onchain::{BucketInfo, Limits, OpenChallenge, RegisteredKey};
use cairn_primitives::{
    Answer, BucketId, ChunkIndex, Commitment, CommitmentPayload, H256, LeafIndex, Sequence,
};
use cairn_testing::{MemoryBucket, NewChallenge, SimulatedChain, SimulatedClient};
use codec::Encode;
use futures::channel::oneshot;
use futures::executor::LocalPool;
use futures::future::{AbortHandle, Abortable, BoxFuture};
use futures::task::LocalSpawnExt;
use futures::{FutureExt, future};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use slow_client::SlowClient;
use sp_core::{Pair, sr25519};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) const OURS: AccountId = AccountId([1; 32]);
/// The block time.
pub(super) const BLOCK_TIME: Duration = Duration::from_secs(6);

/// A clock that only the test advances.
pub(super) struct TestClock {
    now: Duration,
    waiting: Vec<(Duration, oneshot::Sender<()>)>,
    rng: ChaCha8Rng,
    /// The maximum duration of a call or a proof; the actual one is random.
    pub(super) latency: Duration,
}

pub(super) type SharedClock = Arc<Mutex<TestClock>>;

fn sleep(clock: &SharedClock, time: Duration) -> BoxFuture<'static, ()> {
    if time.is_zero() {
        return future::ready(()).boxed();
    }
    let (sender, over) = oneshot::channel();
    let mut clock = clock.lock();
    let at = clock.now + time;
    clock.waiting.push((at, sender));
    over.map(|_| ()).boxed()
}

/// Sleeps for a random time up to the latency.
fn random_latency(clock: &SharedClock) -> BoxFuture<'static, ()> {
    let time = {
        let mut clock = clock.lock();
        let most = u64::try_from(clock.latency.as_millis()).unwrap();
        Duration::from_millis(match most {
            0 => 0,
            most => clock.rng.gen_range(0..=most),
        })
    };
    sleep(clock, time)
}

/// Buckets in memory that answer, or fail as instructed.
pub(super) struct MemoryProver {
    clock: SharedClock,
    pub(super) buckets: Mutex<BTreeMap<BucketId, MemoryBucket>>,
    pub(super) faults: Mutex<BTreeMap<BucketId, NoProof>>,
    pub(super) deletions: Mutex<Vec<AuthorisedDeletion>>,
    /// Buckets whose proofs panic.
    pub(super) panicking: Mutex<BTreeSet<BucketId>>,
    /// If true, answers are corrupted.
    pub(super) corrupts: Mutex<bool>,
    pub(super) proofs: Mutex<u32>,
}

#[async_trait]
impl Prover for MemoryProver {
    async fn prove(&self, challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        random_latency(&self.clock).await;
        *self.proofs.lock() += 1;
        let id = challenge.bucket_id;
        assert!(!self.panicking.lock().contains(&id), "as the test has it");
        if let Some(fault) = self.faults.lock().get(&id) {
            return Err(fault.clone());
        }
        let buckets = self.buckets.lock();
        let bucket = buckets
            .get(&id)
            .ok_or(NoProof::NotHere("no such bucket".into()))?;
        let at = |location| bucket.answer(challenge.mmr_root, challenge.start_seq, location);
        let first = ChunkLocation {
            chunk_index: ChunkIndex(0),
            ..challenge.location
        };
        let answer = at(challenge.location).ok_or_else(|| match at(first) {
            Some(_) => NoProof::Unprovable("it only pads the tree".into()),
            None => NoProof::NotHere("no proof of that".into()),
        })?;
        Ok(match *self.corrupts.lock() {
            // A proof that holds, and of something else than was asked for.
            true => at(another_leaf(challenge.location)).unwrap(),
            false => answer,
        })
    }

    async fn prove_another_leaf(&self, _challenge: &OpenChallenge) -> Result<Answer, NoProof> {
        Err(NoProof::Unprovable("no other leaf is tried".into()))
    }

    async fn deletions(&self, _bucket: BucketId) -> Vec<AuthorisedDeletion> {
        self.deletions.lock().clone()
    }
}

/// The leaf next to a challenged one.
const fn another_leaf(location: ChunkLocation) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(location.leaf_index.0 ^ 1),
        ..location
    }
}

/// The duties that the process stores.
pub(super) struct MemoryDutyStore {
    clock: SharedClock,
    pub(super) stored: Mutex<BTreeMap<ChallengeId, StoredDuty>>,
    pub(super) failing: Mutex<u32>,
    /// The number of next writes that panic.
    pub(super) panicking: Mutex<u32>,
}

#[async_trait]
impl DutyStore for MemoryDutyStore {
    async fn write(&self, changes: Vec<DutyChange>) -> Result<(), String> {
        random_latency(&self.clock).await;
        {
            let mut panicking = self.panicking.lock();
            if *panicking > 0 {
                *panicking -= 1;
                panic!("as the test has it");
            }
        }
        {
            let mut failing = self.failing.lock();
            if *failing > 0 {
                *failing -= 1;
                return Err("the disk is full".into());
            }
        }
        let mut kept = self.stored.lock();
        for (id, duty) in changes {
            match duty {
                Some(duty) => drop(kept.insert(id, duty)),
                None => drop(kept.remove(&id)),
            }
        }
        Ok(())
    }
}

/// The test harness.
pub(super) struct Harness {
    pub(super) chain: SimulatedChain,
    pub(super) client: Arc<SimulatedClient>,
    pub(super) prover: Arc<MemoryProver>,
    pub(super) duties: Arc<MemoryDutyStore>,
    pub(super) clock: SharedClock,
    pub(super) config: ChallengeConfig,
    /// If true, dry runs fail.
    pub(super) dry_run_fails: Arc<Mutex<bool>>,
    /// The second node, if one is configured.
    pub(super) second_node: Option<Arc<dyn ChainClient>>,
    pool: LocalPool,
    process: Option<(AbortHandle, ChallengeStatus)>,
}

impl Harness {
    /// Creates a chain that knows the provider; nothing runs yet.
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        let chain = SimulatedChain::new(limits);
        chain.edit(|pallet| pallet.register(OURS, RegisteredKey::from(OURS.0)));
        chain.advance();
        let clock = Arc::new(Mutex::new(TestClock {
            now: Duration::ZERO,
            waiting: vec![],
            rng: ChaCha8Rng::seed_from_u64(seed),
            latency: Duration::ZERO,
        }));
        let prover = MemoryProver {
            clock: clock.clone(),
            buckets: Mutex::default(),
            faults: Mutex::default(),
            deletions: Mutex::default(),
            panicking: Mutex::default(),
            corrupts: Mutex::default(),
            proofs: Mutex::default(),
        };
        let log = MemoryDutyStore {
            clock: clock.clone(),
            stored: Mutex::default(),
            failing: Mutex::default(),
            panicking: Mutex::default(),
        };
        Self {
            client: chain.client(OURS),
            chain,
            prover: Arc::new(prover),
            duties: Arc::new(log),
            clock,
            config: ChallengeConfig::default(),
            dry_run_fails: Arc::default(),
            second_node: None,
            pool: LocalPool::new(),
            process: None,
        }
    }

    /// Adds a bucket with N small leaves, whose admin the chain knows.
    pub(super) fn add_bucket(&self, id: BucketId, leaves: u8) {
        let profile = self.chain.best().limits.profile;
        let mut bucket = MemoryBucket::new(profile);
        for leaf in 0..leaves {
            bucket.commit(vec![leaf, id.0.to_le_bytes()[0]]);
        }
        self.prover.buckets.lock().insert(id, bucket);
        self.chain.edit(move |pallet| {
            let info = BucketInfo {
                members: vec![(AccountId(admin().public().0), Role::Admin)],
                min_providers: 0,
                primary_providers: vec![],
                frozen_start_seq: None,
                snapshot: None,
                historical_roots: vec![],
                window: None,
                last_window: None,
            };
            pallet.buckets.insert(id, info);
        });
    }

    pub(super) fn commitment(&self, id: BucketId) -> Commitment {
        self.prover.buckets.lock()[&id].commitment()
    }

    /// Challenges a chunk of a commitment; due after `period` anchor blocks, or after the chain's
    /// default.
    pub(super) fn challenge(
        &self,
        bucket: BucketId,
        commitment: Commitment,
        location: ChunkLocation,
        period: Option<u32>,
    ) {
        self.chain.challenge(NewChallenge {
            provider: OURS,
            challenger: AccountId([9; 32]),
            bucket,
            commitment,
            location,
            period,
        });
    }

    /// Starts the process with the stored duties.
    pub(super) fn start(&mut self) {
        let config = self.config.validate().unwrap();
        let clock = self.clock.clone();
        let delay: Delay = Arc::new(move |time| sleep(&clock, time));
        let parts = Dependencies {
            chain: Arc::new(SlowClient {
                clock: self.clock.clone(),
                client: self.client.clone(),
                dry_run_fails: self.dry_run_fails.clone(),
            }),
            second_node: self.second_node.clone(),
            prover: self.prover.clone(),
            duties: self.duties.clone(),
            delay,
            config,
        };
        let kept = self.duties.stored.lock().values().cloned().collect();
        let scheduler =
            ChallengeWorker::from_dependencies(parts, ChallengeTracker::new(config, OURS, kept));
        let status = scheduler.status();
        let (handle, registration) = AbortHandle::new_pair();
        let running = Abortable::new(scheduler.run(future::pending()), registration);
        let running = running.map(|_| ());
        self.pool.spawner().spawn_local(running).unwrap();
        self.process = Some((handle, status));
        self.run_until_idle();
    }

    /// Kills the process at its current point.
    pub(super) fn kill(&mut self) {
        if let Some((handle, _)) = self.process.take() {
            handle.abort();
        }
        self.run_until_idle();
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn status(&self) -> &ChallengeStatus {
        &self.process.as_ref().unwrap().1
    }

    /// Runs everything that can run without time passing.
    pub(super) fn run_until_idle(&mut self) {
        self.pool.run_until_stalled();
    }

    /// Advances time and fires each timer in order.
    pub(super) fn advance_time(&mut self, time: Duration) {
        self.run_until_idle();
        let until = self.clock.lock().now + time;
        loop {
            let mut clock = self.clock.lock();
            let next = clock.waiting.iter().map(|(at, _)| *at).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                clock.now = until;
                return;
            };
            clock.now = at;
            let (over, waiting) = std::mem::take(&mut clock.waiting)
                .into_iter()
                .partition(|(due, _)| *due <= at);
            clock.waiting = waiting;
            drop(clock);
            for (_, sender) in over {
                let _ = sender.send(());
            }
            self.run_until_idle();
        }
    }

    /// Adds a block that is final at once, and advances time by a block.
    pub(super) fn block(&mut self) -> Head {
        let head = self.chain.advance();
        self.advance_time(BLOCK_TIME);
        head
    }

    pub(super) fn blocks(&mut self, number: u32) {
        for _ in 0..number {
            self.block();
        }
    }

    /// Returns the number of defended challenges, by the chain's state.
    pub(super) fn defended(&self) -> u64 {
        self.chain.finalized().providers[&OURS.0].defended
    }

    /// Returns the number of lost challenges, by the chain's state.
    pub(super) fn lost(&self) -> u64 {
        self.chain.finalized().providers[&OURS.0].lost
    }

    /// Fails the test if a wrong answer was ever submitted.
    pub(super) fn assert_nothing_wrong(&self) {
        assert_eq!(self.chain.submission_record().wrong, []);
    }
}

pub(super) fn at(leaf: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(0),
    }
}

pub(super) fn admin() -> sr25519::Pair {
    sr25519::Pair::from_seed(&[7; 32])
}

/// Signs an admin's deletion of the leaves before `start`.
pub(super) fn deletion(
    bucket: BucketId,
    root: H256,
    start: Sequence,
    by: &sr25519::Pair,
) -> AuthorisedDeletion {
    let payload = CommitmentPayload::new(bucket, Commitment::deletion(root, start)).encode();
    AuthorisedDeletion {
        new_start_seq: start,
        new_root: root,
        deletion: cairn_engine::layout::Deletion {
            admin: AccountId(by.public().0),
            signature: MultiSignature::Sr25519(by.sign(&payload).0),
        },
    }
}
