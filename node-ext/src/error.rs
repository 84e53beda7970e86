//! What can go wrong with a bucket, by operation: each type holds only what
//! its call can meet, and each message says what to do where something can be.

mod damage;
mod promise;
mod prune;

pub use damage::IndicatesDamage;
pub(crate) use promise::PromiseError;
pub use promise::SignAgainError;
pub use prune::{PruneError, ReleaseError};

use crate::engine::EngineError;
use crate::layout::Flaw;
use crate::signing::{SignError, SigningRefused};
use crate::space::DiskReserved;
use cairn_primitives::chunk_tree::ShapeError;
use cairn_primitives::sp_mmr::PlanError;
use cairn_primitives::verify::VerifyError;
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafCount, LeafIndex, Position, Sequence};
use std::path::PathBuf;

/// Why a bucket was not made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is something in its place.
    #[error("bucket {bucket} is already there, at {path}")]
    Exists {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
    },
    /// Its folder cannot be made.
    #[error("cannot make the folder {path} for bucket {bucket}: {source}")]
    Folder {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The disk is too full for another.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// It was made, and does not open.
    #[error(transparent)]
    Open(OpenError),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a bucket was not opened. What is on disk is left as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The path is not there, or is no bucket's folder.
    #[error("{path} is not a bucket: it holds no bucket database; see `cairn bucket list`")]
    NotABucket {
        /// What was to be opened.
        path: PathBuf,
    },
    /// The folder holds another bucket.
    #[error("{path} holds bucket {found}, where bucket {expected} was expected; was it renamed?")]
    AnotherBucket {
        /// What was opened.
        path: PathBuf,
        /// The bucket that was asked for.
        expected: BucketId,
        /// The bucket that is there.
        found: BucketId,
    },
    /// A later Cairn wrote it.
    #[error(
        "{path} has format version {found}, and this program reads version {known}: \
         use the program that wrote it, or a newer one"
    )]
    Format {
        /// What was opened.
        path: PathBuf,
        /// The version that is there.
        found: u32,
        /// The version that is known here.
        known: u32,
    },
    /// State, peaks, leaves and root do not agree.
    #[error("{path} is damaged: {what}; keep a copy, and run `cairn fsck`")]
    Damaged {
        /// What was opened.
        path: PathBuf,
        /// What does not agree.
        what: String,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why a bucket takes no writes.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unusable {
    /// An earlier write or sync failed, so that nobody knows what is on disk.
    #[error(
        "bucket {bucket} takes nothing more, since a write to it failed ({reason}): \
         open it again, which checks what is on disk"
    )]
    Poisoned {
        /// The bucket.
        bucket: BucketId,
        /// The failure.
        reason: String,
    },
    /// It was opened for reading.
    #[error("bucket {bucket} is open for reading only")]
    ReadOnly {
        /// The bucket.
        bucket: BucketId,
    },
}

/// Why content was not stored. The bucket is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The content could not be read.
    #[error("cannot read the content: {0}")]
    Source(std::io::Error),
    /// The quota does not allow it.
    #[error(
        "bucket {bucket} is full: {needed} bytes more would exceed its quota of {max} bytes, \
         of which {used} are used, what keeps content and leaves included"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that it would be charged more.
        needed: u64,
        /// Bytes that it is charged.
        used: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// The disk is too full for what clients bring.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The bytes are not those that the hash names.
    #[error("the content hashes to {found:?}, and not to {claimed:?} as was claimed")]
    HashMismatch {
        /// The hash that came with it.
        claimed: H256,
        /// The hash that it has.
        found: H256,
    },
    /// The chain could not verify a tree with this node in it.
    #[error("{hash:?} cannot be proven to the chain: {reason}")]
    Shape {
        /// The chunk or node.
        hash: H256,
        /// What is wrong with it.
        reason: ShapeError,
    },
    /// A node came before its children.
    #[error(
        "node {node:?} refers to {child:?}, which bucket {bucket} does not hold: send it first"
    )]
    MissingChild {
        /// The bucket.
        bucket: BucketId,
        /// The node that was sent.
        node: H256,
        /// What it refers to.
        child: H256,
    },
    /// What is stored under a hash cannot be read.
    #[error("what bucket {bucket} stores for {hash:?} is damaged; run `cairn fsck`")]
    Damaged {
        /// The bucket.
        bucket: BucketId,
        /// The hash.
        hash: H256,
    },
    /// The bucket takes no writes.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why nothing was committed or signed. The bucket is as it was before, but
/// after a failure of the database, when it is poisoned.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// No leaf was given.
    #[error("there is nothing to commit to bucket {bucket}")]
    Nothing {
        /// The bucket.
        bucket: BucketId,
    },
    /// A bucket without leaves promises nothing. Its payload would have a leaf
    /// count of 0, which is how an admin authorises a deletion.
    #[error("bucket {bucket} has no leaves: there is nothing to sign")]
    NothingToSign {
        /// The bucket.
        bucket: BucketId,
    },
    /// No content under this root.
    #[error(
        "bucket {bucket} holds no content with the data root {data_root:?}: \
         upload all of its chunks and nodes first"
    )]
    UnknownDataRoot {
        /// The bucket.
        bucket: BucketId,
        /// The root that was to be committed.
        data_root: H256,
    },
    /// The content has another size.
    #[error("the content of {data_root:?} has {found} bytes, and not {claimed} as was claimed")]
    SizeMismatch {
        /// The root that was to be committed.
        data_root: H256,
        /// The size that came with it.
        claimed: u64,
        /// The size that it has.
        found: u64,
    },
    /// The tree has padding above its content, as a part of a larger tree has.
    #[error(
        "the tree under {data_root:?} is {height} levels deep over {chunks} chunks, \
         so the chain could not verify it as a data root"
    )]
    NotARoot {
        /// The root that was to be committed.
        data_root: H256,
        /// Levels above its chunks.
        height: u32,
        /// Its chunks.
        chunks: u64,
    },
    /// A leaf count or a total size past its range.
    #[error("bucket {bucket} is at the end of its numbers and takes no more leaves")]
    Exhausted {
        /// The bucket.
        bucket: BucketId,
    },
    /// The quota does not allow it.
    #[error(
        "bucket {bucket} is full: {needed} bytes more for leaves would exceed its quota of {max} \
         bytes, of which {used} are used, what keeps content and leaves included"
    )]
    Quota {
        /// The bucket.
        bucket: BucketId,
        /// Bytes that it would be charged more.
        needed: u64,
        /// Bytes that it is charged.
        used: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// A leaf says a size that no content of the bucket may have.
    #[error(
        "the content of {data_root:?} has {data_size} bytes, and one leaf of bucket {bucket} may \
         have {most} at most: content that repeats itself counts as often as it is there"
    )]
    LeafTooLarge {
        /// The bucket.
        bucket: BucketId,
        /// The root that was to be committed.
        data_root: H256,
        /// Its size in bytes.
        data_size: u64,
        /// Bytes that a leaf may have.
        most: u64,
    },
    /// The disk is too full for what clients bring.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// What is stored for a data root cannot be read.
    #[error("what bucket {bucket} stores for {data_root:?} is damaged; run `cairn fsck`")]
    Damaged {
        /// The bucket.
        bucket: BucketId,
        /// The root.
        data_root: H256,
    },
    /// Nothing is signed for the bucket.
    #[error(transparent)]
    Refused(#[from] SigningRefused),
    /// The bucket takes no writes.
    #[error(transparent)]
    Unusable(#[from] Unusable),
    /// The leaves are committed and durable, but the promise was not signed.
    #[error("bucket {bucket} has committed, and the commitment is not signed: {reason}")]
    Sign {
        /// The bucket.
        bucket: BucketId,
        /// Why the keystore refused.
        reason: SignError,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Why something was not proven or read.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The root is neither the newest nor one that was signed here.
    #[error("bucket {bucket} never signed the root {root:?}, and it is not its newest")]
    UnknownRoot {
        /// The bucket.
        bucket: BucketId,
        /// The root that was asked for.
        root: H256,
    },
    /// The tree was pruned, and has been released since.
    #[error(
        "bucket {bucket} has released the tree from sequence {tree}: what was signed of it is \
         not proven any more"
    )]
    Released {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
    },
    /// The tree was never that long.
    #[error("bucket {bucket} has {have} leaves, and never had {asked}")]
    NoSuchCount {
        /// The bucket.
        bucket: BucketId,
        /// The leaf count that was asked for.
        asked: LeafCount,
        /// The newest leaf count.
        have: LeafCount,
    },
    /// The tree has no such leaf at that count.
    #[error("bucket {bucket} has no leaf {index} among the {count} that were asked about")]
    NoSuchLeaf {
        /// The bucket.
        bucket: BucketId,
        /// The leaf that was asked for.
        index: LeafIndex,
        /// The leaf count that was asked about.
        count: LeafCount,
    },
    /// The content has no such chunk, or only padding there.
    #[error("leaf {leaf} of bucket {bucket} cannot answer for chunk {chunk}: {reason}")]
    NoSuchChunk {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        leaf: LeafIndex,
        /// The chunk that was asked for.
        chunk: ChunkIndex,
        /// What stands there instead.
        reason: VerifyError,
    },
    /// The leaf's content came with an import, in a shape that the chain cannot
    /// verify. It can be read, and the leaf proven.
    #[error("leaf {leaf} of bucket {bucket} cannot answer for chunk {chunk}: {flaw}")]
    Unprovable {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        leaf: LeafIndex,
        /// The chunk that was asked for.
        chunk: ChunkIndex,
        /// What is wrong with the content.
        flaw: Flaw,
    },
    /// A node is gone from disk.
    #[error("bucket {bucket} has lost node {position} of tree {tree}; run `cairn fsck`")]
    MissingNode {
        /// The bucket.
        bucket: BucketId,
        /// The tree.
        tree: Sequence,
        /// The node.
        position: Position,
    },
    /// A leaf is gone from disk.
    #[error("bucket {bucket} has lost the leaf with sequence {sequence}; run `cairn fsck`")]
    MissingLeaf {
        /// The bucket.
        bucket: BucketId,
        /// The leaf.
        sequence: Sequence,
    },
    /// Content is gone from disk.
    #[error("bucket {bucket} has lost the content {hash:?}; run `cairn fsck`")]
    MissingContent {
        /// The bucket.
        bucket: BucketId,
        /// The chunk or interior node.
        hash: H256,
    },
    /// What is on disk makes no proof that passes.
    #[error(
        "bucket {bucket} is damaged: the proof that it gives fails ({reason}); run `cairn fsck`"
    )]
    Unsound {
        /// The bucket.
        bucket: BucketId,
        /// The rule that it breaks.
        reason: String,
    },
    /// The second dialect hashes as the plain profile does.
    #[error("bucket {bucket} hashes tagged, and pallet-mmr's proofs exist for plain hashing only")]
    NoSecondDialect {
        /// The bucket.
        bucket: BucketId,
    },
    /// The second dialect has no proof of that.
    #[error("bucket {bucket} has no such proof in pallet-mmr's dialect: {reason}")]
    SpPlan {
        /// The bucket.
        bucket: BucketId,
        /// What was asked wrongly.
        reason: PlanError,
    },
    /// The reader of the content failed.
    #[error("cannot write the content out: {0}")]
    Sink(std::io::Error),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
