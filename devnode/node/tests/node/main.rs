//! Tests of the node: in this process, and as a program.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what the tests share fails as they do, by a panic"
)]

mod in_memory;
mod program;
mod rpc;
