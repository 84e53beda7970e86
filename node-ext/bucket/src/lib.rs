//! One bucket of off-chain storage on disk: a RocksDB with a persistent Merkle Mountain Range.
//!
//! ```text
//! content ─► ingest ─► chunks, each once ─┐
//!                                         ├─► Bucket ─► View ─► proofs, verified before they leave
//! leaves ─► commit ─► nodes, one batch ───┘     │
//!                                               ├─► prune, release: old trees
//! BasePath ─► create, open ─────────────────────┼─► fsck, repair, Scrub: damage found and mended
//!                                               └─► export, import: a bucket as files
//! ```
//!
//! **It is** everything that concerns one bucket: storing, committing, proving, pruning,
//! checking, moving. A failed write stops all further writes of the bucket; proofs continue.
//!
//! **It is not** many buckets: the pool of open buckets and the index of all are in
//! `cairn-provider`. It signs nothing: a bucket that is opened without a provider has no gate.
//!
//! ```
//! use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
//! use cairn_engine::{Durability, SharedResources};
//! use cairn_primitives::{BucketId, LeafIndex, StateRef, verify};
//! # let folder = tempfile::tempdir()?;
//!
//! let base = BasePath::create(folder.path())?;
//! let shared = SharedResources::default();
//! let bucket = base.create_bucket(BucketId(7), BucketConfig::default(), &shared)?;
//!
//! let content = bucket.ingest(&b"three small words"[..])?;
//! let leaf = NewLeaf { data_root: content.data_root, data_size: content.data_size };
//! bucket.commit(&[leaf], Durability::Synced)?;
//!
//! let tree = bucket.commitment();
//! let proof = bucket.view(StateRef::Root(tree.mmr_root))?.mmr_proof(LeafIndex(0))?;
//! let profile = bucket.config().profile;
//! verify::mmr_proof(profile, proof.proof(), LeafIndex(0), tree.leaf_count, &tree.mmr_root)?;
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

mod base_path;
mod bucket;
mod error;
mod fsck;
mod legacy_commitment;
mod salvage;
mod scrub;
mod transfer;

// The folder of all buckets.
pub use base_path::{BasePath, BasePathError, read_bounded};
// A bucket: storing, committing.
pub use bucket::{
    Bucket, BucketConfig, BucketEvent, Builder, ChunkUnderRoot, Committed, ContentChange,
    EventListener, Ingested, KeepBytes, NewLeaf, SignedRoot, StoredContent, TreeStart,
    move_durably, now_ms,
};
// Records of objects, which `cairn-objects` builds and parses.
pub use bucket::{
    CONTENT_RECORD_BYTES, ContentHold, ContentRecords, ObjectChanges, ObjectContent,
    ObjectRecordEntry,
};
// Proving.
pub use bucket::{MmrNode, SpAncestryProof, SpLeavesProof, StateRef, View};
pub use cairn_primitives::{Answer, ProvenLeaf};
// Pruning and releasing old trees; the charge against a quota.
pub use bucket::{Authorisation, AuthorisedDeletion, Pruned, Released, RetiredTree, Tombstone};
pub use bucket::{charge, quota_for_content};
// The last commitments of a legacy provider, in the base path with its buckets.
pub use legacy_commitment::{legacy_commitment, remove_legacy_commitment, write_legacy_commitment};
// Errors, by operation.
pub use error::{
    CommitError, CreateError, IndicatesDamage, IngestError, NotWritable, OpenError, ProveError,
    PruneError, RecordRootError, ReleaseError, SignAgainError,
};
// Checks and repair of a closed bucket, and the scrub of an open one.
pub use fsck::repair::{RepairError, RepairReport, RepairSources, repair, repair_from};
pub use fsck::{CheckProgress, Finding, FsckReport, Remedy, fsck};
pub use fsck::{ContentSource, ContentSourceError, FoundContent, WantedContent};
pub use fsck::{child_shapes, shape_of_content};
pub use salvage::Salvaged;
pub use scrub::{RateLimit, Scrub, ScrubFinding, ScrubPass, ScrubPoint, ScrubStepReport};
// A bucket as files.
pub use transfer::{
    ExportFormat, Exported, ImportCheck, ImportRules, ImportSource, Imported, Manifest,
    ManifestError, ManifestFile, TransferError, TransferProgress, TransferStep, UnprovablePolicy,
    import_bucket, remove_unfinished,
};
