//! Serves a storage provider's JSON-RPC API.
//!
//! ```text
//! ExtensionHandle ─► ProviderRpc ── into_rpc() ─► RpcModule ─► a node's server, which merges it
//!                        │                           └───────► cairn-rpc-listener
//!                        ├─ policy: may this request call unsafe methods?
//!                        ├─ members: or has a member of the bucket signed it?
//!                        └─ lanes: a concurrency limit for each class of work
//! RpcCosigners ── cairnProvider_v1_signCheckpoint ──► the other primary providers
//! ```
//!
//! **It is** the methods of `cairn-rpc-api` over a running provider, in the form in which a
//! Substrate node merges them into its own RPC; and a client of the other primary providers' RPC,
//! which asks them for signatures of checkpoints.
//!
//! **It is not** a listener: it opens no port. A node has a server of its own, and a standalone
//! provider uses `cairn-rpc-listener`.
//!
//! A node decides with its own type which requests may call unsafe methods:
//!
//! ```
//! use cairn_rpc_server::Policy;
//! use jsonrpsee::Extensions;
//!
//! #[derive(Clone, PartialEq)]
//! struct MayCallUnsafe;
//!
//! let policy = Policy::new(|request: &Extensions| request.get() == Some(&MayCallUnsafe));
//! # let _ = policy;
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod convert;
mod cosigners;
mod error;
mod exports;
#[cfg(test)]
mod fixture;
mod lanes;
mod limits;
mod members;
mod methods;
mod origins;
mod policy;
mod rate_limit;

pub use cosigners::{CosignerLimits, RpcCosigners};
pub use error::MethodError;
pub use exports::ExportFolder;
pub use lanes::{Lanes, WorkClass};
pub use limits::{LaneLimits, Limits};
pub use members::{
    BucketMembers, GuardError, MemberError, MemberGuard, MemberHeader, MemberLimits, Members,
    Right, SignedHeader, SignedMessage, check_right,
};
pub use methods::ProviderRpc;
pub use origins::AllowedOrigins;
pub use policy::{DenyUnsafe, Policy};
pub use rate_limit::{Rate, RateLimit};
