//! Repairing a bucket: writing what a check has established, and checking again.
//!
//! Nothing is written that other records, or the bytes of files, do not prove to
//! have been there: no leaf, no root, no promise (I7). What was there is kept
//! aside first. Each record that is written is right by itself, so that an end
//! in between leaves a bucket of which less is wrong, and the next repair goes on.

use super::refill::{self, RefillError};
use super::{Checked, Diagnosis, FsckReport, diagnose};
use crate::aside::keep_aside;
use crate::base_path::{BasePath, BasePathError};
use crate::bucket::recover;
use crate::engine::{Access, DamagedLog, EngineError, Family, Shared};
use crate::error::OpenError;
use cairn_primitives::BucketId;
use std::path::{Path, PathBuf};

/// What the folder with the bucket as it was ends with.
const KEPT_ASIDE: &str = ".before-repair";

/// Rounds of checking and writing: what one brings back may name what the next
/// is to look for, level by level of a chunk tree.
const MAX_ROUNDS: u32 = 64;

/// Why a bucket was not repaired, or not to the end. What was written until
/// then is right; the repair can be run again.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The database does not open.
    #[error(
        "{0}; this is below what a repair can reach: `cairn bucket salvage` opens a bucket whose \
         log is damaged, and a copy is needed where its other files are"
    )]
    Open(#[from] OpenError),
    /// The files were not kept aside, and nothing was changed.
    #[error("cannot keep {path} aside: {source}; nothing was changed")]
    KeepAside {
        /// The bucket's folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that content was to be taken from.
    #[error("cannot read {path}: {source}; what other files gave until then is restored")]
    Source {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// What a repair came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// What was wrong.
    pub before: FsckReport,
    /// What is left of it.
    pub after: FsckReport,
    /// Records that were written.
    pub written: u64,
    /// The bucket's files as they were; `None` when nothing was to be changed.
    pub kept_aside: Option<PathBuf>,
}

impl From<RefillError> for RepairError {
    fn from(error: RefillError) -> Self {
        match error {
            RefillError::File { path, source } => Self::Source { path, source },
            RefillError::Engine(error) => Self::Engine(error),
        }
    }
}

/// Repairs the closed bucket in `path`, of which `bucket` is the name: from its
/// own records, and from the files `sources`.
///
/// # Errors
///
/// [`RepairError`]; it can be run again.
pub fn repair(
    path: &Path,
    bucket: BucketId,
    sources: &[PathBuf],
    shared: &Shared,
    progress: &mut dyn FnMut(Checked),
) -> Result<Repaired, RepairError> {
    let mut diagnosis = diagnose(path, bucket, shared, progress)?;
    let mut repaired = Repaired {
        before: diagnosis.report.clone(),
        after: FsckReport::default(),
        written: 0,
        kept_aside: None,
    };
    for _ in 0..MAX_ROUNDS {
        let mends = diagnosis.mends.clone();
        let is_refillable = !sources.is_empty() && !diagnosis.lost.is_nothing();
        if mends.is_empty() && !is_refillable {
            break;
        }
        if repaired.kept_aside.is_none() {
            let kept = keep_aside(path, KEPT_ASIDE);
            repaired.kept_aside = Some(kept.map_err(|source| RepairError::KeepAside {
                path: path.to_owned(),
                source,
            })?);
        }
        let refilled = write(path, shared, &diagnosis, sources)?;
        repaired.written = repaired.written.saturating_add(mends.len());
        repaired.written = repaired.written.saturating_add(refilled);
        diagnosis = diagnose(path, bucket, shared, progress)?;
        // What does not change anything will not the next time.
        if refilled == 0 && diagnosis.mends == mends {
            break;
        }
        if refilled == 0 && diagnosis.mends.is_empty() {
            break;
        }
    }
    repaired.after = diagnosis.report;
    if repaired.written == 0 {
        // The files have nothing that is lost here, and the copy is of no use.
        if let Some(unneeded) = repaired.kept_aside.take() {
            std::fs::remove_dir_all(&unneeded).map_err(|source| RepairError::KeepAside {
                path: unneeded,
                source,
            })?;
        }
    }
    Ok(repaired)
}

/// Writes what is known to be right, durably. Returns the records that files gave.
fn write(
    path: &Path,
    shared: &Shared,
    diagnosis: &Diagnosis,
    sources: &[PathBuf],
) -> Result<u64, RepairError> {
    let access = Access::ReadWrite;
    let unverified = recover::open_unchecked(path, access, shared, DamagedLog::Refuse)?;
    let engine = unverified.engine();
    diagnosis.mends.clone().write(engine)?;
    let refilled = refill::refill(engine, &diagnosis.lost, sources)?;
    engine.flush(Family::Content)?;
    engine.flush(Family::Tree)?;
    Ok(refilled)
}

impl BasePath {
    /// Checks a bucket as [`fsck`](super::fsck) does, also one that does not
    /// open, and says of each finding whether it can be rebuilt. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`BasePathError::NoSuchBucket`], or [`BasePathError::Open`] where the
    /// database itself does not open.
    pub fn check_bucket(
        &self,
        bucket: BucketId,
        shared: &Shared,
        mut progress: impl FnMut(Checked),
    ) -> Result<FsckReport, BasePathError> {
        let path = self.existing_bucket_path(bucket)?;
        Ok(diagnose(&path, bucket, shared, &mut progress)?.report)
    }

    /// Repairs a bucket that nobody has open, after keeping its files aside; see
    /// [`repair`].
    ///
    /// # Errors
    ///
    /// [`BasePathError`]; it can be run again.
    pub fn repair_bucket(
        &self,
        bucket: BucketId,
        sources: &[PathBuf],
        shared: &Shared,
        mut progress: impl FnMut(Checked),
    ) -> Result<Repaired, BasePathError> {
        let path = self.existing_bucket_path(bucket)?;
        if self.access() == Access::ReadOnly {
            let path = self.path().to_owned();
            return Err(BasePathError::ReadOnly { path });
        }
        Ok(repair(&path, bucket, sources, shared, &mut progress)?)
    }
}
