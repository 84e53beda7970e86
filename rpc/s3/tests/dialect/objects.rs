//! Single objects, listings, and what a key may do.

use crate::client::*;
use axum::body::Body;
use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sp_crypto_hashing::sha2_256;

const CHUNK: usize = 262_144;

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_put_got_headed_and_deleted() {
    let gateway = Gateway::new().await;
    let headers = [
        ("content-type", "text/plain"),
        ("content-length", "17"),
        ("cache-control", "no-cache"),
        ("x-amz-meta-author", "alice"),
    ];
    let at = ("PUT", "/photos/a%20b/c", "");
    let put = gateway.send(at, &headers, "three small words").await.ok();
    // The tag is the data root, which is the chunk's hash.
    let root = cairn_primitives::blake2_256(b"three small words");
    assert_eq!(put.tag(), format!("\"{}\"", hex::encode(root)));
    let got = gateway.get("a%20b/c").await.ok();
    assert_eq!(got.text(), "three small words");
    let head = gateway
        .send(("HEAD", "/photos/a%20b/c", ""), &[], Body::empty())
        .await
        .ok();
    assert!(head.body.is_empty());
    for answer in [&got, &head] {
        assert_eq!(answer.tag(), put.tag());
        assert_eq!(answer.headers["content-type"], "text/plain");
        assert_eq!(answer.headers["content-length"], "17");
        assert_eq!(answer.headers["cache-control"], "no-cache");
        assert_eq!(answer.headers["x-amz-meta-author"], "alice");
        let modified = answer.headers["last-modified"].to_str().unwrap();
        assert!(modified.ends_with(" GMT"), "{modified}");
    }
    let tag = put.tag();
    let fresh = [("if-none-match", &tag[..])];
    let unchanged = gateway
        .send(("GET", "/photos/a%20b/c", ""), &fresh, Body::empty())
        .await;
    assert_eq!(unchanged.status, 304);
    let deleted = gateway
        .send(("DELETE", "/photos/a%20b/c", ""), &[], Body::empty())
        .await;
    assert_eq!(deleted.status, 204);
    gateway.get("a%20b/c").await.is_error(404, "NoSuchKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_come_from_all_leaves_of_an_object() {
    let gateway = Gateway::new().await;
    let bytes = content(7 * CHUNK - 5);
    gateway.put("a", &bytes).await.ok();
    assert!(gateway.get("a").await.ok().body == bytes);
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=262143-262144", CHUNK - 1, CHUNK + 1),
        ("bytes=1500000-", 1_500_000, bytes.len()),
        ("bytes=-3", bytes.len() - 3, bytes.len()),
    ] {
        let headers = [("range", range)];
        let got = gateway
            .send(("GET", "/photos/a", ""), &headers, Body::empty())
            .await;
        assert_eq!(got.status, 206, "{range}");
        assert!(got.body == bytes[start..end], "{range}");
        let of = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        assert_eq!(got.headers["content-range"], of);
    }
    let headers = [("range", "bytes=9999999-")];
    let past = gateway
        .send(("GET", "/photos/a", ""), &headers, Body::empty())
        .await;
    past.is_error(416, "InvalidRange");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_the_rights_of_its_file_and_a_stranger_none() {
    let gateway = Gateway::new().await;
    let buckets = gateway
        .send(("GET", "/", ""), &[], Body::empty())
        .await
        .ok();
    assert_eq!(buckets.all("Name"), ["archive", "photos"]);
    let length = [("content-length", "1")];
    let refused = gateway.send(("PUT", "/archive/a", ""), &length, "a").await;
    refused.is_error(403, "AccessDenied");
    let listed = gateway
        .send(("GET", "/archive", "list-type=2"), &[], Body::empty())
        .await;
    assert_eq!(listed.ok().all("KeyCount"), ["0"]);
    let unknown = gateway
        .send(("GET", "/others/a", ""), &[], Body::empty())
        .await;
    unknown.is_error(404, "NoSuchBucket");
    let secret = "another-secret-of-some-length";
    let wrong = gateway
        .send_as(secret, ("GET", "/", ""), &[], Body::empty())
        .await;
    wrong.is_error(403, "SignatureDoesNotMatch");
    for (method, path) in [("GET", "/"), ("GET", "/photos/a"), ("PUT", "/photos/a")] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "gateway");
        let request = request
            .header("content-length", "0")
            .body(Body::empty())
            .unwrap();
        gateway.answer(request).await.is_error(403, "AccessDenied");
    }
    let made = gateway
        .send(("PUT", "/photos", ""), &[], Body::empty())
        .await;
    made.is_error(409, "BucketAlreadyOwnedByYou");
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_are_grouped_paged_and_escaped() {
    let gateway = Gateway::new().await;
    for key in ["a", "d/1", "d/2", "e%26", "z"] {
        gateway.put(key, key.as_bytes()).await.ok();
    }
    let list = async |query: &str| {
        let at = ("GET", "/photos", query);
        gateway.send(at, &[], Body::empty()).await.ok()
    };
    let page = list("delimiter=%2F&list-type=2&max-keys=2").await;
    assert_eq!(page.all("Key"), ["a"]);
    assert_eq!(page.all("IsTruncated"), ["true"]);
    assert!(
        page.text()
            .contains("<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>")
    );
    // A token has no character that a query would escape.
    let token = page.all("NextContinuationToken").remove(0);
    let next = format!("continuation-token={token}&delimiter=%2F&list-type=2");
    let page = list(&next).await;
    assert_eq!(page.all("Key"), ["e&amp;", "z"]);
    assert_eq!(page.all("IsTruncated"), ["false"]);
    let page = list("encoding-type=url&list-type=2&prefix=e").await;
    assert_eq!(page.all("Key"), ["e%26"]);
    let page = list("list-type=2&prefix=d%2F&start-after=d%2F1").await;
    assert_eq!(page.all("Key"), ["d/2"]);
    let at = ("GET", "/photos", "continuation-token=d%2F&list-type=2");
    let wrong = gateway.send(at, &[], Body::empty()).await;
    wrong.is_error(400, "InvalidArgument");
    // The first version, which some clients still speak: a marker is a key or a group.
    let page = list("delimiter=%2F&max-keys=2").await;
    assert_eq!(page.all("NextMarker"), ["d/"]);
    let page = list("delimiter=%2F&marker=d%2F").await;
    assert_eq!(page.all("Key"), ["e&amp;", "z"]);
    assert_eq!(page.all("NextMarker"), [""; 0]);
    let page = list("marker=d%2F1&max-keys=1").await;
    assert_eq!(page.all("Key"), ["d/2"]);
    assert_eq!(page.all("NextMarker"), ["d/2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_with_a_wrong_checksum_is_not_kept() {
    let gateway = Gateway::new().await;
    let told = |of: &[u8]| STANDARD.encode(sha2_256(of));
    let put = async |checksum: &str| {
        let headers = [("content-length", "5"), ("x-amz-checksum-sha256", checksum)];
        gateway
            .send(("PUT", "/photos/a", ""), &headers, "words")
            .await
    };
    put(&told(b"other")).await.is_error(400, "BadDigest");
    gateway.get("a").await.is_error(404, "NoSuchKey");
    put(&told(b"words")).await.ok();
    let headers = [
        ("content-length", "5"),
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
    ];
    let wrong = gateway
        .send(("PUT", "/photos/b", ""), &headers, "words")
        .await;
    wrong.is_error(400, "BadDigest");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_written_only_under_its_condition() {
    let gateway = Gateway::new().await;
    let put = async |name: &str, value: &str| {
        let headers = [("content-length", "1"), (name, value)];
        gateway.send(("PUT", "/photos/a", ""), &headers, "a").await
    };
    let first = put("if-none-match", "*").await.ok();
    put("if-none-match", "*")
        .await
        .is_error(412, "PreconditionFailed");
    put("if-match", &first.tag()).await.ok();
    let other = format!("\"{}\"", "0".repeat(64));
    put("if-match", &other)
        .await
        .is_error(412, "PreconditionFailed");
    put("if-match", "\"no root\"")
        .await
        .is_error(412, "PreconditionFailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_takes_no_leaf_and_many_keys_are_deleted_at_once() {
    let gateway = Gateway::new().await;
    gateway.put("a", &content(3 * CHUNK)).await.ok();
    // Two chunks and one: no leaf has padding.
    assert_eq!(gateway.leaves(), 2);
    let headers = [("x-amz-copy-source", "photos/a")];
    gateway
        .send(("PUT", "/photos/b", ""), &headers, Body::empty())
        .await
        .ok();
    assert_eq!(gateway.leaves(), 2);
    assert!(gateway.get("b").await.ok().body == content(3 * CHUNK));
    let xml = "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object></Delete>";
    let length = xml.len().to_string();
    let headers = [("content-length", &length[..])];
    let deleted = gateway
        .send(("POST", "/photos", "delete="), &headers, xml)
        .await
        .ok();
    assert_eq!(deleted.all("Key"), ["a", "none"]);
    gateway.get("a").await.is_error(404, "NoSuchKey");
    gateway.get("b").await.ok();
}
