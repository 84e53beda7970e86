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
    Access, Batch, Behind, BlobLog, Change, DamagedLog, Durability, Engine, EngineError, Entry,
    Family, FaultKind, IndexBatch, IndexDb, JOURNAL_FILE, JournalReader, LegacyDb, LegacyFamily,
    Reach, Read, ReadCounts, Resources, Shared, Table, standing,
};
pub use database::{file_list, log_hole};
pub use layout::{Deletion, Flaw, Usage};
