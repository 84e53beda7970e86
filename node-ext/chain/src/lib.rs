//! The seam between a storage provider and its chain: a trait, its types and its errors.
//!
//! ```text
//! cairn-gadget ─► dyn ChainClient ◄─┬─ cairn-chain-substrate: the node that loads Cairn
//!                                   ├─ cairn-chain-rpc:       a remote node
//!                                   └─ cairn-testing:         a simulated chain
//! ```
//!
//! **It is** everything that a provider asks of a chain, each query at a named block. It links
//! types and futures only. [`endpoint`] converts the addresses that providers register.
//!
//! **It is not** a client of any chain; those are crates of their own.
//!
//! ```
//! use cairn_chain::{ChainClient, ChainError};
//!
//! /// Returns how many challenges are open against the client's account.
//! async fn open_challenges(chain: &dyn ChainClient) -> Result<usize, ChainError> {
//!     let head = chain.best_head().await?;
//!     Ok(chain.open_challenges(head.hash).await?.complete()?.len())
//! }
//!
//! // Callers repeat a call after a transient error.
//! assert!(ChainError::Unreachable("connection refused".into()).is_transient());
//! ```

#![forbid(unsafe_code)]

mod client;
pub mod endpoint;
mod error;
mod registration;
mod replica;

// The trait.
pub use client::{ChainClient, Funds, Head, OpenChallenges};
pub use error::ChainError;
// Submissions.
pub use client::{DryRunResult, ExtrinsicStatus, ProviderCall, Submission, SubmittedExtrinsic};
// Registration.
pub use registration::{RegistrationClient, RegistrationRules};
// Replicas.
pub use replica::{
    LastSync, ReplicaAgreement, ReplicaClient, SyncConfirmation, SyncRoots, SyncVerdict,
};
