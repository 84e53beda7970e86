//! Members of a bucket write to it over the JSON-RPC, with the header of the HTTP API.

use crate::deletion::import;
use crate::fixture::*;
use cairn_http::HttpConfig;
use cairn_primitives::{BucketId, H256, HashingProfile};
use cairn_rpc_listener::{ListenerConfig, ListenerHandle, RpcMethods};
use jsonrpsee::core::client::{ClientT, Error};
use jsonrpsee::rpc_params;
use jsonrpsee::ws_client::{HeaderMap, WsClient, WsClientBuilder};
use serde_json::{Value, json};
use sp_core::Pair;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An unsafe method, for a caller who is nobody.
const UNSAFE: i64 = -32_601;
const AUTH_REQUIRED: i64 = 12_080;
const INSUFFICIENT_ROLE: i64 = 12_081;
const UNAVAILABLE: i64 = 12_082;
const SHAPE: i64 = 12_042;
const PAST_THE_END: i64 = 12_061;

async fn listen(face: &Face, methods: RpcMethods) -> ListenerHandle {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ListenerConfig {
        methods,
        ..ListenerConfig::default()
    };
    cairn_rpc_listener::serve(socket, face.rpc.clone(), config).unwrap()
}

/// Calls a method over HTTP. Returns the result, or the error's code.
async fn call(
    listener: &ListenerHandle,
    headers: &[String],
    (method, params): (&str, Value),
) -> Result<Value, i64> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let body = body.to_string();
    let headers: String = headers
        .iter()
        .map(|header| format!("{header}\r\n"))
        .collect();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{headers}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
    match answer.get("error") {
        None => Ok(answer["result"].clone()),
        Some(error) => Err(error["code"].as_i64().unwrap()),
    }
}

fn by(suri: &str, bucket: BucketId) -> Vec<String> {
    vec![format!("authorization: {}", signed(suri, "POST", bucket))]
}

fn put(bucket: BucketId, bytes: &[u8]) -> (&'static str, Value) {
    let hash = hex0(HashingProfile::Plain.chunk(bytes));
    let params = json!([bucket.0, hash, format!("0x{}", hex::encode(bytes))]);
    ("cairnWrite_v1_putChunk", params)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_stores_and_commits_and_nobody_else() {
    let face = Face::new().await;
    let listener = listen(&face, RpcMethods::Auto).await;
    let writer = || by("//Writer", BUCKET);
    assert_eq!(
        call(&listener, &writer(), put(BUCKET, b"abc")).await,
        Ok(json!(true))
    );
    let root = hex0(HashingProfile::Plain.chunk(b"abc"));
    let leaves = json!([BUCKET.0, [{ "dataRoot": root, "dataSize": 3 }]]);
    let commit = || ("cairnWrite_v1_commit", leaves.clone());
    let committed = call(&listener, &writer(), commit()).await.unwrap();
    assert_eq!(committed["firstLeaf"], 0);
    // The same content, over the HTTP API.
    face.handle.provider.write_index();
    face.get(&format!("/read?data_root={root}&offset=0&length=3"))
        .await
        .ok();

    let refused = async |headers: &[String], expected: i64| {
        for request in [put(BUCKET, b"def"), commit()] {
            let answer = call(&listener, headers, request).await;
            assert_eq!(answer, Err(expected), "{headers:?}");
        }
    };
    refused(&[], UNSAFE).await;
    refused(&by("//Reader", BUCKET), INSUFFICIENT_ROLE).await;
    refused(&by("//Stranger", BUCKET), INSUFFICIENT_ROLE).await;
    refused(&by("//Writer", BucketId(8)), AUTH_REQUIRED).await;
    let of_put = signed("//Writer", "PUT", BUCKET);
    refused(&[format!("authorization: {of_put}")], AUTH_REQUIRED).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let old = signed_at("//Writer", "POST", BUCKET, now.as_secs() - 400);
    refused(&[format!("authorization: {old}")], AUTH_REQUIRED).await;
    refused(&[writer(), writer()].concat(), UNSAFE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_of_one_bucket_stays_the_operators() {
    let face = Face::new().await;
    let listener = listen(&face, RpcMethods::Auto).await;
    let owner = || by("//Owner", BUCKET);
    for request in [
        ("cairnWrite_v1_createBucket", json!([9])),
        ("cairnWrite_v1_deleteBucket", json!([BUCKET.0])),
        ("cairnWrite_v1_exportBucket", json!([BUCKET.0, "copy"])),
    ] {
        let method = request.0;
        assert_eq!(
            call(&listener, &owner(), request).await,
            Err(UNSAFE),
            "{method}"
        );
    }
    // Deletions are an admin's.
    assert_eq!(
        call(&listener, &owner(), put(BUCKET, b"abc")).await,
        Ok(json!(true))
    );
    let preview = || ("cairnWrite_v1_deletionPayload", json!([BUCKET.0, 0]));
    let writer = by("//Writer", BUCKET);
    assert_eq!(
        call(&listener, &writer, preview()).await,
        Err(INSUFFICIENT_ROLE)
    );
    // There is no leaf before the first.
    assert_eq!(call(&listener, &owner(), preview()).await, Err(12_060));
}

/// Drops leaves as an admin, who has signed the deletion.
async fn prune(listener: &ListenerHandle, before: u64) -> Result<Value, i64> {
    let owner = || by("//Owner", BUCKET);
    let preview = ("cairnWrite_v1_deletionPayload", json!([BUCKET.0, before]));
    let preview = call(listener, &owner(), preview).await.unwrap();
    let payload = preview["payload"].as_str().unwrap();
    let payload = hex::decode(payload.trim_start_matches("0x")).unwrap();
    let signature = pair("//Owner").sign(&payload).0;
    let authorisation = json!({
        "admin": hex0(H256(account("//Owner").0)),
        "signature": format!("0x01{}", hex::encode(signature)),
        "leafCount": preview["commitment"]["leafCount"],
    });
    let params = json!([BUCKET.0, before, authorisation]);
    call(listener, &owner(), ("cairnWrite_v1_pruneBucket", params)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_leaves_no_tree_that_could_not_answer() {
    let face = Face::with(quick(), Default::default(), |rpc| rpc.refusing_padding()).await;
    import(&face, b"no padding");
    import(&face, &content(3));
    let listener = listen(&face, RpcMethods::Auto).await;
    assert_eq!(prune(&listener, 1).await, Err(SHAPE));
    assert_eq!(prune(&listener, 2).await, Err(PAST_THE_END));
    import(&face, b"none either");
    let pruned = prune(&listener, 1).await.unwrap();
    assert_eq!(pruned["commitment"]["startSeq"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_safe_methods_no_member_writes() {
    let face = Face::new().await;
    let listener = listen(&face, RpcMethods::Safe).await;
    let answer = call(&listener, &by("//Writer", BUCKET), put(BUCKET, b"abc")).await;
    assert_eq!(answer, Err(UNSAFE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_website_that_is_not_listed_does_not_write_for_a_member() {
    let face = Face::new().await;
    let listener = listen(&face, RpcMethods::Auto).await;
    // Local pages may read.
    let page = vec!["origin: http://localhost:3000".to_owned()];
    let headers = [by("//Writer", BUCKET), page].concat();
    let answer = call(&listener, &headers, put(BUCKET, b"abc")).await;
    assert_eq!(answer, Err(UNSAFE));
}

async fn connect(listener: &ListenerHandle, header: &str) -> WsClient {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", header.parse().unwrap());
    let url = format!("ws://{}", listener.address());
    WsClientBuilder::new()
        .set_headers(headers)
        .build(url)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_has_the_header_that_it_was_opened_with() {
    let face = Face::new().await;
    let listener = listen(&face, RpcMethods::Auto).await;
    let client = connect(&listener, &signed("//Writer", "POST", BUCKET)).await;
    let store = async |bucket: u64, bytes: &[u8]| {
        let hash = hex0(HashingProfile::Plain.chunk(bytes));
        let data = format!("0x{}", hex::encode(bytes));
        let params = rpc_params![bucket, hash, data];
        client
            .request::<bool, _>("cairnWrite_v1_putChunk", params)
            .await
    };
    for bytes in [b"abc", b"def"] {
        assert!(store(BUCKET.0, bytes).await.unwrap());
    }
    let code = |answer: Result<bool, Error>| match answer {
        Err(Error::Call(error)) => i64::from(error.code()),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(store(8, b"abc").await), AUTH_REQUIRED);
    // A role that is taken away is gone for open connections too.
    face.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.members.clear();
    });
    let mut tries = 0;
    let refused = loop {
        match store(BUCKET.0, b"abc").await {
            Err(Error::Call(error)) => break i64::from(error.code()),
            Err(error) => panic!("{error}"),
            Ok(_) => {}
        }
        assert!(tries < 500, "the member still writes");
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    };
    assert_eq!(refused, INSUFFICIENT_ROLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_apis_know_the_same_members_while_the_chain_is_away() {
    let face = Face::with(HttpConfig::default(), Default::default(), |rpc| rpc).await;
    let listener = listen(&face, RpcMethods::Auto).await;
    face.put(&put_chunk(b"abc")).await.ok();
    face.disconnect().await;
    let known = call(&listener, &by("//Writer", BUCKET), put(BUCKET, b"def")).await;
    assert_eq!(known, Ok(json!(true)));
    let other = BucketId(8);
    let unknown = call(&listener, &by("//Writer", other), put(other, b"def")).await;
    assert_eq!(unknown, Err(UNAVAILABLE));
}
