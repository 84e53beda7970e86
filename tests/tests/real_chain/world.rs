//! A chain in this process with two providers: one that the node has loaded, and one that
//! follows it over a WebSocket. Everybody else is a user who knows nothing of Cairn.

use crate::provider::TestProvider;
use cairn_devnode::{InMemoryConfig, InMemoryNode, Parameters, ProviderOptions, Sealing, Variant};
use cairn_devnode_user::{AccountId, Chain, Key, Location, Sent, values};
use std::time::Duration;
use tempfile::TempDir;

/// The time between blocks.
const BLOCK_TIME: Duration = Duration::from_millis(200);
/// The time limit for the answers to a batch of challenges, far longer than they take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(240);
/// Anchor blocks of each agreement.
const DURATION: u32 = 1_000_000;
/// The quota of each agreement.
const MAX_BYTES: u64 = 1 << 30;
/// The first chunk of the first leaf.
pub(crate) const FIRST: Location = Location {
    leaf_index: 0,
    chunk_index: 0,
};
/// The stake of each provider: a thousand coins, as the real chain wants.
pub(crate) const STAKE: u128 = 1_000_000_000_000_000;

/// The spec version since which challengers are authorised or not, and answers cost no stake.
const TOLD_APART_SINCE: u32 = 4_006;

/// How a provider follows the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// In the node.
    Embedded,
    /// Over a WebSocket.
    Remote,
}

/// The chain, and everybody on it.
pub(crate) struct World {
    pub(crate) node: InMemoryNode,
    pub(crate) chain: Chain,
    /// Root, and the owner of all buckets.
    pub(crate) alice: Key,
    /// Challenges what it has no part in.
    pub(crate) stranger: Key,
    pub(crate) providers: Vec<TestProvider>,
    /// The base paths, until all have ended.
    _folders: Vec<TempDir>,
}

/// How a chain begins.
pub(crate) struct Beginning {
    pub(crate) variant: Variant,
    pub(crate) parameters: Parameters,
    /// The key that the embedded provider's commitments are signed with.
    pub(crate) commitments_suri: Option<&'static str>,
}

impl From<Variant> for Beginning {
    fn from(variant: Variant) -> Self {
        Self {
            variant,
            parameters: Parameters::default(),
            commitments_suri: None,
        }
    }
}

impl World {
    /// Starts a chain with a provider of each kind, both registered.
    pub(crate) async fn begin(beginning: impl Into<Beginning>) -> Self {
        let beginning = beginning.into();
        let folders = vec![tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let node = InMemoryNode::start(InMemoryConfig {
            variant: beginning.variant,
            parameters: beginning.parameters,
            sealing: Sealing::Interval(BLOCK_TIME),
            rpc_port: 0,
            provider: Some(ProviderOptions {
                base_path: folders[0].path().to_owned(),
                suri: Some("//Charlie".into()),
                commitments_suri: beginning.commitments_suri.map(Into::into),
                ..Default::default()
            }),
        })
        .await
        .unwrap();
        let url = node.rpc_url();
        let chain = Chain::connect(&url).await.unwrap();
        let signing = beginning.commitments_suri.unwrap_or("//Charlie");
        let providers = vec![
            TestProvider::embedded("//Charlie", signing, node.cairn().unwrap()),
            TestProvider::remote("//Dave", folders[1].path(), &url),
        ];
        let world = Self {
            node,
            chain,
            alice: Key::new("//Alice").unwrap(),
            stranger: Key::new("//Eve").unwrap(),
            providers,
            _folders: folders,
        };
        for provider in &world.providers {
            world.register(provider).await;
        }
        world
    }

    async fn register(&self, provider: &TestProvider) {
        self.chain
            .register_provider(
                &provider.key,
                &provider.signing.public(),
                "/ip4/127.0.0.1/tcp/9",
                STAKE,
            )
            .await
            .unwrap();
        self.chain
            .update_settings(&provider.key, &Default::default())
            .await
            .unwrap();
    }

    pub(crate) fn provider(&self, follows: Follows) -> &TestProvider {
        &self.providers[follows as usize]
    }

    /// Makes a bucket with an agreement of the provider, on chain and in its folder.
    pub(crate) async fn establish(&mut self, follows: Follows) -> u64 {
        let provider = &self.providers[follows as usize];
        let bucket = self
            .chain
            .agree(
                &self.alice,
                provider.account(),
                &provider.signing,
                MAX_BYTES,
                DURATION,
            )
            .await
            .unwrap();
        self.providers[follows as usize].open_bucket(bucket).await;
        bucket
    }

    /// Submits the newest commitment of a bucket as a checkpoint, as its owner.
    pub(crate) async fn checkpoint(&self, follows: Follows, bucket: u64) {
        let provider = self.provider(follows);
        let signed = provider.newest(bucket);
        let signatures = [(provider.account(), signed.signature.clone())];
        self.chain
            .checkpoint(
                &self.alice,
                bucket,
                &signed.commitment,
                signed.nonce,
                &signatures,
            )
            .await
            .unwrap();
    }

    /// Submits a challenge of the last checkpoint of a bucket, as its owner.
    pub(crate) async fn challenge(
        &self,
        follows: Follows,
        bucket: u64,
        location: Location,
    ) -> Sent {
        let account = self.provider(follows).account();
        self.chain
            .challenge_checkpoint(&self.alice, bucket, account, location)
            .await
            .unwrap()
    }

    /// Waits until all are finalized, and fails unless all succeeded. Returns the first
    /// block.
    pub(crate) async fn all_included(&self, sent: &[Sent]) -> u32 {
        let mut first = u32::MAX;
        for sent in sent {
            first = first.min(self.chain.included(sent).await.unwrap().number);
        }
        first
    }

    /// Waits for a finalized block without open challenges of any of the providers.
    pub(crate) async fn await_answers(&self) {
        let answered = async {
            let mut last = 0;
            loop {
                let mut open = 0;
                for provider in &self.providers {
                    let account = provider.account();
                    open += self.chain.open_challenges(account).await.unwrap();
                }
                if open == 0 {
                    return;
                }
                last = self.chain.finalized_after(last).await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(ANSWER_TIMEOUT, answered).await;
        in_time.expect("challenges stay open");
    }

    /// Waits until a number of challenges were defended since a block.
    pub(crate) async fn await_defended(&self, since: u32, count: usize) {
        let defended = async {
            let mut last = 0;
            loop {
                let events = self.chain.storage_events(since, "ChallengeDefended").await;
                if events.unwrap().len() >= count {
                    return;
                }
                last = self.chain.finalized_after(last).await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(ANSWER_TIMEOUT, defended).await;
        in_time.expect("challenges are not defended");
    }

    /// Waits until a provider signs what the chain's runtime verifies.
    pub(crate) async fn await_payload(&self, follows: Follows) {
        let mut last = 0;
        let nonces = self.chain.signs_nonces().await.unwrap();
        let provider = &self.provider(follows).handle.provider;
        while provider.payload_nonce().is_some() != nonces {
            last = self.chain.finalized_after(last).await.unwrap();
        }
    }

    /// Returns how many challenges of a provider were defended since a block, and how many
    /// were lost.
    pub(crate) async fn fates(&self, account: AccountId, since: u32) -> (usize, usize) {
        let mut counts = [0, 0];
        for (count, name) in counts
            .iter_mut()
            .zip(["ChallengeDefended", "ChallengeSlashed"])
        {
            for (_, event) in self.chain.storage_events(since, name).await.unwrap() {
                let provider = values::inside(&event.fields, "provider");
                let provider = values::bytes32(provider.unwrap());
                *count += usize::from(provider.unwrap() == account);
            }
        }
        (counts[0], counts[1])
    }

    /// Asserts that a provider has lost no stake. Until challengers were told apart, the chain
    /// took a provider's share of an answer's cost from its stake.
    pub(crate) async fn assert_stake(&self, follows: Follows) {
        let account = self.provider(follows).account();
        let mut shares = 0;
        let defended = self.chain.storage_events(1, "ChallengeDefended").await;
        for (number, event) in defended.unwrap() {
            let provider = values::inside(&event.fields, "provider").unwrap();
            let executed_by = self.chain.spec_version_at(number - 1).await.unwrap();
            if values::bytes32(provider).unwrap() == account && executed_by < TOLD_APART_SINCE {
                shares += values::number_in(&event.fields, "provider_cost").unwrap();
            }
        }
        let stake = self.chain.stake(account).await.unwrap();
        assert_eq!(stake + shares, STAKE, "{follows:?}");
    }

    /// Waits for a number of finalized blocks.
    pub(crate) async fn blocks(&self, count: u32) {
        let last = self.chain.finalized().await.unwrap() + count;
        self.chain.finalized_after(last - 1).await.unwrap();
    }

    pub(crate) async fn end(self) {
        for provider in self.providers {
            provider.stop().await;
        }
        self.node.stop().await.unwrap();
    }
}
