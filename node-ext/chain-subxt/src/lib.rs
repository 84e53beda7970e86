//! A remote Substrate node as the chain of a storage provider, by its metadata.
//!
//! ```text
//! SubxtClient ─► capabilities: what the runtime offers, from its metadata
//!      │
//!      └─► one WebSocket, reopened when lost ─► queries by runtime API, extrinsics by subxt
//! ```
//!
//! **It is** the chain of a standalone provider: it needs no knowledge of the runtime at
//! compile time, and says at connection what the runtime lacks.
//!
//! **It is not** for a node that loads Cairn: that uses `cairn-chain-substrate`, without a
//! connection.
//!
//! ```no_run
//! use cairn_chain_subxt::SubxtClient;
//! use cairn_keys::KeyFolder;
//!
//! # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
//! let signer = KeyFolder::new("base/keystore").signer(None)?;
//! let chain = SubxtClient::connect("ws://127.0.0.1:9944", signer).await?;
//! println!("connected to the chain {:?}", chain.genesis());
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

mod client;

pub use client::SubxtClient;
