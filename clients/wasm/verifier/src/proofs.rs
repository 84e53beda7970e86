//! Proofs, judged by the strict verifiers: the only one that an honest provider gives passes.

use crate::input;
use crate::refusal::Refusal;
use cairn_primitives::challenge::ChallengeResponse;
use cairn_primitives::{
    ChunkIndex, Commitment, LeafIndex, MerkleProof, MmrLeaf, MmrProof, ProvenLeaf, Sequence, verify,
};
use codec::DecodeAll;

/// A path as JavaScript gives it.
#[derive(Clone, Copy, Debug)]
pub struct GivenPath<'b> {
    /// The siblings' bytes, from the leaf up.
    pub siblings: &'b [u8],
    /// A byte for each level, 1 where the node is the right child.
    pub path: &'b [u8],
}

impl GivenPath<'_> {
    fn proof(&self) -> Result<MerkleProof, Refusal> {
        Ok(MerkleProof {
            siblings: input::hashes(self.siblings)?,
            path: input::path(self.path)?,
        })
    }
}

/// A leaf as JavaScript gives it.
#[derive(Clone, Copy, Debug)]
pub struct GivenLeaf<'b> {
    /// The 32 bytes of the data root.
    pub data_root: &'b [u8],
    /// The bytes of content.
    pub data_size: u64,
    /// The bytes of all content so far.
    pub total_size: u64,
}

impl GivenLeaf<'_> {
    fn leaf(&self) -> Result<MmrLeaf, Refusal> {
        Ok(MmrLeaf {
            data_root: input::hash(self.data_root)?,
            data_size: self.data_size,
            total_size: self.total_size,
        })
    }
}

/// Verifies a chunk against a data root and the size of the content.
///
/// # Errors
///
/// [`Refusal`] with the first rule that is broken.
pub fn verify_chunk(
    tagged: bool,
    bytes: &[u8],
    index: u64,
    path: GivenPath<'_>,
    (data_root, data_size): (&[u8], u64),
) -> Result<(), Refusal> {
    let leaf = GivenLeaf {
        data_root,
        data_size,
        total_size: data_size,
    };
    let (proof, leaf) = (path.proof()?, leaf.leaf()?);
    let index = ChunkIndex(index);
    Ok(verify::chunk(
        input::profile(tagged),
        bytes,
        index,
        &proof,
        &leaf,
    )?)
}

/// Verifies a leaf at its index against the root of a tree of `count` leaves.
///
/// # Errors
///
/// [`Refusal`] with the first rule that is broken.
pub fn verify_leaf(
    tagged: bool,
    leaf: GivenLeaf<'_>,
    (peaks, path): (&[u8], GivenPath<'_>),
    index: u64,
    (count, root): (u64, &[u8]),
) -> Result<(), Refusal> {
    let proof = MmrProof {
        peaks: input::hashes(peaks)?,
        leaf: leaf.leaf()?,
        leaf_proof: path.proof()?,
    };
    let (count, root) = (input::leaf_count(count)?, input::hash(root)?);
    let (profile, index) = (input::profile(tagged), LeafIndex(index));
    Ok(verify::mmr_proof(profile, &proof, index, count, &root)?)
}

/// Verifies a `ChallengeResponse` in SCALE by the strict rule and by the chain's.
///
/// # Errors
///
/// [`Refusal`] with the first rule that is broken, and of a response without a proof.
pub fn verify_response(
    tagged: bool,
    response: &[u8],
    (leaf_index, chunk_index): (u64, u64),
    (count, root): (u64, &[u8]),
) -> Result<(), Refusal> {
    let response = ChallengeResponse::decode_all(&mut &*response);
    let ChallengeResponse::Proof {
        chunk_data,
        mmr_proof,
        chunk_proof,
    } = response.map_err(Refusal::malformed)?
    else {
        return Err(Refusal::malformed("a response without a proof"));
    };
    let commitment = Commitment {
        mmr_root: input::hash(root)?,
        start_seq: Sequence(0),
        leaf_count: input::leaf_count(count)?,
    };
    let profile = input::profile(tagged);
    let leaf = ProvenLeaf::new(profile, commitment, LeafIndex(leaf_index), mmr_proof)?;
    leaf.answer(ChunkIndex(chunk_index), chunk_data, chunk_proof)?;
    Ok(())
}
