//! Subscriptions: notifications of commitments and challenges.

use crate::fixture::{BUCKET, Fixture};
use crate::wire::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Subscribes. Returns the subscription's id.
fn subscribe(client: &mut Client, method: &str, params: Value) -> Value {
    let answer = client.request(method, params);
    assert!(answer["result"].is_string(), "{answer}");
    answer["result"].clone()
}

/// Waits for the next notification of a subscription.
fn next_notification(client: &mut Client, method: &str, id: &Value) -> Value {
    loop {
        let text = client.receive().expect("the provider hung up");
        let message: Value = serde_json::from_str(&text).unwrap();
        if message["method"] == json!(method) && message["params"]["subscription"] == *id {
            return message["params"]["result"].clone();
        }
    }
}

#[test]
fn durable_commitments_are_notified_once() {
    let stage = Fixture::new(&[]);
    let (mut reader, mut writer) = (stage.connect(), stage.connect());
    let id = subscribe(
        &mut reader,
        "cairnBucket_v1_subscribeCommitments",
        json!([BUCKET]),
    );
    let method = "cairnBucket_v1_commitmentEvent";
    let mut backwards = 0;
    // The checkpoint of the two earlier leaves may be signed meanwhile, but only once: no
    // block makes another one due.
    let mut seen_before = BTreeMap::new();
    let mut read_until = |reader: &mut Client, last: u64| loop {
        let notification = next_notification(reader, method, &id);
        assert_eq!(notification["bucket"], json!(BUCKET));
        let count = notification["commitment"]["leafCount"].as_u64().unwrap();
        let newer = seen_before.keys().all(|before| *before < count);
        seen_before.insert(count, notification["commitment"].clone());
        backwards += usize::from(!newer);
        if count == last {
            return notification["commitment"].clone();
        }
    };
    stage.commit(&mut writer, b"one");
    let newest = writer.request("cairnBucket_v1_commitment", json!([BUCKET]));
    let notification = read_until(&mut reader, 3);
    assert_eq!(notification, newest["result"]["commitment"]);

    for number in 0..50u64 {
        stage.commit(&mut writer, &number.to_le_bytes());
    }
    let newest = writer.request("cairnBucket_v1_commitment", json!([BUCKET]));
    let notification = read_until(&mut reader, 53);
    assert_eq!(notification, newest["result"]["commitment"]);
    assert!(backwards <= 1, "{backwards} of {seen_before:?}");
    let ended = reader.request("cairnBucket_v1_unsubscribeCommitments", json!([id]));
    assert_eq!(ended["result"], json!(true));
    let unknown = reader.request("cairnBucket_v1_subscribeCommitments", json!([4_711]));
    assert_eq!(unknown["error"]["code"], json!(12_020), "{unknown}");
}

#[test]
fn an_open_challenge_is_notified_until_it_is_resolved() {
    let stage = Fixture::new(&[]);
    // Notifications before a response are skipped, hence two connections.
    let (mut reader, mut asker) = (stage.connect(), stage.connect());
    let id = subscribe(
        &mut reader,
        "cairnProvider_v1_subscribeChallenges",
        json!([]),
    );
    let method = "cairnProvider_v1_challengeEvent";
    let opened = next_notification(&mut reader, method, &id);
    assert_eq!(opened["change"], json!("open"));
    assert_eq!(opened["challenge"]["bucket"], json!(BUCKET));
    assert_eq!(opened["challenge"]["mmrRoot"], json!(stage.signed_root()));
    // Blocks include the answer, which is or soon will be in the pool.
    while {
        stage.make_block();
        asker.request("cairnProvider_v1_challenges", json!([]))["result"] != json!([])
    } {}
    let last = std::iter::repeat_with(|| next_notification(&mut reader, method, &id))
        .find(|notification| notification["change"] != json!("progress"))
        .unwrap();
    assert_eq!(last["change"], json!("closed"));
    assert_eq!(last["challenge"]["bucket"], json!(BUCKET));
}
