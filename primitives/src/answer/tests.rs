//! An answer exists if, and only if, the two verifiers accept its parts.

use super::*;
use crate::chunk_tree::{CHUNK_BYTES, ContentHasher};
use crate::ids::Position;
use crate::ids::{LeafCount, Sequence};
use crate::mmr::{Frontier, LeafRoute};
use alloc::collections::BTreeMap;
use alloc::vec;
use codec::{DecodeAll, Encode};
use proptest::prelude::*;

/// Three leaves, the middle one of three chunks, which a fourth slot pads.
struct Tree {
    profile: HashingProfile,
    contents: Vec<Vec<u8>>,
    leaves: Vec<MmrLeaf>,
    nodes: BTreeMap<Position, H256>,
    commitment: Commitment,
}

impl Tree {
    fn new(profile: HashingProfile) -> Self {
        let contents = vec![vec![1; 10], vec![2; 2 * CHUNK_BYTES + 5], vec![3; 20]];
        let (mut leaves, mut nodes) = (Vec::new(), BTreeMap::new());
        let (mut frontier, mut total_size) = (Frontier::empty(profile), 0);
        for content in &contents {
            let mut hasher = ContentHasher::new(profile);
            for chunk in content.chunks(CHUNK_BYTES) {
                hasher.push(chunk).unwrap();
            }
            let data_size = content.len() as u64;
            total_size += data_size;
            let leaf = MmrLeaf {
                data_root: hasher.finish().root,
                data_size,
                total_size,
            };
            let keep = |at, hash| {
                nodes.insert(at, hash);
            };
            frontier.append(profile.leaf(&leaf), keep).unwrap();
            leaves.push(leaf);
        }
        let commitment = Commitment {
            mmr_root: frontier.root(),
            start_seq: Sequence(0),
            leaf_count: frontier.count(),
        };
        Self {
            profile,
            contents,
            leaves,
            nodes,
            commitment,
        }
    }

    fn mmr_proof(&self, index: u64) -> MmrProof {
        let route = LeafRoute::new(LeafIndex(index), self.commitment.leaf_count).unwrap();
        let at = |places: &[Position]| places.iter().map(|at| self.nodes[at]).collect();
        MmrProof {
            peaks: at(&route.peaks),
            leaf: self.leaves[index as usize],
            leaf_proof: MerkleProof {
                siblings: at(&route.siblings),
                path: route.path,
            },
        }
    }

    fn chunk(&self, index: u64, slot: u64) -> (Vec<u8>, MerkleProof) {
        let chunks: Vec<_> = self.contents[index as usize].chunks(CHUNK_BYTES).collect();
        let mut level: Vec<_> = chunks.iter().map(|data| self.profile.chunk(data)).collect();
        level.resize(level.len().next_power_of_two(), H256::zero());
        let (mut proof, mut at) = (MerkleProof::default(), slot as usize);
        while level.len() > 1 {
            proof.siblings.push(level[at ^ 1]);
            proof.path.push(at & 1 == 1);
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| self.profile.node(&pair[0], &pair[1]))
                .collect();
            at /= 2;
        }
        (chunks[slot as usize].to_vec(), proof)
    }

    fn answer(&self, index: u64, chunk: u64) -> Result<Answer, NotProven> {
        let slot = chunk_tree::slot(ChunkIndex(chunk), self.leaves[index as usize].data_size);
        let (data, proof) = self.chunk(index, slot.0);
        self.leaf(index)
            .unwrap()
            .answer(ChunkIndex(chunk), data, proof)
    }

    fn leaf(&self, index: u64) -> Result<ProvenLeaf, VerifyError> {
        let proof = self.mmr_proof(index);
        ProvenLeaf::new(self.profile, self.commitment, LeafIndex(index), proof)
    }
}

const PROFILES: [HashingProfile; 2] = [HashingProfile::Plain, HashingProfile::Tagged];

#[test]
fn an_answer_says_what_it_was_verified_against() {
    for tree in PROFILES.map(Tree::new) {
        // Index 6 lies past the padded tree, where the chain means slot 2.
        for (index, chunk, slot) in [(0, 0, 0), (1, 1, 1), (1, 2, 2), (1, 6, 2), (2, 9, 0)] {
            let answer = tree.answer(index, chunk).unwrap();
            let (data, proof) = tree.chunk(index, slot);
            let location = ChunkLocation {
                leaf_index: LeafIndex(index),
                chunk_index: ChunkIndex(chunk),
            };
            assert_eq!(answer.commitment(), tree.commitment);
            assert_eq!(answer.location(), location);
            assert_eq!(answer.slot(), ChunkIndex(slot));
            assert_eq!(answer.leaf(), tree.leaves[index as usize]);
            assert_eq!(answer.chunk_hash(), tree.profile.chunk(&data));
            assert_eq!(answer.chunk_data(), data);
            assert_eq!(*answer.mmr_proof(), tree.mmr_proof(index));
            assert_eq!(*answer.chunk_proof(), proof);
            let response = ChallengeResponse::Proof {
                chunk_data: data,
                mmr_proof: tree.mmr_proof(index),
                chunk_proof: proof,
            };
            assert_eq!(answer.into_response(), response);
        }
    }
}

#[test]
fn a_padding_slot_has_no_answer() {
    let tree = Tree::new(HashingProfile::Plain);
    let (_, proof) = tree.chunk(1, 2);
    for chunk in [3, 7] {
        let leaf = tree.leaf(1).unwrap();
        let refused = leaf.answer(ChunkIndex(chunk), Vec::new(), proof.clone());
        assert!(matches!(
            refused,
            Err(NotProven::Strict(VerifyError::PaddingSlot { .. }))
        ));
    }
}

/// Returns whether both rules accept the parts by themselves.
fn passes(
    profile: HashingProfile,
    commitment: &Commitment,
    location: ChunkLocation,
    (data, mmr, proof): (&[u8], &MmrProof, &MerkleProof),
) -> bool {
    let slot = chunk_tree::slot(location.chunk_index, mmr.leaf.data_size);
    let at_slot = ChunkLocation {
        chunk_index: slot,
        ..location
    };
    let (asked, root) = (location.chunk_index, &commitment.mmr_root);
    verify::answer(profile, data, mmr, proof, &at_slot, commitment).is_ok()
        && chain_rule::proof_response(profile, data, mmr, proof, asked, root).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whichever part is altered, an answer comes of the parts that both rules accept.
    #[test]
    fn an_answer_exists_only_where_both_rules_accept_it(
        is_tagged: bool,
        other_profile in proptest::bool::weighted(0.1),
        proven in 0u64..3,
        claimed in 0u64..3,
        asked in 0u64..8,
        shown in 0u64..3,
        flip in proptest::option::weighted(0.5, any::<proptest::sample::Index>()),
        change in 0u8..8,
    ) {
        let tree = Tree::new(PROFILES[usize::from(is_tagged)]);
        let slots = chunk_tree::chunk_count(tree.leaves[proven as usize].data_size);
        let (mut data, mut proof) = tree.chunk(proven, shown % slots);
        let mut mmr = tree.mmr_proof(proven);
        let mut commitment = tree.commitment;
        match (change, flip) {
            (0, Some(at)) => { let at = at.index(data.len()); data[at] ^= 1; }
            (1, Some(_)) => { data.pop(); }
            (2, Some(at)) => {
                let mut bytes = mmr.encode();
                let at = at.index(bytes.len());
                bytes[at] ^= 1;
                mmr = MmrProof::decode_all(&mut &bytes[..]).unwrap_or(mmr);
            }
            (3, Some(_)) => { proof.path.push(false); }
            (4, Some(_)) => commitment.mmr_root.0[7] ^= 1,
            (5, Some(_)) => commitment.leaf_count = LeafCount::new(2).unwrap(),
            (6, Some(_)) => mmr.leaf.data_size += 1,
            // The two halves of a node, shown as a chunk.
            (7, Some(_)) if !proof.path.is_empty() => {
                let (own, is_right) = (tree.profile.chunk(&data), proof.path.remove(0));
                let sibling = proof.siblings.remove(0);
                let pair = if is_right { [sibling, own] } else { [own, sibling] };
                data = pair.map(|hash| hash.0).concat();
            }
            _ => {}
        }
        let profile = PROFILES[usize::from(is_tagged != other_profile)];
        let location = ChunkLocation {
            leaf_index: LeafIndex(claimed),
            chunk_index: ChunkIndex(asked),
        };
        let expected = passes(profile, &commitment, location, (&data, &mmr, &proof));
        let by_chain = chain_rule::mmr_proof(profile, &mmr, &commitment.mmr_root);
        let leaf = ProvenLeaf::new(profile, commitment, location.leaf_index, mmr);
        prop_assert!(leaf.is_err() || by_chain.is_ok(), "strict rule implies the chain's");
        let answer = leaf.map_err(NotProven::from).and_then(|leaf| leaf.answer(
            location.chunk_index,
            data,
            proof,
        ));
        prop_assert_eq!(answer.is_ok(), expected, "{:?}", answer.err());
    }
}
