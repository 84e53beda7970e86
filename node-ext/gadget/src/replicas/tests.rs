//! Copies of a bucket in this process, over a simulated chain.

use super::*;
use crate::network::{ID, commit, open, signer_of};
use async_trait::async_trait;
use cairn_bucket::{StateRef, StoredContent};
use cairn_chain::LastSync;
use cairn_engine::layout;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{PrimaryProvider, RegisteredKey};
use cairn_primitives::{H256, LeafIndex, Sequence};
use cairn_provider::LeaseRequest;
use cairn_replica::{ClaimedContent, ClaimedLeaf, ContentQuery, PeerError};
use cairn_testing::{LIMITS, SimulatedChain, SimulatedClient};
use parking_lot::Mutex;
use tempfile::TempDir;

/// A primary provider in this process.
struct ProviderPeer(Arc<Provider>);

#[async_trait]
impl Peer for ProviderPeer {
    fn name(&self) -> String {
        "a primary provider".to_owned()
    }

    async fn leaf(&self, bucket: BucketId, index: LeafIndex) -> Result<ClaimedLeaf, PeerError> {
        let lease = self.0.blocking_lease(bucket, LeaseRequest::read()).unwrap();
        let proven = lease.run(|bucket| bucket.view(StateRef::Newest)?.mmr_proof(index));
        let proven = proven.map_err(|_| PeerError::Absent(format!("leaf {index}")))?;
        Ok(ClaimedLeaf {
            leaf: proven.proof().leaf,
            siblings: proven.proof().leaf_proof.siblings.clone(),
        })
    }

    async fn content(
        &self,
        bucket: BucketId,
        wanted: &[ContentQuery],
    ) -> Result<Vec<(H256, ClaimedContent)>, PeerError> {
        let lease = self.0.blocking_lease(bucket, LeaseRequest::read()).unwrap();
        let found = wanted.iter().filter_map(|one| {
            match lease.run(|bucket| bucket.fetch(&one.hash)).unwrap()? {
                StoredContent::Chunk(bytes) => Some((one.hash, ClaimedContent::Chunk(bytes))),
                StoredContent::Node { left, right } => {
                    Some((one.hash, ClaimedContent::Node(left, right)))
                }
            }
        });
        Ok(found.collect())
    }
}

/// Runs something before each peer is connected to.
type Hook = Arc<Mutex<Option<Box<dyn Fn() + Send + Sync>>>>;

struct ProcessPeers {
    source: Arc<Provider>,
    hook: Hook,
}

impl ReplicaPeers for ProcessPeers {
    fn peer(&self, _: &[u8]) -> Result<Arc<dyn Peer>, String> {
        if let Some(hook) = &*self.hook.lock() {
            hook();
        }
        Ok(Arc::new(ProviderPeer(self.source.clone())))
    }
}

struct Fixture {
    chain: SimulatedChain,
    client: Arc<SimulatedClient>,
    source: Arc<Provider>,
    folder: TempDir,
    worker: Option<ReplicaWorker>,
    hook: Hook,
    refusal: Arc<Mutex<Option<String>>>,
    own: AccountId,
    signer: Signer,
    _source_folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let (source_folder, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let primary = AccountId(signer_of(source_folder.path(), "//Alice").public());
        let source = open(source_folder.path());
        source.create_bucket(ID, BucketConfig::default()).unwrap();
        let signer = signer_of(folder.path(), "//Bob");
        let own = AccountId(signer.public());
        let chain = SimulatedChain::new(LIMITS);
        let client = chain.client(own);
        chain.edit(move |pallet| {
            for account in [primary, own] {
                pallet.register(account, RegisteredKey::from(account.0));
            }
            let info = BucketInfo {
                members: vec![],
                min_providers: 1,
                primary_providers: vec![PrimaryProvider {
                    account: primary,
                    key: Some(RegisteredKey::from(primary.0)),
                    endpoint: vec![],
                    agreement: None,
                }],
                frozen_start_seq: None,
                snapshot: None,
                historical_roots: vec![],
                window: None,
                last_window: None,
            };
            pallet.buckets.insert(ID, info);
            let row = ReplicaAgreement {
                max_bytes: 1 << 20,
                expires_at: 100_000,
                sync_balance: 100_000_000_000,
                // Above the fee of the simulated chain.
                sync_price: 2_000_000_000,
                min_sync_interval: 1,
                last_sync: None,
            };
            pallet.add_replica(ID, own, row);
        });
        chain.advance();
        let mut fixture = Self {
            chain,
            client,
            source,
            folder,
            worker: None,
            hook: Hook::default(),
            refusal: Arc::default(),
            own,
            signer,
            _source_folder: source_folder,
        };
        fixture.start();
        fixture
    }

    fn start(&mut self) {
        let provider = open(self.folder.path());
        provider.wait_until_indexed();
        let refusal = self.refusal.clone();
        let inputs = ReplicaInputs {
            chain: self.client.clone(),
            replicas: self.client.clone(),
            peers: Arc::new(ProcessPeers {
                source: self.source.clone(),
                hook: self.hook.clone(),
            }),
            signer: self.signer.clone(),
            provider,
            may_spend: Box::new(move || refusal.lock().clone().map_or(Ok(()), Err)),
        };
        let worker = ReplicaWorker::new(inputs, ReplicaConfig::default(), Arc::default());
        self.worker = Some(worker);
    }

    fn worker(&self) -> &ReplicaWorker {
        self.worker.as_ref().unwrap()
    }

    fn provider(&self) -> &Arc<Provider> {
        &self.worker().inputs.provider
    }

    /// Commits a leaf at the primary provider, and makes its tree the bucket's checkpoint.
    fn checkpoint(&self, number: u64) -> Commitment {
        commit(&self.source, number);
        let lease = self.source.blocking_lease(ID, LeaseRequest::read());
        let commitment = lease.unwrap().commitment();
        set_checkpoint(&self.chain, commitment);
        commitment
    }

    fn row(&self) -> ReplicaAgreement {
        self.chain.finalized().replica_terms[&(ID, self.own.0)]
    }

    fn confirmations(&self) -> usize {
        self.chain.submission_record().confirmations.len()
    }

    /// Looks at all agreements while no block is made. Returns whether the look ended, and did not
    /// submit a confirmation more.
    async fn look_without_blocks(&mut self) -> bool {
        let (chain, head) = (self.chain.clone(), self.chain.finalized_head());
        let before = self.confirmations();
        let submitted = async {
            while chain.submission_record().confirmations.len() == before {
                tokio::task::yield_now().await;
            }
        };
        let worker = self.worker.as_mut().unwrap();
        worker.next_at = 0;
        tokio::select! {
            () = worker.on_finalized_head(head) => true,
            () = submitted => false,
        }
    }

    /// Looks at all agreements, while blocks are made. Returns the state of the only one.
    async fn look(&mut self) -> ReplicaState {
        let chain = self.chain.clone();
        let blocks = tokio::spawn(async move {
            loop {
                chain.advance();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let head = self.chain.finalized_head();
        let worker = self.worker.as_mut().unwrap();
        worker.next_at = 0;
        worker.on_finalized_head(head).await;
        blocks.abort();
        let report = worker.status.report(ID);
        report.unwrap().state
    }
}

fn set_checkpoint(chain: &SimulatedChain, commitment: Commitment) {
    chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&ID).unwrap();
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: pallet.anchor,
            primary_signers: vec![1],
        });
    });
    chain.advance();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_confirmed_once() {
    let mut fixture = Fixture::new();
    let wanted = fixture.checkpoint(1);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    let last = fixture.row().last_sync.unwrap();
    assert_eq!(last.commitment, wanted);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    assert_eq!(fixture.confirmations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_repeats_no_confirmation_that_is_pending() {
    let mut fixture = Fixture::new();
    fixture.checkpoint(1);
    assert!(!fixture.look_without_blocks().await);
    assert_eq!(fixture.confirmations(), 1);
    // The pool keeps it over the restart.
    fixture.worker = None;
    fixture.start();
    assert!(fixture.look_without_blocks().await);
    let report = fixture.worker().status.report(ID).unwrap();
    let waits =
        matches!(&report.state, ReplicaState::Waiting(why) if why.contains("was submitted"));
    assert!(waits, "{report:?}");
    while fixture.row().last_sync.is_none() {
        fixture.chain.advance();
    }
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    assert_eq!(fixture.confirmations(), 1);
    // The chain shows that it was taken, so the next one waits for nothing.
    fixture.checkpoint(2);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    assert_eq!(fixture.confirmations(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_left_behind_says_so_and_proves_what_it_has() {
    let mut fixture = Fixture::new();
    let confirmed = fixture.checkpoint(1);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    for number in [2, 3] {
        commit(&fixture.source, number);
    }
    let wanted = Sequence(2);
    let lease = fixture.source.blocking_lease(ID, LeaseRequest::write());
    let lease = lease.unwrap();
    lease.run(|bucket| bucket.prune(wanted, None)).unwrap();
    drop(lease);
    fixture.checkpoint(4);
    assert_eq!(fixture.look().await, ReplicaState::LeftBehind { wanted });
    let report = fixture.worker().status.report(ID).unwrap();
    assert!(report.last_sync.is_some() && !report.is_missing);
    assert_eq!(fixture.worker().status.statistics().failing, 1);
    let found = fixture.provider().find_signed(ID, &confirmed).unwrap();
    assert_eq!(found, SignedRootState::Provable);
    assert_eq!(fixture.confirmations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_is_still_missing() {
    let mut fixture = Fixture::new();
    fixture.checkpoint(1);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    fixture.worker = None;
    let buckets = fixture.folder.path().join(layout::BUCKETS_DIR);
    std::fs::remove_dir_all(buckets.join(layout::bucket_dir_name(ID))).unwrap();
    fixture.start();
    // Nobody has the content any more.
    fixture.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&ID).unwrap();
        bucket.primary_providers.clear();
    });
    fixture.chain.advance();
    let state = fixture.look().await;
    assert!(matches!(state, ReplicaState::Failed(_)), "{state:?}");
    let status = &fixture.worker().status;
    assert!(status.report(ID).unwrap().is_missing);
    assert_eq!(status.statistics().missing, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_copy_is_made_again_though_nobody_pays() {
    let mut fixture = Fixture::new();
    (1..=3).for_each(|number| _ = fixture.checkpoint(number));
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    let confirmed = fixture.row().last_sync.unwrap().commitment;
    let own = fixture.own;
    fixture.chain.edit(move |pallet| {
        let row = pallet.replica_terms.get_mut(&(ID, own.0)).unwrap();
        row.sync_balance = 0;
    });
    fixture.checkpoint(4);
    fixture.worker = None;
    let buckets = fixture.folder.path().join(layout::BUCKETS_DIR);
    std::fs::remove_dir_all(buckets.join(layout::bucket_dir_name(ID))).unwrap();
    fixture.start();
    let state = fixture.look().await;
    let is_unpaid = matches!(state, ReplicaState::Unpaid { .. });
    assert!(is_unpaid, "{state:?}");
    let found = fixture.provider().find_signed(ID, &confirmed).unwrap();
    assert_eq!(found, SignedRootState::Provable);
    assert_eq!(fixture.confirmations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_lacks_the_confirmed_root_is_continued_before_its_interval() {
    let mut fixture = Fixture::new();
    fixture.checkpoint(1);
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    let newest = fixture.checkpoint(2);
    let own = fixture.own;
    // As after a restart from an older backup. The chain keeps the root alone.
    fixture.chain.edit(move |pallet| {
        let anchor = pallet.anchor;
        let row = pallet.replica_terms.get_mut(&(ID, own.0)).unwrap();
        row.last_sync = Some(LastSync::of_root(newest.mmr_root, anchor));
        row.min_sync_interval = 10_000;
    });
    fixture.chain.advance();
    assert_eq!(fixture.look().await, ReplicaState::Synced);
    let commitment = LastSync::of_root(newest.mmr_root, 0).commitment;
    let found = fixture.provider().find_signed(ID, &commitment).unwrap();
    assert_eq!(found, SignedRootState::Provable);
    assert_eq!(fixture.confirmations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_confirmed_while_answers_may_need_the_balance() {
    let mut fixture = Fixture::new();
    let wanted = fixture.checkpoint(1);
    *fixture.refusal.lock() = Some("a challenge is open".to_owned());
    let waits = ReplicaState::Waiting("a challenge is open".to_owned());
    assert_eq!(fixture.look().await, waits);
    assert_eq!(fixture.confirmations(), 0);
    let copied = fixture.provider().summary(ID).unwrap().commitment;
    assert_eq!(copied, wanted);
    *fixture.refusal.lock() = None;
    assert_eq!(fixture.look().await, ReplicaState::Synced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_is_out_of_date_is_not_confirmed() {
    let mut fixture = Fixture::new();
    let wanted = fixture.checkpoint(1);
    let (chain, newer) = (
        fixture.chain.clone(),
        Commitment {
            mmr_root: H256::repeat_byte(9),
            ..wanted
        },
    );
    let changes = move || set_checkpoint(&chain, newer);
    *fixture.hook.lock() = Some(Box::new(changes));
    let state = fixture.look().await;
    let waits = matches!(&state, ReplicaState::Waiting(why) if why.contains("newer checkpoint"));
    assert!(waits, "{state:?}");
    assert_eq!(fixture.confirmations(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_copied_while_it_is_switched_off() {
    let mut fixture = Fixture::new();
    fixture.checkpoint(1);
    fixture.worker.as_mut().unwrap().config.synchronises = false;
    assert_eq!(fixture.look().await, ReplicaState::Off);
    assert!(fixture.provider().indexed_bucket(ID).is_none());
}
