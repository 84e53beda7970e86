//! The provider's half of off-chain storage: buckets on disk.
//!
//! Each bucket is a RocksDB of its own, with its MMR's nodes one key per
//! position. A commit reads nothing; a proof is one batched read, for any leaf
//! count that the tree has had; nothing that is signed is ever rewritten.
//!
//! ```text
//! BasePath ─► Provider ─► Lease ─┬─ ingest, put_chunk, put_node ─► content, each chunk once
//!    │                           ├─ commit, commit_signed ───────► leaves and nodes, one batch, one fsync
//!    └─ KeyFolder                └─ view(At) ─► mmr_proof, answer ► verified before it leaves
//!          └─ Signer ─► the gate: what may be signed
//! ```
//!
//! ```
//! use cairn_node_ext::{At, BasePath, BucketConfig, NewLeaf, Provider, ProviderOptions, Wanted};
//! use cairn_primitives::{BucketId, ChunkIndex, LeafIndex, challenge::ChunkLocation};
//!
//! # let folder = tempfile::tempdir()?;
//! let base = BasePath::create(folder.path())?;
//! base.keys().insert("//Alice")?;
//! let signer = base.keys().signer(None)?;
//! let provider = Provider::open(base, ProviderOptions::default())?;
//! provider.create_bucket(BucketId(7), BucketConfig::default())?;
//! let bucket = provider.lease(BucketId(7), Wanted::write())?;
//!
//! // A client's upload becomes a leaf, and the leaf a promise.
//! let content = bucket.run(|bucket| bucket.ingest(&b"three small words"[..]))?;
//! let leaf = NewLeaf { data_root: content.data_root, data_size: content.data_size };
//! let (_, signed) = bucket.commit_signed(&[leaf], &signer)?;
//! assert!(signed.is_valid());
//!
//! // Later, somebody challenges the root that was signed.
//! let root = signed.payload.commitment.mmr_root;
//! let location = ChunkLocation { leaf_index: LeafIndex(0), chunk_index: ChunkIndex(0) };
//! let answer = bucket.run(|bucket| bucket.view(At::Root(root))?.answer(location))?;
//! assert_eq!(answer.chunk_data, b"three small words");
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

mod aside;
mod base_path;
mod bucket;
pub mod chain;
mod engine;
mod error;
mod extension;
mod folders;
mod fsck;
mod index;
mod keystore;
mod layout;
mod legacy;
mod metrics;
mod pool;
mod printable;
mod provider;
mod salvage;
pub mod schedule;
mod scrub;
mod signing;
mod space;
mod transfer;

pub use base_path::{BasePath, BasePathError};
pub use bucket::{
    Answer, At, Authorisation, AuthorisedDeletion, Bucket, BucketConfig, CHUNK_RECORDS, Committed,
    Content, Ingested, LEAF_RECORD, NODE_RECORD, NewLeaf, Promise, Pruned, Released, RetiredTree,
    SpAncestryProof, SpLeavesProof, TREE_RECORDS, Tombstone, View,
};
pub use engine::{Access, Durability, EngineError, FaultKind, ReadCounts, Resources, Shared};
pub use error::{
    CommitError, CreateError, IndicatesDamage, IngestError, OpenError, ProveError, PruneError,
    ReleaseError, SignAgainError, Unusable,
};
pub use extension::{Extension, ExtensionConfig, ExtensionError, ExtensionHandle};
pub use fsck::repair::{RepairError, Repaired, repair};
pub use fsck::{Checked, Finding, FsckReport, Remedy, fsck};
pub use index::{BucketRecord, DedupReport, IndexError, Standing};
pub use keystore::{KeyError, KeyFolder};
pub use layout::{Deletion, Flaw, Usage};
pub use legacy::{
    LegacyBucketReport, LegacyBuckets, LegacyEra, LegacyError, LegacyImport, LegacyMode,
    LegacyReport, LegacySource, LegacyStatus, LegacyStep, LegacySummary, UnprovableLeaf,
};
pub use pool::{
    Allowance, Budget, BudgetError, BudgetRequest, DESCRIPTORS_BESIDES_FILES, PoolStatistics,
    Priority, RESERVED_DESCRIPTORS, USUAL_WAIT, Wanted,
};
pub use printable::{is_unprintable, printable, printable_json, printable_lines};
pub use provider::{
    KnownSigned, Lease, LetGo, Noted, OnCopy, OnOtherChain, Provider, ProviderError,
    ProviderOptions, ScrubPlan, ScrubStatistics, ToldBy, WouldLose,
};
pub use salvage::Salvaged;
pub use scrub::{Pace, Scrub, ScrubFinding, ScrubPoint, StepReport};
pub use signing::{KEY_TYPE, SignError, SignedCommitment, Signer, SigningRefused};
pub use space::{DiskFree, DiskGuard, DiskReading, DiskReserved, free_at};
pub use transfer::{
    Check, Exported, Form, ImportRules, Imported, Manifest, ManifestFault, ManifestFile, Progress,
    Source, Step, TransferError, Unprovable, import_bucket, remove_unfinished,
};
