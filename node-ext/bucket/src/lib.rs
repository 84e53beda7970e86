//! One bucket of off-chain storage on disk: a RocksDB with a persistent Merkle Mountain Range.

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
mod salvage;
mod scrub;
mod transfer;

pub use base_path::{BasePath, BasePathError, io_error, read_bounded};
pub use bucket::charge;
pub use bucket::{
    Authorisation, AuthorisedDeletion, Bucket, BucketConfig, BucketEvent, Builder, CHUNK_CHARGE,
    Committed, ContentChange, EventListener, Ingested, KeepBytes, LEAF_CHARGE, NODE_CHARGE,
    NewLeaf, Pruned, Released, RetiredTree, SignedRoot, SpAncestryProof, SpLeavesProof, StateRef,
    StoredContent, TREE_LEAF_CHARGE, Tombstone, View, move_durably, now_ms,
};
pub use cairn_primitives::{Answer, ProvenLeaf};
pub use error::{
    CommitError, CreateError, IndicatesDamage, IngestError, NotWritable, OpenError, ProveError,
    PruneError, RecordRootError, ReleaseError, SignAgainError,
};
pub use fsck::repair::{RepairError, RepairReport, repair};
pub use fsck::{CheckProgress, Finding, FsckReport, Remedy, fsck};
pub use salvage::Salvaged;
pub use scrub::{RateLimit, Scrub, ScrubFinding, ScrubPass, ScrubPoint, ScrubStepReport};
pub use transfer::{
    ExportFormat, Exported, ImportCheck, ImportRules, ImportSource, Imported, Manifest,
    ManifestError, ManifestFile, TransferError, TransferProgress, TransferStep, UnprovablePolicy,
    import_bucket, remove_unfinished,
};
