//! Proofs that hold, by their type: a [`ProvenLeaf`] or an [`Answer`] exists only after
//! the verifiers have accepted it.
//!
//! ```text
//! MmrProof ─► ProvenLeaf::new ─► ProvenLeaf::answer ─► Answer ─► ChallengeResponse
//!             strict rule        strict and chain's rule
//! ```
//!
//! Their fields are private and nothing changes them, so they need no second
//! verification, except against what they do not know: which challenge was asked.

use crate::chain_rule::{self, ChainRefusal};
use crate::challenge::{ChallengeResponse, ChunkLocation};
use crate::chunk_tree;
use crate::commitment::Commitment;
use crate::hash::HashingProfile;
use crate::ids::{ChunkIndex, LeafIndex};
use crate::leaf::MmrLeaf;
use crate::proof::{MerkleProof, MmrProof};
use crate::verify::{self, VerifyError};
use alloc::vec::Vec;
use primitive_types::H256;

/// The rule that a proof breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// The strict rule, which accepts only the answer of an honest provider.
    #[error(transparent)]
    Strict(#[from] VerifyError),
    /// The chain's rule, by which it would slash.
    #[error(transparent)]
    Chain(#[from] ChainRefusal),
}

/// A leaf with its proof under a commitment, which the strict rule has accepted.
///
/// For a leaf the strict rule implies the chain's: same hashes, with the index bound too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenLeaf {
    profile: HashingProfile,
    commitment: Commitment,
    index: LeafIndex,
    proof: MmrProof,
}

impl ProvenLeaf {
    /// Verifies that a leaf has this index under a commitment.
    ///
    /// # Errors
    ///
    /// [`VerifyError`] with the first rule that is broken.
    pub fn new(
        profile: HashingProfile,
        commitment: Commitment,
        index: LeafIndex,
        proof: MmrProof,
    ) -> Result<Self, VerifyError> {
        let Commitment {
            mmr_root,
            leaf_count,
            ..
        } = &commitment;
        verify::mmr_proof(profile, &proof, index, *leaf_count, mmr_root)?;
        Ok(Self {
            profile,
            commitment,
            index,
            proof,
        })
    }

    /// Verifies a chunk under the leaf, by the strict rule and by the chain's, which
    /// makes it the answer to a challenge of that chunk. Hashes the chunk once.
    ///
    /// The strict rule is applied to the slot that the chain maps the index to.
    ///
    /// # Errors
    ///
    /// [`NotProven`] with the first rule that is broken.
    pub fn answer(
        self,
        chunk_index: ChunkIndex,
        chunk_data: Vec<u8>,
        chunk_proof: MerkleProof,
    ) -> Result<Answer, NotProven> {
        let (profile, leaf) = (self.profile, &self.proof.leaf);
        let slot = chunk_tree::slot(chunk_index, leaf.data_size);
        let chunk_hash = profile.chunk(&chunk_data);
        let hashed = (chunk_hash, chunk_data.len());
        verify::hashed_chunk(profile, hashed, slot, &chunk_proof, leaf)?;
        // The two halves of `chain_rule::proof_response`, which would hash again.
        let data_root = &leaf.data_root;
        chain_rule::chunk(profile, chunk_hash, chunk_index, &chunk_proof, data_root)?;
        chain_rule::mmr_proof(profile, &self.proof, &self.commitment.mmr_root)?;
        Ok(Answer {
            leaf: self,
            chunk_index,
            slot,
            chunk_hash,
            chunk_data,
            chunk_proof,
        })
    }

    /// Returns the hashing profile that the proof was verified with.
    pub const fn profile(&self) -> HashingProfile {
        self.profile
    }

    /// Returns the commitment that the leaf is proven under.
    pub const fn commitment(&self) -> Commitment {
        self.commitment
    }

    /// Returns the index of the leaf.
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Returns the leaf.
    pub const fn leaf(&self) -> MmrLeaf {
        self.proof.leaf
    }

    /// Returns the proof, from the leaf to the root.
    pub const fn proof(&self) -> &MmrProof {
        &self.proof
    }

    /// Returns the proof by value.
    pub fn into_proof(self) -> MmrProof {
        self.proof
    }
}

/// The answer to a challenge of a chunk, which the strict rule and the chain's rule have
/// accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    leaf: ProvenLeaf,
    chunk_index: ChunkIndex,
    slot: ChunkIndex,
    chunk_hash: H256,
    chunk_data: Vec<u8>,
    chunk_proof: MerkleProof,
}

impl Answer {
    /// Returns the hashing profile that the answer was verified with.
    pub const fn profile(&self) -> HashingProfile {
        self.leaf.profile()
    }

    /// Returns the commitment that the answer is for.
    pub const fn commitment(&self) -> Commitment {
        self.leaf.commitment()
    }

    /// Returns the leaf and the chunk that were asked for.
    pub const fn location(&self) -> ChunkLocation {
        ChunkLocation {
            leaf_index: self.leaf.index(),
            chunk_index: self.chunk_index,
        }
    }

    /// Returns the slot that the chain maps the asked chunk index to.
    pub const fn slot(&self) -> ChunkIndex {
        self.slot
    }

    /// Returns the leaf that the chunk belongs to.
    pub const fn leaf(&self) -> MmrLeaf {
        self.leaf.leaf()
    }

    /// Returns the chunk.
    pub fn chunk_data(&self) -> &[u8] {
        &self.chunk_data
    }

    /// Returns the hash of the chunk.
    pub const fn chunk_hash(&self) -> H256 {
        self.chunk_hash
    }

    /// Returns the proof from the leaf to the root.
    pub const fn mmr_proof(&self) -> &MmrProof {
        self.leaf.proof()
    }

    /// Returns the proof from the chunk to the leaf's data root.
    pub const fn chunk_proof(&self) -> &MerkleProof {
        &self.chunk_proof
    }

    /// Returns the answer as the extrinsic takes it.
    pub fn into_response(self) -> ChallengeResponse {
        ChallengeResponse::Proof {
            chunk_data: self.chunk_data,
            mmr_proof: self.leaf.proof,
            chunk_proof: self.chunk_proof,
        }
    }
}

#[cfg(test)]
mod tests;
