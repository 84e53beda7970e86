//! Repairs a bucket: writes what a check has established, and checks again.
//!
//! First the files, if they form no database; then records that the journal has and the
//! database lost; then records derived from others.
//!
//! Nothing is written unless other records, or the bytes of files, prove that it was
//! there: no leaf, no root, no signed root is invented (I7). The folder is backed up
//! first. Each record written is right by itself, so an interrupted repair leaves fewer
//! faults, and the next one continues.

use super::content_source::{self, ContentSource, FromSourceError};
use super::restore::{self, RestoreError};
use super::{
    CheckProgress, ContentSourceError, Diagnosis, FsckReport, JOURNAL_PLACE, diagnose, files,
    second_copy,
};
use crate::base_path::{BasePath, BasePathError};
use crate::bucket::recover::{self, UnverifiedBucket};
use crate::error::OpenError;
use cairn_engine::{Access, DamagedLog, EngineError, Family, SharedResources};
use cairn_fs::back_up;
use cairn_primitives::BucketId;
use std::path::{Path, PathBuf};

/// Suffix of the backup folder.
const BACKUP_SUFFIX: &str = ".before-repair";

/// Upper bound on rounds of checking and writing. Content restored in one round may
/// refer to content for the next, one level of a chunk tree at a time.
const MAX_REPAIR_ROUNDS: u32 = 64;

/// Errors of a repair. Records written before the error are right, and the repair can
/// be run again.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The base path does not let the bucket be repaired.
    #[error(transparent)]
    BasePath(#[from] BasePathError),
    /// The database does not open.
    #[error("{0}; a repair cannot restore this, and only a copy of the bucket can")]
    Open(#[from] OpenError),
    /// The backup failed, and nothing was changed.
    #[error("cannot back up {path}: {source}; nothing was changed")]
    Backup {
        /// The bucket's folder.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// A file to take content from could not be read.
    #[error("cannot read {path}: {source}; content from the files before it was restored")]
    Source {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// A source of content cannot be asked.
    #[error("{0}; content that came before was restored")]
    Asked(#[from] ContentSourceError),
    /// The database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// The result of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// The report before the repair.
    pub before: FsckReport,
    /// The report after the repair.
    pub after: FsckReport,
    /// Number of records written.
    pub records_written: u64,
    /// The backup of the bucket's folder; `None` if nothing was changed.
    pub backup: Option<PathBuf>,
}

impl From<FromSourceError> for RepairError {
    fn from(error: FromSourceError) -> Self {
        match error {
            FromSourceError::Source(error) => Self::Asked(error),
            FromSourceError::Engine(error) => Self::Engine(error),
        }
    }
}

impl From<RestoreError> for RepairError {
    fn from(error: RestoreError) -> Self {
        match error {
            RestoreError::File { path, source } => Self::Source { path, source },
            RestoreError::Engine(error) => Self::Engine(error),
        }
    }
}

/// The places outside of a bucket that lost content is taken from.
#[derive(Default)]
pub struct RepairSources<'s> {
    /// Files that contain it.
    pub files: &'s [PathBuf],
    /// A source that is asked by hash for what the files lack.
    pub source: Option<&'s mut dyn ContentSource>,
}

/// Repairs the closed bucket `bucket` in `path`: its file list, then its records from one
/// another, from its journal and blob files, and from the files `sources`.
///
/// # Errors
///
/// [`RepairError`]; it can be run again.
pub fn repair(
    path: &Path,
    bucket: BucketId,
    sources: &[PathBuf],
    shared: &SharedResources,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<RepairReport, RepairError> {
    let sources = RepairSources {
        files: sources,
        source: None,
    };
    repair_from(path, bucket, sources, shared, progress)
}

/// Repairs as [`repair`], with content from a source too.
///
/// # Errors
///
/// [`RepairError`]; it can be run again.
pub fn repair_from(
    path: &Path,
    bucket: BucketId,
    mut sources: RepairSources<'_>,
    shared: &SharedResources,
    progress: &mut dyn FnMut(CheckProgress),
) -> Result<RepairReport, RepairError> {
    let mut repair = Repair {
        path,
        bucket,
        shared,
        backup: None,
        written: 0,
        min_journal_number: 0,
    };
    let before = match diagnose(path, bucket, shared, progress) {
        Ok(diagnosis) => Ok(diagnosis),
        Err(error) if files::concerns_files(&error) => Err(report_of_files(&error)),
        Err(error) => return Err(error.into()),
    };
    let (before, diagnosis) = match before {
        Ok(found) if !files::names_a_table(&found.report) => {
            let before = found.report.clone();
            if !before.is_clean() {
                repair.restore_lost(false)?;
                (before, diagnose(path, bucket, shared, progress)?)
            } else {
                (before, found)
            }
        }
        found => {
            repair.repair_files()?;
            repair.restore_lost(true)?;
            let before = found.map_or_else(|report| report, |found| found.report);
            (before, diagnose(path, bucket, shared, progress)?)
        }
    };
    let mut after = repair.repair_records(diagnosis, &mut sources, progress)?;
    repair.refresh_journal(&mut after)?;
    let (written, mut backup) = (repair.written, repair.backup);
    if written == 0 {
        // The files contain nothing that is lost, so the backup is not needed.
        if let Some(unneeded) = backup.take() {
            std::fs::remove_dir_all(&unneeded).map_err(|source| RepairError::Backup {
                path: unneeded,
                source,
            })?;
        }
    }
    Ok(RepairReport {
        before,
        after,
        records_written: written,
        backup,
    })
}

/// Makes the report of a bucket whose database does not open.
pub(super) fn report_of_files(error: &OpenError) -> FsckReport {
    let mut report = FsckReport::default();
    report.add_rebuildable("the bucket's files", error, "the files that are left");
    report
}

/// A repair in progress.
struct Repair<'r> {
    path: &'r Path,
    bucket: BucketId,
    shared: &'r SharedResources,
    backup: Option<PathBuf>,
    written: u64,
    /// The number of the journal's last write must be at least this.
    min_journal_number: u64,
}

impl Repair<'_> {
    /// Backs up the folder before the first change. Returns the backup.
    fn ensure_backup(&mut self) -> Result<PathBuf, RepairError> {
        if let Some(backup) = &self.backup {
            return Ok(backup.clone());
        }
        let backup = back_up(self.path, BACKUP_SUFFIX).map_err(|source| RepairError::Backup {
            path: self.path.to_owned(),
            source,
        })?;
        self.backup = Some(backup.clone());
        Ok(backup)
    }

    fn repair_files(&mut self) -> Result<(), RepairError> {
        let backup = self.ensure_backup()?;
        files::rebuild_files(self.path, &backup, self.shared)?;
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    fn open(&self) -> Result<UnverifiedBucket, RepairError> {
        let access = Access::ReadWrite;
        Ok(recover::open_unchecked(
            self.path,
            access,
            self.shared,
            DamagedLog::Refuse,
        )?)
    }

    fn restore_lost(&mut self, regrow_all: bool) -> Result<(), RepairError> {
        let backup = self.ensure_backup()?;
        let unverified = self.open()?;
        if let Err(error @ OpenError::Format { .. }) = unverified.state() {
            return Err(error.into());
        }
        let restored =
            second_copy::restore_records(unverified.engine(), &backup, self.bucket, regrow_all)?;
        self.written = self.written.saturating_add(restored.written);
        self.min_journal_number = self.min_journal_number.max(restored.number);
        Ok(())
    }

    /// Writes the results of each check until nothing more can be repaired.
    fn repair_records(
        &mut self,
        mut diagnosis: Diagnosis,
        sources: &mut RepairSources<'_>,
        progress: &mut dyn FnMut(CheckProgress),
    ) -> Result<FsckReport, RepairError> {
        for _ in 0..MAX_REPAIR_ROUNDS {
            let writes = diagnosis.writes.clone();
            if writes.is_empty() && diagnosis.lost.is_empty() {
                break;
            }
            let restored = self.write(&diagnosis, sources)?;
            self.written = self.written.saturating_add(writes.len());
            self.written = self.written.saturating_add(restored);
            if writes.is_empty() && restored == 0 {
                break;
            }
            diagnosis = diagnose(self.path, self.bucket, self.shared, progress)?;
            // A write that changed nothing will not the next time.
            if restored == 0 && diagnosis.writes == writes {
                break;
            }
        }
        Ok(diagnosis.report)
    }

    /// Writes what the check has established, durably. Returns the number of records
    /// restored from second copies and files.
    fn write(
        &mut self,
        diagnosis: &Diagnosis,
        sources: &mut RepairSources<'_>,
    ) -> Result<u64, RepairError> {
        let backup = self.ensure_backup()?;
        let unverified = self.open()?;
        let engine = unverified.engine();
        diagnosis.writes.clone().write(engine)?;
        let mut restored =
            second_copy::restore_content(engine, &backup, self.bucket, &diagnosis.lost)?;
        restored = restored.saturating_add(restore::restore_from_files(
            engine,
            &diagnosis.lost,
            sources.files,
        )?);
        // The second copies and the files come first: the next round asks for what they lack.
        if restored == 0
            && let Some(source) = sources.source.as_deref_mut()
        {
            restored = content_source::restore_from_source(engine, &diagnosis.lost, source)?;
        }
        engine.flush(Family::Content)?;
        engine.flush(Family::Tree)?;
        Ok(restored)
    }

    /// Rewrites the journal, if the database has everything that is in it.
    fn refresh_journal(&mut self, after: &mut FsckReport) -> Result<(), RepairError> {
        if self.backup.is_none() {
            return Ok(());
        }
        let unverified = self.open()?;
        let engine = unverified.engine();
        if unverified.state().is_ok() && second_copy::has_newest(engine, self.path, self.bucket)? {
            engine.replace_journal(self.min_journal_number)?;
            if after.remove_findings_at(JOURNAL_PLACE) {
                self.written = self.written.saturating_add(1);
            }
        }
        Ok(())
    }
}

impl BasePath {
    /// Checks a bucket like [`fsck`](super::fsck), even if it does not open. Changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`BasePathError::NoSuchBucket`], or [`BasePathError::Open`] if there is no
    /// database to check.
    pub fn check_bucket(
        &self,
        bucket: BucketId,
        shared: &SharedResources,
        mut progress: impl FnMut(CheckProgress),
    ) -> Result<FsckReport, BasePathError> {
        let path = self.existing_bucket_path(bucket)?;
        match diagnose(&path, bucket, shared, &mut progress) {
            Err(error) if files::concerns_files(&error) => Ok(report_of_files(&error)),
            checked => Ok(checked?.report),
        }
    }

    /// Repairs a bucket that nobody has open, after a backup of its folder; see
    /// [`repair`].
    ///
    /// # Errors
    ///
    /// [`RepairError`]; it can be run again.
    pub fn repair_bucket(
        &self,
        bucket: BucketId,
        sources: &[PathBuf],
        shared: &SharedResources,
        progress: impl FnMut(CheckProgress),
    ) -> Result<RepairReport, RepairError> {
        let sources = RepairSources {
            files: sources,
            source: None,
        };
        self.repair_bucket_from(bucket, sources, shared, progress)
    }

    /// Repairs as [`BasePath::repair_bucket`], with content from a source too.
    ///
    /// # Errors
    ///
    /// [`RepairError`]; it can be run again.
    pub fn repair_bucket_from(
        &self,
        bucket: BucketId,
        sources: RepairSources<'_>,
        shared: &SharedResources,
        mut progress: impl FnMut(CheckProgress),
    ) -> Result<RepairReport, RepairError> {
        let path = self.existing_bucket_path(bucket)?;
        if self.access() == Access::ReadOnly {
            let path = self.path().to_owned();
            return Err(BasePathError::ReadOnly { path }.into());
        }
        repair_from(&path, bucket, sources, shared, &mut progress)
    }
}
