//! Durable files and folders, copies of closed databases, and a reserve of free disk space.
//!
//! ```text
//! create_dir_durably, replace_atomically, sync_name ─► a name that survives a loss of power
//! back_up, copy_files ─► a folder's copy, whose tables are hard links
//! write ─► DiskGuard::admit ─┬─► admitted
//!                            └─► DiskReserved: the write would use the reserve
//! ```
//!
//! **It is** the few operations on files whose order of syncs matters, in one place.
//!
//! **It is not** an abstraction of the file system: it knows no bucket, no database and no
//! format.
//!
//! ```
//! use cairn_fs::{DiskFree, DiskGuard};
//!
//! // A disk with 3 GiB free, of which clients may not use the last 2 GiB.
//! let free = || Ok(DiskFree { free: 3 << 30, total: 100 << 30 });
//! let guard = DiskGuard::with_query(free, Some(2 << 30));
//! assert!(guard.admit(1 << 20, || 0).is_ok());
//! assert!(guard.admit(2 << 30, || 0).is_err());
//! ```

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
mod error;

// Durable names.
pub use durable_folders::{create_dir_durably, replace_atomically, sync_name};
// Copies of folders.
pub use backup::{back_up, copy_files};
// Free space.
pub use disk_guard::{DiskFree, DiskGuard, DiskReading, DiskReserved, free_at};
// What failed.
pub use error::FileError;
