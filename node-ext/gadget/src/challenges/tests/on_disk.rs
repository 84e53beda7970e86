//! The scheduler with real buckets on disk, as a node runs it.

use super::harness::{OURS, at};
use crate::challenges::{
    AnswerStage, ChallengeConfig, ChallengeStatus, ChallengeWorker, DEFAULT_MAX_IN_FLIGHT,
};
use cairn_bucket::{Authorisation, BasePath, BucketConfig, NewLeaf};
use cairn_engine::layout::Deletion;
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, ChunkLocation, MultiSignature, Role};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::{BucketInfo, Limits, RegisteredKey};
use cairn_primitives::{BucketId, ChunkIndex, Commitment, CommitmentPayload, LeafIndex, Sequence};
use cairn_provider::{DutyKind, LeaseRequest, Provider, ProviderOptions};
use cairn_testing::{LIMITS, NewChallenge, SimulatedChain};
use codec::Encode;
use futures::channel::oneshot;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sp_core::{Pair, sr25519};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A provider on disk, a chain that knows it, and the scheduler.
struct DiskHarness {
    folder: TempDir,
    provider: Option<Arc<Provider>>,
    signer: Signer,
    admin: sr25519::Pair,
    chain: SimulatedChain,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>, ChallengeStatus)>,
}

fn open(folder: &TempDir) -> Arc<Provider> {
    let base = BasePath::create(folder.path()).unwrap();
    let provider = Provider::open(base, ProviderOptions::default()).unwrap();
    provider.wait_until_indexed();
    Arc::new(provider)
}

impl DiskHarness {
    fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = open(&folder);
        provider.keys().insert("//Alice").unwrap();
        let signer = provider.keys().signer(None).unwrap();
        let chain = SimulatedChain::new(limits);
        let key = RegisteredKey::from(signer.public());
        chain.edit(move |pallet| pallet.register(OURS, key.clone()));
        chain.advance();
        Self {
            folder,
            provider: Some(provider),
            signer,
            admin: sr25519::Pair::from_string("//Admin", None).unwrap(),
            chain,
            running: None,
        }
    }

    fn provider(&self) -> &Arc<Provider> {
        self.provider.as_ref().unwrap()
    }

    fn add_bucket(&self, id: u64) {
        let id = BucketId(id);
        let config = BucketConfig {
            profile: self.chain.best().limits.profile,
            ..BucketConfig::default()
        };
        let provider = self.provider();
        provider.assume_chain_hashing(config.profile).unwrap();
        provider.create_bucket(id, config).unwrap();
        let admin = AccountId(self.admin.public().0);
        self.chain.edit(move |pallet| {
            let info = BucketInfo {
                members: vec![(admin, Role::Admin)],
                min_providers: 1,
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

    fn put(&self, id: u64, content: &[u8]) -> Commitment {
        let lease = self
            .provider()
            .blocking_lease(BucketId(id), LeaseRequest::write())
            .unwrap();
        let stored = lease.run(|bucket| bucket.ingest(content)).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        let (_, signed) = lease.commit_signed(&[leaf], &self.signer).unwrap();
        signed.payload.commitment
    }

    fn challenge(&self, id: u64, commitment: Commitment, location: ChunkLocation) {
        self.chain.challenge(NewChallenge {
            provider: OURS,
            challenger: AccountId([9; 32]),
            bucket: BucketId(id),
            commitment,
            location,
            period: None,
        });
    }

    fn prune(&self, id: u64, before: u64, is_authorised: bool) {
        let lease = self
            .provider()
            .blocking_lease(BucketId(id), LeaseRequest::write())
            .unwrap();
        let new = lease
            .run(|bucket| bucket.preview_prune(Sequence(before)))
            .unwrap();
        let deletion = Commitment::deletion(new.mmr_root, Sequence(before));
        let payload = CommitmentPayload::new(BucketId(id), deletion).encode();
        let authorisation = is_authorised.then(|| Authorisation {
            deletion: Deletion {
                admin: AccountId(self.admin.public().0),
                signature: MultiSignature::Sr25519(self.admin.sign(&payload).0),
            },
            leaf_count: new.leaf_count,
        });
        lease
            .run(|bucket| bucket.prune(Sequence(before), authorisation))
            .unwrap();
    }

    fn release(&self, id: u64, tree: u64) {
        let lease = self
            .provider()
            .blocking_lease(BucketId(id), LeaseRequest::write())
            .unwrap();
        lease.run(|bucket| bucket.release(Sequence(tree))).unwrap();
    }

    fn start(&mut self) {
        let client = self.chain.client(OURS);
        let config = ChallengeConfig::default();
        let provider = self.provider().clone();
        let scheduler = ChallengeWorker::new(client, provider, config).unwrap();
        let status = scheduler.status();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(scheduler.run(shutdown));
        self.running = Some((stop, task, status));
    }

    async fn stop(&mut self) {
        let (stop, task, _) = self.running.take().unwrap();
        stop.send(()).unwrap();
        task.await.unwrap();
        // Work on other threads finishes there.
        while Arc::strong_count(self.provider()) > 1 {
            tokio::task::yield_now().await;
        }
    }

    /// Restarts the provider, after `between` has changed its folders.
    fn restart(&mut self, between: impl FnOnce(&Self)) {
        self.provider = None;
        between(self);
        self.provider = Some(open(&self.folder));
    }

    fn status(&self) -> &ChallengeStatus {
        &self.running.as_ref().unwrap().2
    }

    /// Waits until the scheduler has processed the newest block.
    async fn wait_until_idle(&self) {
        let anchor = u64::from(self.chain.finalized_head().anchor);
        let is_at_rest = |status: &ChallengeStatus| {
            let (duties, counted) = (status.duties(), status.statistics());
            let has_room = counted.in_flight < DEFAULT_MAX_IN_FLIGHT as u64;
            duties.iter().all(|duty| match duty.stage {
                AnswerStage::Waiting => duty.alarm.is_some() || !has_room,
                stage => stage != AnswerStage::Preparing,
            })
        };
        while self.status().statistics().anchor < anchor || !is_at_rest(self.status()) {
            tokio::task::yield_now().await;
        }
    }

    async fn blocks(&self, number: u32) {
        for _ in 0..number {
            self.chain.advance();
            self.wait_until_idle().await;
        }
    }

    fn resolved_counts(&self) -> (u64, u64) {
        assert_eq!(self.chain.submission_record().wrong, []);
        let info = &self.chain.finalized().providers[&OURS.0];
        (info.defended, info.lost)
    }

    fn folder_of(&self, id: u64) -> PathBuf {
        self.folder
            .path()
            .join("buckets")
            .join(format!("{id:016x}"))
    }

    fn stored_duties(&self) -> usize {
        let index = self.provider().index();
        index.duties(DutyKind::Challenge).unwrap().len()
    }

    /// Waits until N duties are stored: they are written asynchronously.
    async fn wait_until_stored(&self, number: usize) {
        while self.stored_duties() != number {
            tokio::task::yield_now().await;
        }
    }
}

fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_and_new_roots_are_answered_across_a_restart() {
    for strict_leaf_binding in [false, true] {
        let mut real = DiskHarness::new(Limits {
            strict_leaf_binding,
            ..LIMITS
        });
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut signed_roots = vec![];
        for id in 1..=3 {
            real.add_bucket(id);
            for leaf in 0..4 {
                let chunks = rng.gen_range(0..4);
                let length = chunks * CHUNK_BYTES + rng.gen_range(1..3_000);
                let commitment = real.put(id, &content(id * 10 + leaf, length));
                signed_roots.push((id, commitment));
            }
        }
        // Slot 0 is always content; an index past the tree wraps to it.
        let mut ask = |real: &DiskHarness| {
            let (id, commitment) = signed_roots[rng.gen_range(0..signed_roots.len())];
            let location = ChunkLocation {
                leaf_index: LeafIndex(rng.gen_range(0..commitment.leaf_count.get())),
                chunk_index: ChunkIndex([0, 64][rng.gen_range(0..2)]),
            };
            real.challenge(id, commitment, location);
        };
        (0..20).for_each(|_| ask(&real));
        real.chain.advance();
        real.start();
        real.wait_until_idle().await;
        assert_eq!(real.status().statistics().answered, 20);
        real.wait_until_stored(20).await;
        real.stop().await;
        // The node's pool is lost as well.
        real.chain.with_pool(|pool| pool.drop_all(None));
        real.restart(|_| ());
        (0..20).for_each(|_| ask(&real));
        real.start();
        real.blocks(12).await;
        assert_eq!(real.resolved_counts(), (40, 0));
        assert_eq!(real.status().duties(), []);
        real.wait_until_stored(0).await;
        real.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruned_is_proven_and_released_is_answered_by_deletion() {
    for is_authorised in [true, false] {
        let mut real = DiskHarness::new(LIMITS);
        real.add_bucket(1);
        let old = real.put(1, b"the first");
        for leaf in 0..3 {
            real.put(1, &content(leaf, 2_000));
        }
        real.prune(1, 2, is_authorised);
        let newer = real.put(1, b"the last");
        real.challenge(1, old, at(0));
        real.start();
        real.blocks(2).await;
        assert_eq!(real.resolved_counts(), (1, 0), "a proof, at the old root");
        real.release(1, 0);
        real.challenge(1, old, at(0));
        real.challenge(1, newer, at(1));
        real.blocks(2).await;
        assert_eq!(
            real.resolved_counts(),
            (2, 0),
            "a deletion is for the last blocks"
        );
        if is_authorised {
            real.blocks(32).await;
            assert_eq!(real.resolved_counts(), (3, 0));
            assert_eq!(real.status().alarms(), []);
            // The deletion survives the next prune as well.
            real.prune(1, 3, false);
            real.release(1, 2);
            real.challenge(1, old, at(0));
            real.blocks(34).await;
            assert_eq!(real.resolved_counts(), (4, 0));
        } else {
            let alarm = real.status().alarms()[0].alarm.clone().unwrap();
            assert!(alarm.contains("never signed the root"), "{alarm}");
        }
        real.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i7_the_alarm_names_a_quarantined_bucket() {
    let mut real = DiskHarness::new(LIMITS);
    let mut signed_roots = vec![];
    for id in 1..=3 {
        real.add_bucket(id);
        signed_roots.push(real.put(id, &content(id, 5_000)));
    }
    // One bucket with damaged files, and one that failed a check but still proves.
    real.restart(|real| std::fs::remove_file(real.folder_of(2).join("CURRENT")).unwrap());
    let lease = real
        .provider()
        .blocking_lease(BucketId(3), LeaseRequest::read())
        .unwrap();
    let damaged = lease.run(|bucket| {
        Err::<(), _>(cairn_bucket::ProveError::Damaged {
            bucket: bucket.id(),
            reason: "as the test has it".into(),
        })
    });
    assert!(damaged.is_err());
    drop(lease);
    assert_eq!(real.provider().quarantined().len(), 2);
    for (id, commitment) in (1..).zip(&signed_roots) {
        real.challenge(id, *commitment, at(0));
    }
    real.start();
    real.blocks(2).await;
    assert_eq!(real.resolved_counts(), (2, 0));
    let alarms = real.status().alarms();
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].challenge.bucket_id, BucketId(2));
    let alarm = alarms[0].alarm.clone().unwrap();
    assert!(
        alarm.contains("bucket 2") && alarm.contains("CURRENT"),
        "{alarm}"
    );
    real.wait_until_stored(1).await;
    real.stop().await;
}

/// Older chains keep the root alone of what a replica has confirmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_alone_is_answered_from_the_tree_that_has_it() {
    let mut real = DiskHarness::new(Limits {
        strict_leaf_binding: false,
        ..LIMITS
    });
    real.add_bucket(1);
    for leaf in 0..3 {
        real.put(1, &content(leaf, 5_000));
    }
    real.prune(1, 2, false);
    let signed = real.put(1, &content(9, 7_000));
    assert_eq!(signed.start_seq, Sequence(2));
    let asked = Commitment {
        start_seq: Sequence(0),
        ..signed
    };
    for leaf in 0..2 {
        real.challenge(1, asked, at(leaf));
    }
    real.start();
    real.blocks(3).await;
    assert_eq!(real.resolved_counts(), (2, 0));
    real.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_padding_slot_on_disk_raises_an_alarm_only() {
    let mut real = DiskHarness::new(LIMITS);
    real.add_bucket(1);
    let commitment = real.put(1, &content(1, 2 * CHUNK_BYTES + 1));
    for chunk in [2, 3] {
        let location = ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(chunk),
        };
        real.challenge(1, commitment, location);
    }
    real.start();
    real.blocks(2).await;
    assert_eq!(real.resolved_counts(), (1, 0));
    let alarms = real.status().alarms();
    assert_eq!((alarms.len(), alarms[0].attempts), (1, 0));
    assert!(alarms[0].alarm.as_ref().unwrap().contains("pads the tree"));
    real.stop().await;
}

/// The chain binds no proof to a leaf, and opens challenges of leaves that the root has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i5_a_challenge_of_what_no_leaf_has_is_answered_with_another_leaf() {
    let mut real = DiskHarness::new(LIMITS);
    real.add_bucket(1);
    real.put(1, &content(1, 2 * CHUNK_BYTES + 1));
    let commitment = real.put(1, b"one chunk");
    for (leaf, chunk) in [(0, 3), (2, 0), (u64::MAX, 9)] {
        let location = ChunkLocation {
            leaf_index: LeafIndex(leaf),
            chunk_index: ChunkIndex(chunk),
        };
        real.challenge(1, commitment, location);
    }
    real.start();
    real.blocks(2).await;
    assert_eq!(real.resolved_counts(), (3, 0));
    real.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unreadable_rows_are_dropped_and_scanned_again() {
    let mut real = DiskHarness::new(LIMITS);
    real.add_bucket(1);
    let commitment = real.put(1, b"content");
    real.challenge(1, commitment, at(0));
    real.chain.advance();
    let junk: Vec<_> = (0..3u8)
        .map(|junk| (vec![0, 0, 0, 42, 0, junk], Some(vec![junk; 30])))
        .collect();
    let index = real.provider().index();
    index.write_duties(DutyKind::Challenge, &junk).unwrap();
    real.start();
    real.wait_until_idle().await;
    real.blocks(2).await;
    assert_eq!(real.resolved_counts(), (1, 0));
    real.wait_until_stored(0).await;
    real.stop().await;
}
