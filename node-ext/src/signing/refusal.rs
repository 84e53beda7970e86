//! Why nothing is signed, in words that an operator can act on.

use cairn_primitives::{BucketId, HashingProfile};

/// Why the provider does not sign for a bucket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningRefused {
    /// Signing is off for the provider as a whole.
    #[error("signing is off: {reason}")]
    Off {
        /// Why, with what to do.
        reason: String,
    },
    /// The bucket is in quarantine: damaged, behind what was signed, or forked
    /// from it.
    #[error("nothing is signed for bucket {bucket}, which is in quarantine: {reason}")]
    Quarantined {
        /// The bucket.
        bucket: BucketId,
        /// What it failed.
        reason: String,
    },
    /// The chain cannot verify a proof from the bucket.
    #[error(
        "nothing is signed for bucket {bucket}: it hashes {has}, and the chain verifies {chain} \
         hashing alone, so that no challenge of it could be answered. Make another bucket with \
         {chain} hashing, and store the content there"
    )]
    OtherHashing {
        /// The bucket.
        bucket: BucketId,
        /// How it hashes.
        has: HashingProfile,
        /// How the chain does.
        chain: HashingProfile,
    },
    /// No chain has said how it hashes, and the bucket does not hash as usual.
    #[error(
        "nothing is signed for bucket {bucket}, which hashes {has}: this base path has not seen its \
         chain yet, and most chains hash plain. Run the provider on its chain once, or say how the \
         chain hashes with `cairn bucket create --chain-hashing`"
    )]
    UnknownHashing {
        /// The bucket.
        bucket: BucketId,
        /// How it hashes.
        has: HashingProfile,
    },
    /// The chain takes smaller chunks than trees are cut into.
    #[error(
        "nothing is signed for bucket {bucket}: the chain takes chunks of at most {chain} bytes in an \
         answer, and content is stored in chunks of {ours}. This provider cannot serve that chain"
    )]
    ChunkLimit {
        /// The bucket.
        bucket: BucketId,
        /// The most that the chain takes, in bytes.
        chain: u32,
        /// What content is cut into, in bytes.
        ours: usize,
    },
    /// Leaves of the bucket cannot answer a challenge.
    #[error(
        "nothing is signed for bucket {bucket}: {leaves} of its leaves came with an import in a shape \
         that the chain cannot verify, and a challenge of one costs the stake. Prune them, or say \
         `cairn bucket sign-unprovable {bucket}` to sign all the same"
    )]
    Unprovable {
        /// The bucket.
        bucket: BucketId,
        /// How many leaves.
        leaves: u64,
    },
    /// Whether its leaves can answer is not known.
    #[error("nothing is signed for bucket {bucket}, whose flagged leaves cannot be read: {reason}")]
    Unread {
        /// The bucket.
        bucket: BucketId,
        /// The failure.
        reason: String,
    },
}
