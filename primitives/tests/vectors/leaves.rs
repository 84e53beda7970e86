//! Leaves under signed roots: proofs at several leaf counts, whole responses, signed bytes.

use super::{content, hashes, hex, path};
use cairn_primitives::challenge::ChallengeResponse;
use cairn_primitives::mmr::{Frontier, LeafRoute};
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, CommitmentPayload, H256, HashingProfile, LeafCount,
    LeafIndex, MerkleProof, MmrLeaf, MmrProof, Position, ProvenLeaf, Sequence, verify,
};
use codec::Encode;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const COUNTS: [u64; 6] = [1, 2, 3, 7, 8, 11];

/// A whole tree in memory.
pub(crate) struct Tree {
    profile: HashingProfile,
    pub(crate) leaves: Vec<MmrLeaf>,
    nodes: BTreeMap<Position, H256>,
}

impl Tree {
    pub(crate) fn new(profile: HashingProfile, contents: impl Iterator<Item = MmrLeaf>) -> Self {
        let mut total = 0;
        let mut frontier = Frontier::empty(profile);
        let (mut leaves, mut nodes) = (vec![], BTreeMap::new());
        for mut leaf in contents {
            total += leaf.data_size;
            leaf.total_size = total;
            let hash = profile.leaf(&leaf);
            let keep = |at, hash| {
                nodes.insert(at, hash);
            };
            frontier.append(hash, keep).unwrap();
            leaves.push(leaf);
        }
        Self {
            profile,
            leaves,
            nodes,
        }
    }

    /// Leaves of small sizes under made-up data roots.
    pub(crate) fn of_numbers(profile: HashingProfile, leaves: u64) -> Self {
        let leaf = |k| MmrLeaf {
            data_root: H256::from_low_u64_be(k),
            data_size: k,
            total_size: 0,
        };
        Self::new(profile, (1..=leaves).map(leaf))
    }

    pub(crate) fn root(&self, count: u64) -> H256 {
        let mut frontier = Frontier::empty(self.profile);
        for leaf in &self.leaves[..count as usize] {
            frontier.append(self.profile.leaf(leaf), |_, _| {}).unwrap();
        }
        frontier.root()
    }

    pub(crate) fn prove(&self, index: u64, count: u64) -> MmrProof {
        let count = LeafCount::new(count).unwrap();
        let route = LeafRoute::new(LeafIndex(index), count).unwrap();
        let at = |positions: &[Position]| positions.iter().map(|p| self.nodes[p]).collect();
        MmrProof {
            peaks: at(&route.peaks),
            leaf: self.leaves[index as usize],
            leaf_proof: MerkleProof {
                siblings: at(&route.siblings),
                path: route.path,
            },
        }
    }
}

pub(crate) fn leaf(leaf: &MmrLeaf) -> Value {
    json!({
        "dataRoot": hex(leaf.data_root),
        "dataSize": leaf.data_size.to_string(),
        "totalSize": leaf.total_size.to_string(),
    })
}

pub(crate) fn proof(proof: &MmrProof) -> Value {
    json!({
        "leaf": leaf(&proof.leaf),
        "peaks": hashes(&proof.peaks),
        "leafProof": path(&proof.leaf_proof),
    })
}

pub(crate) fn proofs(profile: HashingProfile) -> Vec<Value> {
    let tree = Tree::of_numbers(profile, 11);
    let mut cases = vec![];
    for count in COUNTS {
        let root = tree.root(count);
        for index in 0..count {
            let proven = tree.prove(index, count);
            let leaf_count = LeafCount::new(count).unwrap();
            verify::mmr_proof(profile, &proven, LeafIndex(index), leaf_count, &root).unwrap();
            cases.push(json!({
                "profile": profile.to_string(),
                "leafIndex": index.to_string(),
                "leafCount": count.to_string(),
                "root": hex(root),
                "proof": proof(&proven),
            }));
        }
    }
    cases
}

/// Responses with content of one small chunk each.
pub(crate) fn responses(profile: HashingProfile) -> Vec<Value> {
    let contents: Vec<Vec<u8>> = (0..5).map(|k| content::bytes(100 * k)).collect();
    let leaves = contents.iter().map(|bytes| content::leaf(profile, bytes));
    let tree = Tree::new(profile, leaves);
    let commitment = Commitment {
        mmr_root: tree.root(5),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(5).unwrap(),
    };
    let case = |(index, bytes): (u64, &Vec<u8>)| {
        let proven = ProvenLeaf::new(profile, commitment, LeafIndex(index), tree.prove(index, 5));
        let proof = MerkleProof::default();
        let answer = proven.unwrap().answer(ChunkIndex(0), bytes.clone(), proof);
        let response: ChallengeResponse = answer.unwrap().into_response();
        json!({
            "profile": profile.to_string(),
            "leafIndex": index.to_string(),
            "chunkIndex": "0",
            "leafCount": "5",
            "root": hex(commitment.mmr_root),
            "response": hex(response.encode()),
        })
    };
    (0..).zip(&contents).map(case).collect()
}

pub(crate) fn payloads() -> Vec<Value> {
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(0xaa),
        start_seq: Sequence(3),
        leaf_count: LeafCount::new(5).unwrap(),
    };
    let bucket = BucketId(0x0102);
    let case = |payload: CommitmentPayload| {
        json!({
            "bucket": "258", "root": hex(commitment.mmr_root), "startSeq": "3", "leafCount": "5",
            "nonce": payload.nonce.map(|nonce| nonce.to_string()),
            "payload": hex(payload.encode()),
        })
    };
    let plain = CommitmentPayload::new(bucket, commitment);
    let timed = CommitmentPayload::with_nonce(bucket, commitment, u64::MAX);
    vec![case(plain), case(timed)]
}
