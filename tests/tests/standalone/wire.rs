//! A JSON-RPC client of our own, over a bare socket: what is sent need not be
//! what a library would send. WebSocket by RFC 6455, as far as it is needed.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take until the test fails: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A WebSocket.
pub(crate) struct Client {
    stream: TcpStream,
    id: u64,
}

impl Client {
    /// Connects; `None` where it is hung up on.
    pub(crate) fn connect(address: SocketAddr) -> Option<Self> {
        Self::connect_with(address, &[])
    }

    /// The same with headers.
    pub(crate) fn connect_with(address: SocketAddr, headers: &[(&str, &str)]) -> Option<Self> {
        Self::over(TcpStream::connect(address).ok()?, headers)
    }

    /// The same over a socket that is connected.
    pub(crate) fn over(mut stream: TcpStream, headers: &[(&str, &str)]) -> Option<Self> {
        let address = stream.peer_addr().ok()?;
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        // The key is the RFC's own example; nobody but proxies cares for it.
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        )
        .ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        head.starts_with(b"HTTP/1.1 101")
            .then_some(Self { stream, id: 0 })
    }

    /// Asks, and waits for the answer, whatever it is. News of a subscription
    /// that come before it are lost.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        self.try_ask(method, params).expect("the provider hung up")
    }

    /// The same; `None` where it hangs up.
    pub(crate) fn try_ask(&mut self, method: &str, params: Value) -> Option<Value> {
        self.id += 1;
        let id = self.id;
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&request.to_string())?;
        loop {
            let answer: Value = serde_json::from_str(&self.receive()?).unwrap();
            if answer["id"] == json!(id) {
                return Some(answer);
            }
        }
    }

    /// Sends a text as it is.
    pub(crate) fn send(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(&frame(text)).ok()
    }

    /// Sends without waiting for longer than so; whether all was taken.
    pub(crate) fn push(&mut self, bytes: &[u8], within: Duration) -> bool {
        self.stream.set_write_timeout(Some(within)).unwrap();
        self.stream.write_all(bytes).is_ok()
    }

    /// The next text; pings are answered.
    pub(crate) fn receive(&mut self) -> Option<String> {
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).ok()?;
            let length = match head[1] & 0x7f {
                126 => {
                    let mut bytes = [0; 2];
                    self.stream.read_exact(&mut bytes).ok()?;
                    u64::from(u16::from_be_bytes(bytes))
                }
                127 => {
                    let mut bytes = [0; 8];
                    self.stream.read_exact(&mut bytes).ok()?;
                    u64::from_be_bytes(bytes)
                }
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut payload).ok()?;
            match head[0] & 0x0f {
                1 => return String::from_utf8(payload).ok(),
                // A ping, and its pong under a key of zeros.
                9 => self.stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).ok()?,
                8 => return None,
                _ => {}
            }
        }
    }
}

/// A text as a frame, masked with zeros.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut frame = vec![0x81];
    match bytes.len() {
        short @ 0..=125 => frame.push(0x80 | short as u8),
        middle @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((middle as u16).to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(bytes);
    frame
}

/// One request over HTTP: its status, and what comes with it.
pub(crate) fn http(
    address: SocketAddr,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
