//! The largest answer to a challenge, whose fee an account must be able to pay.

use cairn_chain::Submission;
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse};
use cairn_primitives::{H256, MerkleProof, MmrLeaf, MmrProof};

/// The siblings of a chunk's path: a leaf of 2^24 chunks is 4 TiB.
const CHUNK_SIBLINGS: usize = 24;
/// The peaks and the siblings of a leaf's path: a bucket of 2^32 leaves.
const LEAF_SIBLINGS: usize = 32;

/// Returns an answer with a full chunk, to ask its fee. It answers no challenge.
pub fn full_size_answer(chunk_bytes: u32) -> Submission {
    let path = |siblings| MerkleProof {
        siblings: vec![H256::zero(); siblings],
        path: vec![true; siblings],
    };
    // A chunk's length fits the memory of every machine that runs this.
    let chunk = usize::try_from(chunk_bytes).unwrap_or(usize::MAX);
    Submission::Response {
        id: ChallengeId {
            deadline: u32::MAX,
            index: u16::MAX,
        },
        response: Box::new(ChallengeResponse::Proof {
            chunk_data: vec![0; chunk.min(MAX_CHUNK_BYTES)],
            mmr_proof: MmrProof {
                peaks: vec![H256::zero(); LEAF_SIBLINGS],
                leaf: MmrLeaf::default(),
                leaf_proof: path(LEAF_SIBLINGS),
            },
            chunk_proof: path(CHUNK_SIBLINGS),
        }),
    }
}

/// The largest chunk that is asked about: content is cut at 256 KiB, whatever larger chunks a
/// chain takes.
const MAX_CHUNK_BYTES: usize = 262_144;
