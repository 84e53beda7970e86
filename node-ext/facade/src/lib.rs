//! The parts that a Substrate node loads to become a storage provider.
//!
//! This crate adds nothing of its own. It gathers, from the crates of Cairn, the
//! few types that a node builder names: open a [`BasePath`], make a [`Provider`],
//! reach the node's own chain by a [`SubstrateClient`], and spawn the future of an
//! [`Extension`].
//!
//! ```text
//! BasePath ─► Provider ─► Lease ─┬─ ingest, put_chunk, put_node ─► content, each chunk once
//!    │           │               ├─ commit, commit_signed ───────► leaves and nodes, one batch, one fsync
//!    │           │               └─ view(StateRef) ─► mmr_proof, answer ► verified before it leaves
//!    │           └─► Extension: answers challenges, submits checkpoints, compares chain and disk
//!    └─ KeyFolder ─► Signer ─► the gate: what may be signed
//! ```
//!
//! It is not the standalone provider (`cairn-cli`), nor its chain client by metadata
//! (`cairn-chain-subxt`), nor the importer of other providers' databases
//! (`cairn-legacy-import`).
//!
//! ```
//! use cairn_node_ext::bucket::{BucketConfig, NewLeaf, StateRef};
//! use cairn_node_ext::provider::LeaseRequest;
//! use cairn_node_ext::{BasePath, Provider, ProviderOptions};
//! use cairn_primitives::{BucketId, ChunkIndex, LeafIndex, challenge::ChunkLocation};
//!
//! # let folder = tempfile::tempdir()?;
//! let base = BasePath::create(folder.path())?;
//! base.keys().insert("//Alice")?;
//! let signer = base.keys().signer(None)?;
//! let provider = Provider::open(base, ProviderOptions::default())?;
//! provider.create_bucket(BucketId(7), BucketConfig::default())?;
//! let bucket = provider.lease(BucketId(7), LeaseRequest::write())?;
//!
//! // A client's upload becomes a leaf, and the provider signs the new root.
//! let content = bucket.run(|bucket| bucket.ingest(&b"three small words"[..]))?;
//! let leaf = NewLeaf { data_root: content.data_root, data_size: content.data_size };
//! let (_, signed) = bucket.commit_signed(&[leaf], &signer)?;
//! assert!(signed.is_valid());
//!
//! // Later, somebody challenges the root that was signed.
//! let root = signed.payload.commitment.mmr_root;
//! let location = ChunkLocation { leaf_index: LeafIndex(0), chunk_index: ChunkIndex(0) };
//! let answer = bucket.run(|bucket| bucket.view(StateRef::Root(root))?.answer(location))?;
//! assert_eq!(answer.chunk_data(), b"three small words");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub use cairn_bucket::{BasePath, BasePathError};
pub use cairn_chain_substrate::SubstrateClient;
pub use cairn_gadget::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
pub use cairn_keys::{KEY_TYPE, Signer};
pub use cairn_provider::{OnCopy, Provider, ProviderError, ProviderOptions, ScrubPlan};

/// One bucket: storing, committing, proving.
pub mod bucket {
    pub use cairn_bucket::{
        Answer, Bucket, BucketConfig, CommitError, Committed, Ingested, NewLeaf, ProveError,
        ProvenLeaf, StateRef, StoredContent, View,
    };
}

/// The chain as a provider sees it, for another client than [`SubstrateClient`](crate::SubstrateClient).
pub mod chain {
    pub use cairn_chain::{
        ChainClient, ChainError, DryRunResult, ExtrinsicStatus, Head, Submission,
        SubmittedExtrinsic,
    };
}

/// The workers: their configuration and what they report.
pub mod gadget {
    pub use cairn_gadget::{
        ChallengeConfig, ChallengeStatus, CheckpointConfig, CheckpointStatus, Cosigners,
        Countersigner, RetentionConfig, RetentionStatus, SignedRootStatus,
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
