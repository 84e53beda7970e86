//! A node's own client as the chain of a storage provider, through the runtime API.
//!
//! ```text
//! node's client ──► SubstrateClient ─► queries by runtime API, on blocking threads
//! node's pool ────►        │
//! node's keystore ►        └─────────► signed extrinsics, into the node's pool
//! ```
//!
//! **It is** the chain of a provider inside a node: no connection, no metadata.
//!
//! **It is not** usable outside a node. Its licence is that of the node's crates,
//! GPL-3.0-or-later with the Classpath exception, while Cairn's other libraries are Apache-2.0.
//!
//! The client and pool are those that `sc_service` made; the runtime implements
//! [`StorageProviderApi`](cairn_primitives::runtime_api::StorageProviderApi).
//!
//! ```
//! use cairn_chain_substrate::SubstrateClient;
//! use cairn_primitives::challenge::AccountId;
//! use sp_keystore::KeystorePtr;
//! use std::sync::Arc;
//!
//! /// Creates the chain of the provider whose account is an sr25519 key of type `stor`.
//! fn chain_of<Block, Client, Pool>(
//!     client: Arc<Client>,
//!     pool: Arc<Pool>,
//!     keystore: KeystorePtr,
//!     account: AccountId,
//! ) -> SubstrateClient<Block, Client, Pool> {
//!     SubstrateClient::new(client, pool, keystore, account)
//! }
//! ```

#![forbid(unsafe_code)]

mod client;

pub use client::SubstrateClient;
