//! Why a bucket was not moved. Whatever it is, nothing was adopted, the source
//! is as it was, and what was half done is gone again.

use super::manifest::ManifestFault;
use crate::engine::EngineError;
use crate::error::{CommitError, IndicatesDamage, OpenError, ProveError, Unusable};
use crate::space::DiskReserved;
use cairn_primitives::BucketId;
use std::path::{Path, PathBuf};

/// Why a bucket was not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// It is not open for writing, or a write to it failed.
    #[error("{0}; an export needs a bucket that takes writes")]
    Unusable(#[from] Unusable),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is something in the place of the export.
    #[error("{path} is already there: name a destination that is not")]
    Exists {
        /// The destination.
        path: PathBuf,
    },
    /// The destination ends without a name.
    #[error("{path} does not end with the name of a file or folder to make")]
    NoName {
        /// The destination.
        path: PathBuf,
    },
    /// The bucket is here already.
    #[error("bucket {bucket} is already here, at {path}, and stays as it is")]
    Taken {
        /// The bucket.
        bucket: BucketId,
        /// Its folder.
        path: PathBuf,
    },
    /// Another export or import of the same bucket is under way.
    #[error("another export or import works in {path}: wait for it to end")]
    Busy {
        /// Where it works.
        path: PathBuf,
    },
    /// The source is open elsewhere.
    #[error(
        "{path} is open for writing in another process, so that a copy of it would be of no one moment: stop that process, or let it export the bucket"
    )]
    SourceInUse {
        /// The source.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Whoever takes the archive does not.
    #[error("cannot write the archive: {0}")]
    Sink(std::io::Error),
    /// The archive cannot be read on.
    #[error("cannot read {origin} as an archive: {source}")]
    Archive {
        /// Where the archive comes from.
        origin: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The disk is too small.
    #[error("{needed} bytes do not fit into {path}, where {free} are free: make room first")]
    NoRoom {
        /// The folder of buckets.
        path: PathBuf,
        /// Bytes that the bucket takes.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// It would take of what is kept for promises and answers.
    #[error(transparent)]
    Reserved(#[from] DiskReserved),
    /// The source is neither an export nor a bucket's folder.
    #[error("{origin} is no exported bucket: {what}")]
    NotAnExport {
        /// The source.
        origin: String,
        /// What was found there.
        what: String,
    },
    /// The manifest cannot be taken at its word.
    #[error("the manifest of {origin} cannot be used: {fault}")]
    Manifest {
        /// The source.
        origin: String,
        /// What is wrong with it.
        fault: ManifestFault,
    },
    /// A file is not the one that the manifest describes.
    #[error("{file} of {origin} is not what was exported: {what}; export the bucket again")]
    Altered {
        /// The source.
        origin: String,
        /// The file's name.
        file: String,
        /// What differs.
        what: String,
    },
    /// Without a manifest only a whole check can tell.
    #[error("{origin} has no manifest to compare its files with: import it with the full check")]
    NothingToCompare {
        /// The source.
        origin: String,
    },
    /// What was copied does not open.
    #[error("the bucket from {origin} was not adopted: {fault}")]
    Unsound {
        /// The source.
        origin: String,
        /// Why it does not open.
        fault: OpenError,
    },
    /// What was copied is another bucket, or the bucket at another moment.
    #[error(
        "the bucket from {origin} was not adopted: its {what} is {found}, and the manifest says {stated}"
    )]
    Contradicted {
        /// The source.
        origin: String,
        /// What differs.
        what: &'static str,
        /// As the database has it.
        found: String,
        /// As the manifest has it.
        stated: String,
    },
    /// It does not hold what it promised.
    #[error("the bucket from {origin} was not adopted, since it does not hold what was promised: {first}{}", others(*findings))]
    Findings {
        /// The source.
        origin: String,
        /// How many findings there are.
        findings: u64,
        /// The first of them.
        first: String,
    },
    /// It has what the chain cannot verify, as only an import from elsewhere brings.
    #[error(
        "the bucket from {origin} was not adopted: {leaves} of its leaves are flagged as such that \
         no challenge of them can be answered, and {nodes} of its records are of such content. With \
         --allow-unprovable it is taken with them, and nothing is signed for it until you say so"
    )]
    Unprovable {
        /// The source.
        origin: String,
        /// Flagged leaves.
        leaves: u64,
        /// Records of content that no provable tree has.
        nodes: u64,
    },
    /// The check could not be made.
    #[error("the bucket from {origin} was not adopted, since it could not be checked: {source}")]
    Unchecked {
        /// The source.
        origin: String,
        /// The reason.
        source: ProveError,
    },
    /// What was checked could not be closed.
    #[error("the bucket from {origin} was not adopted, since it could not be closed: {source}")]
    Unclosed {
        /// The source.
        origin: String,
        /// The reason.
        source: CommitError,
    },
}

fn others(findings: u64) -> String {
    match findings.saturating_sub(1) {
        0 => String::new(),
        more => format!(" (findings besides: {more})"),
    }
}

impl TransferError {
    pub(super) fn io<'p>(
        doing: &'static str,
        path: &'p Path,
    ) -> impl Fn(std::io::Error) -> Self + use<'p> {
        move |source| Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// Whether the source was read and found wanting, rather than not read.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Altered { .. }
                | Self::Unsound { .. }
                | Self::Contradicted { .. }
                | Self::Findings { .. }
                | Self::Unprovable { .. }
                | Self::Unchecked { .. }
        )
    }
}

/// Of an export: what is wrong with the source of an import is no damage to any
/// bucket that is here.
impl IndicatesDamage for TransferError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Engine(error) => error.indicates_damage(),
            // A copy has the bucket's own files.
            Self::Unsound { fault, .. } => fault.indicates_damage(),
            Self::Unchecked { source, .. } => source.indicates_damage(),
            Self::Unclosed { source, .. } => source.indicates_damage(),
            Self::Unusable(_)
            | Self::Exists { .. }
            | Self::NoName { .. }
            | Self::Taken { .. }
            | Self::Busy { .. }
            | Self::SourceInUse { .. }
            | Self::Io { .. }
            | Self::Sink(_)
            | Self::Archive { .. }
            | Self::NoRoom { .. }
            | Self::Reserved(_)
            | Self::NotAnExport { .. }
            | Self::Manifest { .. }
            | Self::Altered { .. }
            | Self::NothingToCompare { .. }
            | Self::Contradicted { .. }
            | Self::Findings { .. }
            | Self::Unprovable { .. } => false,
        }
    }
}
