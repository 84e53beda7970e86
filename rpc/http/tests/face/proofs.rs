//! Proofs, from which clients build answers to challenges; and what the provider says of itself.

use crate::fixture::*;
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{ChunkIndex, H256, HashingProfile, LeafIndex, MmrLeaf, MmrProof, verify};
use cairn_primitives::{LeafCount, MerkleProof};
use serde_json::{Value, json};

fn hashes(value: &Value) -> Vec<H256> {
    let texts = value.as_array().unwrap().iter();
    let hash = |text: &Value| {
        let text = text.as_str().unwrap().strip_prefix("0x").unwrap();
        H256::from_slice(&hex::decode(text).unwrap())
    };
    texts.map(hash).collect()
}

fn path_of(value: &Value) -> MerkleProof {
    let path = value["path"].as_array().unwrap().iter();
    MerkleProof {
        siblings: hashes(&value["siblings"]),
        path: path.map(|bit| bit.as_bool().unwrap()).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_lead_from_the_chunk_to_the_signed_root() {
    let face = Face::new().await;
    let bytes = content(4);
    let root = face.upload(&bytes).await;
    face.commit(face.upload(b"before").await).await;
    face.commit(root).await;
    let committed = face.commit(face.upload(b"behind").await).await;

    let answer = face
        .get(&format!("/mmr_proof?bucket_id={}&leaf_index=1", BUCKET.0))
        .await
        .ok();
    assert_eq!(answer["leaf"]["data_root"], json!(hex0(root)));
    let leaf = MmrLeaf {
        data_root: root,
        data_size: answer["leaf"]["data_size"].as_u64().unwrap(),
        total_size: answer["leaf"]["total_size"].as_u64().unwrap(),
    };
    assert_eq!(leaf.data_size, bytes.len() as u64);
    let proof = MmrProof {
        peaks: hashes(&answer["proof"]["peaks"]),
        leaf,
        leaf_proof: path_of(&answer["proof"]),
    };
    let mmr_root = hashes(&json!([committed["mmr_root"]]))[0];
    let count = LeafCount::new(3).unwrap();
    let plain = HashingProfile::Plain;
    verify::mmr_proof(plain, &proof, LeafIndex(1), count, &mmr_root).unwrap();
    let peaks = face
        .get(&format!("/mmr_peaks?bucket_id={}", BUCKET.0))
        .await
        .ok();
    assert_eq!(peaks["mmr_root"], committed["mmr_root"]);
    assert_eq!(peaks["peaks"], answer["proof"]["peaks"]);

    for (index, expected) in bytes.chunks(CHUNK).enumerate() {
        let path = format!("/chunk_proof?data_root={root:?}&chunk_index={index}");
        let answer = face.get(&path).await.ok();
        let data = STANDARD
            .decode(answer["chunk_data"].as_str().unwrap())
            .unwrap();
        assert_eq!(data, expected);
        assert_eq!(answer["chunk_hash"], json!(hex0(plain.chunk(&data))));
        let proof = path_of(&answer["proof"]);
        let index = ChunkIndex(index as u64);
        verify::chunk(plain, &data, index, &proof, &leaf).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_of_one_leaf_are_answered_byte_for_byte() {
    let face = Face::new().await;
    let root = face.upload(b"abc").await;
    let committed = face.commit(root).await;
    let peak = committed["mmr_root"].as_str().unwrap();
    let answer = face
        .get(&format!("/mmr_proof?bucket_id={}&leaf_index=0", BUCKET.0))
        .await;
    let leaf = format!(r#"{{"data_root":"{root:?}","data_size":3,"total_size":3}}"#);
    let proof = format!(r#"{{"peaks":["{peak}"],"siblings":[],"path":[]}}"#);
    let expected = format!(r#"{{"leaf":{leaf},"proof":{proof}}}"#);
    assert_eq!(answer.text(), expected);
    let answer = face
        .get(&format!("/chunk_proof?data_root={root:?}&chunk_index=0"))
        .await;
    let proof = r#"{"siblings":[],"path":[]}"#;
    let expected = format!(r#"{{"chunk_hash":"{root:?}","chunk_data":"YWJj","proof":{proof}}}"#);
    assert_eq!(answer.text(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proven_is_not_found() {
    let face = Face::new().await;
    let root = face.upload(b"abc").await;
    face.commit(root).await;
    let not_found = |what: &str| json!({ "error": "not_found", "details": { "hash": what } });
    for index in [1, u64::MAX] {
        let leaf = format!("/mmr_proof?bucket_id={}&leaf_index={index}", BUCKET.0);
        let expected = not_found(&format!("leaf_{index}"));
        face.get(&leaf).await.is_error(404, &expected);
        let chunk = format!("/chunk_proof?data_root={root:?}&chunk_index={index}");
        let expected = not_found(&format!("chunk_{index}"));
        face.get(&chunk).await.is_error(404, &expected);
    }
    let unknown = "11".repeat(32);
    let chunk = format!("/chunk_proof?data_root={unknown}&chunk_index=0");
    face.get(&chunk).await.is_error(404, &not_found("chunk_0"));
    let details = json!({ "bucket_id": 99 });
    let no_bucket = json!({ "error": "bucket_not_found", "details": details });
    for path in [
        "/mmr_proof?bucket_id=99&leaf_index=0",
        "/mmr_peaks?bucket_id=99",
    ] {
        face.get(path).await.is_error(404, &no_bucket);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_says_who_it_is_on_chain() {
    let face = Face::new().await;
    let health = face.get("/health").await;
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(r#"{{"status":"healthy","version":"{version}"}}"#);
    assert_eq!(health.text(), expected);
    let info = face.get("/info").await.ok();
    // //Alice, whose key is well known.
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    assert_eq!(info["provider_id"], alice);
    let record = &info["provider_registration_info"];
    assert_eq!(record["multiaddr"], "/ip4/192.0.2.1/tcp/3333");
    assert_eq!(record["public_key"].as_array().unwrap().len(), 32);
    assert_eq!(record["committed_bytes"], 1 << 30);
    assert_eq!(record["settings"]["price_per_byte"], 3);
    assert_eq!(record["deregister_at"], json!(null));
    let ready = &info["readiness"];
    assert_eq!(ready["provider_info_loaded"], true);
    assert_eq!(ready["nonce_counter_ready"], true);
    assert_eq!(ready["deregistering"], false);
    let keys = |value: &Value| value.as_object().unwrap().len();
    assert_eq!((keys(&info), keys(record), keys(ready)), (3, 7, 4));
    assert_eq!((keys(&record["settings"]), keys(&record["stats"])), (8, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_ask_as_the_operator_allows() {
    let preflight = |origin: &str| {
        let request = Request::options("/node").header("origin", origin);
        let request = request.header("access-control-request-method", "PUT");
        let names = "authorization,content-type,x-web3storage-context";
        let request = request.header("access-control-request-headers", names);
        request.body(Body::empty()).unwrap()
    };
    let allowed = |answer: &Answer| {
        let origin = answer.headers.get("access-control-allow-origin");
        origin.map(|origin| origin.to_str().unwrap().to_owned())
    };
    let face = Face::new().await;
    let any = face.send(preflight("https://any.example")).await;
    assert_eq!(allowed(&any).as_deref(), Some("*"));
    let config = cairn_http::HttpConfig {
        origins: "https://one.example,https://two.example".parse().unwrap(),
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    let one = face.send(preflight("https://one.example")).await;
    assert_eq!(allowed(&one).as_deref(), Some("https://one.example"));
    let headers = one.headers["access-control-allow-headers"]
        .to_str()
        .unwrap();
    assert!(headers.contains("x-web3storage-context"), "{headers}");
    let other = face.send(preflight("https://any.example")).await;
    assert_eq!(allowed(&other), None);
}
