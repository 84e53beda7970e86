//! The encoding of proofs: a path within a binary tree, and a leaf's proof within an MMR.
//! Decoding is bounded, since these bytes come from outside.

use crate::leaf::MmrLeaf;
use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, Error, Input};
use primitive_types::H256;

/// The most levels that a path may have. A chunk tree has at most 46, since
/// content is below 2^64 bytes in chunks of 2^18; a mountain at most 62.
pub const MAX_PATH: usize = 64;

/// The most peaks that a proof may carry: one for each bit of a leaf count.
pub const MAX_PEAKS: usize = 64;

/// A path from a leaf of a binary tree to its root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct MerkleProof {
    /// The sibling at each level, leaf to root; at most [`MAX_PATH`] decode.
    pub siblings: Vec<H256>,
    /// For each level, true if the node so far is the right child.
    pub path: Vec<bool>,
}

/// A leaf's proof within an MMR.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct MmrProof {
    /// All peaks, left to right; at most [`MAX_PEAKS`] decode.
    pub peaks: Vec<H256>,
    /// The proven leaf.
    pub leaf: MmrLeaf,
    /// The path from the leaf to the peak of its mountain.
    pub leaf_proof: MerkleProof,
}

/// Decodes a `Vec` of at most `max` items, refusing a longer one before any
/// item is read or any memory taken for it.
pub(crate) fn decode_bounded<T: Decode, I: Input>(
    input: &mut I,
    max: usize,
    too_long: &'static str,
) -> Result<Vec<T>, Error> {
    let length = usize::try_from(Compact::<u32>::decode(input)?.0).map_err(|_| too_long)?;
    if length > max {
        return Err(too_long.into());
    }
    (0..length).map(|_| T::decode(input)).collect()
}

impl DecodeWithMemTracking for MerkleProof {}

impl Decode for MerkleProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            siblings: decode_bounded(input, MAX_PATH, "more than 64 siblings in a path")?,
            path: decode_bounded(input, MAX_PATH, "more than 64 bits in a path")?,
        })
    }
}

impl DecodeWithMemTracking for MmrProof {}

impl Decode for MmrProof {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            peaks: decode_bounded(input, MAX_PEAKS, "more than 64 peaks in a proof")?,
            leaf: MmrLeaf::decode(input)?,
            leaf_proof: MerkleProof::decode(input)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_list_past_its_bound_is_refused_before_it_is_read() {
        let long = MerkleProof {
            siblings: vec![H256::zero(); MAX_PATH + 1],
            path: vec![],
        };
        assert!(MerkleProof::decode(&mut &long.encode()[..]).is_err());
        // A length of 2^30 - 1 with nothing behind it.
        let bomb = [0xfe, 0xff, 0xff, 0xff];
        let error = MerkleProof::decode(&mut &bomb[..]).unwrap_err();
        assert_eq!(alloc::format!("{error}"), "more than 64 siblings in a path");
    }

    #[test]
    fn a_proof_survives_its_encoding() {
        let proof = MmrProof {
            peaks: vec![H256::repeat_byte(1); MAX_PEAKS],
            leaf: MmrLeaf::default(),
            leaf_proof: MerkleProof {
                siblings: vec![H256::zero(); 2],
                path: vec![true, false],
            },
        };
        assert_eq!(MmrProof::decode(&mut &proof.encode()[..]).unwrap(), proof);
    }
}
