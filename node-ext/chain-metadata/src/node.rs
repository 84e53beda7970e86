//! The node that is asked: its state at named blocks, and its transaction pool.
//!
//! A remote node and a node's own client implement these two traits, and nothing else of a
//! chain. They answer in bytes, and know no type of the pallet.

use async_trait::async_trait;
use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use futures::stream::BoxStream;
use std::time::Duration;

/// The identity of a runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeId {
    /// The hash of its code. Two runtimes of one version are possible: then their code tells
    /// them apart.
    pub code: H256,
    /// The runtime's name.
    pub spec_name: String,
    /// The version of its logic.
    pub spec_version: u32,
    /// The version of its extrinsics.
    pub transaction_version: u32,
}

/// The part of a block's header that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The block's number.
    pub number: u32,
    /// The hash of its parent.
    pub parent: H256,
}

/// The state of a node at named blocks.
///
/// Each method fails with [`ChainError::Unreachable`] if the node is lost, and with
/// [`ChainError::NoSuchBlock`] if it does not know the block or has pruned its state.
#[async_trait]
pub trait NodeState: Send + Sync + 'static {
    /// Returns the hash of the chain's first block.
    async fn genesis(&self) -> Result<H256, ChainError>;

    /// Returns the hash of the best block.
    async fn best(&self) -> Result<H256, ChainError>;

    /// Returns the hash of the last finalized block.
    async fn finalized(&self) -> Result<H256, ChainError>;

    /// Returns the header of a block.
    async fn header(&self, at: H256) -> Result<Header, ChainError>;

    /// Returns the runtime whose code is in the state of a block, which answers calls there
    /// and executes the next block.
    async fn runtime(&self, at: H256) -> Result<RuntimeId, ChainError>;

    /// Returns the values of storage keys, in their order; `None` for a key without a value.
    async fn values(
        &self,
        at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError>;

    /// Returns at most `count` storage keys with a prefix, in their order, after one of them.
    async fn keys(
        &self,
        at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError>;

    /// Calls a function of the runtime.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unsupported`] if the runtime does not export the function.
    async fn call(
        &self,
        at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError>;
}

/// A refusal of an extrinsic by the pool.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Another extrinsic in the pool has the nonce.
    #[error("another extrinsic has the nonce: {0}")]
    NonceTaken(String),
    /// Any other error.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

/// A node with a transaction pool.
#[async_trait]
pub trait Node: NodeState {
    /// Returns a stream with an item whenever blocks have become final. It ends when the
    /// connection is lost.
    async fn finality(&self) -> Result<BoxStream<'static, ()>, ChainError>;

    /// True while the node imports old blocks, so that its finalized head may be far behind the
    /// chain's.
    async fn is_syncing(&self) -> Result<bool, ChainError>;

    /// Returns the account's next nonce, after the extrinsics in the pool where the node
    /// counts them.
    async fn next_nonce(&self, account: AccountId) -> Result<u64, ChainError>;

    /// Submits an extrinsic, and returns its statuses.
    ///
    /// # Errors
    ///
    /// [`ChainError::PoolRejected`], or [`SubmitError::NonceTaken`].
    async fn submit(
        &self,
        extrinsic: Vec<u8>,
    ) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError>;
}

/// Returns the error of a question or request that took too long.
pub(crate) fn late(timeout: Duration) -> ChainError {
    ChainError::Unreachable(format!("no answer within {} s", timeout.as_secs_f32()))
}
