//! The seam to another provider: what it is asked, and how it fails. Nothing that it says is
//! believed here; [`Target`](crate::Target) and the content's hashes judge it.

use async_trait::async_trait;
use cairn_primitives::{BucketId, H256, LeafIndex, MmrLeaf};

/// A leaf with the siblings on its way to a peak, as a peer states it. The peer's tree may be
/// longer than the one that is wanted, and then there are more siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedLeaf {
    /// The leaf.
    pub leaf: MmrLeaf,
    /// The siblings, from the leaf upwards.
    pub siblings: Vec<H256>,
}

/// Content as a peer states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimedContent {
    /// The bytes of a chunk.
    Chunk(Vec<u8>),
    /// The children of an interior node.
    Node(H256, H256),
}

/// A question for content: a hash, and what is known to be under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentQuery {
    /// The hash.
    pub hash: H256,
    /// The length of the chunk in bytes; `None` for an interior node.
    pub chunk_bytes: Option<usize>,
}

/// A failure of a peer. Each ends the work with it, and another peer is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It cannot be connected to, or its answer broke off.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer in time.
    #[error("it did not answer {0} in time")]
    TooSlow(&'static str),
    /// It answered with an error.
    #[error("it answered {what} with status {status}")]
    Refused {
        /// The request.
        what: &'static str,
        /// The status code of HTTP.
        status: u16,
    },
    /// Its answer is longer than a right one can be.
    #[error("its answer to {0} is longer than a right one can be")]
    TooLong(&'static str),
    /// Its answer does not parse.
    #[error("its answer to {what} cannot be read: {reason}")]
    Unreadable {
        /// The request.
        what: &'static str,
        /// The parser's reason.
        reason: String,
    },
    /// It has no such leaf, chunk or node.
    #[error("it does not have {0}")]
    Absent(String),
    /// It returned other content than it was asked for: it lies, or has another tree.
    #[error("{0}")]
    Wrong(String),
}

/// Another provider of a bucket.
///
/// An implementation bounds the time of each call and the bytes of each answer.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Returns its name, for the log.
    fn name(&self) -> String;

    /// Returns a leaf of the bucket's current tree.
    async fn leaf(&self, bucket: BucketId, index: LeafIndex) -> Result<ClaimedLeaf, PeerError>;

    /// Returns what it has of the content. It may leave some out, and return only a part at a
    /// time.
    async fn content(
        &self,
        bucket: BucketId,
        wanted: &[ContentQuery],
    ) -> Result<Vec<(H256, ClaimedContent)>, PeerError>;
}
