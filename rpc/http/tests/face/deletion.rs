//! Deleting by an admin's header: what was signed stays provable, and nothing worse is signed.

use crate::content::check_signature;
use crate::fixture::*;
use axum::http::Method;
use cairn_bucket::{NewLeaf, StateRef};
use cairn_http::HttpConfig;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::PrimaryProvider;
use cairn_primitives::{H256, LeafIndex, Sequence};
use cairn_provider::LeaseRequest;
use serde_json::{Value, json};
use std::time::Duration;

const DELETE: (Method, &str) = (Method::POST, "/delete");

async fn delete(face: &Face, suri: &str, new_start_seq: u64) -> Answer {
    let body = json!({ "bucket_id": BUCKET.0, "new_start_seq": new_start_seq, "nonce": 5 });
    face.send_json(DELETE, Some((suri, BUCKET)), &body).await
}

/// Commits three leaves, and returns their data roots with the last answer.
async fn with_leaves(face: &Face) -> (Vec<H256>, Value) {
    let mut roots = Vec::new();
    let mut last = Value::Null;
    for text in ["one", "two", "three"] {
        let root = face.upload(text.as_bytes()).await;
        last = face.commit(root).await;
        roots.push(root);
    }
    (roots, last)
}

async fn start_of(face: &Face) -> u64 {
    let newest = face.get("/buckets").await.ok();
    face.handle.provider.write_index();
    newest["buckets"][0]["start_seq"].as_u64().unwrap()
}

fn hash_of(text: &Value) -> H256 {
    H256::from_slice(&hex::decode(text.as_str().unwrap().strip_prefix("0x").unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_an_admin_drops_leaves_and_what_was_signed_stays_provable() {
    let face = Face::new().await;
    let (roots, before) = with_leaves(&face).await;
    let answer = delete(&face, "//Owner", 2).await.ok();
    assert_eq!(
        (&answer["start_seq"], &answer["leaf_count"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(answer.as_object().unwrap().len(), 4);
    check_signature(&face, &answer);
    // The tree begins with the third leaf.
    let leaf = face.get("/mmr_proof?bucket_id=7&leaf_index=0").await.ok();
    assert_eq!(leaf["leaf"]["data_root"], hex0(roots[2]));
    let commitment = face.get("/commitment?bucket_id=7").await.ok();
    assert_eq!(commitment["mmr_root"], answer["mmr_root"]);

    // The provider proves each leaf under the root that it has signed before, with its content.
    let signed_before = hash_of(&before["mmr_root"]);
    let provider = &face.handle.provider;
    let lease = provider
        .blocking_lease(BUCKET, LeaseRequest::read())
        .unwrap();
    for (index, root) in roots.iter().enumerate() {
        let proven = lease.run(|bucket| {
            let view = bucket.view(StateRef::Root(signed_before))?;
            view.mmr_proof(LeafIndex(index as u64))
        });
        assert_eq!(proven.unwrap().leaf().data_root, *root);
        let chunk = format!("/chunk_proof?data_root={root:?}&chunk_index=0");
        face.get(&chunk).await.ok();
    }
    drop(lease);

    // A client may repeat a request, or send an older one later.
    for sequence in [2, 1, 0] {
        let again = delete(&face, "//Owner", sequence).await.ok();
        for field in ["mmr_root", "start_seq", "leaf_count"] {
            assert_eq!(again[field], answer[field], "{sequence}");
        }
        check_signature(&face, &again);
    }
    // New leaves follow, and more can be dropped.
    let root = face.upload(b"four").await;
    assert_eq!(face.commit(root).await["leaf_indices"], json!([1]));
    let answer = delete(&face, "//Owner", 3).await.ok();
    assert_eq!(
        (&answer["start_seq"], &answer["leaf_count"]),
        (&json!(3), &json!(1))
    );
    check_signature(&face, &answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_an_admin_deletes() {
    let face = Face::new().await;
    with_leaves(&face).await;
    let refused = json!({ "error": "insufficient_role" });
    for suri in ["//Writer", "//Reader", "//Stranger", "//Alice"] {
        delete(&face, suri, 1).await.is_error(403, &refused);
    }
    let body = json!({ "bucket_id": BUCKET.0, "new_start_seq": 1 });
    assert_eq!(face.send_json(DELETE, None, &body).await.status, 401);
    assert_eq!(start_of(&face).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_not_left_without_leaves() {
    let face = Face::new().await;
    with_leaves(&face).await;
    for sequence in [3, 4, u64::MAX] {
        let answer = delete(&face, "//Owner", sequence).await;
        assert_eq!(answer.status, 422, "{sequence}");
        let body = answer.json();
        assert_eq!(body["error"], "nothing_left");
        assert_eq!(body["details"]["end_seq"], 3);
    }
    assert_eq!(start_of(&face).await, 0);
    // Nothing was ever committed.
    let empty = cairn_primitives::BucketId(8);
    let body = json!({ "bucket_id": empty.0, "new_start_seq": 0 });
    let answer = face
        .send_json(DELETE, Some(("//Owner", empty)), &body)
        .await;
    assert_eq!(answer.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_changes_while_nothing_is_signed() {
    let face = Face::new().await;
    with_leaves(&face).await;
    face.handle.provider.stop_signing("test", "a test");
    let answer = delete(&face, "//Owner", 1).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], "signing_unavailable");
    face.handle.provider.resume_signing("test");
    assert_eq!(start_of(&face).await, 0);
    delete(&face, "//Owner", 1).await.ok();
}

/// Commits content as its importer would, whatever padding it has.
pub(crate) fn import(face: &Face, content: &[u8]) {
    let provider = &face.handle.provider;
    let lease = provider
        .blocking_lease(BUCKET, LeaseRequest::write())
        .unwrap();
    let stored = lease.run(|bucket| bucket.ingest(content)).unwrap();
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    lease.commit_signed(&[leaf], &face.handle.signer).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_that_could_not_answer_for_their_padding_are_not_left_alone() {
    let face = Face::with(quick(), Default::default(), |rpc| rpc.refusing_padding()).await;
    import(&face, b"no padding");
    import(&face, &content(3));
    let answer = delete(&face, "//Owner", 1).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.json()["error"], "padding_refused");
    assert_eq!(start_of(&face).await, 0);
    // With a leaf that can answer, it is.
    import(&face, b"none either");
    delete(&face, "//Owner", 1).await.ok();

    // The operator has accepted the risk.
    let face = Face::new().await;
    import(&face, b"no padding");
    import(&face, &content(3));
    delete(&face, "//Owner", 1).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_could_not_answer_is_signed_for_no_member() {
    let face = Face::with(quick(), Default::default(), |rpc| rpc.refusing_padding()).await;
    import(&face, b"no padding");
    import(&face, &content(3));
    // The operator has dropped the leaf that could answer, and nothing of the rest is signed yet.
    let provider = &face.handle.provider;
    let lease = provider
        .blocking_lease(BUCKET, LeaseRequest::write())
        .unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    let nothing = json!({ "bucket_id": BUCKET.0, "data_roots": [] });
    for answer in [
        // A deletion that was made before, and an older one.
        delete(&face, "//Owner", 1).await,
        delete(&face, "//Owner", 0).await,
        face.post("/commit", &nothing).await,
    ] {
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["error"], "padding_refused");
    }
    assert_eq!(face.get("/commitment?bucket_id=7").await.status, 503);
    // With a leaf that can answer it is, and is signed again for those who ask.
    let root = face.upload(b"none either").await;
    let committed = face.commit(root).await;
    let again = face.post("/commit", &nothing).await.ok();
    assert_eq!(again["mmr_root"], committed["mmr_root"]);
    assert_eq!(again["leaf_indices"], json!([]));
    delete(&face, "//Owner", 1).await.ok();
}

/// Adds another primary provider to the bucket, and deletes once that is final.
async fn with_another_primary(config: HttpConfig) -> Answer {
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    with_leaves(&face).await;
    // This provider's only: the header is worth nothing elsewhere.
    delete(&face, "//Owner", 1).await.ok();
    face.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.primary_providers.push(PrimaryProvider {
            account: AccountId([7; 32]),
            key: None,
            endpoint: vec![],
            agreement: None,
        });
    });
    let is_seen = async || {
        let info = face.handle.countersigner.on_chain(BUCKET).await.unwrap();
        info.unwrap().primary_providers.len() == 2
    };
    let mut tries = 0;
    while !is_seen().await {
        assert!(tries < 500, "the provider is not final");
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    delete(&face, "//Owner", 2).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_counts_elsewhere_too_deletes_only_with_the_operators_consent() {
    let refused = with_another_primary(quick()).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(refused.json()["error"], "not_authorized");
    let config = HttpConfig {
        deletes_shared: true,
        ..quick()
    };
    let answer = with_another_primary(config).await.ok();
    assert_eq!(answer["start_seq"], 2);
}
