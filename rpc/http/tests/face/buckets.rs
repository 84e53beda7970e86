//! Lists of buckets, and the upper nodes of their trees.

use crate::fixture::*;
use axum::body::Body;
use axum::http::Request;
use cairn_http::{HttpConfig, ReadAccess};
use cairn_primitives::{BucketId, H256, HashingProfile};
use cairn_rpc_server::{Limits, Policy, ProviderRpc};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Lists two buckets in a page.
fn small_pages(rpc: ProviderRpc) -> ProviderRpc {
    let limits = Limits {
        page: 2,
        ..Limits::default()
    };
    ProviderRpc::new(rpc.handle().clone(), limits, Policy::default())
}

/// Makes four empty buckets more.
fn add_buckets(face: &Face) {
    for id in [3, 8, 1_000, u64::MAX] {
        let provider = &face.handle.provider;
        provider
            .create_bucket(BucketId(id), Default::default())
            .unwrap();
    }
    face.handle.provider.write_index();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_buckets_are_listed_with_what_they_hold() {
    let face = Face::with(quick(), Default::default(), small_pages).await;
    let root = face.upload(&content(2)).await;
    let committed = face.commit(root).await;
    add_buckets(&face);

    let listed = face.get("/buckets").await.ok();
    let listed = listed["buckets"].as_array().unwrap();
    let ids: Vec<_> = listed
        .iter()
        .map(|one| one["bucket_id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, [3, 7, 8, 1_000, u64::MAX]);
    let expected = json!({
        "bucket_id": 7,
        "mmr_root": committed["mmr_root"],
        "start_seq": 0,
        "leaf_count": 1,
    });
    assert_eq!(listed[1], expected);

    let stats = face.get("/stats").await.ok();
    assert_eq!(
        stats["provider_id"],
        face.get("/info").await.ok()["provider_id"]
    );
    assert_eq!(stats["total_buckets"], 5);
    // Two chunks and the node above them.
    let bytes = 2 * CHUNK - 5 + 64;
    let expected = json!({
        "bucket_id": 7,
        "leaf_count": 1,
        "node_count": 3,
        "bytes_stored": bytes,
    });
    assert_eq!(stats["buckets"][1], expected);
    assert_eq!(stats["buckets"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&stats["total_nodes"], &stats["total_bytes"]),
        (&json!(3), &json!(bytes))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_of_buckets_is_in_memory_at_a_time() {
    let face = Face::with(quick(), Default::default(), small_pages).await;
    add_buckets(&face);
    let request = Request::get("/buckets").body(Body::empty()).unwrap();
    let answer = face.router.clone().oneshot(request).await.unwrap();
    let pieces: Vec<_> = answer.into_body().into_data_stream().collect().await;
    let buckets = pieces.iter().map(|piece| {
        let text = String::from_utf8(piece.as_ref().unwrap().to_vec()).unwrap();
        text.matches("bucket_id").count()
    });
    assert_eq!(buckets.collect::<Vec<_>>(), [2, 2, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bucket_is_named_where_only_members_may_read() {
    let config = HttpConfig {
        reads: ReadAccess::Members,
        ..quick()
    };
    let face = Face::with(config, Default::default(), small_pages).await;
    add_buckets(&face);
    assert_eq!(face.get("/buckets").await.text(), r#"{"buckets":[]}"#);
    let stats = face.get("/stats").await.ok();
    assert_eq!(
        (&stats["buckets"], &stats["total_buckets"]),
        (&json!([]), &json!(5))
    );
}

fn hash_of(text: &Value) -> H256 {
    let text = text.as_str().unwrap().strip_prefix("0x").unwrap();
    H256::from_slice(&hex::decode(text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subtree_leads_from_its_leaves_to_the_peak() {
    let face = Face::new().await;
    for text in ["one", "two", "three", "four", "five"] {
        let root = face.upload(text.as_bytes()).await;
        face.commit(root).await;
    }
    let peaks = face.get("/mmr_peaks?bucket_id=7").await.ok();
    let subtree = async |peak: u32, depth: u32| {
        let path = format!("/mmr_subtree?bucket_id=7&peak_index={peak}&depth={depth}");
        face.get(&path).await
    };
    let whole = subtree(0, u32::MAX).await.ok();
    let nodes = whole["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 7);
    assert_eq!(nodes[0]["hash"], peaks["peaks"][0]);
    assert_eq!(
        (&nodes[0]["position"], &nodes[0]["children"]),
        (&json!(6), &json!([2, 5]))
    );
    let at = |position: &Value| {
        let found = nodes.iter().find(|node| node["position"] == *position);
        hash_of(&found.unwrap()["hash"])
    };
    for node in &nodes[..3] {
        let (left, right) = (at(&node["children"][0]), at(&node["children"][1]));
        let above = HashingProfile::Plain.node(&left, &right);
        assert_eq!(hash_of(&node["hash"]), above);
    }
    for node in &nodes[3..] {
        assert_eq!(node["children"], json!(null));
    }
    let top = subtree(0, 1).await.ok();
    assert_eq!(top["nodes"].as_array().unwrap()[..], nodes[..3]);
    let last = subtree(1, 0).await.ok();
    assert_eq!(last["nodes"][0]["hash"], peaks["peaks"][1]);

    let details = json!({ "hash": "peak_2" });
    let none = json!({ "error": "not_found", "details": details });
    subtree(2, 0).await.is_error(404, &none);
    let absent = face
        .get("/mmr_subtree?bucket_id=99&peak_index=0&depth=0")
        .await;
    assert_eq!(absent.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_nodes_than_one_answer_may_have_are_refused() {
    let face = Face::new().await;
    let root = face.upload(b"one").await;
    let body = json!({ "bucket_id": BUCKET.0, "data_roots": vec![hex0(root); 8_192] });
    face.post("/commit", &body).await.ok();
    let path = |depth: u32| format!("/mmr_subtree?bucket_id=7&peak_index=0&depth={depth}");
    let most = face.get(&path(12)).await.ok();
    assert_eq!(most["nodes"].as_array().unwrap().len(), 8_191);
    for depth in [13, u32::MAX] {
        let details = json!({ "given": 16_383, "max": 8_192 });
        let expected = json!({ "error": "too_many", "details": details });
        face.get(&path(depth)).await.is_error(413, &expected);
    }
}
