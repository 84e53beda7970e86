//! Content of this run, its chunks, and the nodes above them as clients build them.

use crate::fields::hex0;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{H256, HashingProfile};
use serde_json::{Value, json};

/// The bytes of a full chunk.
pub(crate) const CHUNK: usize = 262_144;

/// The hashing that is deployed.
pub(crate) const PLAIN: HashingProfile = HashingProfile::Plain;

/// Returns bytes that no other run and no other name has.
pub(crate) fn bytes(run: u64, name: &str, length: usize) -> Vec<u8> {
    let seed = PLAIN.chunk(format!("{run}:{name}").as_bytes());
    let mut state = seed
        .as_bytes()
        .iter()
        .fold(1u64, |all, byte| all.rotate_left(9) ^ u64::from(*byte));
    let mut filled = Vec::with_capacity(length.saturating_add(8));
    while filled.len() < length {
        // An xorshift, which has no period that matters here.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        filled.extend(state.to_le_bytes());
    }
    filled.truncate(length);
    filled
}

/// A node above two others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) hash: H256,
    pub(crate) left: H256,
    pub(crate) right: H256,
}

/// Content with its tree, padded with zero hashes as the chain demands.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) chunks: Vec<H256>,
    /// The nodes of each level, from the lowest.
    pub(crate) levels: Vec<Vec<Node>>,
    pub(crate) root: H256,
}

impl Content {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let mut level: Vec<H256> = bytes
            .chunks(CHUNK)
            .map(|chunk| PLAIN.chunk(chunk))
            .collect();
        if level.is_empty() {
            level.push(PLAIN.chunk(&[]));
        }
        let chunks = level.clone();
        level.resize(level.len().next_power_of_two(), H256::zero());
        let mut levels = Vec::new();
        while level.len() > 1 {
            let nodes: Vec<Node> = level
                .chunks(2)
                .filter_map(|pair| match pair {
                    [left, right] => Some(Node::above(*left, *right)),
                    _ => None,
                })
                .collect();
            level = nodes.iter().map(|node| node.hash).collect();
            levels.push(nodes);
        }
        let root = level.first().copied().unwrap_or_default();
        Self {
            bytes,
            chunks,
            levels,
            root,
        }
    }

    /// Returns content of some chunks, the last of them not full.
    pub(crate) fn of_chunks(run: u64, name: &str, chunks: usize) -> Self {
        let length = chunks.saturating_mul(CHUNK).saturating_sub(5);
        Self::new(bytes(run, name, length))
    }

    /// Returns one chunk of the content.
    pub(crate) fn chunk(&self, index: usize) -> &[u8] {
        self.bytes.chunks(CHUNK).nth(index).unwrap_or_default()
    }

    /// Returns its size in bytes.
    pub(crate) fn size(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }
}

impl Node {
    pub(crate) fn above(left: H256, right: H256) -> Self {
        let hash = PLAIN.node(&left, &right);
        Self { hash, left, right }
    }

    /// Returns its data: the hashes of its children.
    pub(crate) fn data(&self) -> Vec<u8> {
        [self.left.0, self.right.0].concat()
    }

    /// Returns the body that stores it.
    pub(crate) fn put(&self, bucket: u64) -> Value {
        put(
            bucket,
            self.hash,
            &self.data(),
            Some(&[self.left, self.right]),
        )
    }
}

/// Returns the body that stores a chunk.
pub(crate) fn put_chunk(bucket: u64, chunk: &[u8]) -> Value {
    put(bucket, PLAIN.chunk(chunk), chunk, None)
}

/// Returns the body of `PUT /node`.
pub(crate) fn put(bucket: u64, hash: H256, data: &[u8], children: Option<&[H256]>) -> Value {
    let children = children.map(|all| all.iter().copied().map(hex0).collect::<Vec<_>>());
    json!({
        "bucket_id": bucket,
        "hash": hex0(hash),
        "data": STANDARD.encode(data),
        "children": children,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::chunk_tree::ContentHasher;

    #[test]
    fn the_tree_is_the_chains() {
        for length in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK, 5 * CHUNK - 7] {
            let content = Content::new(bytes(1, "tree", length));
            let mut hasher = ContentHasher::new(PLAIN);
            for chunk in content.bytes.chunks(CHUNK) {
                hasher.push(chunk).unwrap();
            }
            assert_eq!(content.root, hasher.finish().root, "{length}");
        }
        assert_ne!(bytes(1, "one", 32), bytes(1, "two", 32));
        assert_ne!(bytes(1, "one", 32), bytes(2, "one", 32));
    }
}
