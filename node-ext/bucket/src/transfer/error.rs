//! Errors of exports and imports. After any of them nothing was adopted, the source is
//! unchanged, and partial results are removed.

use super::manifest::ManifestError;
use crate::error::{CommitError, IndicatesDamage, NotWritable, OpenError, ProveError};
use cairn_engine::EngineError;
use cairn_fs::{DiskReserved, FileError};
use cairn_primitives::BucketId;
use std::path::{Path, PathBuf};

/// Errors of an export or import.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The bucket is not open for writing, or a write to it failed.
    #[error("{0}; only a writable bucket can be exported")]
    NotWritable(#[from] NotWritable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The destination exists.
    #[error("{path} is already there")]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// The destination has no file name.
    #[error("{path} does not end with the name of a file or folder")]
    NoName {
        /// The destination.
        path: PathBuf,
    },
    /// A bucket with this id exists.
    #[error("bucket {bucket} is already here, at {path}, and was not changed")]
    BucketExists {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
    },
    /// Another export or import of the same bucket is in progress.
    #[error("another export or import is in progress in {path}")]
    Busy {
        /// Its working folder.
        path: PathBuf,
    },
    /// Another process has the source open for writing.
    #[error("{path} is open for writing in another process, so a copy of it would be inconsistent")]
    SourceInUse {
        /// The source.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error(transparent)]
    Io(#[from] FileError),
    /// The archive cannot be written.
    #[error("cannot write the archive: {0}")]
    Sink(std::io::Error),
    /// The archive cannot be read.
    #[error("cannot read {origin} as an archive: {source}")]
    Archive {
        /// Where the archive comes from.
        origin: String,
        /// The underlying error.
        source: std::io::Error,
    },
    /// The disk has too little space.
    #[error("{needed} bytes do not fit into {path}, where {free} bytes are free")]
    NoRoom {
        /// The folder of buckets.
        path: PathBuf,
        /// Size of the bucket, in bytes.
        needed: u64,
        /// Free bytes.
        free: u64,
    },
    /// The write would use the reserve of the disk.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The source is neither an export nor a bucket's folder.
    #[error("{origin} is not an exported bucket: {what}")]
    NotAnExport {
        /// The source.
        origin: String,
        /// The reason.
        what: String,
    },
    /// The manifest is invalid.
    #[error("the manifest of {origin} is invalid: {fault}")]
    Manifest {
        /// The source.
        origin: String,
        /// The reason.
        fault: ManifestError,
    },
    /// A file differs from the manifest.
    #[error("{file} of {origin} is not what was exported: {what}")]
    Altered {
        /// The source.
        origin: String,
        /// The file's name.
        file: String,
        /// The difference.
        what: String,
    },
    /// Without a manifest, only the full check can verify a bucket.
    #[error("{origin} has no manifest to compare its files with; it needs the full check")]
    NoManifest {
        /// The source.
        origin: String,
    },
    /// The copy does not open.
    #[error("the bucket from {origin} was not adopted: {fault}")]
    DoesNotOpen {
        /// The source.
        origin: String,
        /// The reason.
        fault: OpenError,
    },
    /// The copy is another bucket, or at another commitment, than the manifest says.
    #[error(
        "the bucket from {origin} was not adopted: its {what} is {found}, and the manifest says {stated}"
    )]
    ManifestMismatch {
        /// The source.
        origin: String,
        /// The property that differs.
        what: &'static str,
        /// Its value in the database.
        found: String,
        /// Its value in the manifest.
        stated: String,
    },
    /// The full check has findings.
    #[error(
        "the bucket from {origin} was not adopted, since its check has findings: {first}{}",
        further_findings(*findings)
    )]
    Findings {
        /// The source.
        origin: String,
        /// Number of findings.
        findings: u64,
        /// The first finding.
        first: String,
    },
    /// The bucket has content that the chain cannot verify. Only imports bring such content.
    #[error(
        "the bucket from {origin} was not adopted: {leaves} of its leaves are flagged, so that no \
         challenge of them can be answered, and {nodes} of its records are of such content"
    )]
    Unprovable {
        /// The source.
        origin: String,
        /// Flagged leaves.
        leaves: u64,
        /// Records of content that no provable tree has.
        nodes: u64,
    },
    /// The check failed.
    #[error("the bucket from {origin} was not adopted, since it could not be checked: {source}")]
    CheckFailed {
        /// The source.
        origin: String,
        /// The reason.
        source: ProveError,
    },
    /// The copy could not be closed after its check.
    #[error("the bucket from {origin} was not adopted, since it could not be closed: {source}")]
    CloseFailed {
        /// The source.
        origin: String,
        /// The reason.
        source: CommitError,
    },
}

fn further_findings(findings: u64) -> String {
    match findings.saturating_sub(1) {
        0 => String::new(),
        more => format!(" (further findings: {more})"),
    }
}

impl TransferError {
    pub(super) fn io<'p>(
        doing: &'static str,
        path: &'p Path,
    ) -> impl Fn(std::io::Error) -> Self + use<'p> {
        move |source| FileError::wrap(doing, path)(source).into()
    }

    /// Returns whether the source was read and rejected, rather than unreadable.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Altered { .. }
                | Self::DoesNotOpen { .. }
                | Self::ManifestMismatch { .. }
                | Self::Findings { .. }
                | Self::Unprovable { .. }
                | Self::CheckFailed { .. }
        )
    }
}

/// Applies to exports: a fault in the source of an import is no damage to a bucket of
/// this provider.
impl IndicatesDamage for TransferError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Engine(error) => error.indicates_damage(),
            // The copy consists of the bucket's own files.
            Self::DoesNotOpen { fault, .. } => fault.indicates_damage(),
            Self::CheckFailed { source, .. } => source.indicates_damage(),
            Self::CloseFailed { source, .. } => source.indicates_damage(),
            Self::NotWritable(_)
            | Self::Exists { .. }
            | Self::NoName { .. }
            | Self::BucketExists { .. }
            | Self::Busy { .. }
            | Self::SourceInUse { .. }
            | Self::Io(_)
            | Self::Sink(_)
            | Self::Archive { .. }
            | Self::NoRoom { .. }
            | Self::Reserved(_)
            | Self::NotAnExport { .. }
            | Self::Manifest { .. }
            | Self::Altered { .. }
            | Self::NoManifest { .. }
            | Self::ManifestMismatch { .. }
            | Self::Findings { .. }
            | Self::Unprovable { .. } => false,
        }
    }
}
