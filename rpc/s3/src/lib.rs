//! Serves a storage provider's buckets in the S3 dialect that applications speak.
//!
//! ```text
//! client ─► connection limits ─► admission ─► signature (SigV4) ─► the key's buckets ─┐
//!                                     cairn-object-store ◄─ operation ◄───────────────┘
//! ```
//!
//! **It is** a gateway for the operator's own buckets: anyone who has a key of its file may read,
//! or read and write, the buckets that the file gives to the key, without an account on chain. The
//! HTTP API and this have the same objects.
//!
//! **It is not** a judge of members: the roles of the chain are checked by the HTTP API alone. It
//! has no versions, no access lists and no lifecycle rules.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod admission;
mod buckets;
mod checksums;
mod copies;
mod entity_tag;
mod error;
mod gateway;
mod keys;
mod listing;
mod objects;
mod parts;
mod router;

pub use keys::{AccessKeys, KeysError};
pub use router::router;
