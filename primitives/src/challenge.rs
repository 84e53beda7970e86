//! Challenges and their possible answers.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::chunk_tree::CHUNK_BYTES;
use crate::ids::{ChunkIndex, LeafIndex, Sequence};
use crate::proof::{MerkleProof, MmrProof};
use alloc::vec::Vec;
use codec::{Compact, Decode, DecodeWithMemTracking, Encode, Error, Input, MaxEncodedLen};
use primitive_types::H256;

/// The chunk that a challenge asks for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ChunkLocation {
    /// The leaf, counted from the challenged commitment's `start_seq`.
    pub leaf_index: LeafIndex,
    /// The chunk within the leaf's content. The chain does not bound it: an
    /// index past the padded size means the slot that its low bits name.
    pub chunk_index: ChunkIndex,
}

/// A challenge's id on chain.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct ChallengeId {
    /// The last anchor block at which an answer is accepted.
    pub deadline: u32,
    /// Counts the challenges that are due at the same block.
    pub index: u16,
}

/// An account: 32 raw bytes, as `AccountId32` is encoded.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub struct AccountId(pub [u8; 32]);

/// A signature by one of the chain's schemes, encoded as `sp_runtime` does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum MultiSignature {
    /// Ed25519.
    #[codec(index = 0)]
    Ed25519([u8; 64]),
    /// Sr25519, which providers register first.
    #[codec(index = 1)]
    Sr25519([u8; 64]),
    /// ECDSA over secp256k1, with a `blake2_256` message hash.
    #[codec(index = 2)]
    Ecdsa([u8; 65]),
    /// ECDSA over secp256k1, with a `keccak_256` message hash.
    #[codec(index = 3)]
    Eth([u8; 65]),
}

/// An answer to a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Encode)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum ChallengeResponse {
    /// The chunk, with the proof that leads from it to the challenged root.
    #[codec(index = 0)]
    Proof {
        /// The chunk's bytes: at most [`CHUNK_BYTES`].
        chunk_data: Vec<u8>,
        /// The proof from the leaf to the root.
        mmr_proof: MmrProof,
        /// The proof from the chunk to the leaf's `data_root`.
        chunk_proof: MerkleProof,
    },
    /// An admin has authorised the leaf's deletion.
    #[codec(index = 1)]
    Deleted {
        /// Root over the surviving leaves.
        new_mmr_root: H256,
        /// Sequence of the first surviving leaf.
        new_start_seq: Sequence,
        /// The admin who authorised it.
        admin: AccountId,
        /// Their signature over the deletion's payload.
        admin_signature: MultiSignature,
    },
    /// A newer snapshot on chain covers the leaf.
    #[codec(index = 2)]
    Superseded,
}

impl DecodeWithMemTracking for ChallengeResponse {}

impl Decode for ChallengeResponse {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        match input.read_byte()? {
            0 => Ok(Self::Proof {
                chunk_data: decode_chunk(input)?,
                mmr_proof: MmrProof::decode(input)?,
                chunk_proof: MerkleProof::decode(input)?,
            }),
            1 => Ok(Self::Deleted {
                new_mmr_root: H256::decode(input)?,
                new_start_seq: Sequence::decode(input)?,
                admin: AccountId::decode(input)?,
                admin_signature: MultiSignature::decode(input)?,
            }),
            2 => Ok(Self::Superseded),
            _ => Err("a challenge response has no such variant".into()),
        }
    }
}

/// Decodes a chunk, checking its length before allocating.
fn decode_chunk<I: Input>(input: &mut I) -> Result<Vec<u8>, Error> {
    const TOO_LONG: &str = "a chunk above 262144 bytes";
    let length = usize::try_from(Compact::<u32>::decode(input)?.0).map_err(|_| TOO_LONG)?;
    if length > CHUNK_BYTES {
        return Err(TOO_LONG.into());
    }
    if input.remaining_len()?.is_some_and(|rest| rest < length) {
        return Err("a chunk shorter than its length says".into());
    }
    let mut bytes = alloc::vec![0; length];
    input.read(&mut bytes)?;
    Ok(bytes)
}

/// A reason for which a provider lost its stake.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum SlashReason {
    /// No answer by the deadline.
    Timeout,
    /// A proof that does not hold.
    InvalidProof,
    /// A deletion that no admin authorised, or of another leaf.
    InvalidDeletionClaim,
    /// No snapshot supersedes the challenged root.
    InvalidSupersededClaim,
}

/// A member's role in a bucket.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum Role {
    /// Manages members and authorises deletions.
    Admin,
    /// Adds content.
    Writer,
    /// Reads content.
    Reader,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn response(length: usize) -> ChallengeResponse {
        ChallengeResponse::Proof {
            chunk_data: vec![9; length],
            mmr_proof: MmrProof {
                peaks: vec![H256::zero()],
                leaf: Default::default(),
                leaf_proof: MerkleProof::default(),
            },
            chunk_proof: MerkleProof::default(),
        }
    }

    #[test]
    fn a_chunk_above_the_chains_limit_does_not_decode() {
        let full = response(CHUNK_BYTES);
        assert_eq!(
            ChallengeResponse::decode(&mut &full.encode()[..]).unwrap(),
            full
        );
        let over = response(CHUNK_BYTES + 1).encode();
        assert!(ChallengeResponse::decode(&mut &over[..]).is_err());
        // A length that promises more than is there takes no memory, whatever follows it.
        assert!(ChallengeResponse::decode(&mut &[0, 45, 5, 0, 0, 0][..]).is_err());
        assert!(ChallengeResponse::decode(&mut &full.encode()[..100]).is_err());
    }

    #[test]
    fn every_variant_has_the_index_that_the_chain_gives_it() {
        assert_eq!(response(0).encode()[0], 0);
        assert_eq!(ChallengeResponse::Superseded.encode(), vec![2]);
        let deleted = ChallengeResponse::Deleted {
            new_mmr_root: H256::repeat_byte(1),
            new_start_seq: Sequence(2),
            admin: AccountId([3; 32]),
            admin_signature: MultiSignature::Sr25519([4; 64]),
        };
        let bytes = deleted.encode();
        assert_eq!((bytes[0], bytes.len()), (1, 1 + 32 + 8 + 32 + 65));
        assert_eq!(ChallengeResponse::decode(&mut &bytes[..]).unwrap(), deleted);
        assert!(ChallengeResponse::decode(&mut &[3u8][..]).is_err());
        assert_eq!(SlashReason::InvalidSupersededClaim.encode(), vec![3]);
        assert_eq!(Role::Reader.encode(), vec![2]);
    }
}
