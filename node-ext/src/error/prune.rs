//! Why a bucket was not pruned, or a retired tree not released.

use super::{ProveError, Unusable};
use crate::engine::EngineError;
use crate::space::DiskReserved;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use std::time::Duration;

/// Why a bucket was not pruned. It is as it was before, but after a failure of
/// the database, when it is poisoned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// No leaf stands before the sequence.
    #[error(
        "bucket {bucket} has no leaf before sequence {before}: its tree starts at {start}, so \
         there is nothing to prune"
    )]
    NothingBefore {
        /// The bucket.
        bucket: BucketId,
        /// Where the new tree was to start.
        before: Sequence,
        /// Where the current one starts.
        start: Sequence,
    },
    /// The sequence is past the bucket's leaves.
    #[error(
        "bucket {bucket} cannot be pruned to sequence {before}: its leaves end before {end}, \
         which is the last that it can be pruned to"
    )]
    PastTheEnd {
        /// The bucket.
        bucket: BucketId,
        /// Where the new tree was to start.
        before: Sequence,
        /// The sequence of the next leaf.
        end: Sequence,
    },
    /// The signature is of a kind that is not checked here.
    #[error(
        "the admin's signature for the prune of bucket {bucket} is not an sr25519 one, which is \
         the only kind that is checked here"
    )]
    SignatureKind {
        /// The bucket.
        bucket: BucketId,
    },
    /// The signature does not authorise this.
    #[error(
        "the signature is not the admin's over the deletion of what bucket {bucket} has before \
         sequence {before}, with the root {new_root:?} that the new tree has at {leaf_count} \
         leaves. Give the leaf count that it had when that was signed, or have this root signed"
    )]
    Unauthorised {
        /// The bucket.
        bucket: BucketId,
        /// Where the new tree was to start.
        before: Sequence,
        /// The leaf count that the authorisation names.
        leaf_count: LeafCount,
        /// The root that was to be signed.
        new_root: H256,
    },
    /// The new tree never had the leaf count that the authorisation names.
    #[error(
        "the admin's signature is said to be over a tree of {signed_at} leaves, and bucket \
         {bucket} has {leaf_count} from sequence {before} on: give the leaf count that the new \
         tree had when it was signed"
    )]
    NotGrown {
        /// The bucket.
        bucket: BucketId,
        /// Where the new tree was to start.
        before: Sequence,
        /// Leaves that the new tree would have.
        leaf_count: LeafCount,
        /// The leaf count that the authorisation names.
        signed_at: LeafCount,
    },
    /// The trees that it keeps take all that it may take.
    #[error(
        "the trees of bucket {bucket} take {used} bytes, and {needed} more for another would \
         exceed its quota of {max}: release those that were pruned first"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that the new tree would be charged.
        needed: u64,
        /// Bytes that all trees are charged.
        used: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The disk is too full for the nodes of the new tree.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// A surviving leaf cannot be read, or does not follow on the one before.
    #[error(transparent)]
    Leaf(ProveError),
    /// The bucket takes no writes.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a retired tree was not released, or not in full. After an error the
/// same call goes on where this one ended.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// It is the tree that is in use.
    #[error(
        "the tree from sequence {tree} is the one that bucket {bucket} uses: prune the bucket \
         first, which retires it"
    )]
    Current {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// There is no such tree, or none any more.
    #[error(
        "bucket {bucket} has no retired tree from sequence {tree}: see `cairn bucket info {bucket}`"
    )]
    NoSuchTree {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// Uploads that had begun may rely on what would be removed.
    #[error(
        "bucket {bucket} is taking uploads that began before its release ({uploads}), and they \
         have not ended in {waited:?}: nothing was released; try again, or give it more time"
    )]
    Busy {
        /// The bucket.
        bucket: BucketId,
        /// How many go on.
        uploads: u32,
        /// How long they were waited for.
        waited: Duration,
    },
    /// What the bucket keeps cannot be read, so that nobody knows what of its
    /// content must stay.
    #[error(transparent)]
    Read(#[from] ProveError),
    /// The bucket takes no writes.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
