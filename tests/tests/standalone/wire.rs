//! A JSON-RPC client over a bare socket, which can send messages that no library would send.
//! It implements the part of RFC 6455 that the tests need.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The time limit for a response, far longer than it takes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// A WebSocket.
pub(crate) struct Client {
    stream: TcpStream,
    id: u64,
}

impl Client {
    /// Connects; `None` if the server disconnects.
    pub(crate) fn connect(address: SocketAddr) -> Option<Self> {
        Self::connect_with(address, &[])
    }

    /// Connects with headers.
    pub(crate) fn connect_with(address: SocketAddr, headers: &[(&str, &str)]) -> Option<Self> {
        Self::from_socket(TcpStream::connect(address).ok()?, headers)
    }

    /// Upgrades a connected socket.
    pub(crate) fn from_socket(mut stream: TcpStream, headers: &[(&str, &str)]) -> Option<Self> {
        let address = stream.peer_addr().ok()?;
        let headers: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        stream.set_read_timeout(Some(RESPONSE_TIMEOUT)).ok()?;
        stream.set_nodelay(true).ok()?;
        // The key is the example of the RFC; only proxies use it.
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

    /// Sends a request, and waits for the response. Notifications before it are lost.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        self.try_request(method, params)
            .expect("the provider hung up")
    }

    /// Sends a request; `None` if the server disconnects.
    pub(crate) fn try_request(&mut self, method: &str, params: Value) -> Option<Value> {
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

    /// Sends a text unchanged.
    pub(crate) fn send(&mut self, text: &str) -> Option<()> {
        self.stream.write_all(&frame(text)).ok()
    }

    /// Sends within a time limit. Returns true if everything was sent.
    pub(crate) fn try_send(&mut self, bytes: &[u8], within: Duration) -> bool {
        self.stream.set_write_timeout(Some(within)).unwrap();
        self.stream.write_all(bytes).is_ok()
    }

    /// Receives the next text, and answers pings.
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
                // A ping; its pong is masked with zeros.
                9 => self.stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).ok()?,
                8 => return None,
                _ => {}
            }
        }
    }
}

/// Encodes a text as a frame, masked with zeros.
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

/// Sends an HTTP request. Returns the status and the body.
pub(crate) fn http(
    address: SocketAddr,
    request: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT)).unwrap();
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
