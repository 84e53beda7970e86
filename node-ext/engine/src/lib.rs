//! The RocksDB layer of a storage provider: databases, column families, key layout, journal.
//!
//! ```text
//! layout: names, keys, values ─┬─► Engine:   one bucket, families `default` and `content`, journal
//!                              ├─► IndexDb:  the Global Index, five tables
//!                              └─► LegacyDb: a v0 provider's database, for reading
//! ```
//!
//! **It is** the only crate that links RocksDB, and the only one that builds or parses a name,
//! key or value on disk. `docs/format.md` describes the same bytes.
//!
//! **It is not** an abstraction over engines: there is one. It knows no tree and no rule.
//!
//! ```
//! use cairn_engine::layout::{bucket_dir_name, chunk_key};
//! use cairn_engine::{Durability, Engine, Family, SharedResources};
//! use cairn_primitives::{BucketId, blake2_256};
//! # let folder = tempfile::tempdir()?;
//!
//! let shared = SharedResources::default();
//! let path = folder.path().join(bucket_dir_name(BucketId(7)));
//! let engine = Engine::create(&path, &shared)?;
//! let key = chunk_key(&blake2_256(b"chunk"));
//! let mut batch = engine.batch();
//! batch.put(Family::Content, key, b"chunk");
//! engine.write(batch, Durability::Synced)?;
//! assert_eq!(engine.get(Family::Content, &key)?.as_deref(), Some(&b"chunk"[..]));
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

mod database;
pub mod layout;

// A bucket's database.
pub use database::{
    Access, Batch, Durability, Engine, Entry, Family, ReadCounts, ReadResult, ReadTier,
};
// The other databases.
pub use database::{IndexBatch, IndexDb, LegacyDb, LegacyFamily, Table};
// Errors, and resources that databases share.
pub use database::{EngineError, FaultKind, Resources, SharedResources};
// The journal, and files that RocksDB cannot check itself.
pub use database::{
    BlobLog, Change, DamagedLog, JOURNAL_FILE, JournalLag, JournalReader, JournalRecord,
    last_record,
};
pub use database::{file_list, log_hole};
// Parts of values.
pub use layout::{Deletion, ShapeDefect, StorageUsage};
