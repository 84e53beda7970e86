//! The storage provider's JSON-RPC API: what clients, challengers and the other
//! providers of a bucket ask of it.
//!
//! ```text
//! ExtensionHandle ─► ProviderRpc ─┬─ into_rpc() ─► RpcModule, which a node merges into its own
//!                                 └─ serve() ────► the standalone provider's listener
//! RpcCosigners ── provider_signCheckpoint ──► the other primary providers
//! ```
//!
//! Server and client come from one definition of traits: [`BucketApiClient`] and
//! [`ProviderApiClient`] for what anybody may ask, [`BucketStoreApiClient`] for
//! what changes buckets and is refused unless the [`Policy`] allows it. What the
//! chain will read is SCALE in hex; everything else is readable JSON. What is
//! refused has a code of its own; see [`error`].

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod api;
mod cosigners;
pub mod error;
mod exports;
#[cfg(test)]
mod house;
mod lanes;
mod limits;
#[cfg(feature = "listener")]
mod listener;
mod policy;
mod server;
mod token;
mod types;

pub use api::{
    BucketApiClient, BucketApiServer, BucketStoreApiClient, BucketStoreApiServer,
    ProviderApiClient, ProviderApiServer,
};
pub use cosigners::{CosignerLimits, RpcCosigners};
pub use exports::ExportFolder;
pub use limits::{ConnectionLimits, LaneLimits, Limits};
#[cfg(feature = "listener")]
pub use listener::{
    ListenerConfig, Origins, RpcMetrics, ServeError, Served, Watched, serve, serve_watch,
    serve_with,
};
pub use policy::{DenyUnsafe, Policy, RpcMethods};
pub use server::ProviderRpc;
pub use token::Token;
pub use types::*;
