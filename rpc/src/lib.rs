//! The storage provider's JSON-RPC API: what clients, challengers and the other
//! providers of a bucket ask of it.
//!
//! ```text
//! ExtensionHandle ─► ProviderRpc ── into_module() ──► RpcModule, which a node merges into its own
//! RpcCosigners ── provider_signCheckpoint ──► the other primary providers
//! ```
//!
//! Server and client come from one definition, [`ProviderApiServer`] and
//! [`ProviderApiClient`]. What the chain will read is SCALE in hex; everything
//! else is readable JSON. What is refused has a code of its own; see [`error`].

#![forbid(unsafe_code)]

mod api;
mod cosigners;
pub mod error;
mod server;
mod types;

pub use api::{ProviderApiClient, ProviderApiServer};
pub use cosigners::{CosignerLimits, RpcCosigners};
pub use server::ProviderRpc;
pub use types::{ChallengeInfo, ChallengeStage, CommitmentInfo, HoldingInfo, ProviderStatus};
