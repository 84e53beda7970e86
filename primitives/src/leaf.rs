//! A leaf of a bucket's MMR: one committed piece of content.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use primitive_types::H256;

/// The length of an encoded [`MmrLeaf`].
pub const LEAF_BYTES: usize = 48;

/// One committed piece of content, as the chain encodes it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct MmrLeaf {
    /// Root of the content's chunk tree.
    pub data_root: H256,
    /// Length of the content, in bytes.
    pub data_size: u64,
    /// The sum of `data_size` over this leaf and all before it in the bucket's life, in
    /// bytes. A prune does not change it.
    pub total_size: u64,
}

impl MmrLeaf {
    /// Returns the leaf's SCALE encoding, which is hashed.
    pub fn to_bytes(&self) -> [u8; LEAF_BYTES] {
        let mut bytes = [0; LEAF_BYTES];
        let (root, sizes) = bytes.split_at_mut(32);
        let (data_size, total_size) = sizes.split_at_mut(8);
        root.copy_from_slice(self.data_root.as_bytes());
        data_size.copy_from_slice(&self.data_size.to_le_bytes());
        total_size.copy_from_slice(&self.total_size.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashed_bytes_are_the_scale_encoding() {
        let leaf = MmrLeaf {
            data_root: H256::repeat_byte(7),
            data_size: 0x0102_0304_0506_0708,
            total_size: u64::MAX - 1,
        };
        assert_eq!(leaf.to_bytes().to_vec(), leaf.encode());
        assert_eq!(MmrLeaf::decode(&mut &leaf.to_bytes()[..]).unwrap(), leaf);
    }
}
