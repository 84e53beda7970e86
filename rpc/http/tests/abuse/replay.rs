//! Headers that are sent again, and rights that end while they are used.

use crate::fixture::*;
use crate::stage::*;
use axum::http::Method;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::Agreement;
use cairn_primitives::{BucketId, HashingProfile};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::AsyncWriteExt;

/// Another bucket of the same writer.
const OTHER: BucketId = BucketId(8);

fn seconds_ago(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() - seconds
}

/// Sends JSON with a header. Returns the status.
async fn send(face: &Face, method: Method, path: &str, header: &str, body: String) -> u16 {
    let request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .header("authorization", header);
    let request = request.body(axum::body::Body::from(body)).unwrap();
    face.send(request).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_counts_for_its_bucket_its_verb_and_its_time() {
    let stage = Stage::new(short()).await;
    let face = &stage.face;
    let own = face.handle.account;
    face.chain.edit(move |pallet| {
        let agreement = Agreement::primary(account("//Owner"), 1 << 20, 1_000);
        pallet.add_bucket(OTHER, own, agreement);
        let members = &mut pallet.buckets.get_mut(&OTHER).unwrap().members;
        members.push((account("//Writer"), Role::Writer));
    });
    face.follow().await;
    let chunk = b"replayed";
    let body = || put_chunk(chunk).to_string();
    let put = signed("//Writer", "PUT", BUCKET);
    let attack = async {
        // A copy of a header for another bucket in which its account may write as well.
        let mut other = put_chunk(chunk);
        other["bucket_id"] = json!(OTHER.0);
        let status = send(face, Method::PUT, "/node", &put, other.to_string()).await;
        assert_eq!(status, 401);
        // For another verb: nothing is committed.
        let roots = json!({ "bucket_id": BUCKET.0, "data_roots": [hex0(stage.root)] });
        let status = send(face, Method::POST, "/commit", &put, roots.to_string()).await;
        assert_eq!(status, 401);
        // After and before its time.
        for seconds in [seconds_ago(301), seconds_ago(0) + 320] {
            let late = signed_at("//Writer", "PUT", BUCKET, seconds);
            let status = send(face, Method::PUT, "/node", &late, body()).await;
            assert_eq!(status, 401);
        }
        // With a newer time than the signed one.
        let (signed_part, _) = put.rsplit_once(':').unwrap();
        let newer = format!("{signed_part}:{}", seconds_ago(0) + 1);
        let status = send(face, Method::PUT, "/node", &newer, body()).await;
        assert_eq!(status, 401);
        // The same time, otherwise written, is another message.
        let written = format!("{signed_part}:0{}", put.rsplit_once(':').unwrap().1);
        let status = send(face, Method::PUT, "/node", &written, body()).await;
        assert_eq!(status, 401);
        assert!(!stage.holds(chunk).await);
        // Within its time, it counts again: the header does not cover the body.
        assert_eq!(send(face, Method::PUT, "/node", &put, body()).await, 200);
        assert_eq!(send(face, Method::PUT, "/node", &put, body()).await, 200);
        assert!(stage.holds(chunk).await);
    };
    stage.during(attack).await;
}

/// Takes the writer's role away, and waits until that is final.
async fn remove_writer(face: &Face) {
    face.chain.edit(|pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        let writer = AccountId(account("//Writer").0);
        bucket.members.retain(|(member, _)| *member != writer);
    });
    for _ in 0..500 {
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let info = face.handle.countersigner.on_chain(BUCKET).await.unwrap();
        let members = info.unwrap().members;
        if !members
            .iter()
            .any(|(member, _)| *member == account("//Writer"))
        {
            return;
        }
    }
    panic!("the removal is not final");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_removed_in_the_middle_of_an_upload_stops_it_and_loses_nothing() {
    let stage = Stage::new(quick().limits).await;
    let face = &stage.face;
    let bytes = content(4);
    let chunks: Vec<&[u8]> = bytes.chunks(CHUNK).collect();
    let attack = async {
        for chunk in &chunks[..2] {
            face.put(&put_chunk(chunk)).await.ok();
        }
        // One request is on its way: its head and half of its body.
        let request = put_request(chunks[2], "connection: close\r\n");
        let (sent, unsent) = request.split_at(request.len() / 2);
        let mut stream = stage.connect().await;
        stream.write_all(sent).await.unwrap();
        remove_writer(face).await;
        stream.write_all(unsent).await.unwrap();
        let answer = rest(&mut stream).await;
        assert_eq!(statuses(&answer), [403], "{answer}");
        assert!(!stage.holds(chunks[2]).await);
        // So are those after it, and a commit of what is already there.
        let refused = json!({ "error": "insufficient_role" });
        let late = face.put(&put_chunk(chunks[3])).await;
        late.is_error(403, &refused);
        let first = HashingProfile::Plain.chunk(chunks[0]);
        let roots = json!({ "bucket_id": BUCKET.0, "data_roots": [hex0(first)] });
        let commit = face.post("/commit", &roots).await;
        commit.is_error(403, &refused);
        // An admin goes on where the writer had to stop.
        assert!(stage.holds(chunks[0]).await && stage.holds(chunks[1]).await);
        let by = Some(("//Owner", BUCKET));
        for chunk in &chunks[2..] {
            let put = (Method::PUT, "/node");
            face.send_json(put, by, &put_chunk(chunk)).await.ok();
        }
    };
    stage.during(attack).await;
}
