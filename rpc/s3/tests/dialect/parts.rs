//! Uploads in parts.

use crate::client::*;
use axum::body::Body;
use futures::future::join_all;

const PART: usize = 5 << 20;

async fn begin(gateway: &Gateway, key: &str) -> String {
    let path = format!("/photos/{key}");
    let begun = gateway
        .send(("POST", &path, "uploads="), &[], Body::empty())
        .await;
    begun.ok().all("UploadId").remove(0)
}

async fn put_part(gateway: &Gateway, upload: &str, number: usize, bytes: &[u8]) -> Answer {
    let query = format!("partNumber={number}&uploadId={upload}");
    let length = bytes.len().to_string();
    let headers = [("content-length", &length[..])];
    let at = ("PUT", "/photos/big", &query[..]);
    gateway.send(at, &headers, bytes.to_vec()).await
}

async fn complete(gateway: &Gateway, upload: &str, parts: &[(usize, String)]) -> Answer {
    let parts: String = parts
        .iter()
        .map(|(number, tag)| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        })
        .collect();
    let xml = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let length = xml.len().to_string();
    let headers = [("content-length", &length[..])];
    let query = format!("uploadId={upload}");
    gateway
        .send(("POST", "/photos/big", &query), &headers, xml)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_survive_a_restart_and_become_the_object_as_if_it_came_whole() {
    let gateway = Gateway::new().await;
    let bytes = content(2 * PART + 9);
    let whole = gateway.put("whole", &bytes).await.ok().tag();
    let upload = begin(&gateway, "big").await;
    let mut tags = Vec::new();
    for (number, part) in bytes.chunks(PART).enumerate().take(2) {
        let put = put_part(&gateway, &upload, number + 1, part).await.ok();
        tags.push((number + 1, put.tag()));
    }
    let gateway = gateway.restarted().await;
    let query = format!("uploadId={upload}");
    let listed = gateway
        .send(("GET", "/photos/big", &query), &[], Body::empty())
        .await
        .ok();
    assert_eq!(listed.all("PartNumber"), ["1", "2"]);
    assert_eq!(listed.all("Size"), [PART.to_string(), PART.to_string()]);
    let uploads = gateway
        .send(("GET", "/photos", "uploads="), &[], Body::empty())
        .await
        .ok();
    assert_eq!(uploads.all("UploadId"), std::slice::from_ref(&upload));
    let put = put_part(&gateway, &upload, 3, &bytes[2 * PART..])
        .await
        .ok();
    tags.push((3, put.tag()));
    let completed = complete(&gateway, &upload, &tags).await.ok();
    // The tag is that of the content, in whatever parts it came.
    let tag = completed.all("ETag").remove(0).replace("&quot;", "\"");
    assert_eq!(tag, whole);
    let got = gateway.get("big").await.ok();
    assert_eq!(got.tag(), whole);
    assert!(got.body == bytes);
    complete(&gateway, &upload, &tags)
        .await
        .is_error(404, "NoSuchUpload");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_together_is_refused_and_an_aborted_upload_is_gone() {
    let gateway = Gateway::new().await;
    let upload = begin(&gateway, "big").await;
    let one = put_part(&gateway, &upload, 1, b"one").await.ok().tag();
    let two = put_part(&gateway, &upload, 2, b"two").await.ok().tag();
    let of = |pairs: &[(usize, &String)]| -> Vec<(usize, String)> {
        pairs
            .iter()
            .map(|(number, tag)| (*number, (*tag).clone()))
            .collect()
    };
    let small = complete(&gateway, &upload, &of(&[(1, &one), (2, &two)])).await;
    small.is_error(400, "EntityTooSmall");
    let turned = complete(&gateway, &upload, &of(&[(2, &two), (1, &one)])).await;
    turned.is_error(400, "InvalidPartOrder");
    let other = complete(&gateway, &upload, &of(&[(1, &two)])).await;
    other.is_error(400, "InvalidPart");
    put_part(&gateway, &upload, 10_001, b"x")
        .await
        .is_error(400, "InvalidArgument");
    put_part(&gateway, &"0".repeat(32), 1, b"x")
        .await
        .is_error(404, "NoSuchUpload");
    let query = format!("uploadId={upload}");
    let aborted = gateway
        .send(("DELETE", "/photos/big", &query), &[], Body::empty())
        .await;
    assert_eq!(aborted.status, 204);
    put_part(&gateway, &upload, 1, b"late")
        .await
        .is_error(404, "NoSuchUpload");
    gateway.get("big").await.is_error(404, "NoSuchKey");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_no_whole_chunks_become_the_object_too() {
    let gateway = Gateway::new().await;
    let bytes = content(PART + 10);
    let whole = gateway.put("whole", &bytes).await.ok().tag();
    let upload = begin(&gateway, "big").await;
    let mut tags = Vec::new();
    for (number, part) in [&bytes[..=PART], &bytes[PART + 1..]].iter().enumerate() {
        let put = put_part(&gateway, &upload, number + 1, part).await.ok();
        tags.push((number + 1, put.tag()));
    }
    let completed = complete(&gateway, &upload, &tags).await.ok();
    let tag = completed.all("ETag").remove(0).replace("&quot;", "\"");
    assert_eq!(tag, whole);
    assert!(gateway.get("big").await.ok().body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_completed_once_however_often_it_is_asked_for() {
    let gateway = Gateway::new().await;
    let upload = begin(&gateway, "big").await;
    let bytes = content(3 * 262_144);
    let tag = put_part(&gateway, &upload, 1, &bytes).await.ok().tag();
    let parts = [(1, tag)];
    let answers = join_all((0..6).map(|_| complete(&gateway, &upload, &parts))).await;
    let mut completed = 0;
    for answer in &answers {
        match answer.status.as_u16() {
            200 => completed += 1,
            409 => answer.is_error(409, "OperationAborted"),
            _ => answer.is_error(404, "NoSuchUpload"),
        }
    }
    assert_eq!(completed, 1);
    // Two chunks and one.
    assert_eq!(gateway.leaves(), 2);
    assert!(gateway.get("big").await.ok().body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_completed_or_aborted_and_not_both() {
    let gateway = Gateway::new().await;
    gateway.put("first", b"first").await.ok();
    for _ in 0..8 {
        let upload = begin(&gateway, "big").await;
        let bytes = content(262_144);
        let tag = put_part(&gateway, &upload, 1, &bytes).await.ok().tag();
        let before = gateway.leaves();
        let (parts, query) = ([(1, tag)], format!("uploadId={upload}"));
        let aborting = gateway.send(("DELETE", "/photos/big", &query), &[], Body::empty());
        let (completed, aborted) = tokio::join!(complete(&gateway, &upload, &parts), aborting);
        let is_completed = completed.status == 200;
        let is_aborted = aborted.status == 204;
        assert!(!(is_completed && is_aborted));
        assert_eq!(gateway.leaves() - before, u64::from(is_completed));
        let got = gateway.get("big").await;
        assert_eq!(got.status, if is_completed { 200 } else { 404 });
        let deleted = gateway
            .send(("DELETE", "/photos/big", ""), &[], Body::empty())
            .await;
        assert_eq!(deleted.status, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_an_object_become_parts_of_another() {
    let gateway = Gateway::new().await;
    let bytes = content(PART + 300_000);
    gateway.put("source", &bytes).await.ok();
    let upload = begin(&gateway, "big").await;
    let copy = async |number: usize, source: &str, range: Option<&str>| {
        let mut headers = vec![("x-amz-copy-source", source)];
        headers.extend(range.map(|range| ("x-amz-copy-source-range", range)));
        let query = format!("partNumber={number}&uploadId={upload}");
        let at = ("PUT", "/photos/big", &query[..]);
        gateway.send(at, &headers, Body::empty()).await
    };
    let tag = |copied: &Answer| copied.all("ETag").remove(0).replace("&quot;", "\"");
    // No whole chunks, and from the middle of one.
    let range = format!("bytes=7-{}", PART + 7);
    let one = copy(1, "photos/source", Some(&range)).await.ok();
    let two = copy(2, "photos/source", None).await.ok();
    let past = format!("bytes=0-{}", bytes.len());
    let outside = copy(3, "photos/source", Some(&past)).await;
    outside.is_error(416, "InvalidRange");
    let open = copy(3, "photos/source", Some("bytes=5-")).await;
    open.is_error(400, "InvalidArgument");
    let other = copy(3, "archive/source", None).await;
    other.is_error(501, "NotImplemented");
    let absent = copy(3, "photos/none", None).await;
    absent.is_error(404, "NoSuchKey");
    let parts = [(1, tag(&one)), (2, tag(&two))];
    complete(&gateway, &upload, &parts).await.ok();
    let expected = [&bytes[7..PART + 8], &bytes[..]].concat();
    assert!(gateway.get("big").await.ok().body == expected);
}
