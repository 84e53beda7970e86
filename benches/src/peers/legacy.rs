//! Today's provider: one RocksDB with default options, a bucket's leaves in
//! one value, and the whole tree computed anew for each commit and proof.
//!
//! Keys and values are those of its newest format under the plain profile, so
//! that what reads its databases can read this one. Writes are not synced,
//! since it does not sync. The replay uses our own arithmetic and hashing.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use super::{Peer, Proof};
use crate::Fallible;
use crate::data::{Pieces, follow};
use cairn_node_ext::NewLeaf;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, TreeBuilder};
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    H256, HashingProfile, LeafCount, LeafIndex, MerkleProof, MmrLeaf, MmrProof, Position,
};
use codec::{Decode, DecodeAll, Encode};
use rocksdb::{ColumnFamily, DB, Options};
use std::io::Read;
use std::path::Path;

const NODES: &str = "nodes";
const BUCKETS: &str = "buckets";
const ROOT_TO_BUCKET: &str = "root_to_bucket";
const METADATA: &str = "metadata";
const FORMAT_VERSION: u32 = 1;
const BUCKET: u64 = 1;
const PROFILE: HashingProfile = HashingProfile::Plain;

#[derive(Encode, Decode)]
struct State {
    mmr_root: H256,
    start_seq: u64,
    leaves: Vec<MmrLeaf>,
    used_bytes: u64,
    max_bytes: u64,
}

#[derive(Encode, Decode)]
enum ChunkTreeNode {
    #[codec(index = 0)]
    Chunk(Vec<u8>),
    #[codec(index = 1)]
    Interior { left: H256, right: H256 },
}

/// The whole tree, in memory.
struct Replayed {
    frontier: Frontier,
    nodes: Vec<H256>,
}

impl Replayed {
    fn new(leaves: &[MmrLeaf]) -> Self {
        let mut tree = Self {
            frontier: Frontier::empty(PROFILE),
            nodes: Vec::new(),
        };
        leaves.iter().for_each(|leaf| tree.push(leaf));
        tree
    }

    fn push(&mut self, leaf: &MmrLeaf) {
        let nodes = &mut self.nodes;
        self.frontier
            .append(PROFILE.leaf(leaf), |_, hash| nodes.push(hash));
    }

    fn at(&self, positions: &[Position]) -> Fallible<Vec<H256>> {
        let node = |position: &Position| -> Fallible<H256> {
            let node = self.nodes.get(usize::try_from(position.0)?);
            Ok(*node.ok_or("a node past the tree")?)
        };
        positions.iter().map(node).collect()
    }
}

/// One bucket of today's provider.
pub(crate) struct Legacy {
    db: DB,
    leaves: u64,
}

impl Legacy {
    /// A new database in the folder `path`.
    pub(crate) fn create(path: &Path, pieces: &Pieces) -> Fallible<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let families = [NODES, BUCKETS, ROOT_TO_BUCKET, METADATA];
        let db = DB::open_cf(&options, path, families)?;
        let legacy = Self { db, leaves: 0 };
        let version = FORMAT_VERSION.to_le_bytes();
        legacy.put(METADATA, b"format_version", &version)?;
        legacy.write_state(&State {
            mmr_root: H256::zero(),
            start_seq: 0,
            leaves: Vec::new(),
            used_bytes: 0,
            max_bytes: u64::MAX,
        })?;
        for piece in pieces.all() {
            legacy.upload(&*piece.bytes)?;
        }
        Ok(legacy)
    }

    fn family(&self, name: &str) -> Fallible<&ColumnFamily> {
        self.db
            .cf_handle(name)
            .ok_or_else(|| format!("there is no family {name}").into())
    }

    fn put(&self, family: &str, key: &[u8], value: &[u8]) -> Fallible<()> {
        Ok(self.db.put_cf(self.family(family)?, key, value)?)
    }

    fn state(&self) -> Fallible<State> {
        let value = self
            .db
            .get_cf(self.family(BUCKETS)?, BUCKET.to_le_bytes())?
            .ok_or("the bucket is gone")?;
        Ok(State::decode_all(&mut &*value)?)
    }

    fn write_state(&self, state: &State) -> Fallible<()> {
        self.put(BUCKETS, &BUCKET.to_le_bytes(), &state.encode())
    }

    fn node(&self, hash: &H256) -> Fallible<ChunkTreeNode> {
        let value = self
            .db
            .get_cf(self.family(NODES)?, hash.as_bytes())?
            .ok_or("a node is missing")?;
        Ok(ChunkTreeNode::decode_all(&mut &*value)?)
    }

    /// Stores content, each node once and each in a write of its own, as its
    /// client sends them; the quota's bookkeeping is left out.
    pub(crate) fn upload(&self, mut source: impl Read) -> Fallible<NewLeaf> {
        let mut tree = TreeBuilder::new(PROFILE);
        let mut interior = Vec::new();
        loop {
            let mut bytes = Vec::with_capacity(CHUNK_BYTES);
            let limit = u64::try_from(CHUNK_BYTES)?;
            source.by_ref().take(limit).read_to_end(&mut bytes)?;
            if bytes.is_empty() {
                break;
            }
            let hash = PROFILE.chunk(&bytes);
            tree.push(hash, bytes.len(), |node| interior.push(node))?;
            self.put_node(&hash, &ChunkTreeNode::Chunk(bytes))?;
        }
        let root = tree.finish(|node| interior.push(node));
        for node in interior {
            let (left, right) = (node.left, node.right);
            self.put_node(&node.hash, &ChunkTreeNode::Interior { left, right })?;
        }
        let root = root.ok_or("content without a chunk")?;
        Ok(NewLeaf {
            data_root: root.root,
            data_size: root.subtree.bytes(),
        })
    }

    fn put_node(&self, hash: &H256, node: &ChunkTreeNode) -> Fallible<()> {
        let family = self.family(NODES)?;
        if self.db.get_cf(family, hash.as_bytes())?.is_none() {
            self.put(NODES, hash.as_bytes(), &node.encode())?;
        }
        Ok(())
    }

    /// A challenge's answer: the leaf's proof, and chunk `index` of its content
    /// with its path. The provider collects the hashes of all chunks first,
    /// and reads every node under the data root for it, chunks included.
    pub(crate) fn answer(
        &mut self,
        leaf: LeafIndex,
        index: usize,
    ) -> Fallible<(MmrProof, Vec<u8>, MerkleProof)> {
        let (_, proof) = self.replay_proof(leaf)?;
        let mut level = Vec::new();
        let mut to_visit = vec![proof.leaf.data_root];
        while let Some(hash) = to_visit.pop() {
            if hash.is_zero() {
                continue;
            }
            match self.node(&hash)? {
                ChunkTreeNode::Chunk(_) => level.push(hash),
                ChunkTreeNode::Interior { left, right } => to_visit.extend([right, left]),
            }
        }
        let chunk_hash = *level.get(index).ok_or("no such chunk")?;
        let ChunkTreeNode::Chunk(bytes) = self.node(&chunk_hash)? else {
            return Err("a node where a chunk should be".into());
        };
        level.resize(level.len().next_power_of_two(), H256::zero());
        let mut path = MerkleProof::default();
        let mut place = index;
        while level.len() > 1 {
            let sibling = level.get(place ^ 1).ok_or("no sibling")?;
            path.siblings.push(*sibling);
            path.path.push(place & 1 == 1);
            let pairs = level.chunks_exact(2).filter_map(|pair| pair.split_first());
            level = pairs
                .filter_map(|(left, rest)| Some(PROFILE.node(left, rest.first()?)))
                .collect();
            place /= 2;
        }
        Ok((proof, bytes, path))
    }

    fn replay_proof(&self, index: LeafIndex) -> Fallible<(H256, MmrProof)> {
        let state = self.state()?;
        let tree = Replayed::new(&state.leaves);
        let route = LeafRoute::new(index, tree.frontier.count()).ok_or("no such leaf")?;
        let leaf = *state
            .leaves
            .get(usize::try_from(index.0)?)
            .ok_or("no such leaf")?;
        let leaf_proof = MerkleProof {
            siblings: tree.at(&route.siblings)?,
            path: route.path,
        };
        let peaks = tree.at(&route.peaks)?;
        let proof = MmrProof {
            peaks,
            leaf,
            leaf_proof,
        };
        Ok((state.mmr_root, proof))
    }
}

impl Peer for Legacy {
    fn name(&self) -> &'static str {
        "legacy"
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }

    fn root(&self) -> Fallible<H256> {
        Ok(self.state()?.mmr_root)
    }

    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()> {
        let mut state = self.state()?;
        state.leaves.clear();
        let mut total = 0;
        for index in 0..leaves {
            let leaf = follow(total, pieces.leaf(index)?);
            total = leaf.total_size;
            state.leaves.push(leaf);
        }
        state.mmr_root = Replayed::new(&state.leaves).frontier.root();
        self.leaves = leaves;
        self.write_state(&state)
    }

    fn commit(&mut self, new: NewLeaf) -> Fallible<()> {
        // The content must be there; its size is read from its nodes.
        std::hint::black_box(self.node(&new.data_root)?);
        let mut state = self.state()?;
        let mut tree = Replayed::new(&state.leaves);
        let total = state.leaves.last().map_or(0, |leaf| leaf.total_size);
        let leaf = follow(total, new);
        tree.push(&leaf);
        state.leaves.push(leaf);
        state.mmr_root = tree.frontier.root();
        self.leaves = tree.frontier.count().get();
        self.write_state(&state)
    }

    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>> {
        if count.get() != self.leaves {
            return Ok(None);
        }
        let (_, proof) = self.replay_proof(index)?;
        Ok(Some(Proof::Full(proof)))
    }
}
