//! Errors of the database, classified.

use cairn_fs::DiskReserved;
use std::path::{Path, PathBuf};

/// The kind of failure that the database reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Another process, or another handle in this process, has the database open.
    Locked,
    /// There is no database, or it is incomplete.
    Absent,
    /// The disk is read-only, or permissions are missing.
    ReadOnlyDisk,
    /// The disk is full.
    NoSpace,
    /// The data on disk fails its checksums.
    Corrupt,
    /// Anything else.
    Other,
}

/// An error of the database of a bucket or of the index.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing} at {path}: {message}{}", explanation(*kind))]
pub struct EngineError {
    /// The operation that failed.
    pub doing: &'static str,
    /// The folder of the database.
    pub path: PathBuf,
    /// The kind of failure.
    pub kind: FaultKind,
    /// RocksDB's message.
    pub message: String,
}

fn explanation(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Locked => "; another process has it open",
        FaultKind::ReadOnlyDisk => "; it cannot be written to",
        FaultKind::NoSpace => "; the disk is full",
        FaultKind::Corrupt => "; the data on disk is damaged",
        FaultKind::Absent | FaultKind::Other => "",
    }
}

impl EngineError {
    /// Returns whether the data on disk differs from what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self.kind, FaultKind::Corrupt | FaultKind::Absent)
    }

    /// Makes the error of a write that would use the reserve of the disk.
    pub fn reserved(doing: &'static str, path: &Path, reserved: DiskReserved) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            kind: FaultKind::NoSpace,
            message: reserved.to_string(),
        }
    }

    /// Makes the error of a file next to the database.
    pub fn from_io(doing: &'static str, path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::StorageFull => FaultKind::NoSpace,
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                FaultKind::ReadOnlyDisk
            }
            std::io::ErrorKind::NotFound => FaultKind::Absent,
            _ => FaultKind::Other,
        };
        Self {
            doing,
            path: path.to_owned(),
            kind,
            message: error.to_string(),
        }
    }

    pub(super) fn from_rocksdb(doing: &'static str, path: &Path, error: &rocksdb::Error) -> Self {
        let message = error.to_string();
        let kind = if error.kind() == rocksdb::ErrorKind::Corruption {
            FaultKind::Corrupt
        } else if message.contains("lock hold by") || message.contains("While lock file") {
            FaultKind::Locked
        } else if message.contains("No space left") {
            FaultKind::NoSpace
        } else if message.contains("Read-only file system") || message.contains("Permission denied")
        {
            FaultKind::ReadOnlyDisk
        } else if message.contains("does not exist") || message.contains("No such file") {
            FaultKind::Absent
        } else {
            FaultKind::Other
        };
        Self {
            doing,
            path: path.to_owned(),
            kind,
            message,
        }
    }
}
