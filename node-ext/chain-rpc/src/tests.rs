//! The client against a fake node in memory: heads, lost connections, other chains and
//! runtime upgrades.

mod node;
mod submitting;

use crate::rpc::NO_SUCH_METHOD;
use crate::{RpcChainClient, RpcNode, wire};
use cairn_chain::{ChainClient, ChainError, Head, Submission};
use cairn_chain_metadata::NodeState;
use cairn_chain_metadata::testing::Options;
use cairn_keys::{KeyFolder, Signer};
use cairn_primitives::H256;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use futures::StreamExt;
use node::{FakeNode, refusal};
use std::time::Duration;

fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let keys = KeyFolder::new(folder.path().join("keystore"));
    keys.insert("//Alice").unwrap();
    keys.signer(None).unwrap()
}

fn client(node: &FakeNode) -> RpcChainClient {
    RpcChainClient::new(RpcNode::with_connector(Box::new(node.clone())), signer())
}

async fn connected(node: &FakeNode) -> RpcChainClient {
    let client = client(node);
    client.ensure_usable().await.unwrap();
    client
}

const ID: ChallengeId = ChallengeId {
    deadline: 500,
    index: 3,
};

fn answer() -> Submission {
    Submission::Response {
        id: ID,
        response: Box::new(ChallengeResponse::Superseded),
    }
}

#[tokio::test]
async fn a_chain_without_the_pallet_is_refused() {
    let node = FakeNode::new(Options {
        is_another_chain: true,
        ..Options::CURRENT
    });
    let error = client(&node).ensure_usable().await.unwrap_err();
    let why = "there is no pallet StorageProvider";
    assert_eq!(error, ChainError::Unsupported(why.to_owned()));
}

#[tokio::test]
async fn s12_the_best_block_has_its_anchor() {
    let node = FakeNode::new(Options::CURRENT);
    node.make_blocks(9);
    node.finalize(2);
    let best = Head {
        hash: node.hash(9),
        number: 9,
        anchor: 100,
    };
    assert_eq!(connected(&node).await.best_head().await.unwrap(), best);
}

#[tokio::test]
async fn a_client_of_an_absent_node_connects_later() {
    let node = FakeNode::new(Options::CURRENT);
    node.disconnect();
    let client = client(&node);
    assert!(client.ensure_usable().await.unwrap_err().is_transient());
    assert_eq!(client.node().known_genesis(), None);
    node.reconnect();
    client.ensure_usable().await.unwrap();
    assert_eq!(client.node().known_genesis(), Some(node.hash(0)));
}

#[tokio::test]
async fn a_pruned_block_is_distinguished_from_a_lost_node() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    let error = client.outcomes(H256::repeat_byte(7)).await.unwrap_err();
    assert!(matches!(error, ChainError::NoSuchBlock { .. }), "{error}");
    assert!(error.is_transient());
    node.disconnect();
    let error = client.limits(node.hash(0)).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    node.reconnect();
    assert!(client.outcomes(node.hash(0)).await.is_ok());
    assert_eq!(node.connect_count(), 2);
}

#[tokio::test]
async fn a_silent_node_times_out() {
    let node = FakeNode::new(Options::CURRENT);
    let client = client(&node).with_timeout(Duration::from_millis(20));
    node.stop_answering();
    for error in [
        client.limits(node.hash(0)).await.unwrap_err(),
        client
            .dry_run(ID, &ChallengeResponse::Superseded)
            .await
            .unwrap_err(),
        client.submit(answer()).await.unwrap_err(),
        client.finalized_heads().await.err().unwrap(),
    ] {
        assert!(error.to_string().contains("no answer within 0.02 s"));
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn finalized_heads_start_now_and_skip_to_the_newest() {
    let node = FakeNode::new(Options::CURRENT);
    node.make_blocks(9);
    node.finalize(2);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    let head = |number, hash, anchor| Head {
        hash,
        number,
        anchor,
    };
    assert_eq!(heads.next().await, Some(head(2, node.hash(2), 100)));
    node.set_anchor(150);
    node.finalize(3);
    node.finalize(4);
    node.finalize(6);
    assert_eq!(heads.next().await, Some(head(6, node.hash(6), 150)));
    // A head is not repeated.
    node.finalize(5);
    node.finalize(6);
    node.finalize(7);
    assert_eq!(heads.next().await.unwrap().number, 7);
}

#[tokio::test]
async fn heads_end_with_the_connection_and_can_be_resumed() {
    let node = FakeNode::new(Options::CURRENT);
    node.make_blocks(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    node.disconnect();
    assert_eq!(heads.next().await, None);
    let error = client.finalized_heads().await.err().unwrap();
    assert!(error.to_string().contains("connection refused"), "{error}");
    node.reconnect();
    node.finalize(3);
    let mut heads = client.finalized_heads().await.unwrap();
    assert_eq!(heads.next().await.unwrap().number, 3);
    assert_eq!(node.connect_count(), 2);
}

#[tokio::test]
async fn s2_another_chain_at_the_same_address_is_refused() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    let ours = client.node().known_genesis();
    assert_eq!(ours, Some(node.hash(0)));
    node.disconnect();
    node.replace_chain();
    node.reconnect();
    let error = client.limits(node.hash(0)).await.unwrap_err();
    let ChainError::OtherChain { expected, found } = error else {
        panic!("{error}");
    };
    assert_eq!(ours, Some(expected));
    assert_ne!(found, expected);
    assert!(client.genesis().await.is_err());
}

#[tokio::test]
async fn a_new_runtime_is_loaded_once_and_used_as_far_as_it_fits() {
    let node = FakeNode::new(Options::CURRENT);
    node.make_blocks(3);
    let client = connected(&node).await;
    let mut heads = client.finalized_heads().await.unwrap();
    heads.next().await.unwrap();
    assert_eq!(node.metadata_reads(), 1);
    node.upgrade_to(
        2,
        Options {
            has_chunk_range: true,
            ..Options::CURRENT
        },
    );
    node.make_blocks(3);
    for number in 4..7 {
        node.finalize(number);
        heads.next().await.unwrap();
    }
    assert_eq!(node.metadata_reads(), 2);
    // Questions are still answered.
    assert_eq!(client.buckets(node.hash(6)).await.unwrap(), []);
    // An answer in another encoding would be judged as a wrong one.
    let error = client.submit(answer()).await.unwrap_err();
    assert!(error.to_string().contains("`ChunkOutOfRange`"), "{error}");
    assert!(node.submitted().is_empty());
}

#[tokio::test]
async fn many_values_are_read_in_requests_of_a_thousand() {
    let node = FakeNode::new(Options::CURRENT);
    node.put(vec![1, 2, 3], vec![9]);
    let remote = RpcNode::with_connector(Box::new(node.clone()));
    let mut keys = vec![vec![0]; 2500];
    keys[1700] = vec![1, 2, 3];
    let values = remote.values(node.hash(0), keys).await.unwrap();
    assert_eq!(values.len(), 2500);
    assert_eq!(values[1700], Some(vec![9]));
    assert_eq!(values.iter().flatten().count(), 1);
    let requests = node.requests_of("state_queryStorageAt");
    let sizes: Vec<_> = requests
        .iter()
        .map(|keys| keys[0].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [1000, 1000, 500]);
}

#[tokio::test]
async fn a_key_that_the_node_leaves_out_is_not_absent() {
    let node = FakeNode::new(Options::CURRENT);
    node.leave_out_keys();
    let remote = RpcNode::with_connector(Box::new(node.clone()));
    let keys = vec![vec![0], vec![1]];
    let error = remote.values(node.hash(0), keys).await.unwrap_err();
    assert!(error.to_string().contains("leaves out a key"), "{error}");
    // It says nothing about the chain, and another request may be answered in full.
    assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    assert!(error.is_transient());
}

#[test]
fn a_refused_or_malformed_response_says_nothing_about_the_runtime() {
    for code in [NO_SUCH_METHOD, -32000, 4003] {
        let error = ChainError::from(refusal(code, "not now"));
        assert!(matches!(error, ChainError::Unreachable(_)), "{error}");
    }
    let no_method = refusal(NO_SUCH_METHOD, "Method not found").about_block(H256::zero());
    assert!(matches!(no_method, ChainError::Unreachable(_)));
    let malformed = wire::read::<H256>(serde_json::json!("0x12")).unwrap_err();
    assert!(matches!(malformed, ChainError::Unreachable(_)));
    assert!(wire::bytes("0xzz").unwrap_err().is_transient());
    // The runtime lacks a function: that is its shape.
    let absent = refusal(4003, "Exported method Some_function is not found");
    let absent = absent.about_block(H256::zero());
    assert!(matches!(absent, ChainError::Unsupported(_)));
}

#[tokio::test]
async fn s2_the_expected_chain_is_followed_though_another_one_came_first() {
    let node = FakeNode::new(Options::CURRENT);
    let ours = node.hash(0);
    node.replace_chain();
    let found = node.hash(0);
    let remote = RpcNode::with_connector(Box::new(node.clone())).expecting(Some(ours));
    let client = RpcChainClient::new(remote, signer());
    let refused = ChainError::OtherChain {
        expected: ours,
        found,
    };
    for _ in 0..2 {
        assert_eq!(client.genesis().await, Err(refused.clone()));
        assert_eq!(client.best_head().await, Err(refused.clone()));
    }
    assert_eq!(client.node().known_genesis(), None);
    node.disconnect();
    node.restore_chain();
    node.reconnect();
    client.ensure_usable().await.unwrap();
    assert_eq!(client.genesis().await, Ok(ours));
    assert_eq!(client.best_head().await.unwrap().hash, ours);
    assert_eq!(client.node().known_genesis(), Some(ours));
}

#[tokio::test]
async fn a_node_tells_that_it_synchronises() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    assert_eq!(client.is_syncing().await, Ok(false));
    node.set_syncing(true);
    assert_eq!(client.is_syncing().await, Ok(true));
}

#[tokio::test]
async fn an_account_is_asked_for_by_its_address() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    client.submit(answer()).await.unwrap();
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    assert_eq!(
        node.requests_of("system_accountNextIndex"),
        [serde_json::json!([alice])]
    );
    assert_ne!(client.account(), AccountId([0; 32]));
}
