//! Cairn for a Substrate node: a storage provider as one future and one RPC module.
//!
//! ```text
//! BasePath ─► Provider ────────┐              ┌─ run ─► the node's task manager
//! node's client, pool, keys    │              │
//!    └─► SubstrateClient ──────┼─► Extension ─┤
//!    └─► Signer ───────────────┤              │
//! RpcCosigners ────────────────┘              └─ handle ─► ProviderRpc ─► the node's RPC
//! ```
//!
//! **It is** the few types that a node builder names, gathered from the crates of Cairn. This
//! crate adds nothing of its own.
//!
//! **It is not** the standalone provider (`cairn-provider-cli`), nor its chain client by metadata
//! (`cairn-chain-rpc`), nor the importer of other providers' databases
//! (`cairn-legacy-import`). A client or challenger needs `cairn-primitives` and
//! `cairn-rpc-api` alone.
//!
//! A node makes its [`SubstrateClient`], over a [`LocalNode`], from the parts that `sc_service`
//! gives it. The rest is the same for every chain:
//!
//! ```
//! use cairn_node_ext::chain::ChainClient;
//! use cairn_node_ext::rpc::{Limits, Policy, RpcCosigners};
//! use cairn_node_ext::{BasePath, Extension, ExtensionConfig, Provider, ProviderOptions};
//! use cairn_node_ext::{ProviderRpc, Signer};
//! use std::sync::Arc;
//!
//! /// Starts a provider on a chain, until `shutdown` completes. Returns its RPC methods.
//! fn start(
//!     chain: Arc<dyn ChainClient>,
//!     base: BasePath,
//!     signer: Signer,
//!     runtime: &tokio::runtime::Runtime,
//!     shutdown: impl Future<Output = ()> + Send + 'static,
//! ) -> Result<jsonrpsee::RpcModule<()>, Box<dyn std::error::Error>> {
//!     let provider = Arc::new(Provider::open(base, ProviderOptions::default())?);
//!     let cosigners = Arc::new(RpcCosigners::new(Default::default()));
//!     let extension =
//!         Extension::new(chain, provider, signer, cosigners, ExtensionConfig::default())?;
//!     // A node asks its own `DenyUnsafe` here. This one permits no unsafe method.
//!     let policy = Policy::new(|_request| false);
//!     let methods = ProviderRpc::new(extension.handle(), Limits::default(), policy).into_rpc()?;
//!     runtime.spawn(extension.run(shutdown));
//!     Ok(methods)
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let base = BasePath::create(folder.path())?;
//! # base.keys().insert("//Alice")?;
//! # let signer = base.keys().signer(None)?;
//! # let account = cairn_node_ext::AccountId(signer.public());
//! # let chain = Arc::new(cairn_testing::StaticChain::new(account));
//! # let runtime = tokio::runtime::Runtime::new()?;
//! let methods = start(chain, base, signer, &runtime, std::future::ready(()))?;
//! assert!(methods.method_names().any(|name| name.starts_with("cairnBucket_v1_")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `examples/embed.rs` in this crate stores, signs and defends a file. `devnode/node` in the
//! repository is a whole node.

#![forbid(unsafe_code)]

pub use cairn_bucket::{BasePath, BasePathError};
pub use cairn_chain_substrate::{LocalNode, SubstrateClient};
pub use cairn_gadget::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
pub use cairn_keys::{KEY_TYPE, Signer};
pub use cairn_primitives::challenge::AccountId;
pub use cairn_provider::{OnCopy, Provider, ProviderError, ProviderOptions, ScrubPlan};
pub use cairn_rpc_server::ProviderRpc;

/// One bucket: storing, committing, proving.
pub mod bucket {
    pub use cairn_bucket::{
        Answer, Bucket, BucketConfig, CommitError, Committed, Ingested, NewLeaf, ProveError,
        ProvenLeaf, StateRef, StoredContent, View,
    };
}

/// The chain as a provider sees it, for another client than [`SubstrateClient`].
pub mod chain {
    pub use cairn_chain::{
        ChainClient, ChainError, DryRunResult, ExtrinsicStatus, Funds, Head, OpenChallenges,
        ProviderCall, Submission, SubmittedExtrinsic,
    };
}

/// The workers: their configuration and their reports.
pub mod gadget {
    pub use cairn_gadget::{
        AgreementConfig, AgreementStatus, ChallengeConfig, ChallengeStatus, CheckpointConfig,
        CheckpointStatus, CosignError, Cosigners, Countersigner, FundsConfig, FundsStatus,
        OwnerRule, Quoter, RetentionConfig, RetentionStatus, SignedRootConfig, SignedRootStatus,
        TermsPolicy,
    };
}

/// Keys and signatures.
pub mod keys {
    pub use cairn_keys::{KeyError, KeyFolder, SignError, SignedCommitment, SigningRefused};
}

/// Many buckets: leases, the pool and its limits.
pub mod provider {
    pub use cairn_provider::{
        BucketRecord, BudgetRequest, Lease, LeaseRequest, PoolStatistics, ProcessLimits,
    };
}

/// The RPC: its limits, its policy and the requests to other providers.
pub mod rpc {
    pub use cairn_rpc_server::{
        CosignerLimits, DenyUnsafe, ExportFolder, LaneLimits, Limits, Policy, RpcCosigners,
    };
}
