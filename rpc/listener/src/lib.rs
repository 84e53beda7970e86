//! The RPC listener of a standalone provider.
//!
//! ```text
//! socket ─► backpressure ─► HTTP: origin, token, proxy ─► middleware: rate, in flight ─► methods
//!                └─ connections: the memory and places of all of them
//! ```
//!
//! **It is** a JSON-RPC server over HTTP and WebSocket for the methods of `cairn-rpc-server`, with
//! bounds on what one connection and all connections together may take:
//!
//! - backpressure: a client that does not drain its responses is not read from;
//! - a request rate, and a limit of requests in flight, for each connection;
//! - a limit of connections for each source of addresses, and in all;
//! - a limit of memory: above it, the connection that holds most is closed.
//!
//! It also serves metrics and health at a port of their own; see [`serve_monitoring`].
//!
//! **It is not** needed within a Substrate node, which has a server of its own. It does no TLS:
//! put a reverse proxy in front of it for that.
//!
//! A caller shows with a [`Token`] that it may change buckets:
//!
//! ```
//! use cairn_rpc_listener::{ListenerConfig, Origins, RpcMethods, Token};
//!
//! let token: Token = "00112233445566778899aabbccddeeff".parse()?;
//! let config = ListenerConfig {
//!     methods: RpcMethods::Auto,
//!     tokens: vec![token],
//!     origins: Origins::Standard,
//!     ..ListenerConfig::default()
//! };
//! assert_eq!(config.limits.connections.get(), 100);
//! # Ok::<(), &'static str>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod access;
mod backpressure;
mod caller;
mod connections;
mod frame_counter;
mod limits;
mod listener;
mod metrics;
mod middleware;
mod monitoring;
mod origin;
mod rate_limit;
mod response;
mod source;
mod stream;
mod token;

pub use access::RpcMethods;
pub use limits::ConnectionLimits;
pub use listener::{ListenerConfig, ListenerHandle, ServeError, serve, serve_with};
pub use metrics::RpcMetrics;
pub use monitoring::{Monitored, serve_monitoring};
pub use origin::Origins;
pub use token::Token;
