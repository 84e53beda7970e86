//! The workers of a storage provider on chain: challenges, checkpoints, retention, as one future.
//!
//! ```text
//! ChainClient ─┐                        ┌─ challenges:   answered before their deadline
//! Provider ────┼─► Extension ── run ────┼─ checkpoints:  submitted, with the signatures of others
//! Signer ──────┤       └─ handle        ├─ signed roots: the chain compared with the disk
//! Cosigners ───┘            └─► the RPC ├─ retention:    retired trees, kept while they are needed
//!                                       ├─ agreements:   buckets and quotas follow them
//!                                       ├─ replicas:     copies of buckets, confirmed on chain
//!                                       └─ funds:        compared with the price of answers
//! ```
//!
//! **It is** one future for a node's task manager, or for a process of its own. Each worker is
//! its own task. Challenges are answered while any other worker fails.
//!
//! **It is not** a chain client, a store or a server: it asks a
//! [`ChainClient`](cairn_chain::ChainClient) and a [`Provider`](cairn_provider::Provider), and
//! `cairn-rpc-server` serves its handle.
//!
//! ```
//! use async_trait::async_trait;
//! use cairn_gadget::{
//!     CosignError, CosignRequest, Cosigners, Extension, ExtensionConfig, HeldState,
//! };
//! use cairn_primitives::challenge::{AccountId, MultiSignature};
//! use cairn_primitives::{BucketId, onchain::PrimaryProvider};
//! use cairn_bucket::BasePath;
//! use cairn_provider::{Provider, ProviderOptions};
//! use cairn_testing::StaticChain;
//! use std::sync::Arc;
//!
//! /// A provider that shares no bucket asks nobody for signatures.
//! struct Nobody;
//!
//! #[async_trait]
//! impl Cosigners for Nobody {
//!     async fn held_state(
//!         &self,
//!         from: &PrimaryProvider,
//!         _bucket: BucketId,
//!         _window: Option<u64>,
//!     ) -> Result<HeldState, CosignError> {
//!         Err(unreachable_at(from))
//!     }
//!
//!     async fn cosign(
//!         &self,
//!         from: &PrimaryProvider,
//!         _request: &CosignRequest,
//!     ) -> Result<MultiSignature, CosignError> {
//!         Err(unreachable_at(from))
//!     }
//! }
//!
//! fn unreachable_at(from: &PrimaryProvider) -> CosignError {
//!     CosignError::Unreachable {
//!         endpoint: format!("{:?}", from.account),
//!         reason: "no transport".to_owned(),
//!     }
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let base = BasePath::create(folder.path())?;
//! base.keys().insert("//Alice")?;
//! let signer = base.keys().signer(None)?;
//! let chain = StaticChain::new(AccountId(signer.public()));
//! let provider = Arc::new(Provider::open(base, ProviderOptions::default())?);
//! let config = ExtensionConfig::default();
//! let extension = Extension::new(Arc::new(chain), provider, signer, Arc::new(Nobody), config)?;
//! let handle = extension.handle();
//! // A node never completes `shutdown`; here it is complete, and every worker ends.
//! runtime.block_on(extension.run(std::future::ready(())));
//! assert!(handle.challenges.duties().is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod agreements;
mod challenges;
mod checkpoint_rules;
mod checkpoints;
mod cosign;
mod extension;
mod funds;
mod genesis_check;
mod heads;
#[cfg(test)]
mod network;
mod printable;
mod replicas;
mod retention;
mod signed_roots;
mod terms;

// The extension.
pub use extension::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
// Challenges.
pub use challenges::{
    AnswerStage, ChallengeConfig, ChallengeConfigError, ChallengeDuty, ChallengeError,
    ChallengeStatistics, ChallengeStatus, NotSynced,
};
// Checkpoints.
pub use checkpoint_rules::BlockedReason;
pub use checkpoints::{
    CheckpointConfig, CheckpointConfigError, CheckpointError, CheckpointStage,
    CheckpointStatistics, CheckpointStatus,
};
// Joint signing.
pub use cosign::{
    CheckpointRequest, CosignError, CosignRequest, Cosigners, Countersigner, HeldState, Refusal,
};
// Replicas.
pub use replicas::{
    HttpReplicaPeers, ReplicaConfig, ReplicaPeers, ReplicaReport, ReplicaState, ReplicaStatistics,
    ReplicaStatus,
};
// Retired trees.
pub use retention::{
    Clock, RetainReason, RetentionConfig, RetentionError, RetentionStatistics, RetentionStatus,
};
// Signed roots on chain.
pub use signed_roots::{
    SignedRootConfig, SignedRootProblem, SignedRootStatistics, SignedRootStatus,
};
// Agreements: their terms, and the buckets that follow them.
pub use agreements::{
    AgreementConfig, AgreementReport, AgreementState, AgreementStatistics, AgreementStatus,
    Unserved,
};
pub use terms::{
    Offer, OwnerRule, PriceMismatch, Quoter, ReplicaOffer, TermsPolicy, TermsPolicyError,
    TermsRequest, TermsStatistics,
};
// The account's funds.
pub use funds::{FundsConfig, FundsLevel, FundsReading, FundsStatus};
// Text of strangers, made safe to print.
pub use printable::{is_unprintable, printable, printable_json, printable_lines};

/// The defaults of [`ChallengeConfig`].
pub mod challenge_defaults {
    pub use crate::challenges::{
        DEFAULT_CLAIM_WITHIN, DEFAULT_CRITICAL_DIVISOR, DEFAULT_MAX_BYTES_IN_FLIGHT,
        DEFAULT_MAX_IN_FLIGHT, DEFAULT_RESUBMIT_AFTER, DEFAULT_STALE_AFTER, DEFAULT_TICK_INTERVAL,
        DEFAULT_WARN_DIVISOR, RECONNECT_BACKOFF_MAX, RECONNECT_BACKOFF_MIN,
    };
}
