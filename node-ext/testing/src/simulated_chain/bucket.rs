//! A bucket in memory that keeps everything: commitments, and answers at any of them.

use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::chunk_tree::{self, CHUNK_BYTES, ContentHasher};
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    Answer, Commitment, H256, HashingProfile, LeafCount, LeafIndex, MerkleProof, MmrLeaf, MmrProof,
    Position, ProvenLeaf, Sequence,
};

/// One tree of a bucket.
#[derive(Clone)]
struct Tree {
    start: Sequence,
    frontier: Frontier,
    nodes: Vec<H256>,
    /// The root at each leaf count from 0 on.
    roots: Vec<H256>,
}

/// A bucket whose leaves and content are all in memory.
#[derive(Clone)]
pub struct MemoryBucket {
    profile: HashingProfile,
    leaves: Vec<(MmrLeaf, Vec<u8>)>,
    /// Oldest first; the last is the current one.
    trees: Vec<Tree>,
}

impl MemoryBucket {
    /// Makes an empty bucket.
    pub fn new(profile: HashingProfile) -> Self {
        let mut bucket = Self {
            profile,
            leaves: vec![],
            trees: vec![],
        };
        bucket.start_tree(Sequence(0));
        bucket
    }

    fn start_tree(&mut self, start: Sequence) {
        let frontier = Frontier::empty(self.profile);
        let mut tree = Tree {
            start,
            roots: vec![frontier.root()],
            frontier,
            nodes: vec![],
        };
        let first = usize::try_from(start.0).unwrap();
        for (leaf, _) in &self.leaves[first..] {
            tree.append(self.profile.leaf(leaf));
        }
        self.trees.push(tree);
    }

    /// Commits a leaf.
    pub fn commit(&mut self, content: Vec<u8>) -> Commitment {
        let mut hasher = ContentHasher::new(self.profile);
        for chunk in content.chunks(CHUNK_BYTES) {
            hasher.push(chunk).unwrap();
        }
        let data_size = content.len() as u64;
        let before = self.leaves.last().map_or(0, |(leaf, _)| leaf.total_size);
        let leaf = MmrLeaf {
            data_root: hasher.finish().root,
            data_size,
            total_size: before + data_size,
        };
        self.leaves.push((leaf, content));
        let hash = self.profile.leaf(&leaf);
        self.trees.last_mut().unwrap().append(hash);
        self.commitment()
    }

    /// Returns the newest commitment.
    pub fn commitment(&self) -> Commitment {
        let tree = self.trees.last().unwrap();
        Commitment {
            mmr_root: tree.frontier.root(),
            start_seq: tree.start,
            leaf_count: tree.frontier.count(),
        }
    }

    /// Returns the commitment to the current tree's first `count` leaves.
    pub fn commitment_at(&self, count: u64) -> Commitment {
        let tree = self.trees.last().unwrap();
        Commitment {
            mmr_root: tree.roots[usize::try_from(count).unwrap()],
            start_seq: tree.start,
            leaf_count: LeafCount::new(count).unwrap(),
        }
    }

    /// Starts a new current tree without the leaves before a sequence.
    pub fn prune(&mut self, before: Sequence) -> Commitment {
        self.start_tree(before);
        self.commitment()
    }

    /// Returns the answer at a root that any tree has had, if there is one.
    pub fn answer(&self, root: H256, start: Sequence, location: ChunkLocation) -> Option<Answer> {
        let of_root = |tree: &&Tree| tree.start == start && tree.roots.contains(&root);
        let tree = self.trees.iter().find(of_root)?;
        let count = tree.roots.iter().position(|at| *at == root)? as u64;
        let count = LeafCount::new(count)?;
        let commitment = Commitment {
            mmr_root: root,
            start_seq: start,
            leaf_count: count,
        };
        let route = LeafRoute::new(location.leaf_index, count)?;
        let LeafIndex(index) = location.leaf_index;
        let place = usize::try_from(start.0 + index).ok()?;
        let (leaf, content) = self.leaves.get(place)?;
        let node = |position: &Position| tree.nodes[usize::try_from(position.0).unwrap()];
        let mmr_proof = MmrProof {
            peaks: route.peaks.iter().map(node).collect(),
            leaf: *leaf,
            leaf_proof: MerkleProof {
                siblings: route.siblings.iter().map(node).collect(),
                path: route.path,
            },
        };
        let slot = chunk_tree::slot(location.chunk_index, leaf.data_size);
        let length = chunk_tree::chunk_len(slot, leaf.data_size)?;
        let from = usize::try_from(slot.0).ok()? * CHUNK_BYTES;
        let chunk_data = content[from..from + length].to_vec();
        let chunk_proof = self.chunk_proof(content, slot.0);
        let leaf = ProvenLeaf::new(self.profile, commitment, location.leaf_index, mmr_proof);
        let answer = leaf
            .unwrap()
            .answer(location.chunk_index, chunk_data, chunk_proof);
        Some(answer.unwrap())
    }

    fn chunk_proof(&self, content: &[u8], mut slot: u64) -> MerkleProof {
        let mut level: Vec<_> = content
            .chunks(CHUNK_BYTES)
            .map(|chunk| self.profile.chunk(chunk))
            .collect();
        level.resize(level.len().next_power_of_two(), H256::zero());
        let mut proof = MerkleProof::default();
        while level.len() > 1 {
            proof
                .siblings
                .push(level[usize::try_from(slot ^ 1).unwrap()]);
            proof.path.push(slot & 1 == 1);
            level = level
                .chunks(2)
                .map(|pair| self.profile.node(&pair[0], &pair[1]))
                .collect();
            slot /= 2;
        }
        proof
    }
}

impl Tree {
    fn append(&mut self, leaf: H256) {
        let nodes = &mut self.nodes;
        self.frontier
            .append(leaf, |_, hash| nodes.push(hash))
            .unwrap();
        self.roots.push(self.frontier.root());
    }
}
