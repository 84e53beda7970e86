//! Uploads in parts.

use crate::client::*;
use axum::body::Body;

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
