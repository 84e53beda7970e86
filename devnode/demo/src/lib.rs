//! Cairn at work on a real chain, from outside: processes are started, killed
//! and started again, extrinsics are sent over JSON-RPC, and what the chain
//! says of its providers is what counts.
//!
//! The demo and the end-to-end test play the same play; they differ in how
//! much of it.

#![forbid(unsafe_code)]

mod chain;
mod error;
mod files;
mod liar;
mod play;
mod process;
mod promises;

pub use error::DemoError;
pub use play::{Play, Scale, Summary};
