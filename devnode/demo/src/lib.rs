//! Runs Cairn on a real chain, from outside: starts, kills and restarts processes, sends
//! extrinsics by the chain's metadata, and judges by the chain's records of the providers.
//!
//! The demo and the end-to-end test run the same scenario on different scales.

#![forbid(unsafe_code)]

mod dishonest_provider;
mod error;
mod files;
mod process;
mod provider_rpc;
mod scenario;
mod signed_roots;

pub use dishonest_provider::Verdict;
pub use error::DemoError;
pub use scenario::{Scale, Scenario, Summary};
