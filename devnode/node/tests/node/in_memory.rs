//! Tests of a chain in this process.

use crate::rpc::ask;
use cairn_devnode::runtime::pallet_storage_provider::Rules;
use cairn_devnode::runtime::{
    RuntimeEvent, UNIT, genesis, pallet_balances, pallet_storage_provider, pallet_sudo,
};
use cairn_devnode::{InMemoryConfig, InMemoryNode, NodeError, ProviderOptions, Sealing};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::MultiSigner;
use cairn_primitives::runtime_api::StorageProviderApi;
use codec::Decode;
use serde_json::json;
use sp_api::{ApiExt, Metadata, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_core::Pair;
use sp_keyring::Sr25519Keyring as Key;
use sp_keystore::KeystoreExt;
use std::time::Duration;

async fn start_node() -> InMemoryNode {
    InMemoryNode::start(InMemoryConfig::default())
        .await
        .unwrap()
}

fn transfer(to: Key, value: u128) -> pallet_balances::Call<cairn_devnode::runtime::Runtime> {
    pallet_balances::Call::transfer_keep_alive {
        dest: to.to_account_id().into(),
        value,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_sealed_on_request_and_final_at_once() {
    let node = start_node().await;
    let head = node.seal(10).await.unwrap();
    let info = node.client().info();
    assert_eq!(info.finalized_hash, head);
    assert_eq!(info.finalized_number, 10);
    assert_eq!(info.best_hash, head);
    assert_eq!(node.client().runtime_api().anchor_block(head).unwrap(), 10);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_seals_blocks_by_itself() {
    let node = InMemoryNode::start(InMemoryConfig {
        sealing: Sealing::Interval(Duration::from_millis(20)),
        ..InMemoryConfig::default()
    })
    .await
    .unwrap();
    let included = node
        .submit_and_wait(&Key::Alice.pair(), transfer(Key::Bob, UNIT))
        .await
        .unwrap();
    assert!(included.number > 0);
    node.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_transfer_is_included_with_its_events() {
    let node = start_node().await;
    let included = node
        .submit_and_wait(&Key::Alice.pair(), transfer(Key::Bob, 7 * UNIT))
        .await
        .unwrap();
    assert_eq!(included.block, node.finalized());
    assert!(included.events.iter().any(|event| matches!(
        event,
        RuntimeEvent::Balances(pallet_balances::Event::Transfer { to, amount, .. })
            if *to == Key::Bob.to_account_id() && *amount == 7 * UNIT
    )));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_is_an_error_with_its_name() {
    let node = start_node().await;
    let error = node
        .submit_and_wait(
            &Key::Alice.pair(),
            transfer(Key::Bob, genesis::ENDOWMENT * 2),
        )
        .await
        .unwrap_err();
    let NodeError::Dispatch { reason, .. } = error else {
        panic!("{error}");
    };
    assert!(reason.contains("FundsUnavailable"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_extrinsics_of_one_account_go_into_one_block() {
    let node = start_node().await;
    node.seal(1).await.unwrap();
    let mut handed_in = Vec::new();
    for _ in 0..20 {
        let one = node
            .submit(&Key::Alice.pair(), transfer(Key::Bob, UNIT))
            .await;
        handed_in.push(one.unwrap());
    }
    for one in handed_in {
        assert_eq!(node.wait_for_inclusion(one).await.unwrap().number, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_has_the_storage_pallet_and_its_api() {
    let node = start_node().await;
    let genesis = node.finalized();
    let metadata = node.client().runtime_api().metadata(genesis).unwrap();
    let contains = |name: &str| {
        let name = name.as_bytes();
        metadata.windows(name.len()).any(|window| window == name)
    };
    assert!(contains("StorageProvider"));
    assert!(contains("respond_to_challenge"));
    let api = node.client().runtime_api();
    assert!(
        api.has_api::<dyn StorageProviderApi<cairn_devnode::runtime::OpaqueBlock>>(genesis)
            .unwrap()
    );
    // For tools that read API descriptions.
    let newest = api.metadata_at_version(genesis, 15).unwrap().unwrap();
    let name = b"StorageProviderApi";
    assert!(newest.windows(name.len()).any(|window| window == name));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_has_the_configured_rules() {
    let strict = Rules {
        strict_leaf_binding: true,
        challenge_period: 12,
        ..Rules::default()
    };
    let (old, strict) = tokio::join!(
        InMemoryNode::start(InMemoryConfig::default()),
        InMemoryNode::start(InMemoryConfig {
            rules: strict,
            ..InMemoryConfig::default()
        })
    );
    let (old, strict) = (old.unwrap(), strict.unwrap());
    let limits = |node: &InMemoryNode| {
        node.client()
            .runtime_api()
            .limits(node.finalized())
            .unwrap()
    };
    assert!(!limits(&old).strict_leaf_binding);
    assert_eq!(limits(&old).challenge_period, 28_800);
    assert!(limits(&strict).strict_leaf_binding);
    assert_eq!(limits(&strict).challenge_period, 12);
    assert_eq!(limits(&strict).chunk_bytes, 262_144);
}

#[tokio::test(flavor = "multi_thread")]
async fn root_can_change_the_rules() {
    let node = start_node().await;
    let rules = Rules {
        strict_leaf_binding: true,
        ..Rules::default()
    };
    let call = pallet_storage_provider::Call::set_rules { rules };
    let call = pallet_sudo::Call::sudo {
        call: Box::new(call.into()),
    };
    node.submit_and_wait(&Key::Alice.pair(), call)
        .await
        .unwrap();
    let limits = node.client().runtime_api().limits(node.finalized());
    assert!(limits.unwrap().strict_leaf_binding);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_signs_a_response_with_the_keystore() {
    let node = start_node().await;
    let account = node.insert_key("//Bob").unwrap();
    let provider = AccountId(account.clone().into());
    let head = node.seal(3).await.unwrap();
    let id = ChallengeId {
        deadline: 9,
        index: 0,
    };

    let mut api = node.client().runtime_api();
    api.register_extension(KeystoreExt::from(node.keystore().clone()));
    let nonce = api.nonce(head, provider).unwrap();
    let response = ChallengeResponse::Superseded;
    let signed = api.sign_response(head, provider, nonce, id, response.clone());
    let extrinsic = signed.unwrap().expect("the keystore has the key");

    let handed_in = node.submit_extrinsic(extrinsic).await.unwrap();
    let included = node.wait_for_inclusion(handed_in).await.unwrap();
    // It reached the pallet, which has no such challenge.
    let failure = included.failure().expect("there is no such challenge");
    assert!(failure.contains("StorageProvider"), "{failure}");

    // An account whose key is not in the keystore.
    let stranger = AccountId(Key::Charlie.to_account_id().into());
    let signed = api.sign_response(head, stranger, 0, id, response);
    assert_eq!(signed.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_provider_is_in_the_runtime_api() {
    let node = start_node().await;
    let pair = Key::Bob.pair();
    let call = pallet_storage_provider::Call::register_provider {
        key: MultiSigner::Sr25519(pair.public().0),
        endpoint: b"ws://127.0.0.1:1".to_vec(),
        stake: 100 * UNIT,
    };
    node.submit_and_wait(&pair, call).await.unwrap();
    let bob = AccountId(Key::Bob.to_account_id().into());
    let info = node.client().runtime_api().provider(node.finalized(), bob);
    let info = info.unwrap().expect("it registered");
    assert_eq!(info.stake, 100 * UNIT);
    assert_eq!(info.endpoint, b"ws://127.0.0.1:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rpc_on_loopback_serves_what_clients_need() {
    let node = start_node().await;
    node.seal(2).await.unwrap();
    let url = node.rpc_url();
    let alice = Key::Alice.to_account_id().to_string();
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
