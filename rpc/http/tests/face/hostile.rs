//! Hostile input: hashes of other lengths, bodies that are no JSON, numbers out of range, and too
//! much of everything. Each gets a status of its own, and the provider goes on.

use crate::fixture::*;
use axum::body::Body;
use axum::http::{Method, Request};
use cairn_primitives::H256;
use proptest::prelude::*;
use serde_json::{Value, json};

fn invalid_hash(expected: &str, actual: &str) -> Value {
    let details = json!({ "expected": expected, "actual": actual });
    json!({ "error": "invalid_hash", "details": details })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_of_another_length_is_refused_on_every_route() {
    let face = Face::new().await;
    let long = "ab".repeat(33);
    for (text, actual) in [
        ("abcd", "2 bytes"),
        ("0x", "0 bytes"),
        ("0xzz", "invalid hex"),
        (&*long, "33 bytes"),
    ] {
        let expected = invalid_hash(text, actual);
        for path in [
            format!("/node?hash={text}"),
            format!("/read?data_root={text}&offset=0&length=1"),
            format!("/chunk_proof?data_root={text}&chunk_index=0"),
        ] {
            face.get(&path).await.is_error(400, &expected);
        }
        let hashes = json!({ "bucket_id": BUCKET.0, "hashes": [text] });
        for path in ["/exists", "/fetch_nodes"] {
            let answer = face.send_json((Method::POST, path), None, &hashes).await;
            answer.is_error(400, &expected);
        }
        let roots = json!({ "bucket_id": BUCKET.0, "data_roots": [text] });
        face.post("/commit", &roots).await.is_error(400, &expected);
        let mut node = put_chunk(b"abc");
        node["hash"] = json!(text);
        face.put(&node).await.is_error(400, &expected);
        let mut node = put_chunk(&[1; 64]);
        node["children"] = json!([text, hex0(H256::zero())]);
        face.put(&node).await.is_error(400, &expected);
    }
    face.get("/health").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn data_that_is_no_base64_is_refused() {
    let face = Face::new().await;
    for data in ["YWJ", "YWJj=", "_-8=", "YW Jj"] {
        let mut node = put_chunk(b"abc");
        node["data"] = json!(data);
        let answer = face.put(&node).await;
        assert_eq!(answer.status, 400, "{data}");
        assert_eq!(answer.json()["error"], "serialization_error");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_parse_has_axums_own_answers() {
    let face = Face::new().await;
    for path in [
        "/node",
        "/commitment",
        "/commitment?bucket_id=x",
        "/commitment?bucket_id=-1",
        "/commitment?bucket_id=18446744073709551616",
        "/mmr_proof?bucket_id=7",
        "/read?data_root=00&offset=0",
    ] {
        assert_eq!(face.get(path).await.status, 400, "{path}");
    }
    assert_eq!(face.get("/none").await.status, 404);
    assert_eq!(face.get("/commit").await.status, 405);
    let send = async |kind: &str, body: &'static str| {
        let request = Request::post("/exists").header("content-type", kind);
        let answer = face.send(request.body(Body::from(body)).unwrap()).await;
        answer.status.as_u16()
    };
    assert_eq!(send("text/plain", "{}").await, 415);
    assert_eq!(send("application/json", "{").await, 400);
    assert_eq!(send("application/json", "{}").await, 422);
    let negative = r#"{"bucket_id":-1,"hashes":[]}"#;
    assert_eq!(send("application/json", negative).await, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_and_lists_that_are_too_long_are_refused() {
    let face = Face::new().await;
    let ask = |count: usize| json!({ "bucket_id": 7, "hashes": vec![hex0(H256::zero()); count] });
    let post = || (Method::POST, "/exists");
    face.send_json(post(), None, &ask(8_192)).await.ok();
    let details = json!({ "given": 8_193, "max": 8_192 });
    let expected = json!({ "error": "too_many", "details": details });
    let long = face.send_json(post(), None, &ask(8_193)).await;
    long.is_error(413, &expected);
    let large = face.send_json(post(), None, &ask(20_000)).await;
    assert_eq!(large.status, 413);
    // Without a length, it is cut off where the limit is.
    let piece = vec![b' '; 1 << 16];
    let pieces = (0..64).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = Body::from_stream(futures::stream::iter(pieces));
    let request = Request::post("/exists").header("content-type", "application/json");
    assert_eq!(face.send(request.body(body).unwrap()).await.status, 413);
}

#[test]
fn any_request_is_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let face = runtime.block_on(Face::new());
    let root = runtime.block_on(face.upload(b"abc"));
    let hash = prop_oneof![
        Just(hex0(root)),
        "[0-9a-f]{64}",
        "(0x)?[0-9a-fg]{0,70}",
        "[a-z%&=?#]{0,9}",
    ];
    let number = prop_oneof![Just(7u64), 0u64..5, any::<u64>()];
    let given = (hash, number.clone(), number, 0usize..7);
    proptest!(ProptestConfig::with_cases(300), |((hash, one, two, route) in given)| {
        let path = match route {
            0 => format!("/node?hash={hash}"),
            1 => format!("/read?data_root={hash}&offset={one}&length={two}"),
            2 => format!("/chunk_proof?data_root={hash}&chunk_index={one}"),
            3 => format!("/mmr_proof?bucket_id={one}&leaf_index={two}"),
            4 => format!("/commitment?bucket_id={one}"),
            5 => format!("/mmr_subtree?bucket_id=7&peak_index={}&depth={}", one as u32, two as u32),
            _ => format!("/mmr_peaks?bucket_id={one}"),
        };
        if let Ok(request) = Request::get(&path).body(Body::empty()) {
            let answer = runtime.block_on(face.send(request));
            let status = answer.status.as_u16();
            prop_assert!([200, 400, 404, 503].contains(&status), "{} {}", status, path);
        }
    });
}
