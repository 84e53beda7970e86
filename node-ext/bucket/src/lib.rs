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

pub use base_path::{BasePath, BasePathError, io, read_small};
pub use bucket::charge;
pub use bucket::{
    Announce, At, Authorisation, AuthorisedDeletion, Bucket, BucketConfig, BucketNews, Builder,
    CHUNK_RECORDS, Committed, Content, ContentChange, Ingested, KeepBytes, LEAF_RECORD,
    NODE_RECORD, NewLeaf, Promise, Pruned, Released, RetiredTree, SpAncestryProof, SpLeavesProof,
    TREE_RECORDS, Tombstone, View, move_durably, now_ms,
};
pub use cairn_primitives::{Answer, ProvenLeaf};
pub use error::{
    CommitError, CreateError, IndicatesDamage, IngestError, OpenError, PromiseError, ProveError,
    PruneError, ReleaseError, SignAgainError, Unusable,
};
pub use fsck::repair::{RepairError, Repaired, repair};
pub use fsck::{Checked, Finding, FsckReport, Remedy, fsck};
pub use salvage::Salvaged;
pub use scrub::{Pace, Scrub, ScrubFinding, ScrubPoint, ScrubRound, StepReport};
pub use transfer::{
    Check, Exported, Form, ImportRules, Imported, Manifest, ManifestFault, ManifestFile, Progress,
    Source, Step, TransferError, Unprovable, import_bucket, remove_unfinished,
};
