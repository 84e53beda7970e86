//! All buckets of a storage provider: a pool of open databases, the Global Index, the gate.
//!
//! ```text
//! Provider ─┬─ lease ─► pool: a bounded number of open buckets ─► Lease ─► Bucket
//!           ├─ page, summary ─► Global Index: every bucket, without opening it
//!           ├─ commit_signed, permit ─► gate: may this root be signed?
//!           └─ in the background: index, flush, scrub, trash
//! ```
//!
//! **It is** the owner of a base path. Other processes may read it while a provider has it open,
//! and none may write.
//!
//! **It is not** on chain: it answers no challenge by itself; `cairn-gadget` does. It serves no
//! RPC; `cairn-rpc-server` does.
//!
//! ```
//! use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
//! use cairn_primitives::BucketId;
//! use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
//! # let folder = tempfile::tempdir()?;
//!
//! let base = BasePath::create(folder.path())?;
//! base.keys().insert("//Alice")?;
//! let signer = base.keys().signer(None)?;
//! let provider = Provider::open(base, ProviderOptions::default())?;
//! provider.create_bucket(BucketId(7), BucketConfig::default())?;
//!
//! let bucket = provider.blocking_lease(BucketId(7), LeaseRequest::write())?;
//! let content = bucket.run(|bucket| bucket.ingest(&b"three small words"[..]))?;
//! let leaf = NewLeaf { data_root: content.data_root, data_size: content.data_size };
//! let (_, signed) = bucket.commit_signed(&[leaf], &signer)?;
//! assert!(signed.is_valid());
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

mod index;
mod metrics;
mod pool;
mod provider;

// The provider.
pub use provider::{
    IndexedBucket, Lease, OnCopy, Provider, ProviderError, ProviderOptions, ScrubPlan,
    ScrubStatistics,
};
// The pool of open buckets.
pub use pool::{
    Budget, BudgetError, BudgetRequest, DEFAULT_LEASE_TIMEOUT, DESCRIPTORS_BESIDES_FILES,
    LeaseRequest, PoolStatistics, Priority, ProcessLimits, RESERVED_DESCRIPTORS,
};
// The Global Index.
pub use index::{
    AGREEMENTS_KNOWN, BucketRecord, BucketStatus, DedupReport, DutyKind, Index, IndexError,
    WINDOWS_COMPLETE_SINCE, WINDOWS_LAST_SEEN,
};
// The Global Index of a base path in which no provider runs.
pub use provider::{ListedBucket, list_buckets};
// Signatures that the chain knows, compared with the disk.
pub use provider::{
    BucketTombstones, KnownSignature, MissingSignedRoots, OnOtherChain, SignatureSource,
    SignedRootState, missing_root_reason,
};
// Terms of agreements.
pub use provider::{NonceError, SignTermsError};
// Metrics.
pub use metrics::{MetricGroup, MetricSpec, StatisticsSource};
