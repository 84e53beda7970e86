//! Objects by key: stored, read whole and in ranges, listed, proven, deleted, as clients of today's
//! provider do it.

use crate::fixture::*;
use axum::body::Body;
use axum::http::Request;
use cairn_primitives::chunk_tree::TreeBuilder;
use cairn_primitives::{H256, HashingProfile};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Sends a request about an object of the bucket, signed by somebody.
pub(crate) async fn ask(
    face: &Face,
    (method, path): (&str, &str),
    suri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("authorization", signed(suri, method, BUCKET));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    face.send(request.body(body.into()).unwrap()).await
}

pub(crate) async fn put(face: &Face, path: &str, bytes: &[u8]) -> Value {
    let put = ask(face, ("PUT", path), "//Writer", &[], bytes.to_vec()).await;
    put.ok()
}

pub(crate) async fn get(face: &Face, path: &str) -> Answer {
    ask(face, ("GET", path), "//Reader", &[], Body::empty()).await
}

/// The data root that a client computes: over all chunks, padded.
pub(crate) fn client_root(bytes: &[u8]) -> H256 {
    let mut level: Vec<H256> = match bytes.is_empty() {
        true => vec![HashingProfile::Plain.chunk(b"")],
        false => bytes
            .chunks(CHUNK)
            .map(|chunk| HashingProfile::Plain.chunk(chunk))
            .collect(),
    };
    level.resize(level.len().next_power_of_two(), H256::zero());
    while level.len() > 1 {
        let pairs = level.chunks(2);
        level = pairs
            .map(|pair| HashingProfile::Plain.node(&pair[0], &pair[1]))
            .collect();
    }
    level[0]
}

pub(crate) async fn refusing() -> Face {
    let refusing = |rpc: cairn_rpc_server::ProviderRpc| rpc.refusing_padding();
    Face::with(quick(), Default::default(), refusing).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_stored_and_read_with_todays_bodies_and_headers() {
    let face = Face::new().await;
    let headers = [
        ("content-type", "text/plain"),
        ("x-amz-meta-author", "alice"),
    ];
    let path = "/s3/7/object?key=photos%2Fcat.txt";
    let stored = ask(
        &face,
        ("PUT", path),
        "//Writer",
        &headers,
        "three small words",
    )
    .await;
    let root = client_root(b"three small words");
    let expected =
        format!(r#"{{"etag":"{root:?}","data_root":"{root:?}","size":17,"leaf_index":0}}"#);
    assert_eq!(
        (stored.status.as_u16(), stored.text()),
        (200, &expected[..])
    );

    let read = get(&face, path).await;
    assert_eq!(
        (read.status.as_u16(), read.text()),
        (200, "three small words")
    );
    let head = ask(&face, ("HEAD", path), "//Reader", &[], Body::empty()).await;
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    for answer in [&read, &head] {
        assert_eq!(answer.headers["content-type"], "text/plain");
        assert_eq!(answer.headers["content-length"], "17");
        assert_eq!(answer.headers["etag"], format!("{root:?}"));
        assert_eq!(answer.headers["x-amz-meta-author"], "alice");
        let modified = answer.headers["last-modified"].to_str().unwrap();
        assert!(
            modified.parse::<u64>().unwrap() > 1_700_000_000,
            "{modified}"
        );
    }
    assert_eq!(head.headers["x-amz-data-root"], format!("{root:?}"));
    assert!(read.headers.get("x-amz-data-root").is_none());
    // The content is found by its root, as other clients ask for it.
    let node = face
        .get(&format!("/read?data_root={root:?}&offset=0&length=17"))
        .await;
    assert_eq!(node.ok()["chunks"].as_array().unwrap().len(), 1);

    let deleted = ask(&face, ("DELETE", path), "//Writer", &[], Body::empty()).await;
    assert_eq!(deleted.text(), r#"{"deleted":true}"#);
    let again = ask(&face, ("DELETE", path), "//Writer", &[], Body::empty()).await;
    assert_eq!(again.text(), r#"{"deleted":false}"#);
    let details = json!({ "bucket_id": 7, "key": "photos/cat.txt" });
    let absent = json!({ "error": "object_not_found", "details": details });
    get(&face, path).await.is_error(404, &absent);
    // The leaf stays.
    let leaf = face.get("/mmr_proof?bucket_id=7&leaf_index=0").await.ok();
    assert_eq!(leaf["leaf"]["data_root"], format!("{root:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_a_type_or_content_is_one_too() {
    let face = Face::new().await;
    let stored = put(&face, "/s3/7/object?key=empty", b"").await;
    assert_eq!(stored["size"], 0);
    assert_eq!(stored["data_root"], format!("{:?}", client_root(b"")));
    let read = get(&face, "/s3/7/object?key=empty").await;
    assert_eq!(read.headers["content-type"], "application/octet-stream");
    assert_eq!(read.headers["content-length"], "0");
    assert!(read.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_of_any_length_has_the_root_that_clients_compute_and_no_padding() {
    let face = refusing().await;
    let mut leaves = 0;
    for (chunks, parts) in [(1, 1), (2, 1), (3, 2), (5, 2), (7, 3)] {
        let bytes = content(chunks);
        let path = format!("/s3/7/object?key=of-{chunks}");
        let stored = put(&face, &path, &bytes).await;
        assert_eq!(stored["data_root"], format!("{:?}", client_root(&bytes)));
        assert_eq!(stored["leaf_index"], leaves);
        assert_eq!(get(&face, &path).await.body, bytes, "{chunks}");
        leaves += parts;
    }
    let signed = face.get("/commitment?bucket_id=7").await.ok();
    assert_eq!(signed["leaf_count"], leaves);
    // Where padding is allowed, an object is one leaf, as at today's provider.
    let face = Face::new().await;
    put(&face, "/s3/7/object?key=a", &content(3)).await;
    let signed = face.get("/commitment?bucket_id=7").await.ok();
    assert_eq!(signed["leaf_count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_cut_from_the_content() {
    let face = refusing().await;
    let bytes = content(7);
    let path = "/s3/7/object?key=a";
    put(&face, path, &bytes).await;
    let size = bytes.len();
    for (range, start, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        (
            format!("bytes={}-{}", CHUNK - 1, CHUNK),
            CHUNK - 1,
            CHUNK + 1,
        ),
        (format!("bytes={}-", 6 * CHUNK + 3), 6 * CHUNK + 3, size),
        ("bytes=-9".to_owned(), size - 9, size),
        (format!("bytes=5-{}", 5 * CHUNK), 5, 5 * CHUNK + 1),
        (format!("bytes=1-{}", u64::MAX), 1, size),
    ] {
        let read = ask(
            &face,
            ("GET", path),
            "//Reader",
            &[("range", &range)],
            Body::empty(),
        )
        .await;
        assert_eq!(read.status, 206, "{range}");
        assert!(read.body == bytes[start..end], "{range}");
        let of = format!("bytes {start}-{}/{size}", end - 1);
        assert_eq!(read.headers["content-range"], of);
        assert_eq!(read.headers["content-length"], (end - start).to_string());
    }
    let past = [("range", "bytes=99999999-")];
    let past = ask(&face, ("GET", path), "//Reader", &past, Body::empty()).await;
    assert_eq!(past.status, 416);
    assert_eq!(past.headers["content-range"], format!("bytes */{size}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_and_the_root_over_it_are_those_of_todays_provider() {
    let face = Face::new().await;
    let empty = get(&face, "/s3/7/objects").await;
    let expected = r#"{"contents":[],"common_prefixes":[],"is_truncated":false,"next_continuation_token":null,"key_count":0}"#;
    assert_eq!(empty.text(), expected);
    let root = get(&face, "/s3/7/index_root").await;
    let zero = format!("{:?}", H256::zero());
    let expected = format!(
        r#"{{"bucket_id":7,"metadata_merkle_root":"{zero}","object_count":0,"total_size":0}}"#
    );
    assert_eq!(
        root.json(),
        serde_json::from_str::<Value>(&expected).unwrap()
    );
    let keys = ["b", "a/1", "a/2", "c"];
    for key in keys {
        put(&face, &format!("/s3/7/object?key={key}"), key.as_bytes()).await;
    }
    let page = get(&face, "/s3/7/objects?delimiter=/&max_keys=1")
        .await
        .ok();
    assert_eq!(page["common_prefixes"], json!(["a/"]));
    assert_eq!(
        (&page["is_truncated"], &page["key_count"]),
        (&json!(true), &json!(1))
    );
    let token = page["next_continuation_token"].as_str().unwrap();
    let path = format!("/s3/7/objects?delimiter=/&continuation_token={token}");
    let page = get(&face, &path).await.ok();
    assert_eq!(page["contents"][0]["key"], "b");
    assert_eq!(page["contents"][0]["size"], 1);
    assert_eq!(
        page["contents"][0]["etag"],
        format!("{:?}", client_root(b"b"))
    );
    assert!(page["contents"][0]["last_modified"].is_u64());
    assert_eq!(page["contents"][1]["key"], "c");
    let wrong = get(&face, "/s3/7/objects?continuation_token=a/").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    assert_eq!(wrong.json()["error"], "invalid_continuation_token");
    let below = get(&face, "/s3/7/objects?prefix=a/&start_after=a/1")
        .await
        .ok();
    assert_eq!(below["contents"][0]["key"], "a/2");
    assert_eq!(below["key_count"], 1);

    // The root is over key, data root and size, in the order of keys.
    let mut tree = TreeBuilder::new(HashingProfile::Plain);
    for key in ["a/1", "a/2", "b", "c"] {
        let size = (key.len() as u64).to_le_bytes();
        let data_root = client_root(key.as_bytes());
        let leaf = [key.as_bytes(), data_root.as_bytes(), &size].concat();
        tree.push(HashingProfile::Plain.chunk(&leaf), CHUNK, |_| ())
            .unwrap();
    }
    let expected = tree.finish(|_| ()).unwrap().root;
    for _ in 0..2 {
        let root = get(&face, "/s3/7/index_root").await.ok();
        assert_eq!(root["metadata_merkle_root"], format!("{expected:?}"));
        assert_eq!(
            (&root["object_count"], &root["total_size"]),
            (&json!(4), &json!(8))
        );
    }
    ask(
        &face,
        ("DELETE", "/s3/7/object?key=b"),
        "//Writer",
        &[],
        Body::empty(),
    )
    .await
    .ok();
    let root = get(&face, "/s3/7/index_root").await.ok();
    assert_ne!(root["metadata_merkle_root"], format!("{expected:?}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_write_and_members_read_and_nobody_else() {
    let face = Face::new().await;
    let path = "/s3/7/object?key=a";
    let refused = |status: u16, code: &str, answer: &Answer| {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.json()["error"], code);
    };
    let by_reader = ask(&face, ("PUT", path), "//Reader", &[], "a").await;
    refused(403, "insufficient_role", &by_reader);
    let by_stranger = ask(&face, ("PUT", path), "//Stranger", &[], "a").await;
    refused(403, "insufficient_role", &by_stranger);
    let unsigned = Request::put(path).body(Body::from("a")).unwrap();
    refused(401, "auth_required", &face.send(unsigned).await);
    put(&face, path, b"a").await;
    for path in [
        path,
        "/s3/7/objects",
        "/s3/7/index_root",
        "/s3/7/proof?key=a",
    ] {
        refused(401, "auth_required", &face.get(path).await);
        let by_stranger = ask(&face, ("GET", path), "//Stranger", &[], Body::empty()).await;
        refused(403, "insufficient_role", &by_stranger);
        for member in ["//Owner", "//Writer", "//Reader"] {
            let read = ask(&face, ("GET", path), member, &[], Body::empty()).await;
            assert_eq!(read.status, 200, "{member} {path}");
        }
    }
    // A header for another method does not do.
    let request = Request::head(path).header("authorization", signed("//Reader", "GET", BUCKET));
    let head = face.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(head.status, 401);
    let by_reader = ask(&face, ("DELETE", path), "//Reader", &[], Body::empty()).await;
    refused(403, "insufficient_role", &by_reader);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_or_too_much_is_refused() {
    let face = Face::new().await;
    let refused = ask(&face, ("PUT", "/s3/7/object?key="), "//Writer", &[], "a").await;
    let expected = json!({ "error": "invalid_object_key", "details": { "key": "empty key" } });
    refused.is_error(400, &expected);
    let long = format!("/s3/7/object?key={}", "k".repeat(1_025));
    let refused = ask(&face, ("PUT", &long), "//Writer", &[], "a").await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]),
        (400, &json!("invalid_object_key"))
    );
    let value = "v".repeat(2_048);
    let headers = [("x-amz-meta-a", &value[..])];
    let path = "/s3/7/object?key=a";
    let refused = ask(&face, ("PUT", path), "//Writer", &headers, "a").await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["error"]),
        (400, &json!("serialization_error"))
    );
    let refused = ask(&face, ("PUT", "/s3/x/object?key=a"), "//Writer", &[], "a").await;
    assert_eq!(refused.status, 400);
    // Nothing was committed by any of them.
    assert_eq!(face.get("/commitment?bucket_id=7").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    let face = Face::new().await;
    let used = || {
        let request = cairn_provider::LeaseRequest::write();
        let lease = face
            .handle
            .provider
            .blocking_lease(BUCKET, request)
            .unwrap();
        lease
            .run(|bucket| Ok::<_, std::convert::Infallible>(bucket.usage()))
            .unwrap()
    };
    let before = used();
    let bytes = content(40);
    let pieces: Vec<Result<_, std::io::Error>> = bytes
        .chunks(100_000)
        .map(|piece| Ok(bytes::Bytes::copy_from_slice(piece)))
        .chain([Err(std::io::ErrorKind::ConnectionReset.into())])
        .collect();
    let body = Body::from_stream(futures::stream::iter(pieces));
    let broken = ask(&face, ("PUT", "/s3/7/object?key=a"), "//Writer", &[], body).await;
    assert_eq!(broken.status, 400, "{}", broken.text());
    assert_eq!(used(), before);
    assert_eq!(get(&face, "/s3/7/object?key=a").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_taken_away_during_an_upload_does_not_end_it_well() {
    let face = Face::new().await;
    let (pause, paused) = tokio::sync::oneshot::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel::<()>();
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"ab"))]);
    let body = body.chain(futures::stream::once(async move {
        let _ = begin.send(());
        let _ = paused.await;
        Ok(bytes::Bytes::from_static(b"cd"))
    }));
    let request = Request::put("/s3/7/object?key=a")
        .header("authorization", signed("//Writer", "PUT", BUCKET))
        .body(Body::from_stream(body))
        .unwrap();
    let router = face.router.clone();
    let uploading = tokio::spawn(async move { router.oneshot(request).await.unwrap() });
    // Its first look at the chain is done before its body is read.
    begun.await.unwrap();
    let writer = account("//Writer");
    face.chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.members.retain(|(member, _)| *member != writer);
    });
    face.chain.advance();
    for _ in 0..500 {
        let info = face
            .handle
            .countersigner
            .on_chain(BUCKET)
            .await
            .unwrap()
            .unwrap();
        if info
            .members
            .iter()
            .all(|(member, _)| *member != account("//Writer"))
        {
            break;
        }
        face.chain.advance();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    pause.send(()).unwrap();
    assert_eq!(uploading.await.unwrap().status(), 403);
    assert_eq!(get(&face, "/s3/7/object?key=a").await.status, 404);
    // What was stored is noted as content to release.
    let noted = || {
        let request = cairn_provider::LeaseRequest::write();
        let provider = &face.handle.provider;
        let lease = provider.blocking_lease(BUCKET, request).unwrap();
        lease
            .run(|bucket| {
                bucket
                    .object_content_records()
                    .map(|records| records.bytes())
            })
            .unwrap()
    };
    for _ in 0..500 {
        if noted() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(noted() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_bucket_refuses_an_object_with_its_numbers() {
    let face = Face::new().await;
    let request = cairn_provider::LeaseRequest::write();
    let lease = face
        .handle
        .provider
        .blocking_lease(BUCKET, request)
        .unwrap();
    lease.run(|bucket| bucket.set_quota(1_000_000)).unwrap();
    drop(lease);
    let full = ask(
        &face,
        ("PUT", "/s3/7/object?key=a"),
        "//Writer",
        &[],
        content(9),
    )
    .await;
    assert_eq!(full.status, 507, "{}", full.text());
    assert_eq!(full.json()["details"]["max"], 1_000_000);
}
