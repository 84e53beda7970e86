//! Repairing a bucket: writing what a check has established, and checking again.
//!
//! First the files, where they make no database, then what the journal has and
//! the database lost, then record after record.
//!
//! Nothing is written that other records, or the bytes of files, do not prove to
//! have been there: no leaf, no root, no promise (I7). What was there is kept
//! aside first. Each record that is written is right by itself, so that an end
//! in between leaves a bucket of which less is wrong, and the next repair goes on.

use super::refill::{self, RefillError};
use super::{Checked, Diagnosis, FsckReport, JOURNAL_PLACE, diagnose, files, second_copy};
use crate::aside::keep_aside;
use crate::base_path::{BasePath, BasePathError};
use crate::bucket::recover::{self, Unverified};
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
        "{0}; this is below what a repair can reach: where its folder is the bucket's, a copy is \
         needed"
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

/// Repairs the closed bucket in `path`, of which `bucket` is the name: its list
/// of files, then its records from one another, from its journal and its blob
/// files, and from the files `sources`.
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
    let mut repair = Repair {
        path,
        bucket,
        shared,
        kept_aside: None,
        written: 0,
        least_number: 0,
    };
    let before = match diagnose(path, bucket, shared, progress) {
        Ok(diagnosis) => Ok(diagnosis),
        Err(error) if files::is_of_files(&error) => Err(of_files(&error)),
        Err(error) => return Err(error.into()),
    };
    let (before, diagnosis) = match before {
        Ok(found) if !files::names_a_table(&found.report) => {
            let before = found.report.clone();
            if !before.is_clean() {
                repair.put_back_lost(false)?;
                (before, diagnose(path, bucket, shared, progress)?)
            } else {
                (before, found)
            }
        }
        found => {
            repair.files()?;
            repair.put_back_lost(true)?;
            let before = found.map_or_else(|report| report, |found| found.report);
            (before, diagnose(path, bucket, shared, progress)?)
        }
    };
    let mut after = repair.records(diagnosis, sources, progress)?;
    repair.settle(&mut after)?;
    let (written, mut kept_aside) = (repair.written, repair.kept_aside);
    if written == 0 {
        // The files have nothing that is lost here, and the copy is of no use.
        if let Some(unneeded) = kept_aside.take() {
            std::fs::remove_dir_all(&unneeded).map_err(|source| RepairError::KeepAside {
                path: unneeded,
                source,
            })?;
        }
    }
    Ok(Repaired {
        before,
        after,
        written,
        kept_aside,
    })
}

/// The report of a bucket whose database does not open.
pub(super) fn of_files(error: &OpenError) -> FsckReport {
    let mut report = FsckReport::default();
    report.rebuild("the bucket's files", error, "those of them that are left");
    report
}

/// A repair under way.
struct Repair<'r> {
    path: &'r Path,
    bucket: BucketId,
    shared: &'r Shared,
    kept_aside: Option<PathBuf>,
    written: u64,
    /// What the number of the journal's last write must not be below.
    least_number: u64,
}

impl Repair<'_> {
    /// The files as they were, kept before anything is changed.
    fn kept(&mut self) -> Result<PathBuf, RepairError> {
        if let Some(kept) = &self.kept_aside {
            return Ok(kept.clone());
        }
        let kept = keep_aside(self.path, KEPT_ASIDE).map_err(|source| RepairError::KeepAside {
            path: self.path.to_owned(),
            source,
        })?;
        self.kept_aside = Some(kept.clone());
        Ok(kept)
    }

    fn files(&mut self) -> Result<(), RepairError> {
        let kept = self.kept()?;
        files::restore(self.path, &kept, self.shared)?;
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    fn open(&self) -> Result<Unverified, RepairError> {
        let access = Access::ReadWrite;
        Ok(recover::open_unchecked(
            self.path,
            access,
            self.shared,
            DamagedLog::Refuse,
        )?)
    }

    fn put_back_lost(&mut self, regrow_all: bool) -> Result<(), RepairError> {
        let kept = self.kept()?;
        let unverified = self.open()?;
        if let Err(error @ OpenError::Format { .. }) = unverified.state() {
            return Err(error.into());
        }
        let put_back = second_copy::put_back(unverified.engine(), &kept, self.bucket, regrow_all)?;
        self.written = self.written.saturating_add(put_back.written);
        self.least_number = self.least_number.max(put_back.number);
        Ok(())
    }

    /// Writes what each check has established, until nothing more comes of it.
    fn records(
        &mut self,
        mut diagnosis: Diagnosis,
        sources: &[PathBuf],
        progress: &mut dyn FnMut(Checked),
    ) -> Result<FsckReport, RepairError> {
        for _ in 0..MAX_ROUNDS {
            let mends = diagnosis.mends.clone();
            if mends.is_empty() && diagnosis.lost.is_nothing() {
                break;
            }
            let refilled = self.write(&diagnosis, sources)?;
            self.written = self.written.saturating_add(mends.len());
            self.written = self.written.saturating_add(refilled);
            if mends.is_empty() && refilled == 0 {
                break;
            }
            diagnosis = diagnose(self.path, self.bucket, self.shared, progress)?;
            // What does not change anything will not the next time.
            if refilled == 0 && diagnosis.mends == mends {
                break;
            }
        }
        Ok(diagnosis.report)
    }

    /// Writes what is known to be right, durably. Returns the records that
    /// second copies and files gave.
    fn write(&mut self, diagnosis: &Diagnosis, sources: &[PathBuf]) -> Result<u64, RepairError> {
        let kept = self.kept()?;
        let unverified = self.open()?;
        let engine = unverified.engine();
        diagnosis.mends.clone().write(engine)?;
        let mut refilled = second_copy::refill(engine, &kept, self.bucket, &diagnosis.lost)?;
        refilled = refilled.saturating_add(refill::refill(engine, &diagnosis.lost, sources)?);
        engine.flush(Family::Content)?;
        engine.flush(Family::Tree)?;
        Ok(refilled)
    }

    /// Makes the journal one of the database's moment, where that has all of it.
    fn settle(&mut self, after: &mut FsckReport) -> Result<(), RepairError> {
        if self.kept_aside.is_none() {
            return Ok(());
        }
        let unverified = self.open()?;
        let engine = unverified.engine();
        if unverified.state().is_ok() && second_copy::has_newest(engine, self.path, self.bucket)? {
            engine.settle_journal(self.least_number)?;
            if after.forget(JOURNAL_PLACE) {
                self.written = self.written.saturating_add(1);
            }
        }
        Ok(())
    }
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
        match diagnose(&path, bucket, shared, &mut progress) {
            Err(error) if files::is_of_files(&error) => Ok(of_files(&error)),
            checked => Ok(checked?.report),
        }
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
