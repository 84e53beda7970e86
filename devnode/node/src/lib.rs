//! A small Substrate node that loads Cairn: an example for node builders, and the chain
//! of the demo and of tests. Not for production.
//!
//! ```text
//! run    sc-cli, RocksDB on disk, networking ─┐
//!                                             ├─► service ─► sealing, RPC, Cairn
//! light  in this process, in memory ──────────┘
//! ```
//!
//! A chain has one of four variants of the runtime, and can be upgraded from each to the
//! next: the node knows them by their WASM only. Blocks are sealed at an interval or on
//! request, and are final at once. The code that
//! loads Cairn is marked in `service.rs`.

#![forbid(unsafe_code)]

mod chain_spec;
pub mod cli;
mod client;
mod error;
mod executor;
mod genesis;
mod in_memory;
mod provider;
mod rpc;
mod runner;
mod sealing;
mod service;

pub use cairn_devnode_runtime::Variant;
pub use cairn_devnode_runtime::genesis::Parameters;
pub use client::{Executor, FullBackend, FullClient, FullPool};
pub use error::NodeError;
pub use in_memory::{InMemoryConfig, InMemoryNode};
pub use provider::ProviderOptions;
pub use sealing::{Sealer, Sealing};
