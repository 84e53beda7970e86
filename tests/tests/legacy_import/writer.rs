//! A writer of legacy databases, with encodings and arithmetic of its own, which it does not
//! share with the importer.

use cairn_primitives::{H256, MmrLeaf};
use codec::Encode;
use rocksdb::{DB, Options};
use serde::Serialize;
use sp_runtime::traits::{BlakeTwo256, Hash};
use std::path::Path;

pub const CHUNK: usize = 262_144;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    A,
    B,
    C,
    D,
}

pub const ERAS: [Era; 4] = [Era::A, Era::B, Era::C, Era::D];

#[derive(Clone, Debug)]
pub enum Node {
    Chunk(Vec<u8>),
    Interior(H256, H256),
}

/// The state of a bucket, with or without the right root.
#[derive(Clone, Debug)]
pub struct State {
    pub mmr_root: H256,
    pub start_seq: u64,
    pub leaves: Vec<MmrLeaf>,
    pub used_bytes: u64,
    pub max_bytes: u64,
}

// As serde derives them for bincode 1; a hash is a string there.

#[derive(Serialize)]
struct TextLeaf {
    data_root: String,
    data_size: u64,
    total_size: u64,
}

#[derive(Serialize)]
struct TextState {
    mmr_root: String,
    start_seq: u64,
    leaves: Vec<TextLeaf>,
    used_bytes: u64,
    max_bytes: u64,
}

#[derive(Serialize)]
struct TextNode {
    data: Vec<u8>,
    children: Option<Vec<String>>,
}

#[derive(Encode)]
struct StoredNode {
    data: Vec<u8>,
    children: Option<Vec<H256>>,
}

#[derive(Encode)]
enum ChunkTreeNode {
    #[codec(index = 0)]
    Chunk(Vec<u8>),
    #[codec(index = 1)]
    Interior { left: H256, right: H256 },
}

fn text(hash: &H256) -> String {
    format!("0x{}", hex::encode(hash))
}

impl Era {
    fn tagged(self, tag: u8, parts: &[&[u8]]) -> H256 {
        let mut bytes = match self {
            Era::D => vec![tag],
            _ => vec![],
        };
        parts.iter().for_each(|part| bytes.extend(*part));
        BlakeTwo256::hash(&bytes)
    }

    pub fn hash(self, node: &Node) -> H256 {
        match node {
            Node::Chunk(bytes) => self.tagged(0, &[bytes]),
            Node::Interior(left, right) => self.tagged(1, &[left.as_ref(), right.as_ref()]),
        }
    }

    /// Returns the root of an MMR, by splitting at the largest power of two.
    pub fn root(self, leaves: &[MmrLeaf]) -> H256 {
        let Some(bits) = leaves.len().checked_ilog2() else {
            return H256::zero();
        };
        let (mountain, rest) = leaves.split_at(1 << bits);
        let peak = self.peak(mountain);
        match rest {
            [] => peak,
            rest => self.tagged(2, &[peak.as_ref(), self.root(rest).as_ref()]),
        }
    }

    fn peak(self, leaves: &[MmrLeaf]) -> H256 {
        if let [leaf] = leaves {
            return self.tagged(0, &[&leaf.encode()]);
        }
        let (left, right) = leaves.split_at(leaves.len() / 2);
        self.hash(&Node::Interior(self.peak(left), self.peak(right)))
    }

    pub fn node_value(self, node: &Node) -> Vec<u8> {
        let (data, children) = match node {
            Node::Chunk(bytes) => (bytes.clone(), None),
            Node::Interior(left, right) => ([left.0, right.0].concat(), Some(vec![*left, *right])),
        };
        match (self, node) {
            (Era::A, _) => {
                let children = children.map(|both| both.iter().map(text).collect());
                bincode::serialize(&TextNode { data, children }).unwrap()
            }
            (Era::B, _) => StoredNode { data, children }.encode(),
            (_, Node::Chunk(bytes)) => ChunkTreeNode::Chunk(bytes.clone()).encode(),
            (_, Node::Interior(left, right)) => {
                let (left, right) = (*left, *right);
                ChunkTreeNode::Interior { left, right }.encode()
            }
        }
    }

    pub fn state_value(self, state: &State) -> Vec<u8> {
        let State {
            mmr_root,
            start_seq,
            leaves,
            used_bytes,
            max_bytes,
        } = state;
        if self != Era::A {
            return (mmr_root, start_seq, leaves, used_bytes, max_bytes).encode();
        }
        let leaves = leaves.iter().map(|leaf| TextLeaf {
            data_root: text(&leaf.data_root),
            data_size: leaf.data_size,
            total_size: leaf.total_size,
        });
        bincode::serialize(&TextState {
            mmr_root: text(mmr_root),
            start_seq: *start_seq,
            leaves: leaves.collect(),
            used_bytes: *used_bytes,
            max_bytes: *max_bytes,
        })
        .unwrap()
    }
}

/// An open database of an era.
pub struct Writer {
    pub era: Era,
    db: DB,
}

impl Writer {
    pub fn create(path: &Path, era: Era) -> Self {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let mut families = vec!["nodes", "buckets", "root_to_bucket"];
        if matches!(era, Era::C | Era::D) {
            families.push("metadata");
        }
        let db = DB::open_cf(&options, path, families).unwrap();
        let writer = Self { era, db };
        match era {
            Era::A | Era::B => {}
            Era::C => writer.metadata("format_version", &1u32.to_le_bytes()),
            Era::D => writer.metadata("format_version", &2u32.to_le_bytes()),
        }
        writer
    }

    pub fn put(&self, family: &str, key: &[u8], value: &[u8]) {
        let family = self.db.cf_handle(family).unwrap();
        self.db.put_cf(family, key, value).unwrap();
    }

    pub fn get(&self, family: &str, key: &[u8]) -> Option<Vec<u8>> {
        let family = self.db.cf_handle(family).unwrap();
        self.db.get_cf(family, key).unwrap()
    }

    pub fn delete(&self, family: &str, key: &[u8]) {
        let family = self.db.cf_handle(family).unwrap();
        self.db.delete_cf(family, key).unwrap();
    }

    pub fn metadata(&self, key: &str, value: &[u8]) {
        self.put("metadata", key.as_bytes(), value);
    }

    /// Flushes the written data from the log to files.
    pub fn flush(&self) {
        for family in ["nodes", "buckets"] {
            self.db
                .flush_cf(self.db.cf_handle(family).unwrap())
                .unwrap();
        }
    }

    pub fn node(&self, node: &Node) -> H256 {
        let hash = self.era.hash(node);
        self.put("nodes", hash.as_bytes(), &self.era.node_value(node));
        hash
    }

    pub fn chunk(&self, bytes: &[u8]) -> H256 {
        self.node(&Node::Chunk(bytes.to_vec()))
    }

    pub fn interior(&self, left: H256, right: H256) -> H256 {
        self.node(&Node::Interior(left, right))
    }

    /// Stores regular content: cut into chunks, padded with zero hashes, hashed pairwise, with
    /// every node stored, also those over padding.
    pub fn content(&self, bytes: &[u8]) -> H256 {
        let mut level: Vec<_> = match bytes {
            [] => vec![self.chunk(&[])],
            bytes => bytes.chunks(CHUNK).map(|chunk| self.chunk(chunk)).collect(),
        };
        level.resize(level.len().next_power_of_two(), H256::zero());
        while level.len() > 1 {
            let pairs = level.chunks(2);
            level = pairs.map(|pair| self.interior(pair[0], pair[1])).collect();
        }
        level[0]
    }

    /// Returns a bucket with leaves of these roots and sizes, whose totals start at `before`.
    pub fn bucket(&self, id: u64, start_seq: u64, before: u64, leaves: &[(H256, u64)]) -> State {
        let mut total_size = before;
        let leaves: Vec<_> = leaves
            .iter()
            .map(|(data_root, data_size)| {
                total_size += data_size;
                MmrLeaf {
                    data_root: *data_root,
                    data_size: *data_size,
                    total_size,
                }
            })
            .collect();
        let state = State {
            mmr_root: self.era.root(&leaves),
            start_seq,
            leaves,
            used_bytes: 1,
            max_bytes: 1 << 40,
        };
        self.state(id, &state);
        state
    }

    pub fn state(&self, id: u64, state: &State) {
        self.put("buckets", &id.to_le_bytes(), &self.era.state_value(state));
    }
}
