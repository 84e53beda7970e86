//! A node's own client as the chain of a storage provider.
//!
//! ```text
//! node's client ──► LocalNode ─► state and calls at named blocks, on blocking threads
//! node's pool ────►     │
//!                       └─► SubstrateClient = MetadataClient over it: reads, signs, submits
//! ```
//!
//! **It is** the chain of a provider inside a node: no connection, and no runtime API of its
//! own. A node builder adds nothing to the runtime. What the runtime offers is decided by its
//! metadata, in `cairn-chain-metadata`.
//!
//! **It is not** usable outside a node. Its licence is that of the node's crates,
//! GPL-3.0-or-later with the Classpath exception, while Cairn's other libraries are Apache-2.0.
//!
//! The client and pool are those that `sc_service` made. So is the sync service, which says that
//! the node is far behind the chain: give a node its `is_major_syncing`, unless it makes all blocks
//! by itself.
//!
//! ```
//! use cairn_chain_substrate::{LocalNode, SubstrateClient};
//! use cairn_keys::Signer;
//! use sc_client_api::BlockchainEvents;
//! use sc_transaction_pool_api::TransactionPool;
//! use sp_api::CallApiAt;
//! use sp_blockchain::HeaderBackend;
//! use sp_core::H256;
//! use sp_runtime::traits::Block;
//! use std::sync::Arc;
//!
//! /// Creates the chain of the provider whose account is the signer's key.
//! fn chain_of<B, C, P>(
//!     client: Arc<C>,
//!     pool: Arc<P>,
//!     is_major_syncing: impl Fn() -> bool + Send + Sync + 'static,
//!     signer: Signer,
//! ) -> SubstrateClient<B, C, P>
//! where
//!     B: Block<Hash = H256>,
//!     C: CallApiAt<B> + HeaderBackend<B> + BlockchainEvents<B> + Send + Sync + 'static,
//!     P: TransactionPool<Block = B, Hash = H256> + 'static,
//! {
//!     let node = LocalNode::new(client, pool).with_sync_oracle(Arc::new(is_major_syncing));
//!     SubstrateClient::new(node, signer)
//! }
//! ```

#![forbid(unsafe_code)]

mod node;
mod pool;

pub use node::LocalNode;

/// A chain over a node's own client and pool.
pub type SubstrateClient<Block, Client, Pool> =
    cairn_chain_metadata::MetadataClient<LocalNode<Block, Client, Pool>>;
