//! Serves a storage provider over HTTP as today's provider does, so that its clients go on.
//!
//! ```text
//! client ─► connection limits ─► CORS, size of the body ─► route ─► role in the bucket (chain)
//!                                                            └─► the lanes of the JSON-RPC
//!                                                                     └─► Provider
//! ```
//!
//! **It is** an adapter: paths, encodings, status codes and error bodies of that provider's HTTP
//! API over [`ProviderRpc`](cairn_rpc_server::ProviderRpc), with the same lanes and limits. A hash
//! without a bucket is resolved by one look into the Global Index.
//!
//! **It is not** a copy of its faults: `docs/http.md` lists where an answer differs, and why.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod app;
mod auth;
mod body_budget;
mod config;
mod connections;
mod error;
mod given_hash;
mod hex_text;
mod host;
mod metrics;
mod openapi;
mod padding;
mod places;
mod rate_limit;
mod router;
mod routes;
mod schema;
mod server;

pub use cairn_rpc_server::SignedMessage;
pub use config::{AllowedOrigins, HttpConfig, HttpLimits, ReadAccess};
pub use metrics::HttpMetrics;
pub use rate_limit::Peer;
pub use router::{document, router};
pub use server::{HttpHandle, serve, serve_router};
