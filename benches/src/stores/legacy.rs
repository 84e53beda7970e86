//! A legacy provider: one RocksDB with default options for all buckets, a bucket's leaves in one
//! value, and the whole tree recomputed for each commit and proof; one commit at a time.
//!
//! Keys and values are those of its newest format under the plain profile, so that the importer
//! can read this database. Writes are not synced, because that provider does not sync. The replay
//! uses Cairn's arithmetic and hashing.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use super::store::{PROFILE, Store};
use crate::Fallible;
use crate::data::next_leaf;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, TreeBuilder};
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    Commitment, H256, LeafIndex, MerkleProof, MmrLeaf, MmrProof, Position, Sequence,
};
use codec::{Decode, DecodeAll, Encode};
use parking_lot::Mutex;
use rocksdb::{ColumnFamily, DB, Options};
use std::io::Read;
use std::path::Path;

const NODES: &str = "nodes";
const BUCKETS: &str = "buckets";
const ROOT_TO_BUCKET: &str = "root_to_bucket";
const METADATA: &str = "metadata";
const FAMILIES: [&str; 4] = [NODES, BUCKETS, ROOT_TO_BUCKET, METADATA];
const FORMAT_VERSION: u32 = 1;

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

/// The database of a legacy provider.
pub(crate) struct LegacyDatabase {
    db: DB,
}

impl LegacyDatabase {
    /// Opens the database in the folder `path`, or creates it.
    pub(crate) fn open(path: &Path) -> Fallible<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let db = DB::open_cf(&options, path, FAMILIES)?;
        let database = Self { db };
        let version = FORMAT_VERSION.to_le_bytes();
        database.put(METADATA, b"format_version", &version)?;
        Ok(database)
    }

    /// Creates an empty bucket.
    pub(crate) fn create(&self, bucket: u64) -> Fallible<()> {
        self.write_state(
            bucket,
            &State {
                mmr_root: H256::zero(),
                start_seq: 0,
                leaves: Vec::new(),
                used_bytes: 0,
                max_bytes: u64::MAX,
            },
        )
    }

    /// Returns the bucket's newest root.
    pub(crate) fn root(&self, bucket: u64) -> Fallible<H256> {
        Ok(self.state(bucket)?.mmr_root)
    }

    fn family(&self, name: &str) -> Fallible<&ColumnFamily> {
        self.db
            .cf_handle(name)
            .ok_or_else(|| format!("there is no family {name}").into())
    }

    fn put(&self, family: &str, key: &[u8], value: &[u8]) -> Fallible<()> {
        Ok(self.db.put_cf(self.family(family)?, key, value)?)
    }

    fn state(&self, bucket: u64) -> Fallible<State> {
        let value = self
            .db
            .get_cf(self.family(BUCKETS)?, bucket.to_le_bytes())?
            .ok_or("there is no such bucket")?;
        Ok(State::decode_all(&mut &*value)?)
    }

    fn write_state(&self, bucket: u64, state: &State) -> Fallible<()> {
        self.put(BUCKETS, &bucket.to_le_bytes(), &state.encode())
    }

    /// Replaces the leaves of a bucket.
    pub(crate) fn fill(
        &self,
        bucket: u64,
        leaves: impl IntoIterator<Item = NewLeaf>,
    ) -> Fallible<()> {
        let mut state = self.state(bucket)?;
        state.leaves.clear();
        let mut total = 0;
        for new in leaves {
            let leaf = next_leaf(total, new);
            total = leaf.total_size;
            state.leaves.push(leaf);
        }
        state.mmr_root = Replayed::new(&state.leaves).frontier.root();
        self.write_state(bucket, &state)
    }

    /// Commits content as leaves, unsynced. The caller ensures that commits do not overlap.
    pub(crate) fn commit(&self, bucket: u64, new: &[NewLeaf]) -> Fallible<Commitment> {
        let mut state = self.state(bucket)?;
        let mut tree = Replayed::new(&state.leaves);
        for new in new {
            // The content must be stored; its size is read from its nodes.
            std::hint::black_box(self.node(&new.data_root)?);
            let total = state.leaves.last().map_or(0, |leaf| leaf.total_size);
            let leaf = next_leaf(total, *new);
            tree.push(&leaf);
            state.leaves.push(leaf);
        }
        state.mmr_root = tree.frontier.root();
        self.write_state(bucket, &state)?;
        Ok(Commitment {
            mmr_root: state.mmr_root,
            start_seq: Sequence(state.start_seq),
            leaf_count: tree.frontier.count(),
        })
    }

    fn node(&self, hash: &H256) -> Fallible<ChunkTreeNode> {
        let value = self
            .db
            .get_cf(self.family(NODES)?, hash.as_bytes())?
            .ok_or("a node is missing")?;
        Ok(ChunkTreeNode::decode_all(&mut &*value)?)
    }

    /// Stores content, each node once and in a write of its own, as clients send them; quotas are
    /// not counted.
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

    /// Answers a challenge: the leaf's proof, and chunk `index` of its content with its path. It
    /// first collects the hashes of all chunks, by reading every node and chunk under the data
    /// root.
    pub(crate) fn answer(
        &self,
        bucket: u64,
        leaf: LeafIndex,
        index: usize,
    ) -> Fallible<(MmrProof, Vec<u8>, MerkleProof)> {
        let proof = self.prove(bucket, leaf)?;
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

    /// Proves a leaf at the newest leaf count.
    pub(crate) fn prove(&self, bucket: u64, index: LeafIndex) -> Fallible<MmrProof> {
        let state = self.state(bucket)?;
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
        Ok(MmrProof {
            peaks,
            leaf,
            leaf_proof,
        })
    }

    /// Deletes a bucket and the nodes under its leaves, key by key. All buckets share nodes; this
    /// assumes that no other bucket uses them.
    fn delete(&self, bucket: u64) -> Fallible<()> {
        let state = self.state(bucket)?;
        let nodes = self.family(NODES)?;
        let mut to_visit: Vec<_> = state.leaves.iter().map(|leaf| leaf.data_root).collect();
        while let Some(hash) = to_visit.pop() {
            let Some(value) = self.db.get_cf(nodes, hash.as_bytes())? else {
                continue;
            };
            if let ChunkTreeNode::Interior { left, right } =
                ChunkTreeNode::decode_all(&mut &*value)?
            {
                to_visit.extend([right, left]);
            }
            self.db.delete_cf(nodes, hash.as_bytes())?;
        }
        Ok(self
            .db
            .delete_cf(self.family(BUCKETS)?, bucket.to_le_bytes())?)
    }

    /// Flushes all families: an unflushed family keeps the logs of all.
    pub(crate) fn flush(&self) -> Fallible<()> {
        FAMILIES
            .into_iter()
            .try_for_each(|name| Ok(self.db.flush_cf(self.family(name)?)?))
    }

    fn compact(&self) -> Fallible<()> {
        for name in [NODES, BUCKETS] {
            let family = self.family(name)?;
            self.db
                .compact_range_cf(family, None::<&[u8]>, None::<&[u8]>);
        }
        Ok(())
    }
}

/// All buckets of a legacy provider, with one lock for commits.
pub(crate) struct LegacyStore {
    database: LegacyDatabase,
    commits: Mutex<()>,
}

impl LegacyStore {
    pub(crate) fn open(folder: &Path) -> Fallible<Self> {
        Ok(Self {
            database: LegacyDatabase::open(folder)?,
            commits: Mutex::new(()),
        })
    }
}

impl Store for LegacyStore {
    fn create(&self, id: u64) -> Fallible<()> {
        self.database.create(id)
    }

    fn put(&self, _id: u64, content: &[u8]) -> Fallible<NewLeaf> {
        self.database.upload(content)
    }

    /// Not synced, because that provider does not sync.
    fn commit(&self, id: u64, leaves: &[NewLeaf], _: Durability) -> Fallible<Commitment> {
        let _one_at_a_time = self.commits.lock();
        self.database.commit(id, leaves)
    }

    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof> {
        self.database.prove(id, leaf)
    }

    fn delete(&self, id: u64) -> Fallible<()> {
        let _one_at_a_time = self.commits.lock();
        self.database.delete(id)
    }

    fn reclaim(&self) -> Fallible<()> {
        self.database.flush()?;
        self.database.compact()
    }

    fn flush(&self) -> Fallible<()> {
        self.database.flush()
    }
}
