//! Attacks on a provider's RPC.

use crate::wire::{Client, frame};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Silent connections: as many at once as this process can hold, and the rest one after the
/// other.
pub(crate) fn silent_connections(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    const HELD: usize = 600;
    let mut held = Vec::new();
    for number in 0..count {
        // The provider may refuse connections.
        if let Ok(stream) = TcpStream::connect(address) {
            if held.len() < HELD {
                held.push(stream);
            } else {
                held[number % HELD] = stream;
            }
        }
    }
    held
}

/// Sends the same request many times, while it is accepted, and reads no response.
pub(crate) fn send_and_never_read(
    address: SocketAddr,
    request: &str,
    times: usize,
) -> Option<Client> {
    let mut client = Client::connect(address)?;
    let frames = frame(request).repeat(times.min(1_000));
    for _ in 0..times.div_ceil(1_000) {
        if !client.try_send(&frames, Duration::from_millis(200)) {
            break;
        }
    }
    Some(client)
}

/// Sends an HTTP request without its last byte.
pub(crate) fn all_but_the_last_byte(address: SocketAddr, length: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_write_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    let body = format!("{{\"{}", "x".repeat(length - 3));
    stream.write_all((head + &body).as_bytes()).ok()?;
    Some(stream)
}

/// Waits until all data that was sent to an address of this machine has been read.
pub(crate) fn wait_until_read(address: SocketAddr) {
    let port = format!(":{:04X}", address.port());
    loop {
        let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
        // Each line has a number, the local and the remote address, the state, and the
        // numbers of unsent and unread bytes.
        let is_unread = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is_here = fields.get(1).is_some_and(|local| local.ends_with(&port));
            is_here
                && !fields
                    .get(4)
                    .is_some_and(|bytes| bytes.ends_with(":00000000"))
        };
        if !sockets.lines().any(is_unread) {
            return;
        }
    }
}

/// Sends a text over a connection of its own. Returns the response, if there is one.
pub(crate) fn send_once(address: SocketAddr, text: &str) -> Option<String> {
    let mut client = Client::connect(address)?;
    client.send(text)?;
    client.receive()
}

/// Returns texts that are not requests.
pub(crate) fn malformed() -> Vec<String> {
    let deep = |open: &str, close: &str, levels: usize| open.repeat(levels) + &close.repeat(levels);
    let request = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"cairnBucket_v1_list","params":{params}}}"#)
    };
    vec![
        String::new(),
        " ".repeat(1 << 20),
        "null".into(),
        "{}".into(),
        "[]".into(),
        "{\"jsonrpc\":\"2.0\"".into(),
        "\u{0}\u{1}\u{2}".into(),
        "[1,2,3]".into(),
        request("\"text\""),
        request("{\"after\":{}}"),
        request(r#"[-1]"#),
        request(r#"["0xzz"]"#),
        request(r#"[1e400]"#),
        request(&deep("[", "]", 100_000)),
        deep("[", "]", 500_000),
        deep("{\"a\":", "}", 100_000),
        r#"{"jsonrpc":"2.0","id":1,"method":"cairnBucket_v1_nothing"}"#.into(),
        r#"{"jsonrpc":"1.0","id":{"a":1},"method":"cairnBucket_v1_list"}"#.into(),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"{}"}}"#,
            "m".repeat(1 << 20)
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":"{}","method":"x"}}"#,
            "i".repeat(1 << 19)
        ),
        // Above the maximum size of a request.
        request(&format!("[\"{}\"]", "a".repeat(5 << 20))),
    ]
}

/// Returns valid requests for things that do not exist, or for too much.
pub(crate) fn extremes(bucket: u64) -> Vec<(&'static str, Value)> {
    let most = "0xffffffffffffffff";
    let root = format!("0x{}", "ab".repeat(32));
    let mut all = Vec::new();
    for of in [json!(most), json!(4_711)] {
        all.extend([
            ("cairnBucket_v1_info", json!([of])),
            ("cairnBucket_v1_commitment", json!([of])),
            ("cairnBucket_v1_checkpointSignature", json!([of, 1])),
            ("cairnBucket_v1_peaks", json!([of])),
            ("cairnBucket_v1_leaf", json!([of, 0])),
            ("cairnBucket_v1_mmrProof", json!([of, 0])),
            ("cairnBucket_v1_chunkProof", json!([of, 0, 0])),
            ("cairnBucket_v1_challengeResponse", json!([of, 0, 0])),
            ("cairnBucket_v1_generateProof", json!([of, [0]])),
            ("cairnBucket_v1_ancestryProof", json!([of, 1])),
            ("cairnBucket_v1_missingNodes", json!([of, [root]])),
            ("cairnBucket_v1_fetchNodes", json!([of, [root]])),
            ("cairnWrite_v1_putNode", json!([of, root, root, root])),
            ("cairnWrite_v1_putChunk", json!([of, root, "0x00"])),
            (
                "cairnWrite_v1_commit",
                json!([of, [{ "dataRoot": root, "dataSize": most }]]),
            ),
            ("cairnWrite_v1_deletionPayload", json!([of, most])),
            ("cairnWrite_v1_deleteBucket", json!([of])),
            ("cairnBucket_v1_subscribeCommitments", json!([of])),
            ("cairnProvider_v1_heldState", json!([of, most])),
        ]);
    }
    let indices: Vec<u64> = (0..100_000).collect();
    let hashes = vec![&root; 20_000];
    all.extend([
        ("cairnBucket_v1_list", json!([null, u32::MAX])),
        ("cairnBucket_v1_checkpointSignature", json!([bucket, most])),
        ("cairnBucket_v1_checkpointSignature", json!([bucket, 0])),
        (
            "cairnBucket_v1_peaks",
            json!([bucket, { "leafCount": most }]),
        ),
        (
            "cairnBucket_v1_peaks",
            json!([bucket, { "leafCount": 1u64 << 61 }]),
        ),
        (
            "cairnBucket_v1_peaks",
            json!([bucket, { "root": root, "startSeq": most }]),
        ),
        ("cairnBucket_v1_leaf", json!([bucket, most])),
        ("cairnBucket_v1_mmrProof", json!([bucket, most])),
        ("cairnBucket_v1_chunkProof", json!([bucket, most, most])),
        ("cairnBucket_v1_challengeResponse", json!([bucket, most, 0])),
        (
            "cairnBucket_v1_challengeResponse",
            json!([bucket, 0, 0, { "root": root }]),
        ),
        ("cairnBucket_v1_generateProof", json!([bucket, [most]])),
        ("cairnBucket_v1_generateProof", json!([bucket, []])),
        ("cairnBucket_v1_generateProof", json!([bucket, indices])),
        ("cairnBucket_v1_ancestryProof", json!([bucket, most])),
        ("cairnBucket_v1_missingNodes", json!([bucket, hashes])),
        ("cairnBucket_v1_fetchNodes", json!([bucket, hashes])),
        (
            "cairnBucket_v1_verifyProof",
            json!([bucket, { "blockHash": root, "leaves": "0x", "proof": "0x" }]),
        ),
        (
            "cairnWrite_v1_putChunk",
            json!([bucket, root, format!("0x{}", "00".repeat(262_145))]),
        ),
        ("cairnWrite_v1_putNode", json!([bucket, root, root, root])),
        (
            "cairnWrite_v1_commit",
            json!([bucket, [{ "dataRoot": root, "dataSize": most }]]),
        ),
        ("cairnWrite_v1_commit", json!([bucket, []])),
        ("cairnWrite_v1_createBucket", json!([bucket])),
        ("cairnWrite_v1_deleteBucket", json!([bucket])),
        ("cairnWrite_v1_deletionPayload", json!([bucket, most])),
        (
            "cairnWrite_v1_pruneBucket",
            json!([bucket, most, {
                "admin": root, "signature": "0x", "leafCount": most,
            }]),
        ),
        ("cairnWrite_v1_exportBucket", json!([bucket, "relative"])),
        ("cairnProvider_v1_signCheckpoint", json!(["0xff"])),
    ]);
    all
}

/// Returns one message with many requests.
pub(crate) fn batch_bomb(request: String, times: usize) -> String {
    format!("[{}]", vec![request; times].join(","))
}
