//! A node's own client as the chain of a storage provider, through the runtime API.

#![forbid(unsafe_code)]

mod client;

pub use client::SubstrateClient;
