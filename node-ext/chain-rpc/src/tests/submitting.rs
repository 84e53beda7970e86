//! Signed extrinsics, their nonces, and their statuses, over a connection.

use super::node::{FakeNode, refusal};
use super::*;
use cairn_chain::ExtrinsicStatus;
use codec::{Compact, Decode, Input};
use serde_json::json;

/// Returns the nonce of an extrinsic, and what follows it.
fn nonce_of(extrinsic: &[u8]) -> (u32, Vec<u8>) {
    let input = &mut &extrinsic[..];
    Compact::<u32>::decode(input).unwrap();
    // The version, the account, the signature's scheme, the signature, and the era.
    let mut head = [0; 1 + 33 + 1 + 64 + 2];
    input.read(&mut head).unwrap();
    (Compact::<u32>::decode(input).unwrap().0, input.to_vec())
}

#[tokio::test]
async fn extrinsics_in_flight_use_distinct_nonces_and_fill_gaps() {
    let node = FakeNode::new(Options::CURRENT);
    node.set_nonce(5);
    let client = connected(&node).await;
    let mut submitted = Vec::new();
    for _ in 0..4 {
        // The node's next nonce does not count them yet.
        submitted.push(client.submit(answer()).await.unwrap());
    }
    node.send_status(1, json!("dropped"));
    let statuses: Vec<_> = submitted.remove(1).statuses.collect().await;
    assert!(matches!(&statuses[..], [ExtrinsicStatus::Dropped(_)]));
    submitted.push(client.submit(answer()).await.unwrap());
    submitted.push(client.submit(answer()).await.unwrap());
    let nonces: Vec<_> = node
        .submitted()
        .iter()
        .map(|sent| nonce_of(sent).0)
        .collect();
    assert_eq!(nonces, [5, 6, 7, 8, 6, 9]);
}

#[tokio::test]
async fn a_taken_nonce_is_skipped() {
    let node = FakeNode::new(Options::CURRENT);
    node.set_nonce(5);
    let client = connected(&node).await;
    node.refuse_next(refusal(1014, "Priority is too low"));
    node.refuse_next(refusal(1013, "Transaction is already imported"));
    let _submitted = client.submit(answer()).await.unwrap();
    assert_eq!(nonce_of(&node.submitted()[0]).0, 7);
    // The number of attempts is limited, and other errors are not retried.
    for _ in 0..9 {
        node.refuse_next(refusal(1014, "Priority is too low"));
    }
    let error = client.submit(answer()).await.unwrap_err();
    assert!(error.to_string().contains("Priority is too low"), "{error}");
    node.refuse_next(refusal(1010, "Invalid Transaction"));
    let error = client.submit(answer()).await.unwrap_err();
    assert!(matches!(error, ChainError::PoolRejected(_)), "{error}");
    assert!(error.is_transient());
    // A refused extrinsic holds no nonce.
    let _another = client.submit(answer()).await.unwrap();
    assert_eq!(nonce_of(&node.submitted()[1]).0, 5);
}

#[tokio::test]
async fn without_a_next_index_the_chains_nonce_is_used() {
    let node = FakeNode::new(Options::CURRENT);
    node.set_nonce(9);
    node.remove_next_index();
    let client = connected(&node).await;
    client.submit(answer()).await.unwrap();
    assert_eq!(nonce_of(&node.submitted()[0]).0, 9);
}

#[tokio::test]
async fn an_extrinsic_is_followed_to_its_final_status() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    let [one, two] = [H256::repeat_byte(1), H256::repeat_byte(2)];
    let submitted = client.submit(answer()).await.unwrap();
    for status in [
        json!("ready"),
        json!({"broadcast": ["peer"]}),
        json!({"inBlock": one}),
        json!({"retracted": one}),
        json!({"inBlock": two}),
        json!({"finalized": two}),
        json!({"inBlock": one}),
    ] {
        node.send_status(0, status);
    }
    let statuses: Vec<_> = submitted.statuses.collect().await;
    assert_eq!(
        statuses,
        [
            ExtrinsicStatus::InBlock(one),
            ExtrinsicStatus::Retracted(one),
            ExtrinsicStatus::InBlock(two),
            ExtrinsicStatus::Finalized(two),
        ]
    );
    for (nth, status) in [json!("invalid"), json!({"usurped": one})]
        .into_iter()
        .enumerate()
    {
        let submitted = client.submit(answer()).await.unwrap();
        node.send_status(nth + 1, status);
        let statuses: Vec<_> = submitted.statuses.collect().await;
        assert!(
            matches!(&statuses[..], [ExtrinsicStatus::Dropped(_)]),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_connection_ends_the_stream_without_a_status() {
    let node = FakeNode::new(Options::CURRENT);
    let client = connected(&node).await;
    let lost = client.submit(answer()).await.unwrap();
    let late = client.submit(answer()).await.unwrap();
    let strange = client.submit(answer()).await.unwrap();
    node.send_status(1, json!({"finalityTimeout": H256::zero()}));
    assert_eq!(late.statuses.collect::<Vec<_>>().await, []);
    node.send_status(2, json!({"vanished": 7}));
    assert_eq!(strange.statuses.collect::<Vec<_>>().await, []);
    node.disconnect();
    assert_eq!(lost.statuses.collect::<Vec<_>>().await, []);
}

#[tokio::test]
async fn l10_an_urgent_answer_has_the_configured_tip() {
    for tip in [0_u128, 70_000] {
        let node = FakeNode::new(Options::CURRENT);
        let client = connected(&node).await.with_urgent_tip(tip);
        client.submit(answer()).await.unwrap();
        client.submit_urgently(answer()).await.unwrap();
        for (extrinsic, bid) in node.submitted().iter().zip([0, tip]) {
            let (_, rest) = nonce_of(extrinsic);
            assert_eq!(Compact::<u128>::decode(&mut &rest[..]).unwrap().0, bid);
        }
    }
}
