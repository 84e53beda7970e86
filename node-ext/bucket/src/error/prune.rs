//! Errors of pruning a bucket, and of releasing a retired tree.

use super::{NotWritable, ProveError};
use cairn_engine::EngineError;
use cairn_fs::DiskReserved;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use std::time::Duration;

/// An error pruning a bucket. The bucket is as it was before, except after a
/// failure of the database, which poisons it.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The tree has no leaf before the sequence.
    #[error(
        "bucket {bucket} has no leaf before sequence {before}: its tree starts at {start}, so \
         there is nothing to prune"
    )]
    NothingBefore {
        /// The bucket.
        bucket: BucketId,
        /// The start of the requested tree.
        before: Sequence,
        /// The start of the current tree.
        start: Sequence,
    },
    /// The sequence is past the bucket's leaves.
    #[error("bucket {bucket} cannot be pruned to sequence {before}: the last possible is {end}")]
    PastTheEnd {
        /// The bucket.
        bucket: BucketId,
        /// The start of the requested tree.
        before: Sequence,
        /// The sequence of the next leaf.
        end: Sequence,
    },
    /// The signature is not an sr25519 signature.
    #[error(
        "the admin's signature for the prune of bucket {bucket} is not an sr25519 signature, \
         the only supported kind"
    )]
    SignatureKind {
        /// The bucket.
        bucket: BucketId,
    },
    /// The signature does not authorise this deletion.
    #[error(
        "the signature is not the admin's over the deletion of bucket {bucket}'s leaves before \
         sequence {before} with the root {new_root:?}, which the new tree has at {leaf_count} \
         leaves: give the leaf count at which the admin signed, or have this root signed"
    )]
    Unauthorised {
        /// The bucket.
        bucket: BucketId,
        /// The start of the requested tree.
        before: Sequence,
        /// The leaf count in the authorisation.
        leaf_count: LeafCount,
        /// The new tree's root at that leaf count.
        new_root: H256,
    },
    /// The new tree never had the leaf count in the authorisation.
    #[error(
        "the authorisation names {signed_at} leaves, but bucket {bucket} has {leaf_count} from \
         sequence {before} on: give the new tree's leaf count at which the admin signed"
    )]
    NotGrown {
        /// The bucket.
        bucket: BucketId,
        /// The start of the requested tree.
        before: Sequence,
        /// The number of leaves of the new tree.
        leaf_count: LeafCount,
        /// The leaf count in the authorisation.
        signed_at: LeafCount,
    },
    /// The bucket's trees alone would exceed its quota.
    #[error(
        "the trees of bucket {bucket} take {used} bytes, and {needed} more for another tree \
         would exceed its quota of {max}: release retired trees first"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that the new tree would be charged.
        needed: u64,
        /// Bytes that all trees are charged.
        used: u64,
        /// The quota, in bytes.
        max: u64,
    },
    /// The disk has too little room for the nodes of the new tree.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// A remaining leaf cannot be read, or its sizes do not follow from the leaf before.
    #[error(transparent)]
    Leaf(ProveError),
    /// The bucket takes no writes.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An error releasing a retired tree. A release that has begun is completed by
/// the same call.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The tree is the current tree.
    #[error(
        "the tree from sequence {tree} is the current tree of bucket {bucket}: only a prune \
         retires it"
    )]
    Current {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// The bucket has no such tree, or no longer has it.
    #[error("bucket {bucket} has no retired tree from sequence {tree}")]
    NoSuchTree {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// Uploads that are under way may rely on content that would be removed.
    #[error(
        "{uploads} uploads to bucket {bucket} that began before the release did not end within \
         {waited:?}: nothing was released; try again, or wait longer"
    )]
    Busy {
        /// The bucket.
        bucket: BucketId,
        /// The number of uploads still under way.
        uploads: u32,
        /// The time waited for them.
        waited: Duration,
    },
    /// The bucket's records cannot be read, so that it is unknown which content
    /// must stay.
    #[error(transparent)]
    Read(#[from] ProveError),
    /// The bucket takes no writes.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
