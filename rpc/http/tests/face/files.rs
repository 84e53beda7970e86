//! Files by path, as the file-system clients of today's provider use them.

use crate::fixture::*;
use crate::objects::{ask, client_root, get, put};
use axum::body::Body;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::Agreement;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_stored_read_listed_and_deleted() {
    let face = Face::new().await;
    let made = ask(
        &face,
        ("POST", "/fs/7/mkdir?path=/docs"),
        "//Writer",
        &[],
        Body::empty(),
    )
    .await;
    assert_eq!(made.json(), json!({ "path": "/docs", "created": true }));
    let path = "/fs/7/file?path=/docs/a%20b.txt";
    let headers = [("content-type", "text/plain")];
    let stored = ask(&face, ("PUT", path), "//Writer", &headers, "words").await;
    let root = client_root(b"words");
    let expected = format!(r#"{{"data_root":"{root:?}","size":5,"leaf_index":0}}"#);
    assert_eq!(stored.text(), expected);
    let read = get(&face, path).await;
    assert_eq!(read.text(), "words");
    assert_eq!(read.headers["content-type"], "text/plain");
    assert_eq!(read.headers["content-length"], "5");
    put(&face, "/fs/7/file?path=/docs/deep/er/c", b"c").await;
    put(&face, "/fs/7/file?path=/top", b"t").await;

    let entries = |listing: &Value| -> Vec<(String, String)> {
        let entries = listing["entries"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        entries
            .iter()
            .map(|entry| (text(&entry["path"]), text(&entry["entry_type"])))
            .collect()
    };
    let of = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(path, kind)| ((*path).into(), (*kind).into()))
            .collect()
    };
    let root_listing = get(&face, "/fs/7/ls").await.ok();
    assert_eq!(
        entries(&root_listing),
        of(&[("/docs", "directory"), ("/top", "file")])
    );
    assert_eq!(root_listing["path"], "/");
    assert_eq!(root_listing["file_count"], 3);
    assert_eq!(root_listing["dir_count"], 1);
    assert_eq!(root_listing["total_size"], 7);
    // What only has entries below it is no entry.
    for path in ["/docs", "/docs/"] {
        let listing = get(&face, &format!("/fs/7/ls?path={path}")).await.ok();
        assert_eq!(entries(&listing), of(&[("/docs/a b.txt", "file")]));
        assert_eq!(listing["entries"][0]["name"], "a b.txt");
        assert_eq!(listing["entries"][0]["size"], 5);
        assert!(listing["entries"][0]["mtime"].is_u64());
    }
    let all = get(&face, "/fs/7/ls?path=/&recursive=true").await.ok();
    let expected = [
        ("/docs", "directory"),
        ("/docs/a b.txt", "file"),
        ("/docs/deep/er/c", "file"),
        ("/top", "file"),
    ];
    assert_eq!(entries(&all), of(&expected));

    let deleted = ask(&face, ("DELETE", path), "//Writer", &[], Body::empty()).await;
    assert_eq!(deleted.text(), r#"{"deleted":true}"#);
    let details = json!({ "bucket_id": 7, "path": "/docs/a b.txt" });
    let absent = json!({ "error": "file_not_found", "details": details });
    get(&face, path).await.is_error(404, &absent);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_objects_have_indexes_of_their_own() {
    let face = Face::new().await;
    put(&face, "/fs/7/file?path=/a", b"file").await;
    put(&face, "/s3/7/object?key=/a", b"object").await;
    assert_eq!(get(&face, "/fs/7/file?path=/a").await.text(), "file");
    assert_eq!(get(&face, "/s3/7/object?key=/a").await.text(), "object");
    let files = get(&face, "/fs/7/index_root").await.ok();
    assert_eq!(files["file_count"], 1);
    assert_eq!(files["dir_count"], 0);
    assert_eq!(files["total_size"], 4);
    // One entry is its own root: path, data root and size.
    let size = 4u64.to_le_bytes();
    let leaf = [b"/a", client_root(b"file").as_bytes(), &size].concat();
    let root = cairn_primitives::HashingProfile::Plain.chunk(&leaf);
    assert_eq!(files["metadata_merkle_root"], hex0(root));
    let proof = get(&face, "/fs/7/proof?path=/a").await.ok();
    assert_eq!(
        proof["leaves"][0]["leaf"]["data_root"],
        hex0(client_root(b"file"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_path_or_no_file_is_refused() {
    let face = Face::new().await;
    for path in ["", "docs/a", "..%2F..%2Fetc%2Fpasswd"] {
        for (method, route) in [("PUT", "file"), ("POST", "mkdir")] {
            let uri = format!("/fs/7/{route}?path={path}");
            let refused = ask(&face, (method, &uri), "//Writer", &[], Body::empty()).await;
            let details = json!({ "message": "path must start with '/'" });
            refused.is_error(400, &json!({ "error": "invalid_path", "details": details }));
        }
    }
    ask(
        &face,
        ("POST", "/fs/7/mkdir?path=/d"),
        "//Writer",
        &[],
        Body::empty(),
    )
    .await
    .ok();
    // Again: nothing changes.
    ask(
        &face,
        ("POST", "/fs/7/mkdir?path=/d"),
        "//Writer",
        &[],
        Body::empty(),
    )
    .await
    .ok();
    let details = json!({ "bucket_id": 7, "path": "/d" });
    let not_a_file = json!({ "error": "not_a_file", "details": details });
    get(&face, "/fs/7/file?path=/d")
        .await
        .is_error(400, &not_a_file);
    let over = ask(&face, ("PUT", "/fs/7/file?path=/d"), "//Writer", &[], "a").await;
    assert_eq!(
        (over.status.as_u16(), &over.json()["error"]),
        (400, &json!("invalid_path"))
    );
    put(&face, "/fs/7/file?path=/f", b"f").await;
    let over = ask(
        &face,
        ("POST", "/fs/7/mkdir?path=/f"),
        "//Writer",
        &[],
        Body::empty(),
    )
    .await;
    assert_eq!(
        (over.status.as_u16(), &over.json()["error"]),
        (400, &json!("invalid_path"))
    );
    let by_reader = ask(
        &face,
        ("POST", "/fs/7/mkdir?path=/e"),
        "//Reader",
        &[],
        Body::empty(),
    )
    .await;
    assert_eq!(by_reader.status, 403);
    assert_eq!(face.get("/fs/7/ls").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_listing_is_sent_in_pages() {
    let face = Face::new().await;
    let request = cairn_provider::LeaseRequest::write();
    let lease = face
        .handle
        .provider
        .blocking_lease(BUCKET, request)
        .unwrap();
    for number in 0..2_100 {
        let name = cairn_objects::ObjectName::path(format!("/d/{number:05}")).unwrap();
        lease
            .run(|bucket| {
                let index = cairn_objects::Index::new(bucket, cairn_objects::Space::Paths);
                index.make_directory(&name)
            })
            .unwrap();
    }
    drop(lease);
    let listing = get(&face, "/fs/7/ls?path=/d").await.ok();
    let entries = listing["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2_100);
    assert_eq!(entries[2_099]["name"], "02099");
    assert_eq!(listing["dir_count"], 2_100);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_replica_takes_no_object_and_no_file() {
    let face = Face::new().await;
    put(&face, "/s3/7/object?key=a", b"a").await;
    // The same account becomes a replica of the bucket.
    let own = face.handle.account;
    face.chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.primary_providers[0].account = AccountId([6; 32]);
        let agreement = Agreement {
            is_replica: true,
            ..Agreement::primary(account("//Owner"), 1 << 30, 1_000)
        };
        pallet.replicas.insert((BUCKET, own.0), agreement);
    });
    for _ in 0..2_000 {
        if face.handle.is_replica(BUCKET) {
            break;
        }
        face.chain.advance();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let reason = "This provider is a replica of the bucket: write to a primary provider";
    let refused = json!({ "error": "not_authorized", "details": { "reason": reason } });
    for at in [
        ("PUT", "/s3/7/object?key=b"),
        ("DELETE", "/s3/7/object?key=a"),
        ("PUT", "/fs/7/file?path=/b"),
        ("DELETE", "/fs/7/file?path=/b"),
        ("POST", "/fs/7/mkdir?path=/d"),
    ] {
        let answer = ask(&face, at, "//Writer", &[], "b").await;
        answer.is_error(403, &refused);
    }
    assert_eq!(get(&face, "/s3/7/object?key=a").await.text(), "a");
    assert_eq!(get(&face, "/s3/7/object?key=b").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_an_empty_file_is_refused() {
    let face = Face::new().await;
    let path = "/fs/7/file?path=/empty";
    put(&face, path, b"").await;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-5"] {
        let headers = [("range", range)];
        let answer = ask(&face, ("GET", path), "//Reader", &headers, Body::empty()).await;
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.headers["content-range"], "bytes */0");
    }
    let whole = get(&face, path).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, 0));
}
