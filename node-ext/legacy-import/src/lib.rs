//! Imports the database of the v0 provider: one database for all buckets, in one of four
//! encodings, with nodes that buckets share.
//!
//! ```text
//! LegacySource ─► state ─► root recomputed ─► each leaf's tree walked, every hash checked ─┐
//!   era, held                                                                              ▼
//! LegacyReport ◄─ moved into its place ◄─ opened and compared ◄─ leaves, nodes, roots ◄─ Builder
//!                                                  ▲
//!                          index files ─► names of objects
//! ```
//!
//! **It is** a way into Cairn. The source is only read. A bucket with incomplete content is
//! refused, with the hash at fault, and the others are imported. A leaf is never rewritten. A
//! leaf whose content the chain cannot verify is imported and flagged. The names of objects and
//! files come with their content; a name whose content is not there is reported, and no other is
//! affected.
//!
//! **It is not** linked by a node or by the provider: only the command line uses it.
//!
//! ```no_run
//! use cairn_bucket::BasePath;
//! use cairn_engine::SharedResources;
//! use cairn_legacy_import::{LegacyImport, LegacyMode, LegacySource};
//! use std::path::Path;
//!
//! let source = LegacySource::open(Path::new("/var/lib/v0-provider"))?;
//! println!("{} buckets", source.buckets()?.ids.len());
//! let base = BasePath::create("/var/lib/cairn")?;
//! let report = LegacyImport::new(&source, base.path(), LegacyMode::Import)
//!     .import_all(&SharedResources::default(), |_bucket, _step| {})?;
//! println!("{report:?}");
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

mod bucket_import;
mod copy_content;
mod decode;
mod era;
mod error;
mod import;
mod index_file;
mod last_commitment;
mod names;
mod progress;
mod report;
mod source;

// The source.
pub use era::LegacyEra;
pub use source::{LegacyBuckets, LegacySource};
// The import.
pub use error::LegacyError;
pub use import::{LegacyImport, LegacyMode};
pub use progress::LegacyStep;
// Its report.
pub use report::{LegacyBucketReport, LegacyReport, LegacyStatus, LegacySummary, UnprovableLeaf};
pub use report::{LegacyNameFault, LegacyNames, NameNotImported};
