//! Imports the database of the v0 provider: one database for all buckets, in one of
//! four encodings, with nodes that buckets share.
//!
//! ```text
//! LegacySource ─► state ─► root recomputed ─► each leaf's tree walked, every hash checked ─┐
//!   era, held                                                                              ▼
//! LegacyReport ◄─ moved into its place ◄─ opened and compared ◄─ leaves, nodes, roots ◄─ Builder
//! ```
//!
//! The source is only read. A bucket with incomplete content is refused, with the hash at
//! fault, and the others are imported. A leaf is never rewritten. A leaf whose content the
//! chain cannot verify is imported and flagged.

#![forbid(unsafe_code)]

mod copy_content;
mod decode;
mod era;
mod error;
mod import;
mod report;
mod source;

pub use era::LegacyEra;
pub use error::LegacyError;
pub use import::{LegacyImport, LegacyMode, LegacyStep};
pub use report::{LegacyBucketReport, LegacyReport, LegacyStatus, LegacySummary, UnprovableLeaf};
pub use source::{LegacyBuckets, LegacySource};
