//! Honest proofs pass both verifiers; each altered one is refused with the right reason.
//! The naive model replays all leaves.

use super::*;
use crate::chain_rule;
use crate::chunk_tree::{CHUNK_BYTES, ContentHasher};
use crate::ids::Sequence;
use crate::mmr::{Frontier, LeafRoute};
use crate::proof::{MerkleProof, MmrProof};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

const PROFILES: [HashingProfile; 2] = [HashingProfile::Plain, HashingProfile::Tagged];

fn count(n: u64) -> LeafCount {
    LeafCount::new(n).unwrap()
}

fn leaves(n: u64) -> Vec<MmrLeaf> {
    (1..=n)
        .map(|k| MmrLeaf {
            data_root: H256::from_low_u64_be(k),
            data_size: k,
            total_size: k * (k + 1) / 2,
        })
        .collect()
}

/// A whole tree in memory.
struct Tree {
    leaves: Vec<MmrLeaf>,
    nodes: BTreeMap<crate::Position, H256>,
}

impl Tree {
    fn new(profile: HashingProfile, n: u64) -> Self {
        let (leaves, mut nodes) = (leaves(n), BTreeMap::new());
        let mut frontier = Frontier::empty(profile);
        for leaf in &leaves {
            frontier
                .append(profile.leaf(leaf), |at, hash| {
                    nodes.insert(at, hash);
                })
                .unwrap();
        }
        Self { leaves, nodes }
    }

    fn prove(&self, index: u64, n: u64) -> MmrProof {
        let route = LeafRoute::new(LeafIndex(index), count(n)).unwrap();
        let at = |positions: &[crate::Position]| positions.iter().map(|p| self.nodes[p]).collect();
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

/// The root by replay, without any of the geometry: merge equals, fold the rest.
fn replayed_root(profile: HashingProfile, leaves: &[MmrLeaf]) -> H256 {
    let mut stack: Vec<(u32, H256)> = vec![];
    for leaf in leaves {
        let mut node = (0, profile.leaf(leaf));
        while stack.last().is_some_and(|(height, _)| *height == node.0) {
            node = (node.0 + 1, profile.node(&stack.pop().unwrap().1, &node.1));
        }
        stack.push(node);
    }
    let mut root = None;
    while let Some((_, peak)) = stack.pop() {
        root = Some(root.map_or(peak, |rest| profile.bag(&peak, &rest)));
    }
    root.unwrap_or_default()
}

#[test]
fn every_leaf_at_every_count_passes_both_verifiers() {
    for profile in PROFILES {
        let tree = Tree::new(profile, 100);
        for n in 1..=100u64 {
            let root = replayed_root(profile, &tree.leaves[..n as usize]);
            for index in 0..n {
                let proof = tree.prove(index, n);
                mmr_proof(profile, &proof, LeafIndex(index), count(n), &root).unwrap();
                chain_rule::mmr_proof(profile, &proof, &root).unwrap();
            }
        }
    }
}

#[test]
fn each_altered_field_of_a_leaf_proof_is_refused() {
    let profile = HashingProfile::Plain;
    let tree = Tree::new(profile, 11);
    let root = replayed_root(profile, &tree.leaves);
    let good = tree.prove(5, 11);
    let judge =
        |proof: &MmrProof, index, n| mmr_proof(profile, proof, LeafIndex(index), count(n), &root);
    let bend = |change: fn(&mut MmrProof)| {
        let mut bent = good.clone();
        change(&mut bent);
        judge(&bent, 5, 11).unwrap_err()
    };
    judge(&good, 5, 11).unwrap();

    assert_eq!(
        bend(|p| p.leaf.total_size += 1),
        VerifyError::NotUnderItsPeak { peak: 0 }
    );
    assert_eq!(
        bend(|p| p.leaf_proof.siblings[1] = H256::zero()),
        VerifyError::NotUnderItsPeak { peak: 0 }
    );
    assert_eq!(
        bend(|p| p.leaf_proof.path[0] = false),
        VerifyError::LeafPathBit { level: 0 }
    );
    // Extra path bits, with and without a sibling for them.
    let too_long = |siblings, bits| VerifyError::LeafPathLength {
        expected: 3,
        siblings,
        bits,
    };
    assert_eq!(bend(|p| p.leaf_proof.path.push(false)), too_long(3, 4));
    assert_eq!(
        bend(|p| {
            p.leaf_proof.path.push(false);
            p.leaf_proof.siblings.push(H256::zero());
        }),
        too_long(4, 4)
    );
    assert_eq!(
        bend(|p| p.peaks.push(H256::zero())),
        VerifyError::PeakCount {
            expected: 3,
            found: 4
        },
        "surplus peaks"
    );
    assert_eq!(bend(|p| p.peaks[2] = H256::zero()), VerifyError::Root);
    assert_eq!(
        bend(|p| p.peaks.swap(0, 1)),
        VerifyError::NotUnderItsPeak { peak: 0 }
    );

    // A proof for another leaf: the chain's older rule cannot tell.
    chain_rule::mmr_proof(profile, &tree.prove(4, 11), &root).unwrap();
    assert_eq!(
        judge(&tree.prove(4, 11), 5, 11),
        Err(VerifyError::LeafPathBit { level: 0 })
    );
    assert_eq!(judge(&tree.prove(10, 11), 5, 11), Err(too_long(0, 0)));
    // No two mountains have the same height; a leaf of another mountain:
    assert_eq!(
        judge(&tree.prove(8, 11), 9, 11),
        Err(VerifyError::LeafPathBit { level: 0 })
    );
    // A wrong leaf count, with as many peaks and with another number.
    assert_eq!(
        judge(&good, 5, 12),
        Err(VerifyError::PeakCount {
            expected: 2,
            found: 3
        })
    );
    assert_eq!(judge(&tree.prove(9, 11), 9, 13), Err(too_long_of(2, 1)));
    assert_eq!(
        judge(&good, 11, 11),
        Err(VerifyError::NoSuchLeaf {
            index: LeafIndex(11),
            count: count(11)
        })
    );
}

fn too_long_of(expected: u32, found: usize) -> VerifyError {
    VerifyError::LeafPathLength {
        expected,
        siblings: found,
        bits: found,
    }
}

/// Content of `chunks` full chunks but the last, with the proof of each chunk.
struct Content {
    chunks: Vec<Vec<u8>>,
    levels: Vec<Vec<H256>>,
    leaf: MmrLeaf,
}

impl Content {
    fn new(profile: HashingProfile, chunks: usize, last: usize) -> Self {
        let chunks: Vec<Vec<u8>> = (1..=chunks)
            .map(|k| vec![k as u8; if k == chunks { last } else { CHUNK_BYTES }])
            .collect();
        let mut hasher = ContentHasher::new(profile);
        chunks.iter().for_each(|chunk| hasher.push(chunk).unwrap());
        let content = hasher.finish();
        let size = content.subtree.bytes();
        let hashes = chunks.iter().map(|chunk| profile.chunk(chunk)).collect();
        Self {
            levels: crate::chunk_tree::tests::levels(profile, hashes),
            chunks,
            leaf: MmrLeaf {
                data_root: content.root,
                data_size: size,
                total_size: size,
            },
        }
    }

    fn prove(&self, mut index: usize) -> MerkleProof {
        let mut proof = MerkleProof::default();
        for level in &self.levels[..self.levels.len() - 1] {
            proof.siblings.push(level[index ^ 1]);
            proof.path.push(index & 1 == 1);
            index /= 2;
        }
        proof
    }
}

#[test]
fn every_chunk_passes_both_verifiers() {
    for profile in PROFILES {
        for chunks in 1..=6 {
            let content = Content::new(profile, chunks, 100);
            for (k, bytes) in content.chunks.iter().enumerate() {
                let (index, proof) = (ChunkIndex(k as u64), content.prove(k));
                chunk(profile, bytes, index, &proof, &content.leaf).unwrap();
                let hash = profile.chunk(bytes);
                chain_rule::chunk(profile, hash, index, &proof, &content.leaf.data_root).unwrap();
            }
        }
    }
}

#[test]
fn an_aliased_chunk_index_is_refused() {
    let profile = HashingProfile::Plain;
    let content = Content::new(profile, 3, 100);
    let (proof, bytes) = (content.prove(0), &content.chunks[0]);
    let aliased = ChunkIndex(4);
    let hash = profile.chunk(bytes);
    chain_rule::chunk(profile, hash, aliased, &proof, &content.leaf.data_root).unwrap();
    assert_eq!(
        chunk(profile, bytes, aliased, &proof, &content.leaf),
        Err(VerifyError::AliasedChunk {
            index: aliased,
            chunks: 3,
            slot: ChunkIndex(0)
        })
    );
    let huge = ChunkIndex(u64::MAX - 3);
    chain_rule::chunk(profile, hash, huge, &proof, &content.leaf.data_root).unwrap();
    assert!(chunk(profile, bytes, huge, &proof, &content.leaf).is_err());
}

#[test]
fn a_padding_slot_has_nothing_to_prove() {
    let content = Content::new(HashingProfile::Plain, 3, 100);
    assert_eq!(
        chunk(
            HashingProfile::Plain,
            &[],
            ChunkIndex(3),
            &content.prove(3),
            &content.leaf
        ),
        Err(VerifyError::PaddingSlot {
            index: ChunkIndex(3),
            chunks: 3
        })
    );
}

#[test]
fn a_node_shown_as_a_chunk_is_refused() {
    let profile = HashingProfile::Plain;
    let content = Content::new(profile, 4, 100);
    let node = [
        content.levels[0][0].as_bytes(),
        content.levels[0][1].as_bytes(),
    ]
    .concat();
    let shorter = MerkleProof {
        siblings: vec![content.levels[1][1]],
        path: vec![false],
    };
    let root = &content.leaf.data_root;
    chain_rule::chunk(profile, profile.chunk(&node), ChunkIndex(0), &shorter, root).unwrap();
    assert_eq!(
        chunk(profile, &node, ChunkIndex(0), &shorter, &content.leaf),
        Err(VerifyError::ChunkLength {
            expected: CHUNK_BYTES,
            found: 64
        })
    );
    // Tagged refuses it by its hashes alone.
    let tagged = Content::new(HashingProfile::Tagged, 4, 100);
    let node = [
        tagged.levels[0][0].as_bytes(),
        tagged.levels[0][1].as_bytes(),
    ]
    .concat();
    let shorter = MerkleProof {
        siblings: vec![tagged.levels[1][1]],
        path: vec![false],
    };
    assert_eq!(
        chain_rule::chunk(
            HashingProfile::Tagged,
            HashingProfile::Tagged.chunk(&node),
            ChunkIndex(0),
            &shorter,
            &tagged.leaf.data_root
        ),
        Err(chain_rule::ChainRefusal::DataRoot)
    );
}

#[test]
fn each_altered_field_of_a_chunk_proof_is_refused() {
    let profile = HashingProfile::Tagged;
    let content = Content::new(profile, 3, 100);
    let good = content.prove(2);
    let judge = |bytes: &[u8], index, proof: &MerkleProof| {
        chunk(profile, bytes, ChunkIndex(index), proof, &content.leaf)
    };
    let bytes = &content.chunks[2];
    judge(bytes, 2, &good).unwrap();

    let mut bent = bytes.clone();
    bent[0] ^= 1;
    assert_eq!(judge(&bent, 2, &good), Err(VerifyError::DataRoot));
    assert_eq!(
        judge(&bytes[1..], 2, &good),
        Err(VerifyError::ChunkLength {
            expected: 100,
            found: 99
        })
    );
    let mut longer = good.clone();
    longer.path.push(false);
    assert_eq!(
        judge(bytes, 2, &longer),
        Err(VerifyError::ChunkPathLength {
            expected: 2,
            siblings: 2,
            bits: 3
        })
    );
    let mut turned = good.clone();
    turned.path[1] = false;
    assert_eq!(
        judge(bytes, 2, &turned),
        Err(VerifyError::ChunkPathBit { level: 1 })
    );
    let mut sibling = good.clone();
    sibling.siblings[0] = H256::repeat_byte(1);
    assert_eq!(judge(bytes, 2, &sibling), Err(VerifyError::DataRoot));
    // The chain's own rule, on the same three.
    let hash = profile.chunk(bytes);
    let chain = |index, proof: &MerkleProof| {
        chain_rule::chunk(
            profile,
            hash,
            ChunkIndex(index),
            proof,
            &content.leaf.data_root,
        )
    };
    assert_eq!(
        chain(2, &longer),
        Err(chain_rule::ChainRefusal::Unpaired {
            bits: 3,
            siblings: 2
        })
    );
    assert_eq!(
        chain(1, &good),
        Err(chain_rule::ChainRefusal::WrongTurn { level: 0 })
    );
    assert_eq!(chain(2, &sibling), Err(chain_rule::ChainRefusal::DataRoot));
}

#[test]
fn an_answer_is_verified_against_the_challenged_commitment() {
    let profile = HashingProfile::Plain;
    let content = Content::new(profile, 2, 7);
    let mut frontier = Frontier::empty(profile);
    frontier
        .append(profile.leaf(&content.leaf), |_, _| {})
        .unwrap();
    let commitment = Commitment {
        mmr_root: frontier.root(),
        start_seq: Sequence(40),
        leaf_count: frontier.count(),
    };
    let proof = MmrProof {
        peaks: frontier.peaks().to_vec(),
        leaf: content.leaf,
        leaf_proof: MerkleProof::default(),
    };
    let at = |leaf, chunk| ChunkLocation {
        leaf_index: LeafIndex(leaf),
        chunk_index: ChunkIndex(chunk),
    };
    let judge = |location: ChunkLocation| {
        answer(
            profile,
            &content.chunks[1],
            &proof,
            &content.prove(1),
            &location,
            &commitment,
        )
    };
    judge(at(0, 1)).unwrap();
    assert!(matches!(
        judge(at(1, 1)),
        Err(VerifyError::NoSuchLeaf { .. })
    ));
    assert!(matches!(
        judge(at(0, 0)),
        Err(VerifyError::ChunkLength { .. })
    ));
}

proptest! {
    /// Any change to any field of any proof is refused.
    #[test]
    fn a_proof_is_the_only_one_that_passes(
        n in 1u64..200,
        pick: proptest::sample::Index,
        field in 0u8..6,
        place: proptest::sample::Index,
        flip in 1u8..=255,
    ) {
        let profile = PROFILES[usize::from(flip & 1)];
        let tree = Tree::new(profile, n);
        let root = replayed_root(profile, &tree.leaves);
        let index = pick.index(n as usize) as u64;
        let mut proof = tree.prove(index, n);
        prop_assert_eq!(mmr_proof(profile, &proof, LeafIndex(index), count(n), &root), Ok(()));
        let height = proof.leaf_proof.path.len();
        match field {
            0 => { let k = place.index(proof.peaks.len()); proof.peaks[k].0[0] ^= flip; }
            1 => proof.leaf.data_root.0[place.index(32)] ^= flip,
            2 => proof.leaf.data_size ^= u64::from(flip),
            3 if height > 0 => proof.leaf_proof.siblings[place.index(height)].0[31] ^= flip,
            4 if height > 0 => { let k = place.index(height); proof.leaf_proof.path[k] ^= true; }
            _ => drop(proof.peaks.pop()),
        }
        prop_assert!(mmr_proof(profile, &proof, LeafIndex(index), count(n), &root).is_err());
    }

    /// No bytes from outside make a decoder or verifier panic.
    #[test]
    fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600), index: u64, n: u64) {
        use codec::Decode;
        if let Ok(proof) = MmrProof::decode(&mut &bytes[..]) {
            let n = LeafCount::new(n >> 2).unwrap();
            let _ = mmr_proof(HashingProfile::Plain, &proof, LeafIndex(index), n, &H256::zero());
            let _ = chunk(HashingProfile::Plain, &bytes, ChunkIndex(index), &proof.leaf_proof, &proof.leaf);
        }
        let _ = crate::challenge::ChallengeResponse::decode(&mut &bytes[..]);
        let _ = crate::checkpoint::BucketSnapshot::decode(&mut &bytes[..]);
    }
}
