//! Tests of a chain in this process, as a user sees it who knows it by its metadata only.

use crate::rpc::ask;
use cairn_devnode::{InMemoryConfig, InMemoryNode, NodeError, Parameters, ProviderOptions};
use cairn_devnode::{Sealing, Variant};
use cairn_devnode_user::{Chain, Key, UserError, values};
use codec::Decode;
use serde_json::json;
use sp_blockchain::HeaderBackend;
use std::time::Duration;

/// A coin, in the smallest unit.
const UNIT: u128 = 1_000_000_000_000;

async fn start_node() -> InMemoryNode {
    InMemoryNode::start(InMemoryConfig::default())
        .await
        .unwrap()
}

/// Starts a chain of a variant that seals blocks by itself.
async fn start(variant: Variant) -> (InMemoryNode, Chain) {
    let node = InMemoryNode::start(InMemoryConfig {
        variant,
        parameters: Parameters {
            challenge_timeout: Some(12),
            ..Parameters::default()
        },
        sealing: Sealing::Interval(Duration::from_millis(50)),
        ..InMemoryConfig::default()
    });
    let node = node.await.unwrap();
    let chain = Chain::connect(&node.rpc_url()).await.unwrap();
    (node, chain)
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_sealed_on_request_and_final_at_once() {
    let node = start_node().await;
    let head = node.seal(10).await.unwrap();
    let info = node.client().info();
    assert_eq!(info.finalized_hash, head);
    assert_eq!(info.finalized_number, 10);
    assert_eq!(info.best_hash, head);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_has_its_variant_and_its_parameters() {
    let mut versions = Vec::new();
    for variant in Variant::ALL {
        let (node, chain) = start(variant).await;
        versions.push(chain.spec_version().await.unwrap());
        let timeout = chain.constant("StorageProvider", "ChallengeTimeout").await;
        assert_eq!(
            values::number(&timeout.unwrap()).unwrap(),
            12,
            "{variant:?}"
        );
        let chunk = chain.constant("StorageProvider", "MaxChunkSize").await;
        assert_eq!(values::number(&chunk.unwrap()).unwrap(), 262_144);
        let counts_relay_blocks = chain.anchor().await.unwrap() > 1_000_000;
        assert_eq!(counts_relay_blocks, variant != Variant::Deployed);
        node.stop().await.unwrap();
    }
    assert_eq!(versions, [4_001, 4_003, 4_008, 4_009]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_included_with_its_events_and_a_failure_has_a_name() {
    for variant in Variant::ALL {
        let (node, chain) = start(variant).await;
        let (alice, bob) = (Key::new("//Alice").unwrap(), Key::new("//Bob").unwrap());
        let before = chain.balance(bob.account()).await.unwrap();
        let included = chain.transfer(&alice, bob.account(), 7 * UNIT).await;
        let events = included.unwrap().events;
        assert!(events.iter().any(|event| event.name == "Transfer"));
        let after = chain.balance(bob.account()).await.unwrap();
        assert_eq!(after - before, 7 * UNIT);

        let error = chain.transfer(&bob, alice.account(), u128::MAX / 2).await;
        let error = error.unwrap_err();
        assert!(matches!(error, UserError::Failed { .. }), "{error}");
        let none = chain.register_provider(&bob, &[1, 2, 3], "/ip4/127.0.0.1/tcp/9", 5_000 * UNIT);
        let refused = none.await.unwrap_err();
        assert_eq!(
            refused.storage_error(),
            Some("InvalidPublicKey"),
            "{refused}"
        );
        node.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_changes_parameters_and_the_relay_chains_number() {
    let (node, chain) = start(Variant::Current).await;
    let alice = Key::new("//Alice").unwrap();
    chain
        .set_parameter(&alice, "ChallengeTimeout", 99u32)
        .await
        .unwrap();
    let key = [&sp_io::hashing::twox_128(b":ChallengeTimeout:")[..]].concat();
    let raw = chain.raw(&key).await.unwrap().unwrap();
    assert_eq!(u32::decode(&mut &*raw).unwrap(), 99);
    let before = chain.anchor().await.unwrap();
    chain.jump(&alice, 1_000).await.unwrap();
    assert!(chain.anchor().await.unwrap() >= before + 1_000);
    let bob = Key::new("//Bob").unwrap();
    assert!(chain.jump(&bob, 1).await.is_err());
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rpc_on_loopback_serves_what_clients_need() {
    let node = start_node().await;
    node.seal(2).await.unwrap();
    let url = node.rpc_url();
    let alice = sp_core::crypto::Ss58Codec::to_ss58check(&sp_runtime::AccountId32::new(
        Key::new("//Alice").unwrap().account(),
    ));
    let answers = tokio::task::spawn_blocking(move || {
        let methods = ask(&url, "rpc_methods", json!([])).unwrap();
        let methods = methods["methods"].as_array().unwrap().clone();
        for method in [
            "system_accountNextIndex",
            "author_submitAndWatchExtrinsic",
            "chain_getBlock",
            "chain_subscribeFinalizedHeads",
            "state_getMetadata",
            "state_call",
            "chainHead_v1_follow",
            "transactionWatch_v1_submitAndWatch",
            "engine_createBlock",
        ] {
            assert!(methods.contains(&json!(method)), "{method} is missing");
        }
        let nonce = ask(&url, "system_accountNextIndex", json!([alice])).unwrap();
        let sealed = ask(&url, "engine_createBlock", json!([true, true])).unwrap();
        (nonce, sealed)
    });
    let (nonce, sealed) = answers.await.unwrap();
    assert_eq!(nonce, json!(0));
    let hash = sealed["hash"].as_str().unwrap();
    let bytes = hex::decode(hash.trim_start_matches("0x")).unwrap();
    let sealed = sp_core::H256::decode(&mut bytes.as_slice()).unwrap();
    assert_eq!(sealed, node.finalized());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_provider_key_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let error = InMemoryNode::start(InMemoryConfig {
        provider: Some(ProviderOptions {
            base_path: folder.path().to_owned(),
            ..ProviderOptions::default()
        }),
        ..InMemoryConfig::default()
    })
    .await
    .unwrap_err();
    assert!(error.to_string().contains("found 0"), "{error}");
}

#[tokio::test]
async fn a_single_threaded_runtime_is_refused() {
    let error = InMemoryNode::start(InMemoryConfig::default())
        .await
        .unwrap_err();
    assert!(matches!(error, NodeError::SingleThreaded), "{error}");
}
