//! Chunks that are stored at a provider and at a file server, and read back from both.

use super::CONNECTIONS;
use super::clients::{Client, Request, Sent, connect, send_all};
use super::fixture::{LOADED, put_header};
use crate::Fallible;
use crate::data::random_bytes;
use crate::stats::Samples;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{H256, HashingProfile};
use hyper::body::Bytes;
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The chunks that one `/read` answers with: 4 MiB.
pub(super) const WINDOW: usize = 16;

/// The number of the random content.
const STREAM: u64 = 19;

/// The chunks of one round, and the requests that store and read them.
pub(super) struct Chunks {
    hashes: Vec<H256>,
    to_cairn: Vec<Request>,
    to_files: Vec<Request>,
    from_cairn: Vec<Request>,
    from_files: Vec<Request>,
}

/// Returns the body that stores content at a provider.
pub(super) fn put_body(hash: H256, data: &[u8], children: &Value) -> Bytes {
    let body = json!({
        "bucket_id": LOADED,
        "hash": format!("{hash:?}"),
        "data": STANDARD.encode(data),
        "children": children,
    });
    Bytes::from(body.to_string())
}

impl Chunks {
    /// Makes the chunks of a round, which no other round has.
    pub(super) fn make(round: usize, count: usize) -> Fallible<Self> {
        let header = put_header()?;
        let mut chunk = random_bytes(STREAM, CHUNK_BYTES);
        let mut all = Self {
            hashes: Vec::new(),
            to_cairn: Vec::new(),
            to_files: Vec::new(),
            from_cairn: Vec::new(),
            from_files: Vec::new(),
        };
        for number in 0..count {
            // A different chunk each time, without generating random bytes.
            let mark = (u64::try_from(round)? << 32) | u64::try_from(number)?;
            if let Some(start) = chunk.first_chunk_mut() {
                *start = mark.to_le_bytes();
            }
            let hash = HashingProfile::Plain.chunk(&chunk);
            let body = put_body(hash, &chunk, &Value::Null);
            all.to_cairn.push(Request::put("/node", &header, body));
            let file = format!("/{hash:?}");
            let body = Bytes::from(chunk.clone());
            all.to_files.push(Request::put(&file, &header, body));
            all.from_cairn
                .push(Request::get(format!("/node?hash={hash:?}")));
            all.from_files.push(Request::get(file));
            all.hashes.push(hash);
        }
        Ok(all)
    }
}

/// A comparison of the two servers, in chunks a second.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) cairn: Sent,
    pub(super) files: Sent,
    /// The rate of Cairn over that of the file server, for each round.
    pub(super) ratios: Samples,
}

impl Compared {
    fn add(&mut self, (cairn, files): (Sent, Sent)) {
        self.ratios.push(cairn.rate() / files.rate());
        self.cairn.add(cairn);
        self.files.add(files);
    }
}

/// The results of all rounds.
#[derive(Default)]
pub(super) struct Exchange {
    pub(super) upload: Compared,
    pub(super) read: Compared,
    pub(super) window: Compared,
}

/// The results of one round, each of Cairn and of the file server.
pub(super) struct Round {
    upload: (Sent, Sent),
    read: (Sent, Sent),
    window: (Sent, Sent),
}

impl Exchange {
    pub(super) fn add(&mut self, round: Round) {
        self.upload.add(round.upload);
        self.read.add(round.read);
        self.window.add(round.window);
    }
}

/// The connections to both servers, and which of them is asked first.
struct Clients {
    cairn: Vec<Client>,
    files: Vec<Client>,
    is_cairn_first: bool,
}

impl Clients {
    /// Sends requests to both servers, one after the other.
    async fn send(&mut self, to_cairn: &[Request], to_files: &[Request]) -> Fallible<(Sent, Sent)> {
        if self.is_cairn_first {
            let cairn = send_all(&mut self.cairn, to_cairn).await?;
            return Ok((cairn, send_all(&mut self.files, to_files).await?));
        }
        let files = send_all(&mut self.files, to_files).await?;
        Ok((send_all(&mut self.cairn, to_cairn).await?, files))
    }
}

/// Stores chunks at both servers, and reads them back.
pub(super) async fn run_round(
    (cairn, files): (SocketAddr, SocketAddr),
    chunks: &Chunks,
    is_cairn_first: bool,
) -> Fallible<Round> {
    let mut clients = Clients {
        cairn: connect(cairn, CONNECTIONS).await?,
        files: connect(files, CONNECTIONS).await?,
        is_cairn_first,
    };
    let upload = clients.send(&chunks.to_cairn, &chunks.to_files).await?;
    let read = clients.send(&chunks.from_cairn, &chunks.from_files).await?;
    let mut windows = Vec::new();
    for hashes in chunks.hashes.chunks_exact(WINDOW) {
        let root = store_tree(&mut clients.cairn, hashes).await?;
        let length = WINDOW * CHUNK_BYTES;
        let path = format!("/read?data_root={root:?}&offset=0&length={length}");
        windows.push(Request::get(path));
    }
    let mut window = clients.send(&windows, &chunks.from_files).await?;
    window.0.count = window.0.count.saturating_mul(WINDOW);
    Ok(Round {
        upload,
        read,
        window,
    })
}

/// Stores the nodes above chunks, whose number is a power of two, and returns their root.
async fn store_tree(clients: &mut [Client], chunks: &[H256]) -> Fallible<H256> {
    let header = put_header()?;
    let mut level = chunks.to_vec();
    while level.len() > 1 {
        let (mut above, mut requests) = (Vec::new(), Vec::new());
        for pair in level.chunks_exact(2) {
            let [left, right] = pair else { continue };
            let node = HashingProfile::Plain.node(left, right);
            let children = json!([format!("{left:?}"), format!("{right:?}")]);
            let body = put_body(node, &[left.0, right.0].concat(), &children);
            requests.push(Request::put("/node", &header, body));
            above.push(node);
        }
        send_all(clients, &requests).await?;
        level = above;
    }
    level.first().copied().ok_or_else(|| "no chunks".into())
}
