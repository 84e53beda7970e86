//! The RocksDB layer of a storage provider: databases, column families, key layout, journal.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod database;
pub mod layout;

pub use database::{
    Access, Batch, BlobLog, Change, DamagedLog, Durability, Engine, EngineError, Entry, Family,
    FaultKind, IndexBatch, IndexDb, JOURNAL_FILE, JournalLag, JournalReader, LegacyDb,
    LegacyFamily, ReadCounts, ReadResult, ReadTier, Resources, SharedResources, Table, last_record,
};
pub use database::{file_list, log_hole};
pub use layout::{Deletion, ShapeDefect, StorageUsage};
