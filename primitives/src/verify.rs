//! The strict verifiers: they accept only the one proof that an honest provider gives.
//!
//! They are total: no input panics, and nothing is allocated. A refusal has a reason.
//! Unlike the chain's older rule, they refuse an index past the content that aliases a slot
//! within it, a node's 64 bytes shown as a chunk, a proof for another leaf, another leaf
//! count, and peaks that belong to no mountain.

use crate::chain_rule::walk;
use crate::challenge::ChunkLocation;
use crate::commitment::Commitment;
use crate::hash::HashingProfile;
use crate::ids::{ChunkIndex, LeafCount, LeafIndex};
use crate::leaf::MmrLeaf;
use crate::proof::{MerkleProof, MmrProof};
use crate::{chunk_tree, mmr};
use primitive_types::H256;

/// A reason for which a proof is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The tree has no such leaf.
    #[error("leaf {index} is not within the {count} leaves of the root")]
    NoSuchLeaf {
        /// The requested leaf.
        index: LeafIndex,
        /// Leaves under the root.
        count: LeafCount,
    },
    /// The number of peaks differs from the set bits of the leaf count.
    #[error("{found} peaks, but the leaf count needs {expected}")]
    PeakCount {
        /// Peaks of such a tree.
        expected: usize,
        /// Peaks in the proof.
        found: usize,
    },
    /// The leaf's path does not have the length of its mountain's height.
    #[error(
        "a leaf path of {bits} bits and {siblings} siblings, but the mountain is {expected} high"
    )]
    LeafPathLength {
        /// Height of the leaf's mountain.
        expected: u32,
        /// Siblings in the proof.
        siblings: usize,
        /// Bits in the proof.
        bits: usize,
    },
    /// The leaf's path has a bit that does not match its index.
    #[error("the leaf path turns to another leaf at level {level}")]
    LeafPathBit {
        /// Levels above the leaf.
        level: usize,
    },
    /// The leaf and siblings do not lead to the peak of the leaf's mountain.
    #[error("the leaf does not lead to peak {peak}, the one above its index")]
    NotUnderItsPeak {
        /// Index of the peak, from the left.
        peak: usize,
    },
    /// The peaks do not bag to the root.
    #[error("the bagged peaks do not match the root")]
    Root,
    /// The index is that of a padding slot: it has no preimage, so it cannot be proven.
    #[error("slot {index} pads the tree after {chunks} chunks and has no content to prove")]
    PaddingSlot {
        /// The slot.
        index: ChunkIndex,
        /// Chunks of content.
        chunks: u64,
    },
    /// The index is past the padded tree; the chain reads it as another slot.
    #[error(
        "chunk {index} is past the tree over {chunks} chunks; the chain would read it as slot {slot}"
    )]
    AliasedChunk {
        /// The requested index.
        index: ChunkIndex,
        /// Chunks of content.
        chunks: u64,
        /// The slot that the chain reads.
        slot: ChunkIndex,
    },
    /// The chunk has a wrong length.
    #[error("a chunk of {found} bytes, but the data size needs {expected}")]
    ChunkLength {
        /// Length by the leaf's `data_size`.
        expected: usize,
        /// Length of the chunk.
        found: usize,
    },
    /// The chunk's path does not have the length of the tree's depth.
    #[error("a chunk path of {bits} bits and {siblings} siblings, but the tree is {expected} deep")]
    ChunkPathLength {
        /// Depth by the leaf's `data_size`.
        expected: u32,
        /// Siblings in the proof.
        siblings: usize,
        /// Bits in the proof.
        bits: usize,
    },
    /// The chunk's path has a bit that does not match its index.
    #[error("the chunk path turns to another chunk at level {level}")]
    ChunkPathBit {
        /// Levels above the chunk.
        level: usize,
    },
    /// The chunk and siblings do not lead to the leaf's data root.
    #[error("the chunk does not lead to the leaf's data root")]
    DataRoot,
}

/// A fault of a path; the caller maps it to its own error.
enum PathFault {
    Length,
    Bit { level: usize },
}

fn check_path(proof: &MerkleProof, index: u64, height: u32) -> Result<(), PathFault> {
    let expected = usize::try_from(height).map_err(|_| PathFault::Length)?;
    if proof.siblings.len() != expected || proof.path.len() != expected {
        return Err(PathFault::Length);
    }
    let bits = (0..height).map(|level| index.checked_shr(level).unwrap_or(0) & 1 == 1);
    match proof
        .path
        .iter()
        .zip(bits)
        .position(|(given, expected)| *given != expected)
    {
        Some(level) => Err(PathFault::Bit { level }),
        None => Ok(()),
    }
}

/// Verifies a leaf against the root of a tree of `count` leaves, bound to its index. This is
/// also the newer chain's rule.
///
/// # Errors
///
/// [`VerifyError`] with the first rule that is broken.
pub fn mmr_proof(
    profile: HashingProfile,
    proof: &MmrProof,
    index: LeafIndex,
    count: LeafCount,
    root: &H256,
) -> Result<(), VerifyError> {
    let (place, mountain) =
        mmr::mountain_of(index, count).ok_or(VerifyError::NoSuchLeaf { index, count })?;
    let expected = mmr::mountains(count).count();
    if proof.peaks.len() != expected {
        return Err(VerifyError::PeakCount {
            expected,
            found: proof.peaks.len(),
        });
    }
    check_path(&proof.leaf_proof, index.0, mountain.height).map_err(|fault| match fault {
        PathFault::Length => VerifyError::LeafPathLength {
            expected: mountain.height,
            siblings: proof.leaf_proof.siblings.len(),
            bits: proof.leaf_proof.path.len(),
        },
        PathFault::Bit { level } => VerifyError::LeafPathBit { level },
    })?;
    let peak = walk(profile, profile.leaf(&proof.leaf), &proof.leaf_proof);
    if proof.peaks.get(place) != Some(&peak) {
        return Err(VerifyError::NotUnderItsPeak { peak: place });
    }
    if mmr::bag(profile, &proof.peaks) == *root {
        Ok(())
    } else {
        Err(VerifyError::Root)
    }
}

/// Verifies a chunk against a leaf, by the shape that the leaf's `data_size` implies.
///
/// # Errors
///
/// [`VerifyError`] with the first rule that is broken.
pub fn chunk(
    profile: HashingProfile,
    bytes: &[u8],
    index: ChunkIndex,
    proof: &MerkleProof,
    leaf: &MmrLeaf,
) -> Result<(), VerifyError> {
    hashed_chunk(
        profile,
        (profile.chunk(bytes), bytes.len()),
        index,
        proof,
        leaf,
    )
}

/// Verifies as [`chunk`] does, from the chunk's hash and its length in bytes.
///
/// # Errors
///
/// [`VerifyError`] with the first rule that is broken.
pub fn hashed_chunk(
    profile: HashingProfile,
    (hash, found): (H256, usize),
    index: ChunkIndex,
    proof: &MerkleProof,
    leaf: &MmrLeaf,
) -> Result<(), VerifyError> {
    let expected = chunk_length(index, leaf.data_size)?;
    if found != expected {
        return Err(VerifyError::ChunkLength { expected, found });
    }
    let depth = chunk_tree::depth(leaf.data_size);
    check_path(proof, index.0, depth).map_err(|fault| match fault {
        PathFault::Length => VerifyError::ChunkPathLength {
            expected: depth,
            siblings: proof.siblings.len(),
            bits: proof.path.len(),
        },
        PathFault::Bit { level } => VerifyError::ChunkPathBit { level },
    })?;
    if walk(profile, hash, proof) == leaf.data_root {
        Ok(())
    } else {
        Err(VerifyError::DataRoot)
    }
}

/// Returns the length of chunk `index` of content of `data_size` bytes.
///
/// # Errors
///
/// [`VerifyError::PaddingSlot`] or [`VerifyError::AliasedChunk`] if there is no such
/// chunk.
pub fn chunk_length(index: ChunkIndex, data_size: u64) -> Result<usize, VerifyError> {
    chunk_tree::chunk_len(index, data_size).ok_or_else(|| {
        let chunks = chunk_tree::chunk_count(data_size);
        let slot = chunk_tree::slot(index, data_size);
        if slot == index {
            VerifyError::PaddingSlot { index, chunks }
        } else {
            VerifyError::AliasedChunk {
                index,
                chunks,
                slot,
            }
        }
    })
}

/// Verifies a whole answer against a commitment: the leaf at its index under the root, and
/// the chunk at its index under the leaf.
///
/// # Errors
///
/// [`VerifyError`] with the first rule that is broken.
pub fn answer(
    profile: HashingProfile,
    chunk_data: &[u8],
    mmr: &MmrProof,
    chunk_proof: &MerkleProof,
    location: &ChunkLocation,
    commitment: &Commitment,
) -> Result<(), VerifyError> {
    mmr_proof(
        profile,
        mmr,
        location.leaf_index,
        commitment.leaf_count,
        &commitment.mmr_root,
    )?;
    chunk(
        profile,
        chunk_data,
        location.chunk_index,
        chunk_proof,
        &mmr.leaf,
    )
}

#[cfg(test)]
mod tests;
