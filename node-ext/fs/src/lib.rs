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
mod disk_guard;
mod durable_folders;

pub use backup::{back_up, copy_files};
pub use disk_guard::{DiskFree, DiskGuard, DiskReading, DiskReserved, free_at};
pub use durable_folders::{create_dir_durably, replace_atomically, sync_name};
