//! JSON-RPC requests over HTTP, which the node's server accepts as well as WebSocket.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Returns a node's result for a request to its `ws://` address; `None` without an answer.
pub(crate) fn ask(url: &str, method: &str, params: Value) -> Option<Value> {
    answer(url, method, params)?.get("result").cloned()
}

/// Returns a node's error for a request.
pub(crate) fn ask_in_vain(url: &str, method: &str, params: Value) -> Option<Value> {
    answer(url, method, params)?.get("error").cloned()
}

fn answer(url: &str, method: &str, params: Value) -> Option<Value> {
    let address = url
        .strip_prefix("ws://")
        .expect("the address of a WebSocket");
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}
