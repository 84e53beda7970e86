//! A bucket's tree with all its content, and honest answers from it.

use super::Test;
use crate::types::{ChallengeResponse, ChunkLocation, Commitment, MerkleProof, MmrLeaf, MmrProof};
use cairn_primitives as rules;
use cairn_primitives::HashingProfile::Plain;
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{LeafIndex, Position};
use codec::Encode;
use sp_core::H256;

pub(crate) fn at(leaf_index: u64, chunk_index: u64) -> ChunkLocation {
    ChunkLocation {
        leaf_index,
        chunk_index,
    }
}

/// A bucket's tree with all content, built naively. Leaf `k` has `k % 5 + 1` chunks of a
/// few bytes, which the chain's rules accept.
pub(crate) struct Tree {
    start_seq: u64,
    leaves: Vec<(MmrLeaf, Vec<Vec<u8>>)>,
    nodes: Vec<H256>,
    frontier: Frontier,
}

impl Tree {
    pub(crate) fn new(leaves: u64) -> Self {
        Self::starting_at(0, leaves)
    }

    pub(crate) fn starting_at(start_seq: u64, leaves: u64) -> Self {
        let mut tree = Self {
            start_seq,
            leaves: Vec::new(),
            nodes: Vec::new(),
            frontier: Frontier::empty(Plain),
        };
        for sequence in start_seq..start_seq + leaves {
            let chunks = (0..=sequence % 5).map(|chunk| (sequence, chunk).encode());
            tree.push(chunks.collect());
        }
        tree
    }

    fn push(&mut self, chunks: Vec<Vec<u8>>) {
        let before = self.leaves.last().map_or(0, |(leaf, _)| leaf.total_size);
        let data_size = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let leaf = MmrLeaf {
            data_root: levels(&chunks).last().unwrap()[0],
            data_size,
            total_size: before + data_size,
        };
        let hashed = Plain.leaf(&rules::MmrLeaf {
            data_root: leaf.data_root,
            data_size,
            total_size: leaf.total_size,
        });
        let nodes = &mut self.nodes;
        self.frontier
            .append(hashed, |_, hash| nodes.push(hash))
            .unwrap();
        self.leaves.push((leaf, chunks));
    }

    pub(crate) fn commitment(&self) -> Commitment {
        Commitment {
            mmr_root: self.frontier.root(),
            start_seq: self.start_seq,
            leaf_count: self.frontier.count().get(),
        }
    }

    pub(crate) fn mmr_proof(&self, index: u64) -> MmrProof {
        let route = LeafRoute::new(LeafIndex(index), self.frontier.count()).unwrap();
        let node = |position: &Position| self.nodes[position.0 as usize];
        MmrProof {
            peaks: route.peaks.iter().map(node).collect(),
            leaf: self.leaves[index as usize].0,
            leaf_proof: MerkleProof {
                siblings: route.siblings.iter().map(node).collect(),
                path: route.path,
            },
        }
    }

    /// Returns the number of slots of a leaf's padded chunk tree that have a chunk.
    pub(crate) fn chunks(&self, index: u64) -> u64 {
        self.leaves[index as usize].1.len() as u64
    }

    /// Returns the honest answer; reads a chunk index past the padded size as the chain does.
    pub(crate) fn answer(&self, target: ChunkLocation) -> ChallengeResponse<Test> {
        let index = target.leaf_index;
        let (_, chunks) = &self.leaves[index as usize];
        let levels = levels(chunks);
        let slot = target.chunk_index as usize % levels[0].len();
        let mut chunk_proof = MerkleProof::default();
        for (height, level) in levels[..levels.len() - 1].iter().enumerate() {
            let place = slot >> height;
            chunk_proof.siblings.push(level[place ^ 1]);
            chunk_proof.path.push(place & 1 == 1);
        }
        ChallengeResponse::Proof {
            chunk_data: chunks[slot].clone().try_into().unwrap(),
            mmr_proof: self.mmr_proof(index),
            chunk_proof,
        }
    }
}

/// Computes a chunk tree's levels, from the padded chunks up.
fn levels(chunks: &[Vec<u8>]) -> Vec<Vec<H256>> {
    let mut level: Vec<_> = chunks.iter().map(|c| Plain.chunk(c)).collect();
    level.resize(chunks.len().next_power_of_two(), H256::zero());
    let mut levels = vec![level];
    while levels.last().unwrap().len() > 1 {
        let pairs = levels.last().unwrap().chunks(2);
        levels.push(pairs.map(|two| Plain.node(&two[0], &two[1])).collect());
    }
    levels
}
