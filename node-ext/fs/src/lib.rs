//! File-system helpers for storage: durable directories, copies of closed databases, free disk space.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod backup;
mod folders;
mod space;

pub use backup::{copy_files, keep_aside};
pub use folders::{make_durably, replace_by, sync_name};
pub use space::{DiskFree, DiskGuard, DiskReading, DiskReserved, free_at};
