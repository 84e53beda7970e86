//! The verifiers of `cairn-primitives` and of sr25519 signatures, for JavaScript.
//!
//! The JavaScript package in `clients/javascript` wraps these functions: it checks the ranges of
//! numbers, and turns a [`Refusal`] into an exception with a code. **It is not** a client: it
//! knows nothing of requests.
//!
//! Hashes are 32 bytes, lists of hashes their bytes one after the other, paths a byte for each
//! level. Each input is bounded by the decoder or by the verifier, and none panics.

#![forbid(unsafe_code)]

mod content;
pub mod exports;
mod input;
mod proofs;
mod refusal;
mod signatures;

pub use content::Content;
pub use proofs::{GivenLeaf, GivenPath, verify_chunk, verify_leaf, verify_response};
pub use refusal::Refusal;
pub use signatures::{payload, verify_signature, verify_sr25519};
