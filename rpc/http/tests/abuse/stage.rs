//! A provider that listens, with content that it has acknowledged, and a client who asks for a proof
//! of it during every attack.

use crate::fixture::*;
use cairn_http::{HttpConfig, HttpHandle, HttpLimits, serve};
use cairn_primitives::H256;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The most that an attack may add to this process's memory, in which the attackers live too: the budget of
/// all bodies, decoded once, and as much again for everything else.
const MEMORY: u64 = 256 << 20;

pub(crate) struct Stage {
    pub(crate) face: Face,
    pub(crate) served: HttpHandle,
    /// The data root of what was acknowledged.
    pub(crate) root: H256,
    /// The answer of its commit.
    pub(crate) committed: Value,
    memory: u64,
}

/// Limits under which an attacker's time is soon over.
pub(crate) fn short() -> HttpLimits {
    HttpLimits {
        idle: Duration::from_millis(300),
        request_time: Duration::from_millis(600),
        ..quick().limits
    }
}

/// Returns the bytes of memory that this process uses.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

impl Stage {
    pub(crate) async fn new(limits: HttpLimits) -> Self {
        let config = HttpConfig {
            limits,
            ..HttpConfig::default()
        };
        let face = Face::with(config.clone(), Default::default(), |rpc| rpc).await;
        let root = face.upload(&content(2)).await;
        let committed = face.commit(root).await;
        face.handle.provider.write_index();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let served = serve(socket, face.rpc.clone(), config).unwrap();
        Self {
            face,
            served,
            root,
            committed,
            memory: memory(),
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.served.address()).await.unwrap()
    }

    /// Sends bytes over a connection of their own, and returns everything until it is closed.
    pub(crate) async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect().await;
        // It may be closed before all is sent.
        let _ = stream.write_all(request).await;
        rest(&mut stream).await
    }

    /// Runs an attack, while a client asks for a proof over a connection of its own, each time with
    /// success. Afterwards nothing is lost, and memory is bounded.
    pub(crate) async fn during(&self, attack: impl Future<Output = ()>) {
        let over = AtomicBool::new(false);
        let asking = async {
            let mut stream = self.connect().await;
            let mut first = None;
            loop {
                // Read before, so that there is at least one request.
                let is_over = over.load(Ordering::SeqCst);
                let body = self.proof(&mut stream).await;
                assert_eq!(*first.get_or_insert_with(|| body.clone()), body);
                if is_over {
                    return;
                }
            }
        };
        let attacking = async {
            attack.await;
            over.store(true, Ordering::SeqCst);
        };
        futures::join!(asking, attacking);
        self.nothing_is_lost().await;
        let grown = memory().saturating_sub(self.memory);
        assert!(grown < MEMORY, "{} MiB more than before", grown >> 20);
    }

    /// Asks for a proof. A connection that was closed, because this busy process has let it be idle,
    /// is opened again.
    async fn proof(&self, stream: &mut TcpStream) -> String {
        let path = format!("/chunk_proof?data_root={:?}&chunk_index=1", self.root);
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        for _ in 0..500 {
            let sent = stream.write_all(request.as_bytes()).await;
            if sent.is_ok()
                && let Some(answer) = one_answer(stream).await
            {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                return answer.split_once("\r\n\r\n").unwrap().1.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            *stream = self.connect().await;
        }
        panic!("no proof is answered");
    }

    /// Checks that what was acknowledged is there, and is still what is signed.
    pub(crate) async fn nothing_is_lost(&self) {
        let path = format!("/commitment?bucket_id={}", BUCKET.0);
        let newest = self.face.get(&path).await.ok();
        assert_eq!(newest["mmr_root"], self.committed["mmr_root"]);
        assert_eq!(newest["leaf_count"], self.committed["leaf_count"]);
        for index in 0..2 {
            let root = self.root;
            let path = format!("/chunk_proof?data_root={root:?}&chunk_index={index}");
            self.face.get(&path).await.ok();
        }
    }

    /// Returns whether the bucket holds a chunk.
    pub(crate) async fn holds(&self, chunk: &[u8]) -> bool {
        let hash = put_chunk(chunk)["hash"].clone();
        let body = json!({ "bucket_id": BUCKET.0, "hashes": [hash] });
        let post = (axum::http::Method::POST, "/exists");
        let answer = self.face.send_json(post, None, &body).await.ok();
        answer["missing"] == json!([])
    }

    /// Stores a chunk over a connection of its own, as often as the provider asks to retry.
    pub(crate) async fn put_until_stored(&self, chunk: &[u8]) {
        for _ in 0..200 {
            let answer = self
                .exchange(&put_request(chunk, "connection: close\r\n"))
                .await;
            if answer.starts_with("HTTP/1.1 200 ") {
                assert!(self.holds(chunk).await);
                return;
            }
            let may_retry = answer.is_empty() || answer.starts_with("HTTP/1.1 503 ");
            assert!(may_retry, "{answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("a writer is kept out");
    }
}

/// Returns a whole request that stores a chunk as the writer.
pub(crate) fn put_request(chunk: &[u8], more: &str) -> Vec<u8> {
    let body = put_chunk(chunk).to_string();
    let head = put_head(&format!("content-length: {}\r\n{more}", body.len()));
    (head + &body).into_bytes()
}

/// Returns the head of a request that stores a node as the writer.
pub(crate) fn put_head(more: &str) -> String {
    let signed = signed("//Writer", "PUT", BUCKET);
    format!(
        "PUT /node HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: {signed}\r\n{more}\r\n"
    )
}

/// Reads until the connection is closed.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // It may be reset.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer that has a length, if there is one.
async fn one_answer(stream: &mut TcpStream) -> Option<String> {
    let mut answer = Vec::new();
    let head = loop {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.ok()?;
        answer.push(byte[0]);
        if answer.ends_with(b"\r\n\r\n") {
            break String::from_utf8(answer.clone()).unwrap();
        }
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("no length").parse().unwrap()];
    // What has begun is completed.
    stream.read_exact(&mut body).await.unwrap();
    answer.extend(body);
    Some(String::from_utf8(answer).unwrap())
}

/// Returns the statuses of all answers in a text.
pub(crate) fn statuses(answers: &str) -> Vec<u16> {
    let begins = answers.match_indices("HTTP/1.");
    let codes = begins.filter_map(|(at, _)| answers.get(at + 9..at + 12));
    codes.filter_map(|code| code.parse().ok()).collect()
}
