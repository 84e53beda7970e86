//! The script: what a client of some buckets asks for, with the checks that it makes itself.

use crate::old_provider::{Bucket, CHUNK, Content};
use crate::writer::{Era, Node};
use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{H256, HashingProfile};
use codec::Encode;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sp_core::{Pair, sr25519};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;

/// A request, and its answer without what differs each time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recorded {
    request: String,
    answer: Value,
}

/// Signs for a bucket as its writer.
fn header(method: &str, bucket: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = now.as_secs();
    let pair = sr25519::Pair::from_string("//Writer", None).unwrap();
    let message = format!("web3storage:{method}:{bucket}:{seconds}");
    let signature = hex::encode(pair.sign(message.as_bytes()).0);
    let key = hex::encode(pair.public().0);
    format!("Web3Storage 0x{key}:0x{signature}:{seconds}")
}

pub(crate) struct Client {
    port: u16,
    era: Era,
}

fn text(hash: &H256) -> String {
    format!("0x{}", hex::encode(hash))
}

impl Client {
    pub(crate) const fn new(port: u16, era: Era) -> Self {
        Self { port, era }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(&method).uri(path);
        request = request.header("host", "localhost");
        request = request.header("content-type", "application/json");
        // Requests that read need none.
        let bucket = body.as_ref().and_then(|body| body["bucket_id"].as_u64());
        let header = header(method.as_str(), bucket.unwrap_or(7));
        request = request.header("authorization", header);
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = sender
            .send_request(request.body(body).unwrap())
            .await
            .unwrap();
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Runs the script over buckets. Returns what it was answered.
    pub(crate) async fn run(&self, buckets: &[Bucket]) -> Vec<Recorded> {
        let mut all = Vec::new();
        for bucket in buckets {
            self.of_bucket(bucket, &mut all).await;
            for (root, content) in &bucket.leaves {
                self.of_content(*root, content, &mut all).await;
            }
        }
        all
    }

    async fn get(&self, path: String, all: &mut Vec<Recorded>) -> Value {
        let answer = self.send(Method::GET, &path, None).await;
        all.push(Recorded {
            request: path,
            answer: answer.clone(),
        });
        answer
    }

    async fn of_bucket(&self, bucket: &Bucket, all: &mut Vec<Recorded>) {
        let id = bucket.id;
        for route in ["/commitment", "/checkpoint-signature"] {
            let path = format!("{route}?bucket_id={id}");
            let mut answer = self.send(Method::GET, &path, None).await;
            self.check_signature(id, &answer);
            // sr25519 signatures are different each time.
            answer.as_object_mut().unwrap().remove("provider_signature");
            let request = path;
            all.push(Recorded { request, answer });
        }
        self.get(format!("/mmr_peaks?bucket_id={id}"), all).await;
        for (index, (root, _)) in bucket.leaves.iter().enumerate() {
            let path = format!("/mmr_proof?bucket_id={id}&leaf_index={index}");
            let answer = self.get(path, all).await;
            assert_eq!(answer["leaf"]["data_root"], text(root));
        }
        let roots: Vec<_> = bucket.leaves.iter().map(|(root, _)| text(root)).collect();
        let absent = text(&H256::repeat_byte(9));
        let asked = [roots, vec![absent]].concat();
        let body = json!({ "bucket_id": id, "hashes": asked });
        for route in ["/exists", "/fetch_nodes"] {
            let answer = self.send(Method::POST, route, Some(body.clone())).await;
            let request = format!("{route} {body}");
            all.push(Recorded { request, answer });
        }
    }

    fn check_signature(&self, bucket: u64, answer: &Value) {
        let bytes = |name: &str| {
            let digits = answer[name].as_str().unwrap().trim_start_matches("0x");
            hex::decode(digits).unwrap()
        };
        let root = H256::from_slice(&bytes("mmr_root"));
        let (start, count) = (&answer["start_seq"], &answer["leaf_count"]);
        let payload = (
            1u8,
            bucket,
            root,
            start.as_u64().unwrap(),
            count.as_u64().unwrap(),
        );
        let signature = bytes("provider_signature");
        let signature = sr25519::Signature::from_raw(signature[1..].try_into().unwrap());
        let provider = sr25519::Pair::from_string("//Alice", None)
            .unwrap()
            .public();
        assert!(sr25519::Pair::verify(
            &signature,
            payload.encode(),
            &provider
        ));
    }

    async fn of_content(&self, root: H256, content: &Content, all: &mut Vec<Recorded>) {
        let bytes = &content.0;
        let root = text(&root);
        for (offset, length) in [
            (0, bytes.len()),
            (0, 1),
            (bytes.len() - 1, 1),
            (bytes.len().min(3) - 1, bytes.len()),
        ] {
            let path = format!("/read?data_root={root}&offset={offset}&length={length}");
            let answer = self.get(path, all).await;
            let mut joined = Vec::new();
            for chunk in answer["chunks"].as_array().unwrap() {
                let data = STANDARD.decode(chunk["data"].as_str().unwrap()).unwrap();
                let hash = self.era.hash(&Node::Chunk(data.clone()));
                assert_eq!(chunk["hash"], text(&hash));
                joined.extend(data);
            }
            let start = offset % CHUNK;
            let end = joined.len().min(start + length);
            let expected = &bytes[offset..bytes.len().min(offset + length)];
            assert!(joined[start..end] == *expected, "{offset} {length}");
        }
        for (index, chunk) in bytes.chunks(CHUNK).enumerate() {
            let path = format!("/chunk_proof?data_root={root}&chunk_index={index}");
            let answer = self.get(path, all).await;
            assert_eq!(answer["chunk_data"], STANDARD.encode(chunk));
            let hash = answer["chunk_hash"].as_str().unwrap();
            self.get(format!("/node?hash={hash}"), all).await;
        }
        self.get(format!("/node?hash={root}"), all).await;
    }

    /// Stores and commits one more leaf, the next of a bucket.
    pub(crate) async fn commits(&self, bucket: u64, next: u64) {
        let data = b"after the move";
        let profile = match self.era {
            Era::D => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        };
        let hash = text(&profile.chunk(data));
        let body = json!({
            "bucket_id": bucket,
            "hash": hash,
            "data": STANDARD.encode(data),
            "children": null,
        });
        self.send(Method::PUT, "/node", Some(body)).await;
        let body = json!({ "bucket_id": bucket, "data_roots": [hash] });
        let answer = self.send(Method::POST, "/commit", Some(body)).await;
        assert_eq!(answer["leaf_indices"], json!([next]));
        self.check_signature(bucket, &answer);
    }
}
