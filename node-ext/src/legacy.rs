//! Importing the database of today's provider: one for all buckets, in four
//! encodings, with nodes that buckets share.
//!
//! ```text
//! LegacySource ─► state ─► root recomputed ─► each leaf's tree walked, every hash checked ─┐
//!   era, held                                                                              ▼
//! LegacyReport ◄─ moved into its place ◄─ opened and compared ◄─ leaves, nodes, roots ◄─ Builder
//! ```
//!
//! The source is only read. A bucket whose content is not whole is refused, with
//! the hash that is at fault, and the others are imported. A leaf is never
//! rewritten; one whose content the chain could not verify is kept and flagged.

mod decode;
mod era;
mod error;
mod import;
mod report;
mod source;
mod walk;

pub use era::LegacyEra;
pub use error::LegacyError;
pub use import::{LegacyImport, LegacyMode, LegacyStep};
pub use report::{LegacyBucketReport, LegacyReport, LegacyStatus, LegacySummary, UnprovableLeaf};
pub use source::{LegacyBuckets, LegacySource};
