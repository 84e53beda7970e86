//! A model of today's provider: its database, and its routes that read.
//!
//! It computes trees and proofs by itself, by splitting; nothing of Cairn is in it but the writer of
//! the database, which the importer does not share.

use crate::writer::{Era, Node, State, Writer};
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{H256, MmrLeaf};
use codec::Encode;
use serde_json::{Value, json};
use sp_core::{Pair, sr25519};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const CHUNK: usize = 262_144;

/// Content of a leaf.
#[derive(Clone, Debug)]
pub(crate) struct Content(pub(crate) Vec<u8>);

impl Content {
    pub(crate) fn new(bucket: u64, number: u64, size: usize) -> Self {
        let mut state = bucket * 1_000 + number + 1;
        let bytes = (0..size).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        Self(bytes.collect())
    }
}

/// A bucket as the script knows it: its content, in the order of its leaves.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) id: u64,
    pub(crate) leaves: Vec<(H256, Content)>,
}

#[derive(Default)]
struct Held {
    nodes: HashMap<H256, Node>,
    leaves: BTreeMap<u64, Vec<(MmrLeaf, Content)>>,
}

/// The database with its content in memory too.
pub(crate) struct Database {
    era: Era,
    writer: Mutex<Writer>,
    held: Mutex<Held>,
}

impl Database {
    pub(crate) fn create(path: &Path, era: Era) -> Self {
        Self {
            era,
            writer: Mutex::new(Writer::create(path, era)),
            held: Mutex::default(),
        }
    }

    /// Stores content and commits it.
    pub(crate) fn commit(&self, bucket: u64, content: Content) {
        let writer = self.writer.lock().unwrap();
        let mut held = self.held.lock().unwrap();
        let mut level: Vec<H256> = Vec::new();
        for chunk in content.0.chunks(CHUNK) {
            let node = Node::Chunk(chunk.to_vec());
            level.push(writer.node(&node));
            held.nodes.insert(self.era.hash(&node), node);
        }
        level.resize(level.len().next_power_of_two(), H256::zero());
        while level.len() > 1 {
            let pairs = level.chunks(2).map(|pair| Node::Interior(pair[0], pair[1]));
            let nodes: Vec<Node> = pairs.collect();
            level = nodes.iter().map(|node| writer.node(node)).collect();
            let hashed = level.iter().copied().zip(nodes);
            held.nodes.extend(hashed);
        }
        let data_size = content.0.len() as u64;
        let leaves = held.leaves.entry(bucket).or_default();
        let before = leaves.last().map_or(0, |(leaf, _)| leaf.total_size);
        let leaf = MmrLeaf {
            data_root: level[0],
            data_size,
            total_size: before + data_size,
        };
        leaves.push((leaf, content));
        let leaves: Vec<MmrLeaf> = leaves.iter().map(|(leaf, _)| *leaf).collect();
        let state = State {
            mmr_root: self.era.root(&leaves),
            start_seq: 0,
            leaves,
            used_bytes: 1,
            max_bytes: 1 << 40,
        };
        writer.state(bucket, &state);
    }

    /// Returns what clients of some buckets know.
    pub(crate) fn buckets(&self, ids: &[u64]) -> Vec<Bucket> {
        let held = self.held.lock().unwrap();
        let of = |id: &u64| {
            let leaves = held.leaves.get(id).into_iter().flatten();
            let known = leaves.map(|(leaf, content)| (leaf.data_root, content.clone()));
            Bucket {
                id: *id,
                leaves: known.collect(),
            }
        };
        ids.iter().map(of).collect()
    }

    fn leaves(&self, bucket: u64) -> Option<Vec<MmrLeaf>> {
        let held = self.held.lock().unwrap();
        let leaves = held.leaves.get(&bucket)?;
        Some(leaves.iter().map(|(leaf, _)| *leaf).collect())
    }

    fn node(&self, hash: &H256) -> Option<Node> {
        self.held.lock().unwrap().nodes.get(hash).cloned()
    }

    /// Returns the mountains of a tree, each as its leaves.
    fn mountains(leaves: &[MmrLeaf]) -> Vec<&[MmrLeaf]> {
        let (mut rest, mut all) = (leaves, Vec::new());
        while let Some(bits) = rest.len().checked_ilog2() {
            let (mountain, after) = rest.split_at(1 << bits);
            all.push(mountain);
            rest = after;
        }
        all
    }

    /// Returns the siblings and turns from a leaf up to its mountain's peak.
    fn path(&self, mountain: &[MmrLeaf], index: usize) -> (Vec<H256>, Vec<bool>) {
        if mountain.len() == 1 {
            return (Vec::new(), Vec::new());
        }
        let (left, right) = mountain.split_at(mountain.len() / 2);
        let is_right = index >= left.len();
        let (own, other) = if is_right {
            (right, left)
        } else {
            (left, right)
        };
        let (mut siblings, mut turns) = self.path(own, index % left.len());
        // A mountain's root is its peak.
        siblings.push(self.era.root(other));
        turns.push(is_right);
        (siblings, turns)
    }

    /// Returns a chunk under a data root with its path from below, by walking down.
    fn chunk(&self, root: H256, index: u64) -> Option<(Vec<u8>, Vec<H256>, Vec<bool>)> {
        let depth = self.depth(root)?;
        let (mut at, mut siblings, mut turns) = (root, Vec::new(), Vec::new());
        if index >> depth != 0 {
            return None;
        }
        for level in (0..depth).rev() {
            let Some(Node::Interior(left, right)) = self.node(&at) else {
                return None;
            };
            let is_right = index >> level & 1 == 1;
            let (next, other) = if is_right {
                (right, left)
            } else {
                (left, right)
            };
            siblings.insert(0, other);
            turns.insert(0, is_right);
            at = next;
        }
        match self.node(&at)? {
            Node::Chunk(bytes) => Some((bytes, siblings, turns)),
            Node::Interior(..) => None,
        }
    }

    fn depth(&self, root: H256) -> Option<u32> {
        match self.node(&root)? {
            Node::Chunk(_) => Some(0),
            Node::Interior(left, _) => Some(self.depth(left)? + 1),
        }
    }
}

fn text(hash: &H256) -> String {
    format!("0x{}", hex::encode(hash))
}

fn texts(hashes: &[H256]) -> Vec<String> {
    hashes.iter().map(text).collect()
}

fn hash_in(text: &str) -> H256 {
    H256::from_slice(&hex::decode(text.trim_start_matches("0x")).unwrap())
}

type Answer = Result<Json<Value>, (StatusCode, Json<Value>)>;
type Asked = Query<HashMap<String, String>>;

fn not_found(error: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::NOT_FOUND, Json(json!({ "error": error })))
}

fn number(query: &Asked, name: &str) -> u64 {
    query[name].parse().unwrap()
}

async fn commitment(Shared(database): Shared<Arc<Database>>, query: Asked) -> Answer {
    let bucket = number(&query, "bucket_id");
    let leaves = database.leaves(bucket);
    let leaves = leaves.ok_or_else(|| not_found("bucket_not_found"))?;
    let root = database.era.root(&leaves);
    let count = leaves.len() as u64;
    let payload = (1u8, bucket, root, 0u64, count).encode();
    let signature = sr25519::Pair::from_string("//Alice", None)
        .unwrap()
        .sign(&payload);
    let signature = format!("0x01{}", hex::encode(signature.0));
    Ok(Json(json!({
        "bucket_id": bucket,
        "mmr_root": text(&root),
        "start_seq": 0,
        "leaf_count": count,
        "provider_signature": signature,
    })))
}

async fn peaks(Shared(database): Shared<Arc<Database>>, query: Asked) -> Answer {
    let bucket = number(&query, "bucket_id");
    let leaves = database.leaves(bucket);
    let leaves = leaves.ok_or_else(|| not_found("bucket_not_found"))?;
    let root = text(&database.era.root(&leaves));
    let peaks = peaks_of(&database, &leaves);
    Ok(Json(
        json!({ "bucket_id": bucket, "mmr_root": root, "peaks": texts(&peaks) }),
    ))
}

fn peaks_of(database: &Database, leaves: &[MmrLeaf]) -> Vec<H256> {
    let mountains = Database::mountains(leaves).into_iter();
    mountains.map(|one| database.era.root(one)).collect()
}

async fn mmr_proof(Shared(database): Shared<Arc<Database>>, query: Asked) -> Answer {
    let leaves = database.leaves(number(&query, "bucket_id"));
    let leaves = leaves.ok_or_else(|| not_found("bucket_not_found"))?;
    let index = number(&query, "leaf_index") as usize;
    let leaf = *leaves.get(index).ok_or_else(|| not_found("not_found"))?;
    let mut within = index;
    let mut found = None;
    for mountain in Database::mountains(&leaves) {
        if within < mountain.len() {
            found = Some(database.path(mountain, within));
            break;
        }
        within -= mountain.len();
    }
    let (siblings, path) = found.unwrap();
    Ok(Json(json!({
        "leaf": {
            "data_root": text(&leaf.data_root),
            "data_size": leaf.data_size,
            "total_size": leaf.total_size,
        },
        "proof": {
            "peaks": texts(&peaks_of(&database, &leaves)),
            "siblings": texts(&siblings),
            "path": path,
        },
    })))
}

async fn chunk_proof(Shared(database): Shared<Arc<Database>>, query: Asked) -> Answer {
    let root = hash_in(&query["data_root"]);
    let found = database.chunk(root, number(&query, "chunk_index"));
    let (bytes, siblings, path) = found.ok_or_else(|| not_found("not_found"))?;
    let hash = database.era.hash(&Node::Chunk(bytes.clone()));
    Ok(Json(json!({
        "chunk_hash": text(&hash),
        "chunk_data": STANDARD.encode(bytes),
        "proof": { "siblings": texts(&siblings), "path": path },
    })))
}

async fn read(Shared(database): Shared<Arc<Database>>, query: Asked) -> Json<Value> {
    let root = hash_in(&query["data_root"]);
    let (offset, length) = (number(&query, "offset"), number(&query, "length"));
    let chunks = offset / CHUNK as u64..(offset + length).div_ceil(CHUNK as u64);
    let found = chunks.map_while(|index| database.chunk(root, index));
    let chunks: Vec<Value> = found
        .map(|(bytes, siblings, _)| {
            let hash = database.era.hash(&Node::Chunk(bytes.clone()));
            json!({
                "hash": text(&hash),
                "data": STANDARD.encode(bytes),
                "proof": texts(&siblings),
            })
        })
        .collect();
    Json(json!({ "chunks": chunks }))
}

fn node_json(hash: &str, node: &Node) -> Value {
    let (data, children) = match node {
        Node::Chunk(bytes) => (bytes.clone(), None),
        Node::Interior(left, right) => {
            let children = texts(&[*left, *right]);
            ([left.0, right.0].concat(), Some(children))
        }
    };
    json!({ "hash": hash, "data": STANDARD.encode(data), "children": children })
}

async fn node(Shared(database): Shared<Arc<Database>>, query: Asked) -> Answer {
    let hash = &query["hash"];
    let found = database.node(&hash_in(hash));
    let found = found.ok_or_else(|| not_found("not_found"))?;
    Ok(Json(node_json(hash, &found)))
}

fn hashes(body: &Value) -> Vec<String> {
    serde_json::from_value(body["hashes"].clone()).unwrap()
}

async fn exists(Shared(database): Shared<Arc<Database>>, Json(body): Json<Value>) -> Json<Value> {
    let is_held = |hash: &String| database.node(&hash_in(hash)).is_some();
    let (exists, missing): (Vec<_>, Vec<_>) = hashes(&body).into_iter().partition(is_held);
    Json(json!({ "exists": exists, "missing": missing }))
}

async fn fetch_nodes(
    Shared(database): Shared<Arc<Database>>,
    Json(body): Json<Value>,
) -> Json<Value> {
    let nodes = hashes(&body).into_iter().filter_map(|hash| {
        let found = database.node(&hash_in(&hash))?;
        Some(node_json(&hash, &found))
    });
    Json(json!({ "nodes": nodes.collect::<Vec<_>>() }))
}

/// The model, listening.
pub(crate) struct OldProvider {
    port: u16,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl OldProvider {
    pub(crate) async fn start(database: Arc<Database>) -> Self {
        let router = Router::new()
            .route("/commitment", get(commitment))
            .route("/checkpoint-signature", get(commitment))
            .route("/mmr_peaks", get(peaks))
            .route("/mmr_proof", get(mmr_proof))
            .route("/chunk_proof", get(chunk_proof))
            .route("/read", get(read))
            .route("/node", get(node))
            .route("/exists", post(exists))
            .route("/fetch_nodes", post(fetch_nodes))
            .with_state(database);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            let serving = axum::serve(socket, router).with_graceful_shutdown(until);
            serving.await.unwrap();
        });
        Self { port, stop, served }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Stops it. Returns its port, which is free.
    pub(crate) async fn stop(self) -> u16 {
        let _ = self.stop.send(());
        self.served.await.unwrap();
        self.port
    }
}
