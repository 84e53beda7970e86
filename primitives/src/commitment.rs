//! Commitments: a provider signs one to promise that it keeps the leaves under a root.

use crate::ids::{BucketId, LeafCount, LeafIndex, Sequence};
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use primitive_types::H256;

/// The version byte that the chain expects in signed payloads.
pub const PAYLOAD_VERSION: u8 = 1;

/// A bucket's MMR at one leaf count; covers the sequences
/// `start_seq .. start_seq + leaf_count`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct Commitment {
    /// Root of the MMR, or 32 zero bytes without leaves.
    pub mmr_root: H256,
    /// Sequence of the tree's first leaf.
    pub start_seq: Sequence,
    /// Leaves under the root.
    pub leaf_count: LeafCount,
}

impl Commitment {
    /// Creates the commitment that an admin signs to authorise a deletion of the bucket's
    /// leaves before `new_start_seq`; the surviving leaves have `new_mmr_root`.
    pub const fn deletion(new_mmr_root: H256, new_start_seq: Sequence) -> Self {
        Self {
            mmr_root: new_mmr_root,
            start_seq: new_start_seq,
            leaf_count: LeafCount::ZERO,
        }
    }

    /// Returns whether the commitment covers the leaf `index`, counted from `start_seq`.
    pub const fn covers(&self, index: LeafIndex) -> bool {
        self.leaf_count.contains(index)
    }
}

/// A commitment bound to its bucket. A provider signs its raw SCALE bytes, neither hashed
/// nor wrapped.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct CommitmentPayload {
    /// [`PAYLOAD_VERSION`].
    pub version: u8,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The commitment.
    pub commitment: Commitment,
}

impl CommitmentPayload {
    /// Creates a payload of the current version.
    pub const fn new(bucket_id: BucketId, commitment: Commitment) -> Self {
        Self {
            version: PAYLOAD_VERSION,
            bucket_id,
            commitment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_57_bytes_in_the_order_of_the_chain() {
        let commitment = Commitment {
            mmr_root: H256::repeat_byte(0xaa),
            start_seq: Sequence(3),
            leaf_count: LeafCount::new(5).unwrap(),
        };
        let bytes = CommitmentPayload::new(BucketId(0x0102), commitment).encode();
        let expected = format!(
            "010201000000000000{}03000000000000000500000000000000",
            "aa".repeat(32)
        );
        assert_eq!(hex::encode(&bytes), expected);
        assert_eq!(bytes.len(), 57);
        assert_eq!(commitment.encode().len(), 48);
    }
}
