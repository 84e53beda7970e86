//! The rights of members and strangers: to write, and to read where only members may.

use crate::fixture::*;
use axum::body::Body;
use axum::http::{Method, Request};
use cairn_http::{HttpConfig, HttpLimits, ReadAccess};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::Role;
use cairn_primitives::onchain::Agreement;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PUT: (Method, &str) = (Method::PUT, "/node");

fn auth_required(message: &str) -> Value {
    json!({ "error": "auth_required", "details": { "message": message } })
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_and_admins_write_and_nobody_else() {
    let face = Face::new().await;
    let body = put_chunk(b"abc");
    for suri in ["//Writer", "//Owner"] {
        face.send_json(PUT, Some((suri, BUCKET)), &body).await.ok();
    }
    let refused = json!({ "error": "insufficient_role" });
    for suri in ["//Reader", "//Stranger", "//Alice"] {
        let answer = face.send_json(PUT, Some((suri, BUCKET)), &body).await;
        answer.is_error(403, &refused);
    }
    let required = auth_required("Authentication required");
    let none = face.send_json(PUT, None, &body).await;
    none.is_error(401, &required);
    // Signed for another bucket.
    let other = Some(("//Writer", BucketId(8)));
    face.send_json(PUT, other, &body)
        .await
        .is_error(401, &required);
    // Commits need a writer too.
    let commit = json!({ "bucket_id": BUCKET.0, "data_roots": [] });
    let answer = face
        .send_json(
            (Method::POST, "/commit"),
            Some(("//Reader", BUCKET)),
            &commit,
        )
        .await;
    answer.is_error(403, &refused);
    // A bucket that the chain does not have.
    let mut unknown = body.clone();
    unknown["bucket_id"] = json!(99);
    let answer = face
        .send_json(PUT, Some(("//Writer", BucketId(99))), &unknown)
        .await;
    answer.is_error(403, &refused);
}

async fn with_headers(face: &Face, headers: &[(&str, String)]) -> u16 {
    let mut request = Request::put("/node").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let body = Body::from(put_chunk(b"abc").to_string());
    face.send(request.body(body).unwrap()).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_ambiguous_header_is_refused() {
    let face = Face::new().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let old = signed_at("//Writer", "PUT", BUCKET, now.as_secs() - 400);
    let body = Body::from(put_chunk(b"abc").to_string());
    let request = Request::put("/node")
        .header("content-type", "application/json")
        .header("authorization", old)
        .body(body)
        .unwrap();
    let expired = auth_required("Request timestamp expired");
    face.send(request).await.is_error(401, &expired);

    let good = || ("authorization", signed("//Writer", "PUT", BUCKET));
    assert_eq!(with_headers(&face, &[good()]).await, 200);
    assert_eq!(with_headers(&face, &[good(), good()]).await, 401);
    // The verb is signed in capitals, as it is sent.
    let other = ("authorization", signed("//Writer", "POST", BUCKET));
    assert_eq!(with_headers(&face, &[other]).await, 401);
    let context = |text: &str| ("x-web3storage-context", text.to_owned());
    let block = format!("5:0x{}", "07".repeat(32));
    assert_eq!(with_headers(&face, &[good(), context(&block)]).await, 200);
    assert_eq!(with_headers(&face, &[good(), context("5")]).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_may_not_write_after_the_next_finalized_block() {
    let face = Face::new().await;
    let body = put_chunk(b"abc");
    face.put(&body).await.ok();
    face.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.members.retain(|(_, role)| *role == Role::Admin);
    });
    let mut tries = 0;
    while face.put(&body).await.status == 200 {
        assert!(tries < 500, "the member still writes");
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let refused = json!({ "error": "insufficient_role" });
    face.put(&body).await.is_error(403, &refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_final_later_is_waited_for() {
    let mut config = quick();
    config.limits.finality_grace = Duration::from_secs(30);
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    let late = BucketId(9);
    let mut body = put_chunk(b"abc");
    body["bucket_id"] = json!(late.0);
    let own = face.handle.account;
    let appears = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        face.chain.edit(move |pallet| {
            let agreement = Agreement::primary(account("//Owner"), 1 << 20, 1_000);
            pallet.add_bucket(late, own, agreement);
        });
        // The agreement worker makes the bucket.
        loop {
            face.chain.advance();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let asked = face.send_json(PUT, Some(("//Owner", late)), &body);
    tokio::select! {
        answer = asked => answer.ok(),
        () = appears => unreachable!(),
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn known_members_write_while_the_chain_is_away_and_not_for_long() {
    let stale = HttpLimits {
        max_stale: Duration::from_secs(60),
        ..quick().limits
    };
    let config = HttpConfig {
        limits: stale,
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    face.put(&put_chunk(b"abc")).await.ok();
    face.disconnect().await;
    face.put(&put_chunk(b"def")).await.ok();
    // Nobody's members are known of another bucket.
    let mut other = put_chunk(b"abc");
    other["bucket_id"] = json!(8);
    let answer = face
        .send_json(PUT, Some(("//Writer", BucketId(8))), &other)
        .await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["error"], "membership_unavailable");

    let none = HttpLimits {
        max_stale: Duration::ZERO,
        ..stale
    };
    let config = HttpConfig {
        limits: none,
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    face.put(&put_chunk(b"abc")).await.ok();
    face.disconnect().await;
    assert_eq!(face.put(&put_chunk(b"abc")).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_members_read_where_the_operator_says_so() {
    let config = HttpConfig {
        reads: ReadAccess::Members,
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    let root = face.upload(b"abc").await;
    face.commit(root).await;
    let paths = [
        format!("/node?hash={root:?}"),
        format!("/read?data_root={root:?}&offset=0&length=3"),
        format!("/chunk_proof?data_root={root:?}&chunk_index=0"),
        format!("/commitment?bucket_id={}", BUCKET.0),
        format!("/mmr_proof?bucket_id={}&leaf_index=0", BUCKET.0),
        format!("/mmr_peaks?bucket_id={}", BUCKET.0),
    ];
    for path in paths {
        assert_eq!(face.get(&path).await.status, 401, "{path}");
        let ask = |suri: &str| {
            let request = Request::get(&path).header("authorization", signed(suri, "GET", BUCKET));
            face.send(request.body(Body::empty()).unwrap())
        };
        // What is found by its hash alone is not there for a stranger.
        let refused = if path.contains("bucket_id") { 403 } else { 404 };
        assert_eq!(ask("//Stranger").await.status, refused, "{path}");
        ask("//Reader").await.ok();
    }
    let ask = json!({ "bucket_id": BUCKET.0, "hashes": [hex0(root)] });
    let post = (Method::POST, "/exists");
    assert_eq!(face.send_json(post, None, &ask).await.status, 401);
    face.get("/health").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn where_members_read_a_stranger_learns_nothing_of_what_is_held() {
    let config = HttpConfig {
        reads: ReadAccess::Members,
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    let held = face.upload(b"abc").await;
    let absent = cairn_primitives::HashingProfile::Plain.chunk(b"def");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let old = signed_at("//Stranger", "GET", BUCKET, now.as_secs() - 400);
    let headers = [
        (None, 401),
        (Some("Web3Storage nonsense".to_owned()), 401),
        (Some(old), 401),
        (Some(signed("//Stranger", "GET", BUCKET)), 404),
        (Some(signed("//Writer", "GET", BucketId(8))), 404),
    ];
    for (header, status) in headers {
        for path in ["/node?hash=", "/read?offset=0&length=3&data_root="] {
            for root in [held, absent] {
                let mut request = Request::get(format!("{path}{root:?}"));
                if let Some(header) = &header {
                    request = request.header("authorization", header);
                }
                let answer = face.send(request.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.status, status, "{path} {header:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_loses_its_role_reads_no_further() {
    use futures::StreamExt;
    use tower::ServiceExt;
    let config = HttpConfig {
        reads: ReadAccess::Members,
        ..quick()
    };
    let face = Face::with(config, Default::default(), |rpc| rpc).await;
    // More chunks than are sent before the role is looked at again; they are one and the same.
    let root = face.upload(&vec![7; 128 * CHUNK]).await;
    let path = format!("/read?data_root={root:?}&offset=0&length=99999999");
    let request = Request::get(path).header("authorization", signed("//Reader", "GET", BUCKET));
    let request = request.body(Body::empty()).unwrap();
    let answer = face.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut pieces = answer.into_body().into_data_stream();
    assert!(pieces.next().await.unwrap().is_ok());
    face.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.members.retain(|(_, role)| *role != Role::Reader);
    });
    let is_seen = async || {
        let info = face.handle.countersigner.on_chain(BUCKET).await.unwrap();
        let members = info.unwrap().members;
        members.iter().all(|(_, role)| *role != Role::Reader)
    };
    let mut tries = 0;
    while !is_seen().await {
        assert!(tries < 500, "the removal is not final");
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let rest: Vec<_> = pieces.collect().await;
    assert!(rest.len() <= 64, "{} chunks", rest.len());
    assert!(rest.last().unwrap().is_err(), "the body looks complete");
}
