//! A chain of the same runtime, with another genesis: what was signed for one chain is valid on
//! the other, since a commitment names no chain. The provider of one serves none of the other.

use crate::provider::TestProvider;
use crate::world::STAKE;
use cairn_devnode::{InMemoryConfig, InMemoryNode, Parameters, Sealing, Variant};
use cairn_devnode_user::{Chain, Key, Location, Signed};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::time::Duration;

/// Starts a chain whose genesis differs by the challenge period.
async fn start(challenge_timeout: u32) -> (InMemoryNode, Chain) {
    let node = InMemoryNode::start(InMemoryConfig {
        variant: Variant::Current,
        parameters: Parameters {
            challenge_timeout: Some(challenge_timeout),
            ..Parameters::default()
        },
        sealing: Sealing::Interval(Duration::from_millis(200)),
        ..InMemoryConfig::default()
    });
    let node = node.await.unwrap();
    let chain = Chain::connect(&node.rpc_url()).await.unwrap();
    (node, chain)
}

/// Registers the provider, and makes an agreement. Returns the bucket.
async fn agree(chain: &Chain, owner: &Key, provider: &Key) -> u64 {
    chain
        .register_provider(provider, &provider.public(), "/ip4/127.0.0.1/tcp/9", STAKE)
        .await
        .unwrap();
    chain
        .update_settings(provider, &Default::default())
        .await
        .unwrap();
    chain
        .agree(owner, provider.account(), provider, 1 << 30, 1_000_000)
        .await
        .unwrap()
}

async fn challenge(chain: &Chain, owner: &Key, provider: &Key, signed: &Signed) {
    let signatures = [(provider.account(), signed.signature.clone())];
    let (bucket, commitment) = (signed.bucket, &signed.commitment);
    chain
        .checkpoint(owner, bucket, commitment, signed.nonce, &signatures)
        .await
        .unwrap();
    let first = Location {
        leaf_index: 0,
        chunk_index: 0,
    };
    let sent = chain.challenge_checkpoint(owner, bucket, provider.account(), first);
    chain.included(&sent.await.unwrap()).await.unwrap();
}

async fn follow(folder: &Path, node: &InMemoryNode) -> TestProvider {
    TestProvider::remote("//Dave", folder, &node.rpc_url())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_path_of_another_chain_serves_none_of_this_one() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let folder = tempfile::tempdir().unwrap();
    let (owner, key) = (Key::new("//Alice").unwrap(), Key::new("//Dave").unwrap());

    let (node, chain) = start(1_000).await;
    let bucket = agree(&chain, &owner, &key).await;
    let mut provider = follow(folder.path(), &node).await;
    provider.open_bucket(bucket).await;
    provider.commit(bucket, 2, &mut random).await;
    let signed = provider.newest(bucket).clone();
    challenge(&chain, &owner, &key, &signed).await;
    let mut last = chain.finalized().await.unwrap();
    while chain.open_challenges(key.account()).await.unwrap() > 0 {
        last = chain.finalized_after(last).await.unwrap();
    }
    provider.stop().await;
    node.stop().await.unwrap();

    let (node, chain) = start(1_001).await;
    assert_eq!(agree(&chain, &owner, &key).await, bucket);
    let provider = follow(folder.path(), &node).await;
    // It is valid here too.
    challenge(&chain, &owner, &key, &signed).await;
    let asked = chain.finalized().await.unwrap();
    chain.finalized_after(asked + 20).await.unwrap();
    assert_eq!(chain.open_challenges(key.account()).await.unwrap(), 1);
    assert!(!provider.handle.challenges.is_synced());
    provider.stop().await;
    node.stop().await.unwrap();
}
