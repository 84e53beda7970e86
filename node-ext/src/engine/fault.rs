//! What the database's failures mean, and what to do about them.

use crate::space::DiskReserved;
use std::path::{Path, PathBuf};

/// What kind of failure the database reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Another process, or another handle of this one, has it open.
    Locked,
    /// There is no database, or not a whole one.
    Absent,
    /// The disk takes no writes.
    ReadOnlyDisk,
    /// The disk is full.
    NoSpace,
    /// What is on disk fails its checksums.
    Corrupt,
    /// Anything else.
    Other,
}

/// A failure of the database under a bucket.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{doing} at {path}: {message}{}", advice(*kind))]
pub struct EngineError {
    /// What was attempted.
    pub doing: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What kind of failure it is.
    pub kind: FaultKind,
    /// RocksDB's own words.
    pub message: String,
}

fn advice(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Locked => "; another process has it open: stop that one first",
        FaultKind::ReadOnlyDisk => "; the disk takes no writes: remount it, or check permissions",
        FaultKind::NoSpace => "; the disk is full: make room, then open the bucket again",
        FaultKind::Corrupt => {
            "; what is on disk is damaged: keep a copy; where it is the log, `cairn bucket salvage` opens what is before the damage"
        }
        FaultKind::Absent | FaultKind::Other => "",
    }
}

impl EngineError {
    /// Whether what is on disk is not what was written.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self.kind, FaultKind::Corrupt | FaultKind::Absent)
    }

    /// What is brought in would touch what is kept free of the disk.
    pub(crate) fn reserved(doing: &'static str, path: &Path, reserved: DiskReserved) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            kind: FaultKind::NoSpace,
            message: reserved.to_string(),
        }
    }

    /// A failure of a file beside the database.
    pub(crate) fn of_file(doing: &'static str, path: &Path, error: &std::io::Error) -> Self {
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

    pub(super) fn new(doing: &'static str, path: &Path, error: &rocksdb::Error) -> Self {
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
