//! A primary provider and a replica, each a process of its own, on a real chain: the replica
//! copies what clients gave the primary, confirms it on chain and is paid, and answers for it
//! once the primary is gone.

use crate::process::{Provider, program};
use crate::wire::Client;
use cairn_bucket::BasePath;
use cairn_devnode::{InMemoryConfig, InMemoryNode, Sealing, Variant};
use cairn_devnode_user::{
    Chain, Commitment, Key, Location, ReplicaTerms, Settings, Signed, values,
};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_rpc_api::Bytes;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PRIMARY: &str = "//Charlie";
const REPLICA: &str = "//Dave";
/// A thousand coins, as the chain wants.
const STAKE: u128 = 1_000_000_000_000_000;
const MAX_BYTES: u64 = 1 << 30;
const DURATION: u32 = 1_000_000;
/// A confirmation is paid a coin, far above its fee.
const TERMS: ReplicaTerms = ReplicaTerms {
    sync_balance: 10_000_000_000_000,
    min_sync_interval: 1,
    sync_price: 1_000_000_000_000,
};
/// The time between blocks.
const BLOCK_TIME: Duration = Duration::from_millis(200);
/// The time limit for each thing that is waited for, far longer than it takes.
const TIMEOUT: Duration = Duration::from_secs(240);
/// Anchor blocks between two looks of a replica at its agreements.
const LOOK_INTERVAL: u32 = 100;
/// Blocks after which the anchor block jumps to the next look.
const BLOCKS_PER_LOOK: u32 = 30;

/// A chain, and the owner of its buckets.
struct World {
    node: InMemoryNode,
    chain: Chain,
    owner: Key,
}

impl World {
    async fn begin() -> Self {
        let node = InMemoryNode::start(InMemoryConfig {
            variant: Variant::Current,
            sealing: Sealing::Interval(BLOCK_TIME),
            ..InMemoryConfig::default()
        })
        .await
        .unwrap();
        let chain = Chain::connect(&node.rpc_url()).await.unwrap();
        Self {
            node,
            chain,
            // Also root.
            owner: Key::new("//Alice").unwrap(),
        }
    }

    /// Registers a provider at an endpoint where nobody listens.
    async fn register(&self, key: &Key, settings: &Settings) {
        let endpoint = "/ip4/127.0.0.1/tcp/9";
        self.chain
            .register_provider(key, &key.public(), endpoint, STAKE)
            .await
            .unwrap();
        self.chain.update_settings(key, settings).await.unwrap();
    }

    /// Registers the address of a provider's HTTP API.
    async fn announce(&self, key: &Key, provider: &Provider) {
        let url = provider.startup_summary["http"].as_str().unwrap();
        let port = url.rsplit(':').next().unwrap();
        let endpoint = format!("/ip4/127.0.0.1/tcp/{port}");
        let endpoint = cairn_devnode_user::Value::from_bytes(&endpoint);
        let arguments = values::named([("multiaddr", endpoint)]);
        let call = "update_provider_multiaddr";
        let announced = self.chain.call_storage(key, call, arguments).await;
        announced.unwrap();
    }

    /// Looks once a block until something is found.
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let found = async {
            let mut last = 0;
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                last = self.chain.finalized_after(last).await.unwrap();
            }
        };
        let in_time = tokio::time::timeout(TIMEOUT, found).await;
        in_time.unwrap_or_else(|_| panic!("there is never {what}"))
    }

    /// Makes the newest state of a provider's bucket its checkpoint, as the owner.
    async fn checkpoint(&self, provider: &Provider, key: &Key, bucket: u64) -> Commitment {
        let signed = self
            .until("a signed commitment", async || {
                signed_root(provider, bucket)
            })
            .await;
        let signatures = [(key.account(), signed.signature.clone())];
        let (owner, commitment) = (&self.owner, signed.commitment);
        self.chain
            .checkpoint(owner, bucket, &commitment, signed.nonce, &signatures)
            .await
            .unwrap();
        commitment
    }

    /// Waits until a replica has confirmed something since a block. Returns its root.
    async fn confirmed_root(&self, since: u32) -> [u8; 32] {
        let mut blocks = 0u32;
        let event = self
            .until("a confirmation", async || {
                let events = self.chain.storage_events(since, "ReplicaSynced").await;
                if let Some((_, event)) = events.unwrap().into_iter().next() {
                    return Some(event);
                }
                blocks += 1;
                if blocks.is_multiple_of(BLOCKS_PER_LOOK) {
                    let jumped = self.chain.jump(&self.owner, LOOK_INTERVAL).await;
                    jumped.unwrap();
                }
                None
            })
            .await;
        values::bytes32(values::inside(&event.fields, "mmr_root").unwrap()).unwrap()
    }

    /// Challenges the replica's confirmation at all locations, and waits for the answers.
    async fn challenge_all(&self, key: &Key, bucket: u64, locations: &[Location]) {
        let since = self.chain.finalized().await.unwrap() + 1;
        let account = key.account();
        for location in locations {
            let sent = self
                .chain
                .challenge_replica(&self.owner, bucket, account, *location);
            let sent = sent.await.unwrap();
            self.chain.included(&sent).await.unwrap();
        }
        self.until("an answer to each challenge", async || {
            let open = self.chain.open_challenges(account).await.unwrap();
            (open == 0).then_some(())
        })
        .await;
        let slashed = self.chain.storage_events(since, "ChallengeSlashed").await;
        assert!(slashed.unwrap().is_empty());
        let answers = self.chain.accepted_answers(since).await.unwrap();
        assert_eq!(answers, vec!["Proof"; locations.len()]);
    }
}

/// Makes a base path with a key.
fn base_path(suri: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let base = BasePath::create(folder.path()).unwrap();
    base.keys().insert(suri).unwrap();
    folder
}

fn start(folder: &TempDir, world: &World, flags: &[&str]) -> Provider {
    let flags: Vec<_> = flags.iter().map(|&flag| flag.to_owned()).collect();
    Provider::start(folder.path(), &world.node.rpc_url(), &flags)
}

/// Runs a command on a provider's base path. Returns the last line that it prints, as JSON, if it
/// succeeds.
fn cairn(base: &Path, args: &[&str]) -> Result<Value, String> {
    let output = Command::new(program())
        .arg("--base-path")
        .arg(base)
        .arg("--json")
        .args(args)
        .env_remove("RUST_LOG")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    match output.status.success() {
        true => Ok(printed
            .lines()
            .last()
            .map_or(Value::Null, |line| serde_json::from_str(line).unwrap())),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned() + &printed),
    }
}

/// Asks for the newest commitment that a provider signed; `None` while it signs nothing.
fn signed_root(provider: &Provider, bucket: u64) -> Option<Signed> {
    let mut client = Client::connect(provider.address).unwrap();
    let answer = client.request("cairnBucket_v1_commitment", json!([bucket]));
    let result = answer.get("result")?;
    let bytes = |field: &str| -> Bytes { serde_json::from_value(result[field].clone()).unwrap() };
    let signed = Signed::decode(&bytes("payload").0, &bytes("signature").0).unwrap();
    (signed.commitment.leaf_count > 0).then_some(signed)
}

/// Returns what `cairn status` tells of the only replica, once it finds nothing else.
fn replica_state(base: &Path) -> Option<Value> {
    let status = cairn(base, &["status"]).ok()?;
    let states = status["running"]["replica_states"].as_array().unwrap();
    assert!(states.len() <= 1, "{states:?}");
    states.first().cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_confirms_and_answers_without_its_primary() {
    let world = World::begin().await;
    let (primary_key, replica_key) = (Key::new(PRIMARY).unwrap(), Key::new(REPLICA).unwrap());
    world.register(&primary_key, &Settings::default()).await;
    let settings = Settings {
        replica_sync_price: Some(TERMS.sync_price),
        ..Settings::default()
    };
    world.register(&replica_key, &settings).await;
    let (primary_base, replica_base) = (base_path(PRIMARY), base_path(REPLICA));
    let primary = start(&primary_base, &world, &["--http-port", "0"]);
    world.announce(&primary_key, &primary).await;
    let (owner, account) = (&world.owner, primary_key.account());
    let bucket = world
        .chain
        .agree(owner, account, &primary_key, MAX_BYTES, DURATION)
        .await
        .unwrap();

    // The client's files: one of a few bytes, and one of two chunks.
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("few"), b"a few bytes").unwrap();
    let two_chunks: Vec<_> = (0..2 * CHUNK_BYTES).map(|at| (at / 999) as u8).collect();
    std::fs::write(files.path().join("two"), two_chunks).unwrap();
    let (id, folder) = (bucket.to_string(), files.path().to_str().unwrap());
    let mut refused = String::new();
    world
        .until("a bucket that takes content", async || {
            // The provider makes it by itself once it has seen the agreement.
            let _ = cairn(primary_base.path(), &["bucket", "create", &id]);
            let put = cairn(primary_base.path(), &["put", &id, folder]);
            put.map_err(|error| refused = error).ok()
        })
        .await;
    let wanted = world.checkpoint(&primary, &primary_key, bucket).await;
    assert_eq!(wanted.leaf_count, 2, "{refused}");

    let agreed = world
        .chain
        .agree_replica(owner, &replica_key, bucket, MAX_BYTES, DURATION, TERMS);
    agreed.await.unwrap();
    let since = world.chain.finalized().await.unwrap();
    let flags = ["--enable-replica-sync", "--allow-private-endpoints"];
    let replica = start(&replica_base, &world, &flags);
    assert_eq!(world.confirmed_root(since).await, wanted.mmr_root);
    let state = world
        .until("a synced replica", async || {
            let state = replica_state(replica_base.path());
            state.filter(|state| state["state"] == json!("synced"))
        })
        .await;
    assert_eq!(state["bucket"], json!(bucket));
    assert!(state["last_confirmation"].is_u64(), "{state}");
    assert_eq!(state["is_missing"], json!(false));

    // Everything that the answers need is in the copy.
    primary.stop();
    let locations = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(leaf_index, chunk_index)| Location {
        leaf_index,
        chunk_index,
    });
    world.challenge_all(&replica_key, bucket, &locations).await;
    // It is so after a restart, and nothing was confirmed twice.
    replica.stop();
    let replica = start(&replica_base, &world, &flags);
    let again = &locations[..1];
    world.challenge_all(&replica_key, bucket, again).await;
    let confirmed = world.chain.storage_events(since, "ReplicaSynced").await;
    assert_eq!(confirmed.unwrap().len(), 1);
    assert_eq!(
        world.chain.stake(replica_key.account()).await.unwrap(),
        STAKE
    );
    replica.stop();
    world.node.stop().await.unwrap();
}
