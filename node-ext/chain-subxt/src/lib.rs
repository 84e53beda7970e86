//! A remote Substrate node as the chain of a storage provider, by its metadata.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod client;

pub use client::SubxtClient;
