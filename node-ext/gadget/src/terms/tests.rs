//! Terms over a simulated chain, which judges them as the pallet does.

mod known;
mod policy;

use super::quoter::QuoterInputs;
use super::*;
use crate::agreements::{AgreementConfig, AgreementWorker};
use crate::funds::{FundsConfig, FundsWorker};
use crate::network::{open, signer_of};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{ProviderInfo, RegisteredKey};
use cairn_primitives::terms::{BucketTarget, SignedTerms, TermsRefusal};
use cairn_provider::Provider;
use cairn_testing::{LIMITS, Pallet, SimulatedChain, SimulatedClient};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const OWNER: AccountId = AccountId([8; 32]);
const MIB: u64 = 1 << 20;

fn policy() -> TermsPolicy {
    TermsPolicy {
        accepts_primary: true,
        price_per_byte: Some(3),
        min_duration: 1,
        min_bucket_bytes: 1,
        validity: 50,
        ..TermsPolicy::default()
    }
}

fn request() -> TermsRequest {
    TermsRequest {
        owner: OWNER,
        max_bytes: MIB,
        duration: 100,
        max_price: Some(5),
        bucket: BucketTarget::New,
        replica: None,
    }
}

/// A registered provider that signs terms.
struct Fixture {
    _folder: TempDir,
    chain: SimulatedChain,
    client: Arc<SimulatedClient>,
    account: AccountId,
    provider: Arc<Provider>,
    agreements: AgreementWorker,
    funds: FundsWorker,
    quoter: Quoter,
    is_synced: Arc<AtomicBool>,
}

impl Fixture {
    /// A provider that has seen one finalized head.
    async fn started(policy: TermsPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = signer_of(folder.path(), "//Alice");
        let account = AccountId(signer.public());
        let chain = SimulatedChain::new(LIMITS);
        chain.edit(move |pallet| {
            pallet.register(account, RegisteredKey::from(account.0));
            let record = pallet.providers.get_mut(&account.0).unwrap();
            record.settings.price_per_byte = 3;
        });
        let client = chain.client(account);
        let provider = open(folder.path());
        let config = AgreementConfig::default();
        let agreements = AgreementWorker::new(client.clone(), provider.clone(), config);
        let funds = FundsWorker::new(
            client.clone(),
            || 0,
            FundsConfig {
                interval: 0,
                ..FundsConfig::default()
            },
        );
        let is_synced = Arc::new(AtomicBool::new(true));
        let synced = is_synced.clone();
        let inputs = QuoterInputs {
            is_synced: Box::new(move || synced.load(Ordering::Relaxed)),
            agreements: agreements.status(),
            funds: funds.status(),
        };
        let quoter = Quoter::new(client.clone(), provider.clone(), signer, policy, inputs);
        let mut fixture = Self {
            _folder: folder,
            chain,
            client,
            account,
            provider,
            agreements,
            funds,
            quoter: quoter.unwrap(),
            is_synced,
        };
        fixture.pass().await;
        fixture
    }

    async fn new(policy: TermsPolicy) -> Self {
        let mut fixture = Self::started(policy).await;
        fixture.pass().await;
        fixture
    }

    /// Makes a block, and lets the workers see it.
    async fn pass(&mut self) {
        let head = self.chain.advance();
        self.agreements.on_finalized_head(head).await;
        self.funds.on_finalized_head(head).await;
    }

    async fn edit(&mut self, change: impl Fn(&mut Pallet) + Send + Sync + 'static) {
        self.chain.edit(change);
        self.pass().await;
    }

    async fn edit_provider(&mut self, change: impl Fn(&mut ProviderInfo) + Send + Sync + 'static) {
        let account = self.account.0;
        self.edit(move |pallet| change(pallet.providers.get_mut(&account).unwrap()))
            .await;
    }

    /// Redeems terms in the next block.
    async fn redeem(&mut self, signed: &SignedTerms) -> Result<BucketId, &'static str> {
        let (account, signed) = (self.account, signed.clone());
        let result = Arc::new(Mutex::new(None));
        let redeemed = result.clone();
        self.edit(move |pallet| {
            *redeemed.lock() = Some(pallet.redeem(signed.terms.owner, account, &signed));
        })
        .await;
        let result = result.lock().take();
        result.unwrap()
    }
}

#[tokio::test]
async fn signed_terms_are_redeemed_and_get_their_bucket() {
    let mut fixture = Fixture::new(policy()).await;
    let signed = fixture.quoter.negotiate(request()).await.unwrap();
    let terms = signed.terms;
    assert_eq!(
        (terms.owner, terms.max_bytes, terms.duration),
        (OWNER, MIB, 100)
    );
    assert_eq!(
        terms.price_per_byte, 3,
        "the provider's price, not the owner's"
    );
    assert_eq!(
        terms.valid_until,
        fixture.chain.finalized_head().anchor + 50
    );
    let id = fixture.redeem(&signed).await.unwrap();
    assert!(fixture.provider.indexed_bucket(id).is_some());
    assert_eq!(fixture.redeem(&signed).await, Err("Nonce"));
    assert_eq!(fixture.quoter.statistics().signed, 1);
}

#[tokio::test]
async fn each_terms_have_a_nonce_of_their_own_in_any_order() {
    let mut fixture = Fixture::new(policy()).await;
    let mut signed = Vec::new();
    for _ in 0..4 {
        signed.push(fixture.quoter.negotiate(request()).await.unwrap());
    }
    let nonces: HashSet<_> = signed.iter().map(|signed| signed.terms.nonce).collect();
    assert_eq!(nonces.len(), 4);
    for signed in signed.iter().rev() {
        fixture.redeem(signed).await.unwrap();
    }
}

#[tokio::test]
async fn terms_are_not_redeemed_after_their_time_or_by_others() {
    let mut fixture = Fixture::new(policy()).await;
    let signed = fixture.quoter.negotiate(request()).await.unwrap();
    let mut stolen = signed.clone();
    stolen.terms.owner = AccountId([9; 32]);
    assert_eq!(
        fixture.redeem(&stolen).await,
        Err("InvalidProviderSignature")
    );
    while fixture.chain.finalized_head().anchor < signed.terms.valid_until {
        fixture.pass().await;
    }
    assert_eq!(fixture.redeem(&signed).await, Err("TermsExpired"));
}

#[tokio::test]
async fn the_chains_bound_of_validity_holds() {
    let policy = TermsPolicy {
        validity: 100_000,
        ..policy()
    };
    let mut fixture = Fixture::new(policy).await;
    fixture.edit(|pallet| pallet.request_timeout = 7).await;
    let signed = fixture.quoter.negotiate(request()).await.unwrap();
    let anchor = fixture.chain.finalized_head().anchor;
    assert_eq!(signed.terms.valid_until, anchor + 7);
    fixture.redeem(&signed).await.unwrap();
}

#[tokio::test]
async fn nothing_is_signed_before_everything_is_read() {
    let mut fixture = Fixture::started(policy()).await;
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(
        refused,
        Err(TermsRefusal::NotReady),
        "no anchor block has passed"
    );
    fixture.pass().await;
    fixture.is_synced.store(false, Ordering::Relaxed);
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::NotReady));
    fixture.is_synced.store(true, Ordering::Relaxed);
    fixture.client.disconnect();
    fixture.pass().await;
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::NotReady));
    fixture.client.connect();
    fixture.pass().await;
    fixture.provider.stop_signing("test", "as the test has it");
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::Unable));
    fixture.provider.resume_signing("test");
    assert!(fixture.quoter.negotiate(request()).await.is_ok());
    assert_eq!(fixture.quoter.statistics().refused, 4);
}

#[tokio::test]
async fn by_default_nothing_is_offered() {
    let fixture = Fixture::new(TermsPolicy::default()).await;
    assert_eq!(fixture.quoter.offer().await, Err(TermsRefusal::NotOffered));
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::NotOffered));
}

#[tokio::test]
async fn the_providers_record_on_chain_decides_too() {
    let mut fixture = Fixture::new(policy()).await;
    fixture
        .edit_provider(|info| info.key = RegisteredKey::from([7; 32]))
        .await;
    let refused = fixture.quoter.offer().await;
    assert_eq!(refused, Err(TermsRefusal::NotRegistered));
    let account = fixture.account;
    fixture
        .edit_provider(move |info| {
            info.key = RegisteredKey::from(account.0);
            info.deregister_at = Some(500);
        })
        .await;
    let refused = fixture.quoter.offer().await;
    assert_eq!(refused, Err(TermsRefusal::Leaving { at: 500 }));
    fixture
        .edit_provider(|info| {
            info.deregister_at = None;
            info.settings.max_capacity = 3 * MIB / 2;
        })
        .await;
    let offer = fixture.quoter.offer().await.unwrap();
    assert_eq!(offer.available_bytes, 3 * MIB / 2);
}

#[tokio::test]
async fn space_is_promised_once() {
    let mut fixture = Fixture::new(policy()).await;
    fixture
        .edit_provider(|info| info.settings.max_capacity = 3 * MIB / 2)
        .await;
    let first = fixture.quoter.negotiate(request()).await.unwrap();
    // Not redeemed, and counted all the same.
    let available = MIB / 2;
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::Capacity { available }));
    // Redeemed: it is counted once.
    fixture.redeem(&first).await.unwrap();
    let offer = fixture.quoter.offer().await.unwrap();
    assert_eq!(offer.available_bytes, available);
    // Another one that nobody redeems is free again when it expires.
    let half = TermsRequest {
        max_bytes: available,
        ..request()
    };
    let second = fixture.quoter.negotiate(half).await.unwrap();
    assert!(fixture.quoter.negotiate(half).await.is_err());
    while fixture.chain.finalized_head().anchor <= second.terms.valid_until {
        fixture.pass().await;
    }
    assert!(fixture.quoter.negotiate(half).await.is_ok());
}

#[tokio::test]
async fn one_owner_gets_a_bounded_number_of_terms() {
    let policy = TermsPolicy {
        max_redeemable: 5,
        max_redeemable_per_owner: 3,
        ..policy()
    };
    let mut fixture = Fixture::new(policy).await;
    let first = fixture.quoter.negotiate(request()).await.unwrap();
    for _ in 0..2 {
        fixture.quoter.negotiate(request()).await.unwrap();
    }
    let at = first.terms.valid_until + 1;
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::TooMany { at }));
    let of = |owner| TermsRequest {
        owner: AccountId([owner; 32]),
        ..request()
    };
    for owner in [1, 2] {
        fixture.quoter.negotiate(of(owner)).await.unwrap();
    }
    let refused = fixture.quoter.negotiate(of(3)).await;
    assert_eq!(refused, Err(TermsRefusal::TooMany { at }));
    fixture.redeem(&first).await.unwrap();
    assert!(fixture.quoter.negotiate(of(3)).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_cannot_pay_for_answers_promises_nothing() {
    let mut fixture = Fixture::new(policy()).await;
    let account = fixture.account.0;
    fixture
        .edit(move |pallet| _ = pallet.balances.insert(account, 1))
        .await;
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::Unable));
}

#[tokio::test]
async fn concurrent_requests_share_no_space() {
    let mut fixture = Fixture::new(policy()).await;
    fixture
        .edit_provider(|info| info.settings.max_capacity = 2 * MIB)
        .await;
    let quoter = &fixture.quoter;
    let all = (0..3u8).map(|owner| {
        quoter.negotiate(TermsRequest {
            owner: AccountId([owner; 32]),
            ..request()
        })
    });
    let answers = futures::future::join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
}
