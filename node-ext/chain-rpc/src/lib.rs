//! A remote Substrate node as the chain of a storage provider, over its JSON-RPC.
//!
//! ```text
//! RpcChainClient = MetadataClient over RpcNode
//!                                     │
//!                                     └─► one WebSocket, reopened when it is lost
//! ```
//!
//! **It is** the chain of a standalone provider: it needs no knowledge of the runtime at
//! compile time. It uses only RPC methods that every Substrate node has: `chain_*`, `state_*`,
//! `author_*`, `system_accountNextIndex`, and `system_health`.
//!
//! **It is not** for a node that loads Cairn: that uses `cairn-chain-substrate`, without a
//! connection. What the runtime offers is decided by `cairn-chain-metadata`.
//!
//! ```no_run
//! use cairn_chain_rpc::{RpcChainClient, RpcNode};
//! use cairn_keys::KeyFolder;
//!
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! let signer = KeyFolder::new("base/keystore").signer(None)?;
//! let chain = RpcChainClient::new(RpcNode::new("ws://127.0.0.1:9944"), signer);
//! chain.ensure_usable().await?;
//! println!("connected to the chain {:?}", chain.node().known_genesis());
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod node;
mod rpc;
mod system;
#[cfg(test)]
mod tests;
mod transport;
mod wire;

pub use node::RpcNode;
pub use system::NodeHealth;

/// A chain over a remote node.
pub type RpcChainClient = cairn_chain_metadata::MetadataClient<RpcNode>;
