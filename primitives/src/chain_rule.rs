//! The chain's own rules, exactly as the deployed pallet checks them.
//!
//! A responder checks an answer against the challenge with these before it submits,
//! since an answer that fails is slashed at once. They are not meant to judge other
//! parties' proofs: they bound neither a chunk's index nor a path's length, and do not
//! bind a leaf to its index. [`verify`](crate::verify) does.
//!
//! A newer chain binds index and leaf count; its rule is
//! [`verify::mmr_proof`](crate::verify::mmr_proof).

use crate::hash::HashingProfile;
use crate::ids::ChunkIndex;
use crate::mmr;
use crate::proof::{MerkleProof, MmrProof};
use primitive_types::H256;

/// A reason for which the chain would slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainRefusal {
    /// The path's bits and siblings differ in number.
    #[error("the path has {bits} bits for {siblings} siblings")]
    Unpaired {
        /// Bits in the path.
        bits: usize,
        /// Siblings in the path.
        siblings: usize,
    },
    /// The path leads to another chunk.
    #[error("the path turns away from the challenged chunk at level {level}")]
    WrongTurn {
        /// Levels above the chunk.
        level: usize,
    },
    /// The chunk is not under the leaf's data root.
    #[error("the chunk's path does not end on the leaf's data root")]
    DataRoot,
    /// The leaf is not under any of the peaks.
    #[error("the leaf's path does not end on any of the peaks")]
    NoSuchPeak,
    /// The peaks are not those of the challenged root.
    #[error("the bagged peaks do not match the challenged root")]
    Root,
}

/// Folds a path into the digest that it ends on.
pub(crate) fn walk(profile: HashingProfile, start: H256, proof: &MerkleProof) -> H256 {
    proof
        .siblings
        .iter()
        .zip(&proof.path)
        .fold(start, |node, (sibling, is_right)| {
            if *is_right {
                profile.node(sibling, &node)
            } else {
                profile.node(&node, sibling)
            }
        })
}

fn check_lengths(proof: &MerkleProof) -> Result<(), ChainRefusal> {
    let (bits, siblings) = (proof.path.len(), proof.siblings.len());
    if bits == siblings {
        Ok(())
    } else {
        Err(ChainRefusal::Unpaired { bits, siblings })
    }
}

/// Checks a chunk's hash against a `data_root`: the path has as many bits as siblings, and
/// its bits are the low bits of the index.
///
/// # Errors
///
/// [`ChainRefusal`] with the first rule that is broken.
pub fn chunk(
    profile: HashingProfile,
    chunk_hash: H256,
    index: ChunkIndex,
    proof: &MerkleProof,
    data_root: &H256,
) -> Result<(), ChainRefusal> {
    check_lengths(proof)?;
    for (level, is_right) in proof.path.iter().enumerate() {
        let halved = u32::try_from(level)
            .ok()
            .and_then(|level| index.0.checked_shr(level));
        if (halved.unwrap_or(0) & 1 == 1) != *is_right {
            return Err(ChainRefusal::WrongTurn { level });
        }
    }
    if walk(profile, chunk_hash, proof) == *data_root {
        Ok(())
    } else {
        Err(ChainRefusal::DataRoot)
    }
}

/// Checks a leaf against an MMR root: its path ends on one of the peaks, and the peaks bag
/// to the root. The leaf's index plays no part.
///
/// # Errors
///
/// [`ChainRefusal`] with the first rule that is broken.
pub fn mmr_proof(
    profile: HashingProfile,
    proof: &MmrProof,
    root: &H256,
) -> Result<(), ChainRefusal> {
    check_lengths(&proof.leaf_proof)?;
    let peak = walk(profile, profile.leaf(&proof.leaf), &proof.leaf_proof);
    if !proof.peaks.contains(&peak) {
        return Err(ChainRefusal::NoSuchPeak);
    }
    if mmr::bag(profile, &proof.peaks) == *root {
        Ok(())
    } else {
        Err(ChainRefusal::Root)
    }
}

/// Checks a whole `Proof` response against the challenged root and chunk index.
///
/// # Errors
///
/// [`ChainRefusal`] with the first rule that is broken.
pub fn proof_response(
    profile: HashingProfile,
    chunk_data: &[u8],
    mmr: &MmrProof,
    chunk_proof: &MerkleProof,
    index: ChunkIndex,
    root: &H256,
) -> Result<(), ChainRefusal> {
    chunk(
        profile,
        profile.chunk(chunk_data),
        index,
        chunk_proof,
        &mmr.leaf.data_root,
    )?;
    mmr_proof(profile, mmr, root)
}
