//! Stores and reads objects of a running storage provider, as streams.
//!
//! ```text
//! body ─► upload: a thread that cuts, hashes and stores ─► content ─► commit, sign, index ─► record
//! record, range ─► content: one chunk at a time ─► body
//! ```
//!
//! **It is** what the HTTP API and the S3 dialect share: `cairn-objects` over the provider's leases,
//! lanes and signing gate. However large an object is, a few chunks of it are in memory.
//!
//! **It is not** an access control: its callers have checked who asks. It refuses writes to the copy
//! of a replica itself.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod body;
mod completion;
mod content;
mod error;
mod limits;
mod parts;
mod places;
mod proof;
mod put;
mod remembered_roots;
mod root;
mod shares;
mod store;
mod stored;
mod upload;

pub use content::{ByteRange, ObjectContent};
pub use error::{BodyError, StoreError};
pub use limits::StoreLimits;
pub use proof::{LeafProof, ObjectProof};
pub use put::NewObject;
pub use remembered_roots::IndexRoot;
pub use store::ObjectStore;
pub use stored::StoredContent;
