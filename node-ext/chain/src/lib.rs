//! The seam between a storage provider and its chain: a trait, its types and its errors.

#![forbid(unsafe_code)]

mod client;
mod error;

pub use client::{
    ChainClient, DryRunResult, ExtrinsicStatus, Head, Submission, SubmittedExtrinsic,
};
pub use error::ChainError;
