//! A simulated chain with one account, driven while a submission waits.

use crate::SettingsChange;
use crate::{Facts, Journal, Progress, SetupRequest, SubmitError, Submitter, setup_calls};
use cairn_chain::{ChainClient, ProviderCall};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, BucketInfo, PrimaryProvider, RegisteredKey};
use cairn_testing::{LIMITS, SimulatedChain, SimulatedClient};
use futures::executor::block_on;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

pub(crate) const ACCOUNT: AccountId = AccountId([7; 32]);
pub(crate) const MULTIADDR: &str = "/dns4/provider.example/tcp/443/tls/http";
/// More blocks than any submission waits for.
const MAX_BLOCKS: u32 = 1_000;

pub(crate) struct Fixture {
    pub(crate) chain: SimulatedChain,
    pub(crate) client: Arc<SimulatedClient>,
    folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let chain = SimulatedChain::new(LIMITS);
        chain.advance();
        Self {
            client: chain.client(ACCOUNT),
            chain,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Creates a chain on which the account is a provider that accepts everything.
    pub(crate) fn registered() -> Self {
        let fixture = Self::new();
        for call in setup_calls(&fixture.facts(), &request()).unwrap() {
            fixture.submit(&call).unwrap();
        }
        fixture
    }

    pub(crate) fn facts(&self) -> Facts {
        block_on(Facts::read(&*self.client)).unwrap()
    }

    pub(crate) fn journal(&self) -> Journal {
        let genesis = block_on(self.client.genesis()).unwrap();
        Journal::open(self.folder.path(), genesis, ACCOUNT).unwrap()
    }

    /// Runs work that waits for the chain, and advances the chain whenever it does.
    pub(crate) fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        block_on(async {
            let mut work = pin!(work);
            for _ in 0..MAX_BLOCKS {
                if let Poll::Ready(done) = futures::poll!(work.as_mut()) {
                    return done;
                }
                self.chain.advance();
            }
            panic!("nothing came of {MAX_BLOCKS} blocks");
        })
    }

    /// Polls work once, without a block, and then drops it, as a kill would.
    pub(crate) fn kill_while_waiting<T>(&self, work: impl Future<Output = T>) {
        block_on(async {
            let mut work = pin!(work);
            assert!(futures::poll!(work.as_mut()).is_pending());
        });
    }

    /// Settles what an earlier run left, and submits a call.
    pub(crate) fn submit(&self, call: &ProviderCall) -> Result<Facts, SubmitError> {
        let submitter = Submitter::new(&*self.client, self.journal());
        self.drive(async {
            let facts = submitter.settle(&mut |_| {}).await?;
            submitter.submit(call, &facts, &mut |_| {}).await
        })
    }

    /// Settles what an earlier run left.
    pub(crate) fn settle(&self) -> (Facts, Vec<Progress>) {
        let submitter = Submitter::new(&*self.client, self.journal());
        let mut seen = Vec::new();
        let facts = self.drive(submitter.settle(&mut |step| seen.push(step)));
        (facts.unwrap(), seen)
    }

    /// Submits a call, and is killed before anything comes of it.
    pub(crate) fn kill_in(&self, call: &ProviderCall) {
        let facts = self.facts();
        let submitter = Submitter::new(&*self.client, self.journal());
        self.kill_while_waiting(submitter.submit(call, &facts, &mut |_| {}));
    }

    /// Makes an agreement with the account, from the next block on.
    pub(crate) fn agree(&self, bucket: u64, expires_at: u32) {
        self.chain.edit(move |pallet| {
            let owner = AccountId([1; 32]);
            let key = pallet.providers[&ACCOUNT.0].key.clone();
            let info = BucketInfo {
                members: vec![(owner, Role::Admin)],
                min_providers: 1,
                primary_providers: vec![PrimaryProvider {
                    account: ACCOUNT,
                    key: Some(key),
                    endpoint: vec![],
                    agreement: Some(Agreement::primary(owner, 100, expires_at)),
                }],
                frozen_start_seq: None,
                snapshot: None,
                historical_roots: vec![],
                window: None,
                last_window: None,
            };
            pallet.buckets.insert(BucketId(bucket), info);
            let record = pallet.providers.get_mut(&ACCOUNT.0).unwrap();
            record.committed_bytes += 100;
        });
        self.chain.advance();
    }

    /// Advances the chain to an anchor block.
    pub(crate) fn advance_to(&self, anchor: u32) {
        while self.chain.finalized_head().anchor < anchor {
            self.chain.advance();
        }
    }

    /// Returns the calls that the pool ever took.
    pub(crate) fn calls(&self) -> Vec<ProviderCall> {
        self.chain.submission_record().provider_calls
    }
}

pub(crate) fn request() -> SetupRequest {
    SetupRequest {
        key: RegisteredKey::from([9; 32]),
        multiaddr: MULTIADDR.to_owned(),
        stake: 5_000,
        settings: SettingsChange {
            min_duration: Some(10),
            max_duration: Some(1_000),
            price_per_byte: Some(3),
            accepting_primary: Some(true),
            accepting_extensions: Some(true),
            max_capacity: Some(4_000),
            ..SettingsChange::default()
        },
    }
}
