//! A small Substrate node that loads Cairn: the example that a node's builder copies,
//! and the chain that demo and tests are played on. Not for production.
//!
//! ```text
//! run    sc-cli, RocksDB on disk, networking ─┐
//!                                             ├─► service ─► sealing, RPC, Cairn
//! light  in this process, in memory ──────────┘
//! ```
//!
//! Blocks are sealed by an interval or by hand, and are final at once. What it takes
//! to load Cairn is marked in `service.rs`.

#![forbid(unsafe_code)]

mod chain_spec;
pub mod cli;
mod error;
mod light;
mod provider;
mod rpc;
mod running;
mod sealing;
mod service;

pub use cairn_devnode_runtime as runtime;
pub use error::NodeError;
pub use light::{HandedIn, Included, LightConfig, LightNode};
pub use provider::ProviderOptions;
pub use sealing::{Sealer, Sealing};
pub use service::{Executor, FullBackend, FullClient, FullPool};
