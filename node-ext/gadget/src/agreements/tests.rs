//! Buckets and quotas follow agreements: as they appear, grow, are extended, expire and end, and
//! while processes are killed.

mod unserved;

use super::*;
use crate::network::{commit, open, signer_of};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::RegisteredKey;
use cairn_testing::{LIMITS, Pallet, SimulatedChain, SimulatedClient};
use std::path::Path;
use substrate_prometheus_endpoint::Registry;
use tempfile::TempDir;

const OWNER: AccountId = AccountId([8; 32]);
const ID: BucketId = BucketId(7);
const MIB: u64 = 1 << 20;

/// A provider on a chain, which has read its agreements once.
struct Fixture {
    folder: TempDir,
    chain: SimulatedChain,
    client: Arc<SimulatedClient>,
    account: AccountId,
    provider: Option<Arc<Provider>>,
    worker: AgreementWorker,
}

fn config() -> AgreementConfig {
    AgreementConfig {
        interval: 0,
        ..AgreementConfig::default()
    }
}

impl Fixture {
    fn without_pass() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let account = AccountId(signer_of(folder.path(), "//Alice").public());
        let chain = SimulatedChain::new(LIMITS);
        chain.edit(move |pallet| pallet.register(account, RegisteredKey::from(account.0)));
        chain.advance();
        let client = chain.client(account);
        let provider = open(folder.path());
        let worker = AgreementWorker::new(client.clone(), provider.clone(), config());
        Self {
            folder,
            chain,
            client,
            account,
            provider: Some(provider),
            worker,
        }
    }

    async fn new() -> Self {
        let mut fixture = Self::without_pass();
        fixture.pass().await;
        fixture
    }

    fn provider(&self) -> &Arc<Provider> {
        self.provider.as_ref().unwrap()
    }

    /// Stops the provider, calls `act`, and starts it with `config`.
    fn restart_with(&mut self, config: AgreementConfig, act: impl FnOnce(&Path)) {
        self.provider = None;
        let chain = self.client.clone();
        // The worker holds the provider too.
        let other = open(tempfile::tempdir().unwrap().path());
        self.worker = AgreementWorker::new(chain.clone(), other, config);
        act(self.folder.path());
        let provider = open(self.folder.path());
        self.worker = AgreementWorker::new(chain, provider.clone(), config);
        self.provider = Some(provider);
    }

    /// Makes a block that changes the chain, and lets the worker see it.
    async fn block(&mut self, change: impl Fn(&mut Pallet) + Send + Sync + 'static) {
        self.chain.edit(change);
        self.pass().await;
    }

    async fn pass(&mut self) {
        let head = self.chain.advance();
        self.worker.on_finalized_head(head).await;
    }

    /// Establishes an agreement for a bucket.
    async fn agree(&mut self, id: BucketId, max_bytes: u64, expires_at: u32) {
        let account = self.account;
        let agreement = Agreement::primary(OWNER, max_bytes, expires_at);
        self.block(move |pallet| pallet.add_bucket(id, account, agreement))
            .await;
    }

    /// Changes the agreement for [`ID`].
    async fn change(&mut self, change: impl Fn(&mut Agreement) + Send + Sync + 'static) {
        self.block(move |pallet| {
            let info = pallet.buckets.get_mut(&ID).unwrap();
            change(info.primary_providers[0].agreement.as_mut().unwrap());
        })
        .await;
    }

    fn state(&self, id: BucketId) -> Option<AgreementState> {
        let reports = self.worker.status.reports().into_iter();
        let mut states = reports.map(|(id, report)| (id, report.state));
        states.find(|(of, _)| *of == id).map(|(_, state)| state)
    }

    fn quota(&self, id: BucketId) -> u64 {
        self.provider().summary(id).unwrap().config.max_bytes
    }

    fn exists(&self, id: BucketId) -> bool {
        self.provider().indexed_bucket(id).is_some()
    }

    /// Tries to store a chunk.
    fn stores(&self, id: BucketId) -> bool {
        let lease = self.provider().blocking_lease(id, LeaseRequest::write());
        let stored = lease
            .unwrap()
            .run(|bucket| bucket.ingest(&b"some content"[..]));
        stored.is_ok()
    }
}

#[tokio::test]
async fn a_bucket_is_made_when_an_agreement_appears() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert_eq!(fixture.quota(ID), quota_for_content(MIB));
    let record = fixture.provider().summary(ID).unwrap();
    assert_eq!(record.config.profile, LIMITS.profile);
    assert!(fixture.stores(ID));
    let statistics = fixture.worker.status.statistics();
    assert_eq!((statistics.active, statistics.created), (1, 1));
    assert_eq!(statistics.agreed_bytes, MIB);
    let registry = Registry::new();
    fixture.worker.status().register_metrics(&registry).unwrap();
    assert_eq!(registry.gather().len(), 9);
}

#[tokio::test]
async fn a_bucket_that_exists_takes_the_quota_of_its_agreement() {
    let mut fixture = Fixture::new().await;
    let made = fixture
        .provider()
        .create_bucket(ID, BucketConfig::default());
    made.unwrap();
    commit(fixture.provider(), 1);
    fixture.agree(ID, MIB, 1_000).await;
    assert_eq!(fixture.quota(ID), quota_for_content(MIB));
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert_eq!(fixture.worker.status.statistics().created, 0);
    // A bucket without any agreement is not touched.
    let other = BucketId(8);
    let made = fixture
        .provider()
        .create_bucket(other, BucketConfig::default());
    made.unwrap();
    fixture.pass().await;
    assert_eq!(fixture.quota(other), u64::MAX);
    assert_eq!(fixture.state(other), None);
}

#[tokio::test]
async fn top_ups_and_extensions_are_followed() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture
        .change(|agreement| agreement.max_bytes = 3 * MIB)
        .await;
    assert_eq!(fixture.quota(ID), quota_for_content(3 * MIB));
    fixture
        .change(|agreement| agreement.expires_at = 5_000)
        .await;
    let records = AgreementRecords::read(fixture.provider().index()).unwrap();
    let record = records.get(ID).unwrap();
    assert_eq!(
        (record.agreement.expires_at, record.has_ended),
        (5_000, false)
    );
    assert_eq!(record.agreement.max_bytes, 3 * MIB);
}

#[tokio::test]
async fn a_quota_below_what_is_stored_deletes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, 16 * MIB, 1_000).await;
    (0..600).for_each(|number| commit(fixture.provider(), number));
    let charged = fixture.provider().summary(ID).unwrap().charged_bytes();
    let quota = quota_for_content(1);
    assert!(charged > quota, "{charged}");
    fixture.change(|agreement| agreement.max_bytes = 1).await;
    assert_eq!(fixture.quota(ID), charged);
    assert!(!fixture.stores(ID));
    assert_eq!(
        fixture
            .provider()
            .summary(ID)
            .unwrap()
            .commitment
            .leaf_count
            .get(),
        600
    );
    // It is not written again, and grows as soon as it is paid for.
    fixture.pass().await;
    assert_eq!(fixture.quota(ID), charged);
    fixture
        .change(|agreement| agreement.max_bytes = 32 * MIB)
        .await;
    assert_eq!(fixture.quota(ID), quota_for_content(32 * MIB));
    assert!(fixture.stores(ID));
}

#[tokio::test]
async fn an_expired_agreement_takes_no_content_and_stays_answerable() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 6).await;
    commit(fixture.provider(), 1);
    let before = fixture.provider().summary(ID).unwrap().commitment;
    while fixture.chain.finalized_head().anchor < 5 {
        fixture.pass().await;
        assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    }
    // The first block at which it no longer holds.
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Ended));
    assert!(!fixture.stores(ID));
    let record = fixture.provider().summary(ID).unwrap();
    assert_eq!(record.commitment, before);
    let lease = fixture
        .provider()
        .blocking_lease(ID, LeaseRequest::challenge());
    lease
        .unwrap()
        .run(|bucket| bucket.leaf(cairn_primitives::LeafIndex(0)))
        .unwrap();
    // Extended after all.
    fixture
        .change(|agreement| agreement.expires_at = 9_000)
        .await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert!(fixture.stores(ID));
    let records = AgreementRecords::read(fixture.provider().index()).unwrap();
    assert!(!records.get(ID).unwrap().has_ended);
}

#[tokio::test]
async fn an_agreement_that_is_gone_from_the_chain_has_ended() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture
        .block(|pallet| {
            pallet
                .buckets
                .get_mut(&ID)
                .unwrap()
                .primary_providers
                .clear()
        })
        .await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Ended));
    assert!(!fixture.stores(ID));
    // Also after a restart, and until the bucket is gone.
    fixture.restart_with(config(), |_| {});
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Ended));
    fixture.provider().delete_bucket(ID).unwrap();
    fixture.pass().await;
    assert_eq!(fixture.state(ID), None);
    let records = AgreementRecords::read(fixture.provider().index()).unwrap();
    assert_eq!(records.get(ID), None);
}

#[tokio::test]
async fn an_agreement_made_during_a_stop_gets_its_bucket() {
    let mut fixture = Fixture::new().await;
    fixture.restart_with(config(), |_| {});
    fixture.agree(ID, MIB, 1_000).await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    // The process dies after the bucket was made and before that was recorded.
    let name = ID.0.to_be_bytes().to_vec();
    let index = fixture.provider().index();
    index
        .write_duties(cairn_provider::DutyKind::Agreement, &[(name, None)])
        .unwrap();
    fixture.restart_with(config(), |_| {});
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert!(fixture.stores(ID));
}

#[tokio::test]
async fn a_chain_that_cannot_be_read_changes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture.client.remove_methods(&["agreements"]);
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert!(fixture.stores(ID));
    fixture.client.remove_methods(&[]);
    fixture.client.disconnect();
    fixture.pass().await;
    assert_eq!(fixture.worker.status.statistics().failed_passes, 2);
    fixture.client.connect();
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
}

#[tokio::test]
async fn replicas_are_left_alone() {
    let mut fixture = Fixture::new().await;
    let account = fixture.account;
    let replica = Agreement {
        is_replica: true,
        ..Agreement::primary(OWNER, MIB, 1_000)
    };
    fixture
        .block(move |pallet| {
            pallet.add_bucket(
                ID,
                AccountId([6; 32]),
                Agreement::primary(OWNER, MIB, 1_000),
            );
            pallet.replicas.insert((ID, account.0), replica);
        })
        .await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Replica));
    assert!(!fixture.exists(ID));
    let statistics = fixture.worker.status.statistics();
    assert_eq!((statistics.replicas, statistics.unfilled_bytes), (1, 0));
}

#[tokio::test]
async fn all_agreements_are_read_only_when_one_may_have_changed() {
    let mut fixture = Fixture::new().await;
    let config = AgreementConfig {
        interval: 50,
        ..AgreementConfig::default()
    };
    fixture.restart_with(config, |_| {});
    fixture.agree(ID, MIB, 20).await;
    let passes = |fixture: &Fixture| fixture.worker.status.statistics().passes;
    let before = passes(&fixture);
    for _ in 0..5 {
        fixture.pass().await;
    }
    assert_eq!(passes(&fixture), before, "nothing has changed");
    fixture.agree(BucketId(8), MIB, 1_000).await;
    assert_eq!(passes(&fixture), before + 1);
    assert!(fixture.exists(BucketId(8)));
    while fixture.chain.finalized_head().anchor < 19 {
        fixture.pass().await;
    }
    assert_eq!(passes(&fixture), before + 1);
    fixture.pass().await;
    assert_eq!(passes(&fixture), before + 2, "an agreement has expired");
    assert_eq!(fixture.state(ID), Some(AgreementState::Ended));
    // An extension changes no bytes, and is read after the interval at the latest.
    for _ in 0..50 {
        fixture.pass().await;
    }
    assert_eq!(passes(&fixture), before + 3);
}

#[tokio::test]
async fn many_new_agreements_are_served_over_several_heads() {
    let mut fixture = Fixture::new().await;
    let (account, number) = (fixture.account, MAX_CHANGES as u64 + 3);
    fixture
        .block(move |pallet| {
            for id in 0..number {
                let agreement = Agreement::primary(OWNER, MIB, 1_000);
                pallet.add_bucket(BucketId(id), account, agreement);
            }
        })
        .await;
    assert_eq!(
        fixture.worker.status.statistics().created,
        MAX_CHANGES as u64
    );
    fixture.pass().await;
    assert_eq!(fixture.worker.status.statistics().created, number);
}
