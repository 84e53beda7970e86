//! Storing, committing and reading content.

use crate::fixture::*;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{Commitment, CommitmentPayload, H256, HashingProfile, LeafCount, Sequence};
use codec::DecodeAll;
use serde_json::{Value, json};

fn hash_of(text: &Value) -> H256 {
    let text = text.as_str().unwrap().strip_prefix("0x").unwrap();
    H256::from_slice(&hex::decode(text).unwrap())
}

/// Checks the signature of an answer over the commitment that it names.
pub(crate) fn check_signature(face: &Face, answer: &Value) {
    let commitment = Commitment {
        mmr_root: hash_of(&answer["mmr_root"]),
        start_seq: Sequence(answer["start_seq"].as_u64().unwrap()),
        leaf_count: LeafCount::new(answer["leaf_count"].as_u64().unwrap()).unwrap(),
    };
    let signature = answer["provider_signature"].as_str().unwrap();
    let signature = hex::decode(signature.strip_prefix("0x").unwrap()).unwrap();
    assert_eq!(signature.len(), 65);
    let signed = SignedCommitment {
        payload: CommitmentPayload::new(BUCKET, commitment),
        signer: face.handle.account.0,
        signature: MultiSignature::decode_all(&mut &signature[..]).unwrap(),
    };
    assert!(signed.is_valid());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_is_stored_and_read_back_byte_for_byte() {
    let face = Face::new().await;
    let stored = face.put(&put_chunk(b"three small words")).await;
    assert_eq!(stored.text(), r#"{"stored":true}"#);
    assert_eq!(stored.headers["content-type"], "application/json");
    // Again, and found at once, before the index is written.
    face.put(&put_chunk(b"three small words")).await.ok();
    let hash = HashingProfile::Plain.chunk(b"three small words");
    let digits = hex::encode(hash);
    for text in [digits.clone(), format!("0x{digits}"), digits.to_uppercase()] {
        let read = face.get(&format!("/node?hash={text}")).await;
        let data = STANDARD.encode("three small words");
        let expected = format!(r#"{{"hash":"{text}","data":"{data}","children":null}}"#);
        assert_eq!(read.text(), expected);
    }
    let none = "00".repeat(32);
    let absent = face.get(&format!("/node?hash=0x{none}")).await;
    let hash = format!("0x{none}");
    absent.is_error(
        404,
        &json!({ "error": "not_found", "details": { "hash": hash } }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_committed_read_and_trimmed_as_existing_clients_do() {
    let face = Face::new().await;
    let bytes = content(4);
    let root = face.upload(&bytes).await;
    let committed = face.commit(root).await;
    assert_eq!(committed["leaf_indices"], json!([0]));
    assert_eq!(committed["leaf_count"], 1);
    assert_eq!(committed["start_seq"], 0);
    assert!(committed.get("nonce").is_none());
    check_signature(&face, &committed);

    let path = |offset: usize, length: usize| {
        format!("/read?data_root={root:?}&offset={offset}&length={length}")
    };
    for (offset, length) in [
        (0, bytes.len()),
        (1, 2),
        (CHUNK - 1, 2),
        (3 * CHUNK, CHUNK),
        (CHUNK, 2 * CHUNK),
    ] {
        let read = face.get(&path(offset, length)).await;
        let chunks = read.ok()["chunks"].as_array().unwrap().clone();
        let mut joined = Vec::new();
        for chunk in &chunks {
            let data = STANDARD.decode(chunk["data"].as_str().unwrap()).unwrap();
            assert_eq!(hash_of(&chunk["hash"]), HashingProfile::Plain.chunk(&data));
            assert_eq!(chunk["proof"].as_array().unwrap().len(), 2);
            joined.extend(data);
        }
        let end = bytes.len().min(offset + length);
        let trimmed = &joined[offset % CHUNK..][..end - offset];
        assert_eq!(trimmed, &bytes[offset..end], "{offset} {length}");
    }
    // Past the end there are fewer chunks, and none.
    let all = face.get(&path(0, usize::MAX)).await.ok();
    assert_eq!(all["chunks"].as_array().unwrap().len(), 4);
    let past = face.get(&path(4 * CHUNK, 1)).await;
    assert_eq!(past.text(), r#"{"chunks":[]}"#);
    assert_eq!(face.get(&path(0, 0)).await.text(), r#"{"chunks":[]}"#);
    let unknown = format!("/read?data_root=0x{}&offset=0&length=1", "11".repeat(32));
    let details = json!({ "data_root": format!("0x{}", "11".repeat(32)) });
    face.get(&unknown).await.is_error(
        404,
        &json!({ "error": "root_not_found", "details": details }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chunk_is_read_byte_for_byte() {
    let face = Face::new().await;
    let root = face.upload(b"abc").await;
    let read = face
        .get(&format!("/read?data_root={root:?}&offset=0&length=3"))
        .await;
    let expected = format!(r#"{{"chunks":[{{"hash":"{root:?}","data":"YWJj","proof":[]}}]}}"#);
    assert_eq!(read.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_read_with_its_children_also_where_a_chunk_has_its_hash() {
    let face = Face::new().await;
    let root = face.upload(&content(2)).await;
    let [left, right] = [0, 1].map(|at| {
        let bytes = content(2);
        HashingProfile::Plain.chunk(bytes.chunks(CHUNK).nth(at).unwrap())
    });
    let both = [left.as_bytes(), right.as_bytes()].concat();
    let data = STANDARD.encode(&both);
    let expected =
        format!(r#"{{"hash":"{root:?}","data":"{data}","children":["{left:?}","{right:?}"]}}"#);
    let path = format!("/node?hash={root:?}");
    assert_eq!(face.get(&path).await.text(), expected);
    // Anyone can store the two hashes as a chunk.
    let same = put_chunk(&both);
    assert_eq!(same["hash"], hex0(root));
    face.put(&same).await.ok();
    assert_eq!(face.get(&path).await.text(), expected);
    face.handle.provider.write_index();
    assert_eq!(face.get(&path).await.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_found_by_its_hash_in_whichever_bucket_it_is() {
    let face = Face::new().await;
    let other = cairn_primitives::BucketId(8);
    let provider = &face.handle.provider;
    provider.create_bucket(other, Default::default()).unwrap();
    let lease = provider
        .blocking_lease(other, cairn_provider::LeaseRequest::write())
        .unwrap();
    let stored = lease.run(|bucket| bucket.ingest(&content(2)[..])).unwrap();
    drop(lease);
    provider.write_index();
    let path = format!(
        "/read?data_root={:?}&offset=0&length=9999999",
        stored.data_root
    );
    let read = face.get(&path).await.ok();
    assert_eq!(read["chunks"].as_array().unwrap().len(), 2);
    provider.delete_bucket(other).unwrap();
    assert_eq!(face.get(&path).await.status, 404);
}

/// Newer clients store every node of a padded tree, and ask for each while they walk it.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_over_padding_is_read_though_no_bucket_keeps_it() {
    let face = Face::new().await;
    let zero = H256::zero();
    let low = HashingProfile::Plain.node(&zero, &zero);
    let high = HashingProfile::Plain.node(&low, &low);
    for (node, child) in [(low, zero), (high, low)] {
        let both = [child.as_bytes(), child.as_bytes()].concat();
        let mut body = put_chunk(&both);
        body["children"] = json!([hex0(child), hex0(child)]);
        assert_eq!(body["hash"], hex0(node));
        face.put(&body).await.ok();
        let data = STANDARD.encode(&both);
        let read = face.get(&format!("/node?hash={node:?}")).await;
        let expected = format!(
            r#"{{"hash":"{node:?}","data":"{data}","children":["{child:?}","{child:?}"]}}"#
        );
        assert_eq!(read.text(), expected);
        let ask = json!({ "bucket_id": BUCKET.0, "hashes": [hex0(node)] });
        let told = face.send_json((Method::POST, "/exists"), None, &ask).await;
        assert_eq!(told.ok()["exists"], json!([hex0(node)]));
        let fetched = face
            .send_json((Method::POST, "/fetch_nodes"), None, &ask)
            .await;
        assert_eq!(fetched.text(), format!(r#"{{"nodes":[{expected}]}}"#));
    }
    // A sibling that is missing is named alone.
    let missing = H256::repeat_byte(5);
    let both = [missing.as_bytes(), low.as_bytes()].concat();
    let mut node = put_chunk(&both);
    node["children"] = json!([hex0(missing), hex0(low)]);
    let details = json!({ "missing": [hex0(missing)] });
    face.put(&node).await.is_error(
        400,
        &json!({ "error": "children_missing", "details": details }),
    );
}

/// Newer clients take a 404 for a bucket without content, and give up after a 503.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_in_which_nothing_was_committed_is_not_found() {
    let face = Face::new().await;
    face.upload(b"abc").await;
    let details = json!({ "bucket_id": BUCKET.0 });
    let expected = json!({ "error": "bucket_not_found", "details": details });
    for path in ["/commitment", "/checkpoint-signature"] {
        let path = format!("{path}?bucket_id={}", BUCKET.0);
        face.get(&path).await.is_error(404, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn existence_is_told_for_one_bucket() {
    let face = Face::new().await;
    let root = face.upload(b"here").await;
    let none = H256::repeat_byte(3);
    let hashes = json!([hex::encode(root), hex0(none)]);
    let ask = |bucket: u64| json!({ "bucket_id": bucket, "hashes": hashes });
    let post = (Method::POST, "/exists");
    let here = face.send_json(post.clone(), None, &ask(BUCKET.0)).await;
    let expected = format!(r#"{{"exists":["{root:?}"],"missing":["{none:?}"]}}"#);
    assert_eq!(here.text(), expected);
    let there = face.send_json(post, None, &ask(99)).await;
    let expected = format!(r#"{{"exists":[],"missing":["{root:?}","{none:?}"]}}"#);
    assert_eq!(there.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetched_nodes_leave_out_what_is_unknown() {
    let face = Face::new().await;
    let root = face.upload(b"abc").await;
    let hashes = json!([hex0(root), hex0(H256::repeat_byte(3))]);
    let ask = json!({ "bucket_id": BUCKET.0, "hashes": hashes });
    let fetched = face
        .send_json((Method::POST, "/fetch_nodes"), None, &ask)
        .await;
    let expected = format!(r#"{{"nodes":[{{"hash":"{root:?}","data":"YWJj","children":null}}]}}"#);
    assert_eq!(fetched.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_has_the_codes_of_todays_provider() {
    let face = Face::new().await;
    let (wrong, found) = (
        H256::repeat_byte(1),
        HashingProfile::Plain.chunk(b"three small words"),
    );
    let mut body = put_chunk(b"three small words");
    body["hash"] = json!(hex0(wrong));
    let details = json!({ "expected": hex0(wrong), "actual": hex0(found) });
    face.put(&body)
        .await
        .is_error(400, &json!({ "error": "invalid_hash", "details": details }));

    let (left, right) = (H256::repeat_byte(1), H256::repeat_byte(2));
    let both = [left.as_bytes(), right.as_bytes()].concat();
    let mut node = put_chunk(&both);
    node["children"] = json!([hex0(left), hex0(right)]);
    let details = json!({ "missing": [hex0(left), hex0(right)] });
    face.put(&node).await.is_error(
        400,
        &json!({ "error": "children_missing", "details": details }),
    );

    // Other data than the children, and another number of them.
    node["children"] = json!([hex0(right), hex0(left)]);
    assert_eq!(face.put(&node).await.json()["error"], "serialization_error");
    node["children"] = json!([hex0(left)]);
    assert_eq!(face.put(&node).await.json()["error"], "serialization_error");

    let long = put_chunk(&vec![1; CHUNK + 1]);
    let refused = face.put(&long).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json()["error"], "serialization_error");

    let unknown = json!({ "bucket_id": BUCKET.0, "data_roots": [hex0(wrong)] });
    let details = json!({ "data_root": hex0(wrong) });
    face.post("/commit", &unknown).await.is_error(
        404,
        &json!({ "error": "root_not_found", "details": details }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_bucket_answers_507() {
    let face = Face::new().await;
    let lease = face
        .handle
        .provider
        .blocking_lease(BUCKET, cairn_provider::LeaseRequest::write())
        .unwrap();
    lease.run(|bucket| bucket.set_quota(1_000)).unwrap();
    drop(lease);
    let full = face.put(&put_chunk(&[1; 2_000])).await;
    assert_eq!(full.status, 507);
    let body = full.json();
    assert_eq!(body["error"], "quota_exceeded");
    assert_eq!(body["details"]["max"], 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_numbered_and_a_nonce_of_a_client_is_ignored() {
    let face = Face::new().await;
    let (one, two) = (face.upload(b"one").await, face.upload(b"two").await);
    let both = json!({
        "bucket_id": BUCKET.0,
        "data_roots": [hex0(one), hex::encode(two)],
        "nonce": 77,
    });
    let first = face.post("/commit", &both).await.ok();
    assert_eq!(first["leaf_indices"], json!([0, 1]));
    let again = face.commit(one).await;
    assert_eq!(again["leaf_indices"], json!([2]));
    assert_eq!(again["leaf_count"], 3);
    check_signature(&face, &again);
    for path in ["/commitment", "/checkpoint-signature"] {
        let signed = face
            .get(&format!("{path}?bucket_id={}&nonce=5", BUCKET.0))
            .await;
        let signed = signed.ok();
        let keys: Vec<_> = signed.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 5, "{keys:?}");
        assert_eq!(signed["bucket_id"], BUCKET.0);
        assert_eq!(signed["mmr_root"], again["mmr_root"]);
        check_signature(&face, &signed);
    }
    let none = face.get("/commitment?bucket_id=99").await;
    let details = json!({ "bucket_id": 99 });
    none.is_error(
        404,
        &json!({ "error": "bucket_not_found", "details": details }),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_with_padding_is_refused_where_the_operator_refuses_it() {
    let refusing = |rpc: cairn_rpc_server::ProviderRpc| rpc.refusing_padding();
    let face = Face::with(quick(), Default::default(), refusing).await;
    let root = face.upload(&content(3)).await;
    let body = json!({ "bucket_id": BUCKET.0, "data_roots": [hex0(root)] });
    let refused = face.post("/commit", &body).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["error"], "padding_refused");
    assert_eq!(refused.json()["details"]["chunks"], 3);
    let root = face.upload(&content(2)).await;
    face.commit(root).await;
    // Otherwise it is taken, as at today's provider.
    let face = Face::new().await;
    let root = face.upload(&content(3)).await;
    assert_eq!(face.commit(root).await["leaf_count"], 1);
}
