//! Errors of a bucket, one type per operation: each holds only the cases that
//! its operation can meet.

mod damage;
mod prune;
mod signing;

pub use damage::IndicatesDamage;
pub use prune::{PruneError, ReleaseError};
pub use signing::RecordRootError;
pub use signing::SignAgainError;

use cairn_engine::EngineError;
use cairn_engine::layout::ShapeDefect;
use cairn_fs::DiskReserved;
use cairn_keys::{SignError, SigningRefused};
use cairn_primitives::chunk_tree::ShapeError;
use cairn_primitives::sp_mmr::PlanError;
use cairn_primitives::verify::VerifyError;
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafCount, LeafIndex, Position, Sequence};
use std::path::PathBuf;

/// An error creating a bucket. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The path exists already.
    #[error("bucket {bucket} is already there, at {path}")]
    Exists {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
    },
    /// The folder cannot be created.
    #[error("cannot create the folder {path} for bucket {bucket}: {source}")]
    Folder {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// Only the reserve is left of the disk.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The bucket was created, but cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An error opening a bucket. Its files stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path does not exist, or is not a bucket's folder.
    #[error("{path} is not a bucket: it holds no bucket database")]
    NotABucket {
        /// The path.
        path: PathBuf,
    },
    /// The folder holds another bucket.
    #[error("{path} holds bucket {found}, where bucket {expected} was expected; was it renamed?")]
    AnotherBucket {
        /// The folder.
        path: PathBuf,
        /// The requested bucket.
        expected: BucketId,
        /// The bucket in the folder.
        found: BucketId,
    },
    /// A later version of Cairn wrote it.
    #[error(
        "{path} has format version {found}, but this program reads version {known}: \
         use the program that wrote it, or a newer one"
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The version on disk.
        found: u32,
        /// The supported version.
        known: u32,
    },
    /// State, peaks, leaves and root do not agree.
    #[error("{path} is damaged: {what}")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// The disagreement.
        what: String,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The reason that a bucket takes no writes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotWritable {
    /// An earlier write or sync failed, so that the state on disk is unknown.
    #[error(
        "bucket {bucket} takes no more writes, since one failed ({reason}): \
         reopen it to check the state on disk"
    )]
    Poisoned {
        /// The bucket.
        bucket: BucketId,
        /// The failure.
        reason: String,
    },
    /// The bucket is open for reading.
    #[error("bucket {bucket} is open for reading only")]
    ReadOnly {
        /// The bucket.
        bucket: BucketId,
    },
}

/// An error storing content. The bucket is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The content could not be read.
    #[error("cannot read the content: {0}")]
    Source(std::io::Error),
    /// The content does not fit into the bucket's quota.
    #[error(
        "bucket {bucket} is full: {needed} more bytes would exceed its quota of {max} bytes, \
         of which {used} are used, including the records that keep content and leaves"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that the content would be charged.
        needed: u64,
        /// Bytes that the bucket is charged.
        used: u64,
        /// The quota, in bytes.
        max: u64,
    },
    /// Only the reserve is left of the disk.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The bytes do not have the claimed hash.
    #[error("the content hashes to {found:?}, not to {claimed:?} as claimed")]
    HashMismatch {
        /// The claimed hash.
        claimed: H256,
        /// The computed hash.
        found: H256,
    },
    /// The chain could not verify a tree that contains this chunk or node.
    #[error("{hash:?} cannot be proven to the chain: {reason}")]
    Shape {
        /// The chunk or node.
        hash: H256,
        /// The rule that it breaks.
        reason: ShapeError,
    },
    /// A node arrived before its children.
    #[error(
        "node {node:?} refers to {child:?}, which bucket {bucket} does not hold: send it first"
    )]
    MissingChild {
        /// The bucket.
        bucket: BucketId,
        /// The node that was sent.
        node: H256,
        /// The missing child.
        child: H256,
    },
    /// A stored record cannot be read.
    #[error("the record of {hash:?} in bucket {bucket} is damaged")]
    Damaged {
        /// The bucket.
        bucket: BucketId,
        /// The hash.
        hash: H256,
    },
    /// The bucket takes no writes.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An error committing or signing. The bucket is as it was before, except after
/// a failure of the database, which poisons it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// No leaf was given.
    #[error("there is nothing to commit to bucket {bucket}")]
    NoLeaves {
        /// The bucket.
        bucket: BucketId,
    },
    /// The bucket has no leaves. Its payload would have a leaf count of 0, which
    /// is how an admin authorises a deletion.
    #[error("bucket {bucket} has no leaves: there is nothing to sign")]
    NothingToSign {
        /// The bucket.
        bucket: BucketId,
    },
    /// The tree has another leaf count than the leaves are meant for.
    #[error(
        "bucket {bucket} has {have} leaves, and the new ones are meant to follow the first {asked}"
    )]
    OtherCount {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count that was asked for.
        asked: LeafCount,
        /// The leaf count of the tree.
        have: LeafCount,
    },
    /// The bucket holds no content with this root.
    #[error(
        "bucket {bucket} holds no content with the data root {data_root:?}: \
         upload all of its chunks and nodes first"
    )]
    UnknownDataRoot {
        /// The bucket.
        bucket: BucketId,
        /// The data root to commit.
        data_root: H256,
    },
    /// The content has another size.
    #[error("the content of {data_root:?} has {found} bytes, not {claimed} as claimed")]
    SizeMismatch {
        /// The data root to commit.
        data_root: H256,
        /// The claimed size, in bytes.
        claimed: u64,
        /// The stored size, in bytes.
        found: u64,
    },
    /// The tree has padding above its content, as a part of a larger tree has.
    #[error(
        "the tree under {data_root:?} is {height} levels deep over {chunks} chunks, \
         so the chain could not verify it as a data root"
    )]
    NotADataRoot {
        /// The data root to commit.
        data_root: H256,
        /// Levels above the chunks.
        height: u32,
        /// The number of chunks.
        chunks: u64,
    },
    /// The leaf count or the total size would leave its range.
    #[error("bucket {bucket} takes no more leaves: a leaf count or size would leave its range")]
    Exhausted {
        /// The bucket.
        bucket: BucketId,
    },
    /// The leaves do not fit into the bucket's quota.
    #[error(
        "bucket {bucket} is full: {needed} more bytes for leaves would exceed its quota of {max} \
         bytes, of which {used} are used, including the records that keep content and leaves"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that the leaves would be charged.
        needed: u64,
        /// Bytes that the bucket is charged.
        used: u64,
        /// The quota, in bytes.
        max: u64,
    },
    /// A leaf is larger than any leaf of the bucket may be.
    #[error(
        "the content of {data_root:?} has {data_size} bytes, but a leaf of bucket {bucket} may \
         have at most {most}; repeated content counts each time"
    )]
    LeafTooLarge {
        /// The bucket.
        bucket: BucketId,
        /// The data root to commit.
        data_root: H256,
        /// Its size, in bytes.
        data_size: u64,
        /// The largest size of a leaf, in bytes.
        most: u64,
    },
    /// Only the reserve is left of the disk.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The stored record of a data root cannot be read.
    #[error("the record of {data_root:?} in bucket {bucket} is damaged")]
    Damaged {
        /// The bucket.
        bucket: BucketId,
        /// The data root.
        data_root: H256,
    },
    /// The gate does not let the provider sign for the bucket.
    #[error(transparent)]
    Refused(#[from] SigningRefused),
    /// The bucket takes no writes.
    #[error(transparent)]
    NotWritable(#[from] NotWritable),
    /// The leaves are committed and durable, but the commitment is not signed.
    #[error("bucket {bucket} has committed, but the commitment is not signed: {reason}")]
    Sign {
        /// The bucket.
        bucket: BucketId,
        /// The keystore's error.
        reason: SignError,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// An error proving or reading.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The root is neither the newest root nor a signed one.
    #[error("bucket {bucket} never signed the root {root:?}, and it is not its newest")]
    UnknownRoot {
        /// The bucket.
        bucket: BucketId,
        /// The requested root.
        root: H256,
    },
    /// The tree was pruned and has since been released.
    #[error(
        "bucket {bucket} has released the tree from sequence {tree}: its signed roots can no \
         longer be proven"
    )]
    Released {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// The tree never had this leaf count.
    #[error("bucket {bucket} has {have} leaves, and never had {asked}")]
    NoSuchCount {
        /// The bucket.
        bucket: BucketId,
        /// The requested leaf count.
        asked: LeafCount,
        /// The newest leaf count.
        have: LeafCount,
    },
    /// The tree has no such leaf at the requested leaf count.
    #[error("bucket {bucket} has no leaf {index} among the {count} of the requested state")]
    NoSuchLeaf {
        /// The bucket.
        bucket: BucketId,
        /// The requested leaf.
        index: LeafIndex,
        /// The requested leaf count.
        count: LeafCount,
    },
    /// The content has no such chunk, or only padding there.
    #[error("leaf {leaf} of bucket {bucket} cannot answer for chunk {chunk}: {reason}")]
    NoSuchChunk {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        leaf: LeafIndex,
        /// The requested chunk.
        chunk: ChunkIndex,
        /// The rule that excludes the chunk.
        reason: VerifyError,
    },
    /// The leaf's content was imported, in a shape that the chain cannot verify.
    /// The content can be read and the leaf proven.
    #[error("leaf {leaf} of bucket {bucket} cannot answer for chunk {chunk}: {defect}")]
    Unprovable {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        leaf: LeafIndex,
        /// The requested chunk.
        chunk: ChunkIndex,
        /// The defect of the content's shape.
        defect: ShapeDefect,
    },
    /// A node is missing on disk.
    #[error("bucket {bucket} has lost node {position} of tree {tree}")]
    MissingNode {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
        /// The node.
        position: Position,
    },
    /// A leaf is missing on disk.
    #[error("bucket {bucket} has lost the leaf with sequence {sequence}")]
    MissingLeaf {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        sequence: Sequence,
    },
    /// Content is missing on disk.
    #[error("bucket {bucket} has lost the content {hash:?}")]
    MissingContent {
        /// The bucket.
        bucket: BucketId,
        /// The chunk or interior node.
        hash: H256,
    },
    /// A record on disk is damaged, or a proof from the records does not verify.
    #[error("bucket {bucket} is damaged: {reason}")]
    Damaged {
        /// The bucket.
        bucket: BucketId,
        /// The fault that was found.
        reason: String,
    },
    /// `pallet-mmr` proofs exist for the plain hashing profile only.
    #[error("bucket {bucket} uses tagged hashing, but pallet-mmr proofs need plain hashing")]
    PlainHashingOnly {
        /// The bucket.
        bucket: BucketId,
    },
    /// No `pallet-mmr` proof of the request exists.
    #[error("bucket {bucket} has no such pallet-mmr proof: {reason}")]
    SpPlan {
        /// The bucket.
        bucket: BucketId,
        /// The fault of the request.
        reason: PlanError,
    },
    /// The sink of the content failed.
    #[error("cannot write the content out: {0}")]
    Sink(std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
