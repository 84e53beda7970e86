//! Downloads a leaf's content from a provider: its chunk tree from the root down, every
//! node checked against its hash in the parent.
//!
//! ```text
//! data root ─► nodes ─► … ─► some chunks at once ─► written in order
//! ```
//!
//! Memory does not grow with the content: it holds a few chunks, and the siblings on the
//! path to them.

use super::{Client, Connection, MAX_IN_FLIGHT, RESPONSE_TIMEOUT};
use crate::failure::Failure;
use crate::remote_error::RemoteError;
use cairn_primitives::chunk_tree::{self, padding};
use cairn_primitives::{BucketId, ChunkIndex, H256, HashingProfile, MmrLeaf};
use cairn_rpc_api::{BucketApiClient, FetchedNodes, NodeContent, U64OrHex};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Chunks per request: as many as a response of 1.5 MiB holds.
const CHUNKS_PER_REQUEST: usize = 6;
/// Chunks in memory at once.
const MAX_CHUNKS_IN_MEMORY: usize = 24;
/// Interior nodes per request.
const NODES_PER_REQUEST: usize = 64;

/// A node still to visit.
#[derive(Clone, Copy)]
struct PendingNode {
    hash: H256,
    /// Levels above the chunks.
    height: u32,
    /// The first chunk under it.
    first: u64,
}

impl Client {
    /// Calls `write` with each chunk of a leaf's content, in order, after checking the chunk
    /// against the leaf's data root.
    pub(crate) fn download_content(
        &self,
        bucket: BucketId,
        profile: HashingProfile,
        leaf: &MmrLeaf,
        write: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let root = PendingNode {
            hash: leaf.data_root,
            height: chunk_tree::depth(leaf.data_size),
            first: 0,
        };
        let walk = ContentWalk {
            client: self,
            bucket,
            profile,
            size: leaf.data_size,
        };
        let mut ahead = VecDeque::from([root]);
        while let Some(next) = ahead.front() {
            if next.height > 0 {
                walk.expand(&mut ahead)?;
                continue;
            }
            let is_chunk = |node: &&PendingNode| node.height == 0;
            let run = ahead.iter().take_while(is_chunk).take(MAX_CHUNKS_IN_MEMORY);
            let chunks: Vec<_> = ahead.drain(..run.count()).collect();
            let content = walk.fetch(&chunks)?;
            for chunk in &chunks {
                write(&walk.chunk(chunk, &content)?)?;
            }
        }
        Ok(())
    }
}

struct ContentWalk<'c> {
    client: &'c Client,
    bucket: BucketId,
    profile: HashingProfile,
    size: u64,
}

impl ContentWalk<'_> {
    /// Replaces the leftmost interior nodes by their children.
    fn expand(&self, ahead: &mut VecDeque<PendingNode>) -> Result<(), RemoteError> {
        let is_interior = |node: &&PendingNode| node.height > 0;
        let leftmost = ahead.iter().filter(is_interior).take(NODES_PER_REQUEST);
        let content = self.fetch(&leftmost.copied().collect::<Vec<_>>())?;
        let mut expanded = VecDeque::with_capacity(ahead.len().saturating_add(NODES_PER_REQUEST));
        for node in ahead.drain(..) {
            match (node.height.checked_sub(1), content.get(&node.hash)) {
                (Some(below), Some(content)) => {
                    let children = self.children(&node, content)?;
                    let half = 1u64.checked_shl(below).unwrap_or(u64::MAX);
                    let firsts = [node.first, node.first.saturating_add(half)];
                    for (hash, first) in children.into_iter().zip(firsts) {
                        let child = PendingNode {
                            hash,
                            height: below,
                            first,
                        };
                        if self.holds_content(&child)? {
                            expanded.push_back(child);
                        }
                    }
                }
                _ => expanded.push_back(node),
            }
        }
        *ahead = expanded;
        Ok(())
    }

    /// Returns true if there is content under a node, and false if there is only padding.
    fn holds_content(&self, node: &PendingNode) -> Result<bool, RemoteError> {
        if node.first < chunk_tree::chunk_count(self.size) {
            return Ok(true);
        }
        if node.hash == padding(self.profile, node.height) {
            return Ok(false);
        }
        let reason = format!("its chunk tree is not one of {} bytes", self.size);
        Err(self.client.false_answer(reason))
    }

    fn children(
        &self,
        node: &PendingNode,
        content: &NodeContent,
    ) -> Result<[H256; 2], RemoteError> {
        let children = match content {
            NodeContent::Node(children) => Some(*children),
            // With plain hashing, a chunk that consists of two hashes is a node, too.
            NodeContent::Chunk(bytes) => match bytes.0.split_at_checked(32) {
                Some((left, right)) if right.len() == 32 => {
                    Some([H256::from_slice(left), H256::from_slice(right)])
                }
                _ => None,
            },
        };
        children
            .filter(|[left, right]| self.profile.node(left, right) == node.hash)
            .ok_or_else(|| self.hash_mismatch(node))
    }

    /// Returns a chunk's bytes.
    fn chunk(
        &self,
        chunk: &PendingNode,
        content: &HashMap<H256, NodeContent>,
    ) -> Result<Vec<u8>, RemoteError> {
        let bytes = match content.get(&chunk.hash) {
            Some(NodeContent::Chunk(bytes)) => Some(bytes.0.clone()),
            Some(NodeContent::Node([left, right])) => Some([left.0, right.0].concat()),
            None => None,
        };
        let length = chunk_tree::chunk_len(ChunkIndex(chunk.first), self.size);
        bytes
            .filter(|bytes| self.profile.chunk(bytes) == chunk.hash && Some(bytes.len()) == length)
            .ok_or_else(|| self.hash_mismatch(chunk))
    }

    fn hash_mismatch(&self, node: &PendingNode) -> RemoteError {
        let hash = node.hash;
        self.client
            .false_answer(format!("its content for {hash:?} does not match that hash"))
    }

    /// Fetches nodes, unchecked.
    fn fetch(&self, nodes: &[PendingNode]) -> Result<HashMap<H256, NodeContent>, RemoteError> {
        let mut seen = HashSet::new();
        let hashes: Vec<_> = nodes
            .iter()
            .filter(|node| seen.insert(node.hash))
            .map(|node| (node.hash, node.height))
            .collect();
        // A response holds few chunks, but all nodes of a request.
        let at_once = match hashes.first() {
            Some((_, 0)) => CHUNKS_PER_REQUEST,
            _ => NODES_PER_REQUEST,
        };
        let connection = &self.client.connection;
        let groups = hashes
            .chunks(at_once)
            .map(|group| group.iter().map(|(hash, _)| *hash).collect::<Vec<_>>());
        let fetched = stream::iter(groups)
            .map(|group| connection.fetch(self.bucket, group))
            .buffer_unordered(MAX_IN_FLIGHT)
            .try_concat();
        self.client.block_on(fetched)
    }
}

impl Connection {
    /// Fetches the content of each of these hashes, with further requests until it has all.
    async fn fetch(
        &self,
        bucket: BucketId,
        mut hashes: Vec<H256>,
    ) -> Result<HashMap<H256, NodeContent>, RemoteError> {
        let mut found = HashMap::with_capacity(hashes.len());
        while !hashes.is_empty() {
            let question = |rpc: Arc<_>| {
                let hashes = hashes.clone();
                async move { BucketApiClient::fetch_nodes(&*rpc, U64OrHex(bucket.0), hashes).await }
            };
            let FetchedNodes { nodes, missing, .. } =
                self.request(RESPONSE_TIMEOUT, question).await?;
            if let Some(hash) = missing.first() {
                let reason = format!("it does not have {hash:?} of the leaf's content");
                return Err(self.false_answer(reason));
            }
            let asked = hashes.len();
            let mut nodes: HashMap<_, _> = nodes.into_iter().collect();
            hashes.retain(|hash| match nodes.remove(hash) {
                Some(content) => {
                    found.insert(*hash, content);
                    false
                }
                None => true,
            });
            if hashes.len() == asked {
                return Err(self.false_answer("it returns none of the requested content"));
            }
        }
        Ok(found)
    }
}
