//! A bucket as rows, with a key for each node, leaf and content: the common part of the stores on
//! other databases.
//!
//! As in Cairn, the newest peaks are in memory, a commit reads only the record of its content, and
//! a proof is one batched read.

use super::store::PROFILE;
use crate::Fallible;
use crate::data::next_leaf;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::chunk_tree::{CHUNK_BYTES, TreeBuilder};
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    Commitment, H256, LeafCount, LeafIndex, MerkleProof, MmrLeaf, MmrProof, Position, Sequence,
};
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;

/// The key of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Row {
    /// Leaf count, total size and peaks.
    Tip,
    Leaf(LeafIndex),
    Node(Position),
    /// The presence of a content or of a node above contents, without its bytes.
    Record(H256),
    Chunk(H256),
}

impl Row {
    /// Encodes the key, for stores with one table.
    pub(crate) fn key(self) -> Vec<u8> {
        match self {
            Self::Tip => vec![0],
            Self::Leaf(index) => tagged(1, &index.0.to_be_bytes()),
            Self::Node(position) => tagged(2, &position.0.to_be_bytes()),
            Self::Record(hash) => tagged(3, hash.as_bytes()),
            Self::Chunk(hash) => tagged(4, hash.as_bytes()),
        }
    }
}

fn tagged(tag: u8, name: &[u8]) -> Vec<u8> {
    [&[tag], name].concat()
}

/// Rows with their values.
pub(crate) type Filled = Vec<(Row, Vec<u8>)>;

/// The database of one bucket's rows.
pub(crate) trait Rows: Send + Sync {
    fn get_many(&self, rows: &[Row]) -> Fallible<Vec<Option<Vec<u8>>>>;

    /// Writes all rows or none.
    fn put_all(&self, rows: Filled, durability: Durability) -> Fallible<()>;
}

struct Tip {
    frontier: Frontier,
    total_size: u64,
}

/// A bucket over its rows.
pub(crate) struct Tree<R> {
    rows: R,
    tip: Mutex<Tip>,
}

impl<R: Rows> Tree<R> {
    /// Creates a bucket in an empty database.
    pub(crate) fn create(rows: R) -> Fallible<()> {
        let nothing = (0_u64, 0_u64, Vec::<H256>::new()).encode();
        rows.put_all(vec![(Row::Tip, nothing)], Durability::Synced)
    }

    /// Opens the bucket in a database.
    pub(crate) fn open(rows: R) -> Fallible<Self> {
        let tip = one(rows.get_many(&[Row::Tip])?)?;
        let (count, total_size, peaks) = <(u64, u64, Vec<H256>)>::decode_all(&mut &*tip)?;
        let count = LeafCount::new(count).ok_or("more leaves than a tree may have")?;
        let frontier = Frontier::from_peaks(PROFILE, count, peaks).ok_or("peaks do not fit")?;
        let tip = Mutex::new(Tip {
            frontier,
            total_size,
        });
        Ok(Self { rows, tip })
    }

    pub(crate) fn put(&self, content: &[u8]) -> Fallible<NewLeaf> {
        let mut tree = TreeBuilder::new(PROFILE);
        let mut interior = Vec::new();
        let mut rows: Filled = Vec::new();
        for chunk in content.chunks(CHUNK_BYTES) {
            let hash = PROFILE.chunk(chunk);
            tree.push(hash, chunk.len(), |node| interior.push(node))?;
            rows.push((Row::Record(hash), u32::try_from(chunk.len())?.encode()));
            rows.push((Row::Chunk(hash), chunk.to_vec()));
        }
        let root = tree.finish(|node| interior.push(node));
        for node in interior {
            rows.push((Row::Record(node.hash), (node.left, node.right).encode()));
        }
        self.rows.put_all(rows, Durability::Buffered)?;
        let root = root.ok_or("content without a chunk")?;
        Ok(NewLeaf {
            data_root: root.root,
            data_size: root.subtree.bytes(),
        })
    }

    pub(crate) fn commit(
        &self,
        leaves: &[NewLeaf],
        durability: Durability,
    ) -> Fallible<Commitment> {
        for leaf in leaves {
            one(self.rows.get_many(&[Row::Record(leaf.data_root)])?)?;
        }
        let mut tip = self.tip.lock();
        let mut frontier = tip.frontier.clone();
        let mut total_size = tip.total_size;
        let mut rows: Filled = Vec::new();
        for new in leaves {
            let leaf = next_leaf(total_size, *new);
            total_size = leaf.total_size;
            let index = frontier
                .append(PROFILE.leaf(&leaf), |position, hash| {
                    rows.push((Row::Node(position), hash.0.to_vec()));
                })
                .ok_or("the tree is full")?;
            rows.push((Row::Leaf(index), leaf.encode()));
        }
        let newest = (
            frontier.count().get(),
            total_size,
            frontier.peaks().to_vec(),
        );
        rows.push((Row::Tip, newest.encode()));
        self.rows.put_all(rows, durability)?;
        let commitment = Commitment {
            mmr_root: frontier.root(),
            start_seq: Sequence(0),
            leaf_count: frontier.count(),
        };
        *tip = Tip {
            frontier,
            total_size,
        };
        Ok(commitment)
    }

    pub(crate) fn prove(&self, index: LeafIndex) -> Fallible<MmrProof> {
        let (count, peaks) = {
            let tip = self.tip.lock();
            (tip.frontier.count(), tip.frontier.peaks().to_vec())
        };
        let route = LeafRoute::new(index, count).ok_or("no such leaf")?;
        let siblings = route.siblings.into_iter().map(Row::Node);
        let wanted: Vec<_> = [Row::Leaf(index)].into_iter().chain(siblings).collect();
        let mut found = self.rows.get_many(&wanted)?.into_iter();
        let leaf = one(found.next().into_iter().collect())?;
        let siblings = found
            .map(|node| {
                let bytes = node.ok_or("a node is missing")?;
                let hash = <[u8; 32]>::try_from(bytes).map_err(|_| "a node is no hash")?;
                Ok(H256(hash))
            })
            .collect::<Fallible<_>>()?;
        Ok(MmrProof {
            peaks,
            leaf: MmrLeaf::decode_all(&mut &*leaf)?,
            leaf_proof: MerkleProof {
                siblings,
                path: route.path,
            },
        })
    }
}

fn one(found: Vec<Option<Vec<u8>>>) -> Fallible<Vec<u8>> {
    let value = found.into_iter().next().flatten();
    value.ok_or_else(|| "a row is missing".into())
}
