//! Requests that must not be read, signatures that bind too little, and writes to a copy.

use crate::client::*;
use axum::body::Body;
use axum::http::Request;
use axum::http::request::Builder;
use bytes::Bytes;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::Agreement;
use futures::stream;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

/// A body that never comes, and whether it was asked for.
fn silent() -> (Body, Arc<AtomicBool>) {
    let asked = Arc::new(AtomicBool::new(false));
    let sets = asked.clone();
    let pieces = stream::poll_fn(move |_| {
        sets.store(true, Ordering::Relaxed);
        Poll::<Option<io::Result<Bytes>>>::Pending
    });
    (Body::from_stream(pieces), asked)
}

fn unsigned(method: &str, uri: &str) -> Builder {
    let request = Request::builder().method(method).uri(uri);
    request.header("host", "gateway")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_refused_before_anything_of_it_is_read() {
    let gateway = Gateway::new().await;
    for content_type in [
        "multipart/form-data; boundary=x",
        "Multipart/Form-Data+x;boundary=x",
    ] {
        let (body, asked) = silent();
        let request = unsigned("POST", "/photos").header("content-type", content_type);
        let refused = gateway.answer(request.body(body).unwrap()).await;
        refused.is_error(405, "MethodNotAllowed");
        assert!(!asked.load(Ordering::Relaxed), "{content_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_an_unknown_operation_is_not_read() {
    let gateway = Gateway::new().await;
    for query in ["acl=", "lifecycle=", "versioning="] {
        let (body, asked) = silent();
        let length = [("content-length", "9")];
        let at = ("PUT", "/photos", query);
        let refused = gateway.send(at, &length, body).await;
        refused.is_error(501, "NotImplemented");
        assert!(!asked.load(Ordering::Relaxed), "{query}");
    }
    let xml = vec![b' '; (2 << 20) + 1];
    let length = [("content-length", "2097153")];
    let at = ("POST", "/photos", "delete=");
    let long = gateway.send(at, &length, xml).await;
    long.is_error(400, "MaxMessageLengthExceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_signed_once_and_by_the_fourth_version() {
    let gateway = Gateway::new().await;
    gateway.put("a", b"a").await.ok();
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    let old = unsigned("GET", "/photos/a").header("date", date);
    let old = old.header("authorization", "AWS app:AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let old = gateway.answer(old.body(Body::empty()).unwrap()).await;
    old.is_error(400, "InvalidRequest");
    let old = unsigned(
        "GET",
        "/photos/a?AWSAccessKeyId=app&Expires=9999999999&Signature=AAAA",
    );
    let old = gateway.answer(old.body(Body::empty()).unwrap()).await;
    old.is_error(400, "InvalidRequest");
    let twice = unsigned("GET", &gateway.presigned("GET", "/photos/a", 60));
    let twice = twice.header("authorization", "AWS4-HMAC-SHA256 Credential=app");
    let twice = gateway.answer(twice.body(Body::empty()).unwrap()).await;
    twice.is_error(400, "InvalidArgument");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_url_does_what_it_says_for_a_week_at_most() {
    let gateway = Gateway::new().await;
    gateway.put("secret", b"secret").await.ok();
    let ask = async |method: &str, key: &str, seconds: u64, headers: &[(&str, &str)]| {
        let path = format!("/photos/{key}");
        let mut request = unsigned(method, &gateway.presigned(method, &path, seconds));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        gateway.answer(request.body(Body::empty()).unwrap()).await
    };
    let week = 7 * 24 * 60 * 60;
    assert_eq!(ask("GET", "secret", week, &[]).await.ok().text(), "secret");
    let long = ask("GET", "secret", week + 1, &[]).await;
    long.is_error(400, "AuthorizationQueryParametersError");
    // Who may put one object may not copy another one to it.
    let source = [
        ("x-amz-copy-source", "photos/secret"),
        ("content-length", "0"),
    ];
    let copied = ask("PUT", "mine", 60, &source).await;
    copied.is_error(403, "AccessDenied");
    gateway.get("mine").await.is_error(404, "NoSuchKey");
    let length = [("content-length", "0")];
    ask("PUT", "mine", 60, &length).await.ok();
    assert!(gateway.get("mine").await.ok().body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_a_replica_takes_no_objects() {
    let gateway = Gateway::new().await;
    gateway.put("a", b"a").await.ok();
    let begun = gateway
        .send(("POST", "/photos/b", "uploads="), &[], Body::empty())
        .await;
    let upload = begun.ok().all("UploadId").remove(0);
    // The same account becomes a replica of the bucket.
    let (handle, chain) = (&gateway.provider.handle, &gateway.provider.chain);
    let (own, id) = (handle.account, BucketId(7));
    chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&id).unwrap();
        bucket.primary_providers[0].account = AccountId([6; 32]);
        let agreement = Agreement {
            is_replica: true,
            ..Agreement::primary(AccountId([1; 32]), 1 << 40, 1_000)
        };
        pallet.replicas.insert((id, own.0), agreement);
    });
    for _ in 0..2_000 {
        if handle.is_replica(id) {
            break;
        }
        chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(handle.is_replica(id));
    let parts = format!("partNumber=1&uploadId={upload}");
    let upload = format!("uploadId={upload}");
    let copy = [("x-amz-copy-source", "photos/a")];
    let length = [("content-length", "1")];
    for (at, headers, body) in [
        (("PUT", "/photos/c", ""), &length[..], "c"),
        (("PUT", "/photos/c", ""), &copy[..], ""),
        (("DELETE", "/photos/a", ""), &[][..], ""),
        (("POST", "/photos/c", "uploads="), &[][..], ""),
        (("PUT", "/photos/b", &parts[..]), &length[..], "b"),
        (("PUT", "/photos/b", &parts[..]), &copy[..], ""),
        (("DELETE", "/photos/b", &upload[..]), &[][..], ""),
    ] {
        let refused = gateway.send(at, headers, body).await;
        refused.is_error(403, "AccessDenied");
        assert!(refused.text().contains("a replica"), "{}", refused.text());
    }
    // It is still read.
    assert_eq!(gateway.get("a").await.ok().text(), "a");
    gateway.get("c").await.is_error(404, "NoSuchKey");
    assert_eq!(gateway.leaves(), 1);
}
