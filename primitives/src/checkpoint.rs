//! Checkpoints: the chain's snapshots of a bucket, the proposals that providers sign, and
//! the leader of a window.

use crate::commitment::{Commitment, PAYLOAD_VERSION};
use crate::hash::blake2_256;
use crate::ids::BucketId;
use crate::proof::decode_bounded;
use alloc::vec::Vec;
use codec::{Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen};

/// The most bytes of signer bits that decode. The chain has at most 5 primary
/// providers a bucket, and this leaves room for 256.
pub const MAX_SIGNER_BYTES: usize = 32;

/// The primes for which the chain keeps, at each checkpoint, the root of the
/// last quotient `block / p`, for replicas that lag.
pub const REPLICA_PRIMES: [u32; 6] = [3, 7, 11, 23, 47, 113];

/// A bucket's last checkpoint, as the chain keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct BucketSnapshot {
    /// The commitment.
    pub commitment: Commitment,
    /// The anchor block of the checkpoint.
    pub checkpoint_block: u32,
    /// Bit `i`, lowest first, tells whether `primary_providers[i]` signed.
    pub primary_signers: Vec<u8>,
}

impl BucketSnapshot {
    /// Returns whether the primary provider at index `place` signed.
    pub fn signed_by(&self, place: usize) -> bool {
        self.primary_signers
            .get(place >> 3)
            .is_some_and(|byte| byte & (1 << (place & 7)) != 0)
    }
}

impl DecodeWithMemTracking for BucketSnapshot {}

impl MaxEncodedLen for BucketSnapshot {
    /// Of a snapshot that decodes: with [`MAX_SIGNER_BYTES`] after a length of one byte.
    fn max_encoded_len() -> usize {
        Commitment::max_encoded_len()
            .saturating_add(u32::max_encoded_len())
            .saturating_add(1)
            .saturating_add(MAX_SIGNER_BYTES)
    }
}

impl Decode for BucketSnapshot {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        Ok(Self {
            commitment: Commitment::decode(input)?,
            checkpoint_block: u32::decode(input)?,
            primary_signers: decode_bounded(
                input,
                MAX_SIGNER_BYTES,
                "more than 32 bytes of signer bits",
            )?,
        })
    }
}

/// The payload that primary providers sign for a provider-initiated checkpoint.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct CheckpointProposal {
    /// [`PAYLOAD_VERSION`].
    pub version: u8,
    /// The bucket.
    pub bucket_id: BucketId,
    /// The commitment.
    pub commitment: Commitment,
    /// The window that the checkpoint is for: `anchor / interval`.
    pub window: u64,
}

impl CheckpointProposal {
    /// Creates a proposal of the current version.
    pub const fn new(bucket_id: BucketId, commitment: Commitment, window: u64) -> Self {
        Self {
            version: PAYLOAD_VERSION,
            bucket_id,
            commitment,
            window,
        }
    }
}

/// Returns the leader of `window` among `primaries` primary providers, as an index in the
/// chain's list; `None` if there are none.
///
/// The rule is the pallet's: the first four bytes of
/// `blake2_256(bucket_id ++ window)`, little-endian, modulo their number.
pub fn leader(bucket: BucketId, window: u64, primaries: u32) -> Option<u32> {
    let digest = blake2_256(&(bucket, window).encode());
    let mut lowest = [0; 4];
    lowest.copy_from_slice(digest.as_bytes().get(..4)?);
    u32::from_le_bytes(lowest).checked_rem(primaries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{LeafCount, Sequence};
    use alloc::vec;
    use primitive_types::H256;

    const COMMITMENT: Commitment = Commitment {
        mmr_root: H256([6; 32]),
        start_seq: Sequence(0),
        leaf_count: LeafCount::ZERO,
    };

    #[test]
    fn a_proposal_is_65_bytes() {
        assert_eq!(
            CheckpointProposal::new(BucketId(1), COMMITMENT, 2)
                .encode()
                .len(),
            65
        );
    }

    /// Values from Python's `hashlib`.
    #[test]
    fn the_leader_matches_the_pallets_election() {
        let elected: Vec<_> = (0..8)
            .map(|window| leader(BucketId(7), window, 5).unwrap())
            .collect();
        assert_eq!(elected, vec![1, 3, 4, 1, 1, 2, 3, 2]);
        assert_eq!(leader(BucketId(7), 0, 0), None);
    }

    #[test]
    fn signer_bits_are_read_lowest_first() {
        let snapshot = BucketSnapshot {
            commitment: COMMITMENT,
            checkpoint_block: 9,
            primary_signers: vec![0b0000_0101, 0b1],
        };
        let signed: Vec<_> = (0..10).filter(|place| snapshot.signed_by(*place)).collect();
        assert_eq!(signed, vec![0, 2, 8]);
        assert_eq!(
            BucketSnapshot::decode(&mut &snapshot.encode()[..]).unwrap(),
            snapshot
        );
    }
}
