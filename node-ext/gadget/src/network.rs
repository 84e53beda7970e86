//! A network of providers that share buckets and sign for each other, over a simulated chain: the
//! fixture of the workers' tests.

use super::checkpoints::CheckpointWorker;
use super::{
    CheckpointConfig, CheckpointRequest, CosignError, CosignRequest, Cosigners, Countersigner,
    HeldState, Refusal,
};
use async_trait::async_trait;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_engine::Durability;
use cairn_keys::{KeyFolder, Signer};
use cairn_primitives::challenge::{AccountId, MultiSignature, Role};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, CheckpointWindow, PrimaryProvider, RegisteredKey,
};
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{BudgetRequest, LeaseRequest, OnCopy, Provider, ProviderOptions};
use cairn_testing::{LIMITS, SimulatedChain, SimulatedClient};
use parking_lot::Mutex;
use sp_core::{Pair, sr25519};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// The bucket that all providers keep.
pub(crate) const ID: BucketId = BucketId(7);

/// The first anchor block after all agreements, unless a test says otherwise.
pub(crate) const EXPIRES: u32 = 100_000;

/// An in-memory transport between countersigners that records all requests.
#[derive(Default)]
pub(crate) struct MemoryCosigners {
    countersigners: Mutex<HashMap<[u8; 32], Arc<Countersigner>>>,
    /// Unreachable providers.
    pub(crate) unreachable: Mutex<HashSet<[u8; 32]>>,
    /// Providers that never answer.
    pub(crate) silent: Mutex<HashSet<[u8; 32]>>,
    /// Providers that always claim to hold this, and sign nothing.
    pub(crate) lying: Mutex<HashMap<[u8; 32], HeldState>>,
    /// Providers whose signatures are invalid.
    pub(crate) forging: Mutex<HashSet<[u8; 32]>>,
    /// Everything that was signed, by account.
    pub(crate) signed: Mutex<Vec<(AccountId, CheckpointRequest)>>,
}

impl MemoryCosigners {
    async fn countersigner(
        &self,
        from: &PrimaryProvider,
    ) -> Result<Arc<Countersigner>, CosignError> {
        let account = from.account.0;
        if self.silent.lock().contains(&account) {
            std::future::pending::<()>().await;
        }
        let countersigner = self.countersigners.lock().get(&account).cloned();
        countersigner
            .filter(|_| !self.unreachable.lock().contains(&account))
            .ok_or(CosignError::Unreachable {
                endpoint: String::new(),
                reason: "as the test has it".into(),
            })
    }

    /// Asserts that nobody ever signed two commitments for one window.
    pub(crate) fn assert_one_per_window(&self) {
        let mut of: HashMap<_, Commitment> = HashMap::new();
        for (account, request) in self.signed.lock().iter() {
            if let Some(window) = request.window() {
                let key = (account.0, request.bucket(), window);
                let first = *of.entry(key).or_insert(request.commitment());
                assert_eq!(first, request.commitment(), "two for window {window}");
            }
        }
    }
}

#[async_trait]
impl Cosigners for MemoryCosigners {
    async fn held_state(
        &self,
        from: &PrimaryProvider,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<HeldState, CosignError> {
        if let Some(lie) = self.lying.lock().get(&from.account.0) {
            return Ok(*lie);
        }
        Ok(self
            .countersigner(from)
            .await?
            .held_state(bucket, window)
            .await?)
    }

    async fn cosign(
        &self,
        from: &PrimaryProvider,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, CosignError> {
        self.signed.lock().push((ask.requester, ask.request));
        if self.lying.lock().contains_key(&from.account.0) {
            return Err(Refusal::Unable.into());
        }
        let signature = self.countersigner(from).await?.countersign(ask).await?;
        self.signed.lock().push((from.account, ask.request));
        if self.forging.lock().contains(&from.account.0) {
            return Ok(MultiSignature::Sr25519([7; 64]));
        }
        Ok(signature)
    }
}

/// A provider with its checkpoint scheduler, which can be killed.
pub(crate) struct NetworkProvider {
    folder: TempDir,
    pub(crate) account: AccountId,
    pub(crate) client: Arc<SimulatedClient>,
    pub(crate) signer: Signer,
    secret: &'static str,
    running: Option<(Arc<Provider>, CheckpointWorker)>,
}

impl NetworkProvider {
    /// Signs bytes with the bare key, without the gate.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> MultiSignature {
        let pair = sr25519::Pair::from_string(self.secret, None).unwrap();
        MultiSignature::Sr25519(pair.sign(bytes).0)
    }

    pub(crate) fn provider(&self) -> &Arc<Provider> {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn worker(&mut self) -> &mut CheckpointWorker {
        &mut self.running.as_mut().unwrap().1
    }

    pub(crate) fn countersigner(&self) -> Arc<Countersigner> {
        self.running.as_ref().unwrap().1.countersigner()
    }

    pub(crate) fn commitment(&self) -> Commitment {
        self.provider().summary(ID).unwrap().commitment
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

pub(crate) fn open(path: &Path) -> Arc<Provider> {
    let budget = BudgetRequest {
        max_open: Some(4),
        memory_bytes: Some(128 << 20),
        ..BudgetRequest::default()
    };
    let options = ProviderOptions {
        budget,
        // These tests are about the chain; others show that a copy signs nothing.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    };
    let base = BasePath::create(path).unwrap();
    Arc::new(Provider::open(base, options).unwrap())
}

pub(crate) fn signer_of(path: &Path, secret: &str) -> Signer {
    let keys = KeyFolder::new(path.join("keys"));
    keys.insert(secret).unwrap();
    keys.signer(None).unwrap()
}

/// Commits a leaf with distinct content for each number.
pub(crate) fn commit(provider: &Provider, number: u64) {
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let content = format!("the content of leaf {number}");
    let stored = lease
        .run(|bucket| bucket.ingest(content.as_bytes()))
        .unwrap();
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    lease
        .run(|bucket| bucket.commit(&[leaf], Durability::Buffered))
        .unwrap();
}

/// The chain, the transport, and the providers.
pub(crate) struct Network {
    pub(crate) chain: SimulatedChain,
    pub(crate) cosigners: Arc<MemoryCosigners>,
    pub(crate) providers: Vec<NetworkProvider>,
    config: CheckpointConfig,
}

impl Network {
    /// Creates N providers, of which `least` must sign.
    pub(crate) fn new(
        number: usize,
        least: u32,
        window: Option<CheckpointWindow>,
        config: CheckpointConfig,
    ) -> Self {
        let chain = SimulatedChain::new(LIMITS);
        let mut network = Self {
            chain: chain.clone(),
            cosigners: Arc::default(),
            providers: Vec::new(),
            config,
        };
        let mut primaries = Vec::new();
        for name in ["//Alice", "//Bob", "//Charlie", "//Dave"]
            .iter()
            .take(number)
        {
            let folder = tempfile::tempdir().unwrap();
            let signer = signer_of(folder.path(), name);
            let account = AccountId(signer.public());
            let provider = open(folder.path());
            provider.create_bucket(ID, BucketConfig::default()).unwrap();
            provider.index().mark_fresh().unwrap();
            drop(provider);
            primaries.push(PrimaryProvider {
                account,
                key: Some(RegisteredKey::from(signer.public())),
                endpoint: name.as_bytes().to_vec(),
                agreement: Some(Agreement::primary(AccountId([8; 32]), u64::MAX, EXPIRES)),
            });
            network.providers.push(NetworkProvider {
                folder,
                secret: name,
                account,
                client: chain.client(account),
                signer,
                running: None,
            });
        }
        // The providers are writers too, so that they may submit checkpoints outside of windows.
        let members = primaries
            .iter()
            .map(|primary| (primary.account, Role::Writer))
            .collect();
        let info = BucketInfo {
            members,
            min_providers: least,
            primary_providers: primaries,
            frozen_start_seq: None,
            snapshot: None,
            historical_roots: vec![],
            window,
            last_window: None,
        };
        chain.edit(move |pallet| {
            for primary in &info.primary_providers {
                pallet.register(primary.account, primary.key.clone().unwrap());
            }
            pallet.buckets.insert(ID, info.clone());
        });
        chain.advance();
        (0..number).for_each(|who| network.start(who));
        network
    }

    /// Starts a stopped provider.
    pub(crate) fn start(&mut self, who: usize) {
        let peer = &mut self.providers[who];
        let provider = open(peer.path());
        let scheduler = CheckpointWorker::new(
            peer.client.clone(),
            provider.clone(),
            peer.signer.clone(),
            self.cosigners.clone(),
            self.config,
        )
        .unwrap();
        let countersigner = scheduler.countersigner();
        self.cosigners
            .countersigners
            .lock()
            .insert(peer.account.0, countersigner);
        peer.running = Some((provider, scheduler));
    }

    /// Kills a provider.
    pub(crate) fn kill(&mut self, who: usize) {
        let account = self.providers[who].account.0;
        self.cosigners.countersigners.lock().remove(&account);
        self.providers[who].running = None;
    }

    /// Commits a leaf at every running provider.
    pub(crate) fn commit(&self, number: u64) {
        for peer in &self.providers {
            if peer.is_running() {
                commit(peer.provider(), number);
            }
        }
    }

    /// Lets every running provider evaluate the last finalized block and complete its attempts.
    pub(crate) async fn evaluate(&mut self) {
        let head = self.chain.finalized_head();
        for peer in self.providers.iter().filter(|one| one.is_running()) {
            peer.countersigner().on_finalized_head(head);
        }
        for peer in self.providers.iter_mut().filter(|one| one.is_running()) {
            peer.worker().step(head).await;
        }
        self.cosigners.assert_one_per_window();
    }

    /// Adds a block that is final at once, and evaluates it.
    pub(crate) async fn block(&mut self) {
        self.chain.advance();
        self.evaluate().await;
    }

    /// Adds blocks up to an anchor block.
    pub(crate) async fn blocks_to(&mut self, anchor: u32) {
        while self.chain.finalized_head().anchor < anchor {
            self.block().await;
        }
    }

    /// Edits the bucket on chain with the next block.
    pub(crate) fn edit(&self, change: impl Fn(&mut BucketInfo) + Send + Sync + 'static) {
        self.chain
            .edit(move |pallet| change(pallet.buckets.get_mut(&ID).unwrap()));
    }

    /// Returns the bucket at the last finalized block.
    pub(crate) fn info(&self) -> BucketInfo {
        self.chain.finalized().buckets[&ID].clone()
    }

    /// Returns the last checkpoint at the last finalized block.
    pub(crate) fn checkpointed(&self) -> Option<Commitment> {
        self.info().snapshot.map(|snapshot| snapshot.commitment)
    }

    /// Returns the positions of the providers that submitted checkpoints so far.
    pub(crate) fn submitters(&self) -> Vec<usize> {
        let seen = self.chain.submission_record();
        let place = |account: &AccountId| {
            let is_one = |one: &NetworkProvider| one.account == *account;
            self.providers.iter().position(is_one).unwrap()
        };
        seen.checkpoints.iter().map(|(by, ..)| place(by)).collect()
    }
}
