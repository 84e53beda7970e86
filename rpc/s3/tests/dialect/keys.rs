//! Keys with any characters, objects without content, and writers that race.

use crate::client::*;
use axum::body::Body;
use futures::future::join_all;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_a_name_and_nothing_more() {
    let gateway = Gateway::new().await;
    let longest = "k".repeat(1_024);
    // In the order of their bytes.
    let keys = ["..", "../x", "a%00b", "a%25b", "a/../b", &longest, "%C3%A4"];
    for key in keys {
        gateway.put(key, key.as_bytes()).await.ok();
    }
    for key in keys {
        assert_eq!(gateway.get(key).await.ok().text(), key);
    }
    let at = ("GET", "/photos", "encoding-type=url&list-type=2");
    let listed = gateway.send(at, &[], Body::empty()).await.ok();
    assert_eq!(listed.all("Key"), keys);
    let at = ("DELETE", "/photos/..", "");
    let deleted = gateway.send(at, &[], Body::empty()).await;
    assert_eq!(deleted.status, 204);
    gateway.get("..").await.is_error(404, "NoSuchKey");
    gateway.get("../x").await.ok();
    let long = gateway.put(&"k".repeat(1_025), b"x").await;
    long.is_error(400, "KeyTooLongError");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_an_empty_object_is_refused() {
    let gateway = Gateway::new().await;
    gateway.put("empty", b"").await.ok();
    for range in ["bytes=0-", "bytes=0-0", "bytes=-5"] {
        let at = ("GET", "/photos/empty", "");
        let got = gateway.send(at, &[("range", range)], Body::empty()).await;
        got.is_error(416, "InvalidRange");
    }
    let whole = gateway.get("empty").await.ok();
    assert_eq!(whole.headers["content-length"], "0");
    assert!(whole.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_writers_of_a_new_key_wins() {
    let gateway = Gateway::new().await;
    let put = |number: usize| {
        let gateway = &gateway;
        async move {
            let headers = [("content-length", "1"), ("if-none-match", "*")];
            let at = ("PUT", "/photos/a", "");
            gateway.send(at, &headers, number.to_string()).await
        }
    };
    let answers = join_all((0..8).map(put)).await;
    let mut winners = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        match answer.status.as_u16() {
            200 => winners.push(number.to_string()),
            _ => answer.is_error(412, "PreconditionFailed"),
        }
    }
    let [winner] = &winners[..] else {
        panic!("{winners:?} have won");
    };
    assert_eq!(gateway.get("a").await.ok().text(), winner);
}
