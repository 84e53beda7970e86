//! Objects by key and files by path, over a storage provider's buckets.
//!
//! ```text
//! content ─► data root ─► leaves without padding ─► commit ─┐
//! key, content type, metadata ──────────────────────────────┴─► record ─► Index
//!                                             list, root, proof ◄───────────┘
//! ```
//!
//! **It is** the index that leads from a key to content: records in the bucket's own database,
//! written durably, with S3's listings, multipart uploads, and the Merkle root over them that
//! clients of today's provider compute.
//!
//! **It is not** part of what the provider signs: the leaves prove the content of an object, and
//! nothing but the provider's word binds a key to it.
//!
//! ```
//! use cairn_bucket::{BasePath, BucketConfig};
//! use cairn_engine::{Durability, SharedResources};
//! use cairn_objects::{Condition, Index, ObjectName, ObjectRecord, Padding, Space, new_leaves};
//! use cairn_primitives::BucketId;
//! # let folder = tempfile::tempdir()?;
//!
//! let base = BasePath::create(folder.path())?;
//! let bucket = base.create_bucket(BucketId(7), BucketConfig::default(), &SharedResources::default())?;
//! let content = bucket.ingest(&b"three small words"[..])?;
//! let leaves = new_leaves(&bucket, &content.data_root, content.data_size, Padding::Refused)?;
//! let committed = bucket.commit(&leaves, Durability::Synced)?;
//!
//! let record = ObjectRecord::of_content(&content, &leaves, &committed);
//! let index = Index::new(&bucket, Space::Keys);
//! index.put(&ObjectName::key("words.txt")?, &record, Condition::Any)?;
//! assert_eq!(index.get("words.txt")?.map(|found| found.size), Some(17));
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

mod content;
mod error;
mod index;
mod multipart;
mod name;
mod record;
#[cfg(test)]
mod tests;

// Content of an object: its leaves and its chunks.
pub use content::{Padding, new_leaves, read_chunk};
// The index of a bucket.
pub use index::{Condition, Index, ListRequest, Listed, Listing, Stats, list_token};
// Uploads in parts.
pub use multipart::{
    Assembled, MAX_PARTS, MIN_PART_BYTES, NewUpload, Part, PartGiven, Upload, Uploads,
};
// Names, records, errors.
pub use error::ObjectError;
pub use name::{MAX_NAME_BYTES, NameError, ObjectName, Space};
pub use record::{
    Attributes, AttributesError, Kind, MAX_CONTENT_TYPE_BYTES, MAX_METADATA_BYTES, ObjectRecord,
};
