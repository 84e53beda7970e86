//! Commitments: a provider signs one to promise that it keeps the leaves under a root.

use crate::ids::{BucketId, LeafCount, LeafIndex, Sequence};
use codec::{
    Decode, DecodeWithMemTracking, Encode, EncodeLike, Error, Input, MaxEncodedLen, Output,
};
use primitive_types::H256;

/// The version byte of payloads that end with the commitment.
pub const PAYLOAD_VERSION: u8 = 1;
/// The version byte of payloads that end with a nonce.
pub const PAYLOAD_VERSION_WITH_NONCE: u8 = 2;

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
/// nor wrapped: the version, the bucket, the commitment, and in version 2 the nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct CommitmentPayload {
    /// The bucket.
    pub bucket_id: BucketId,
    /// The commitment.
    pub commitment: Commitment,
    /// The anchor block of the signature, on chains that bound its age; `None` is version 1.
    pub nonce: Option<u64>,
}

impl CommitmentPayload {
    /// Creates a payload of version 1.
    pub const fn new(bucket_id: BucketId, commitment: Commitment) -> Self {
        Self {
            bucket_id,
            commitment,
            nonce: None,
        }
    }

    /// Creates a payload of version 2.
    pub const fn with_nonce(bucket_id: BucketId, commitment: Commitment, nonce: u64) -> Self {
        Self {
            bucket_id,
            commitment,
            nonce: Some(nonce),
        }
    }

    /// Returns the version byte.
    pub const fn version(&self) -> u8 {
        match self.nonce {
            None => PAYLOAD_VERSION,
            Some(_) => PAYLOAD_VERSION_WITH_NONCE,
        }
    }
}

impl Encode for CommitmentPayload {
    fn size_hint(&self) -> usize {
        Self::max_encoded_len()
    }

    fn encode_to<O: Output + ?Sized>(&self, out: &mut O) {
        (self.version(), self.bucket_id, self.commitment).encode_to(out);
        if let Some(nonce) = self.nonce {
            nonce.encode_to(out);
        }
    }
}

impl EncodeLike for CommitmentPayload {}

impl DecodeWithMemTracking for CommitmentPayload {}

impl Decode for CommitmentPayload {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let version = input.read_byte()?;
        let (bucket_id, commitment) = Decode::decode(input)?;
        let nonce = match version {
            PAYLOAD_VERSION => None,
            PAYLOAD_VERSION_WITH_NONCE => Some(u64::decode(input)?),
            _ => return Err("a payload of an unknown version".into()),
        };
        Ok(Self {
            bucket_id,
            commitment,
            nonce,
        })
    }
}

impl MaxEncodedLen for CommitmentPayload {
    fn max_encoded_len() -> usize {
        <(u8, BucketId, Commitment, u64)>::max_encoded_len()
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

    #[test]
    fn a_payload_with_a_nonce_is_65_bytes_of_version_2() {
        let commitment = Commitment {
            mmr_root: H256::repeat_byte(0xaa),
            start_seq: Sequence(3),
            leaf_count: LeafCount::new(5).unwrap(),
        };
        let plain = CommitmentPayload::new(BucketId(0x0102), commitment);
        let timed = CommitmentPayload::with_nonce(BucketId(0x0102), commitment, 0x0304);
        let mut expected = plain.encode();
        expected[0] = 2;
        expected.extend([4, 3, 0, 0, 0, 0, 0, 0]);
        assert_eq!(timed.encode(), expected);
        assert_eq!(expected.len(), 65);
        for payload in [plain, timed] {
            let bytes = payload.encode();
            assert_eq!(CommitmentPayload::decode(&mut &bytes[..]).unwrap(), payload);
            assert!(CommitmentPayload::decode(&mut &bytes[..bytes.len() - 1]).is_err());
        }
        expected[0] = 3;
        assert!(CommitmentPayload::decode(&mut &expected[..]).is_err());
    }
}
