//! A chain, a provider that follows it, and a challenge that stays open: no block is made that
//! could include its answer.

use crate::process::Provider;
use crate::wire::Client;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_devnode::{InMemoryConfig, InMemoryNode, Variant};
use cairn_devnode_user::{Chain, Key, Location, Settings, Signed};
use cairn_keys::SignedCommitment;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, H256, HashingProfile};
use cairn_provider::{LeaseRequest, Provider as Buckets, ProviderOptions};
use codec::Encode;
use serde_json::{Value, json};
use sp_core::{Pair, sr25519};
use std::net::SocketAddr;
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Runtime as Tokio;

/// The only bucket, which has the chain's first id.
pub(crate) const BUCKET: u64 = 0;
/// The error code of a provider that is stopping.
const STOPPING: i32 = 12_012;
const SURI: &str = "//Charlie";
/// A thousand coins, as the chain wants.
const STAKE: u128 = 1_000_000_000_000_000;

/// The chain and the provider.
pub(crate) struct Fixture {
    folder: TempDir,
    signed: SignedCommitment,
    flags: Vec<String>,
    provider: Option<Provider>,
    node: Option<InMemoryNode>,
    tokio: Tokio,
}

pub(crate) fn pair(suri: &str) -> sr25519::Pair {
    sr25519::Pair::from_string(suri, None).unwrap()
}

/// Creates a bucket with one leaf of two chunks, and one of a few bytes.
fn create_bucket(folder: &TempDir) -> SignedCommitment {
    let base = BasePath::create(folder.path()).unwrap();
    base.keys().insert(SURI).unwrap();
    let signer = base.keys().signer(None).unwrap();
    let (id, config) = (BucketId(BUCKET), BucketConfig::default());
    let buckets = Buckets::open(base, ProviderOptions::default()).unwrap();
    buckets.create_bucket(id, config).unwrap();
    let bucket = buckets.blocking_lease(id, LeaseRequest::write()).unwrap();
    let contents = [vec![7; CHUNK_BYTES + 1], b"few".to_vec()];
    let leaves = contents.map(|content| {
        let stored = bucket.run(|bucket| bucket.ingest(&content[..])).unwrap();
        NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        }
    });
    let (_, signed) = bucket.commit_signed(&leaves, &signer).unwrap();
    signed
}

impl Fixture {
    /// Starts a provider with additional flags.
    pub(crate) fn new(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signed = create_bucket(&folder);
        let tokio = Tokio::new().unwrap();
        let node = tokio.block_on(challenged_chain(&signed));
        let mut stage = Self {
            folder,
            signed,
            flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            provider: None,
            node: Some(node),
            tokio,
        };
        stage.restart();
        stage
    }

    /// Starts the provider, and waits until it has seen the challenge.
    pub(crate) fn restart(&mut self) {
        let chain = self.node.as_ref().unwrap().rpc_url();
        self.provider = Some(Provider::start(self.folder.path(), &chain, &self.flags));
        let mut client = self.connect();
        client
            .send(&request("cairnProvider_v1_subscribeChallenges", json!([])))
            .unwrap();
        while !client.receive().unwrap().contains("\"change\":\"open\"") {}
    }

    /// Starts the provider with the chain at another address, which may be unreachable.
    pub(crate) fn restart_at(&mut self, chain: &str) {
        self.provider = None;
        self.provider = Some(Provider::start(self.folder.path(), chain, &self.flags));
    }

    /// Starts the provider so that no byte can be written.
    pub(crate) fn restart_on_full_disk(&mut self) {
        self.provider = None;
        let (folder, chain) = (self.folder.path(), self.chain());
        self.provider = Some(Provider::start_on_full_disk(folder, &chain, &self.flags));
    }

    /// Returns the chain's URL.
    pub(crate) fn chain(&self) -> String {
        self.node.as_ref().unwrap().rpc_url()
    }

    /// Returns the signed root, of two leaves.
    pub(crate) fn signed_root(&self) -> H256 {
        self.signed.payload.commitment.mmr_root
    }

    /// Stops the provider. Returns its log.
    pub(crate) fn stop(&mut self) -> Vec<String> {
        self.provider.take().unwrap().stop()
    }

    pub(crate) fn provider(&self) -> &Provider {
        self.provider.as_ref().unwrap()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.provider().address
    }

    /// Returns the base path, in a private folder.
    pub(crate) fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    pub(crate) fn base_path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a block with the extrinsics in the pool.
    pub(crate) fn make_block(&self) {
        let node = self.node.as_ref().unwrap();
        self.tokio.block_on(node.seal(1)).unwrap();
    }

    /// Returns the address of its metrics.
    pub(crate) fn metrics(&self) -> SocketAddr {
        let url = self.provider().startup_summary["metrics"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap();
        address.strip_suffix("/metrics").unwrap().parse().unwrap()
    }

    pub(crate) fn assert_within_budget(&self) {
        self.provider().assert_within_budget();
    }

    /// Connects as anyone who may read the base path.
    pub(crate) fn connect(&self) -> Client {
        self.try_connect().expect("the provider hung up")
    }

    fn try_connect(&self) -> Option<Client> {
        let authorization = self.authorization();
        Client::connect_with(self.address(), &[("Authorization", &authorization)])
    }

    /// Returns the header with the provider's token.
    pub(crate) fn authorization(&self) -> String {
        let token = std::fs::read_to_string(self.base_path().join("rpc-token")).unwrap();
        format!("Bearer {}", token.trim())
    }

    /// Connects as soon as the provider accepts it.
    pub(crate) fn connect_when_accepted(&self) -> Client {
        std::iter::repeat_with(|| self.try_connect())
            .flatten()
            .next()
            .unwrap()
    }

    /// Returns the parameters of the open challenge.
    pub(crate) fn challenge(&self) -> Value {
        let root = self.signed_root();
        json!([BUCKET, 0, 0, { "root": root }])
    }

    /// Returns a request whose response has half a megabyte.
    pub(crate) fn large_request(&self) -> String {
        let root = self.signed_root();
        // The challenged chunk, by another index than the challenge's.
        let params = json!([BUCKET, 0, 2, { "root": root }]);
        request("cairnBucket_v1_challengeResponse", params)
    }

    /// Stores and commits content. Returns the acknowledgement, if there is one.
    pub(crate) fn try_commit(client: &mut Client, content: &[u8]) -> Option<(u64, Value)> {
        let hash = HashingProfile::Plain.chunk(content);
        let data = format!("0x{}", hex::encode(content));
        client.try_request("cairnWrite_v1_putChunk", json!([BUCKET, hash, data]))?;
        let leaf = json!({ "dataRoot": hash, "dataSize": content.len() });
        // After a start, the provider reads the chain first.
        let answer = loop {
            let answer =
                client.try_request("cairnWrite_v1_commit", json!([BUCKET, [leaf.clone()]]))?;
            let message = answer["error"]["message"].as_str().unwrap_or_default();
            if !message.contains("have not yet been compared") {
                break answer;
            }
        };
        if answer["error"]["code"] == json!(STOPPING) {
            return None;
        }
        let commitment = &answer["result"]["signed"]["commitment"];
        let leaf_count = commitment["leafCount"].as_u64();
        let leaf_count = leaf_count.unwrap_or_else(|| panic!("no commit: {answer}"));
        Some((leaf_count, commitment["mmrRoot"].clone()))
    }

    pub(crate) fn commit(&self, client: &mut Client, content: &[u8]) {
        Self::try_commit(client, content).expect("the provider hung up");
    }

    /// Commits over several connections until the provider is killed. Returns the commits that
    /// were acknowledged.
    pub(crate) fn commit_until_killed(&mut self, round: u64) -> Vec<(u64, Value)> {
        const WRITERS: u64 = 4;
        let clients: Vec<_> = (0..WRITERS).map(|_| self.connect()).collect();
        let provider = self.provider.take().unwrap();
        let (acknowledging, acknowledged) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            for (writer, mut client) in (0u64..).zip(clients) {
                let acknowledging = acknowledging.clone();
                scope.spawn(move || {
                    for number in 0u64.. {
                        let content = [round, writer, number].map(u64::to_le_bytes).concat();
                        match Self::try_commit(&mut client, &content) {
                            Some(commitment) => acknowledging.send(commitment).unwrap(),
                            None => return,
                        }
                    }
                });
            }
            drop(acknowledging);
            let mut all: Vec<_> = acknowledged.iter().take(100).collect();
            provider.kill();
            all.extend(acknowledged.iter());
            all
        })
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.provider = None;
        if let Some(node) = self.node.take() {
            let _ = self.tokio.block_on(node.stop());
        }
    }
}

fn request(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string()
}

/// Creates a chain on which the provider has one open challenge, and which makes no blocks.
async fn challenged_chain(signed: &SignedCommitment) -> InMemoryNode {
    let config = InMemoryConfig {
        variant: Variant::LeafBinding,
        ..InMemoryConfig::default()
    };
    let node = InMemoryNode::start(config).await.unwrap();
    node.seal_during(challenge(&node.rpc_url(), signed))
        .await
        .unwrap();
    node
}

/// Registers the provider, makes its agreement, and challenges the first chunk that it signed.
async fn challenge(url: &str, signed: &SignedCommitment) {
    let chain = Chain::connect(url).await.unwrap();
    let (owner, provider) = (Key::new("//Alice").unwrap(), Key::new(SURI).unwrap());
    chain
        .register_provider(&provider, &provider.public(), "/ip4/127.0.0.1/tcp/9", STAKE)
        .await
        .unwrap();
    // Terms are signed at this price in the reference's answers.
    let settings = Settings {
        price_per_byte: 10,
        ..Settings::default()
    };
    chain.update_settings(&provider, &settings).await.unwrap();
    let bucket = chain
        .agree(&owner, provider.account(), &provider, 1 << 30, 1_000_000)
        .await
        .unwrap();
    assert_eq!(bucket, BUCKET);
    let payload = signed.payload.encode();
    let signed = Signed::decode(&payload, &signed.signature.encode()).unwrap();
    let sent = chain
        .challenge_offchain(
            &owner,
            bucket,
            provider.account(),
            &signed.commitment,
            signed.nonce,
            &signed.signature,
            Location {
                leaf_index: 0,
                chunk_index: 0,
            },
        )
        .await
        .unwrap();
    chain.included(&sent).await.unwrap();
}
