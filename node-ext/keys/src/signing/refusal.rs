//! The error of the signing gate.

use cairn_primitives::{BucketId, HashingProfile};

/// A reason why the provider does not sign for a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningRefused {
    /// Signing is off for the provider as a whole, or nothing new is signed for the bucket
    /// until it is compared with the chain.
    #[error("signing is off: {reason}")]
    Off {
        /// The reason.
        reason: String,
    },
    /// The bucket is in quarantine: damaged, behind the last signed root, or forked
    /// from it.
    #[error("nothing is signed for bucket {bucket}: it is in quarantine: {reason}")]
    Quarantined {
        /// The bucket.
        bucket: BucketId,
        /// The reason of the quarantine.
        reason: String,
    },
    /// The chain cannot verify a proof from the bucket.
    #[error(
        "nothing is signed for bucket {bucket}: it hashes {has}, but the chain verifies {chain} \
         hashing alone, so no challenge of it could be answered"
    )]
    OtherHashing {
        /// The bucket.
        bucket: BucketId,
        /// The bucket's hashing profile.
        has: HashingProfile,
        /// The chain's hashing profile.
        chain: HashingProfile,
    },
    /// The chain's hashing profile is unknown, and the bucket's is not the plain one.
    #[error(
        "nothing is signed for bucket {bucket}: it hashes {has}, the provider does not yet know how \
         its chain hashes, and most chains hash plain"
    )]
    UnknownHashing {
        /// The bucket.
        bucket: BucketId,
        /// The bucket's hashing profile.
        has: HashingProfile,
    },
    /// The chain accepts only smaller chunks than content is stored in.
    #[error(
        "nothing is signed for bucket {bucket}: the chain accepts chunks of at most {chain} bytes in \
         an answer, but content is stored in chunks of {ours} bytes. This provider cannot serve \
         that chain"
    )]
    ChunkLimit {
        /// The bucket.
        bucket: BucketId,
        /// The chain's limit, in bytes.
        chain: u32,
        /// The length of stored chunks, in bytes.
        ours: usize,
    },
    /// Some leaves of the bucket cannot be proven to the chain.
    #[error(
        "nothing is signed for bucket {bucket}: {leaves} of its leaves were imported in a shape that \
         the chain cannot verify, and a challenge of one of them costs the stake"
    )]
    Unprovable {
        /// The bucket.
        bucket: BucketId,
        /// The number of such leaves.
        leaves: u64,
    },
    /// The bucket's count of flagged leaves is unknown.
    #[error("nothing is signed for bucket {bucket}: its flagged leaves cannot be read: {reason}")]
    UnreadableFlags {
        /// The bucket.
        bucket: BucketId,
        /// The reason.
        reason: String,
    },
}
