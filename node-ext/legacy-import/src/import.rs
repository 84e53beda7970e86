//! Imports buckets, each separately: builds it in a folder next to its final place, gives it the
//! names of its objects, opens it for verification, and only then moves it into place.
//!
//! An interrupted import leaves complete buckets and `.importing` folders. Running it again
//! discards these folders and skips the complete buckets.

use super::bucket_import::{BucketImport, ImportFailure};
use super::decode::LegacyState;
use super::error::{LegacyError, Refusal};
use super::last_commitment;
use super::names::ImportableNames;
use super::progress::LegacyStep;
use super::report::{LegacyBucketReport, LegacyReport, LegacyStatus};
use super::source::LegacySource;
use cairn_bucket::{Bucket, IngestError, KeepBytes, ProveError, StateRef, move_durably};
use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_engine::{Access, SharedResources};
use cairn_fs::FileError;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use std::path::{Path, PathBuf};

/// Suffix of the folder of a bucket that is being imported.
const IMPORTING_EXTENSION: &str = "importing";

/// The mode of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyMode {
    /// Buckets are created.
    Import,
    /// Everything is read and checked; only a temporary folder is written to.
    DryRun,
}

/// An import into a base path.
#[derive(Debug)]
pub struct LegacyImport<'s> {
    source: &'s LegacySource,
    base_path: PathBuf,
    buckets: PathBuf,
    mode: LegacyMode,
}

impl<'s> LegacyImport<'s> {
    /// Prepares an import into the buckets of a base path, which the caller must have open for
    /// writing. In a dry run it need not exist.
    pub fn new(source: &'s LegacySource, base_path: &Path, mode: LegacyMode) -> Self {
        Self {
            source,
            base_path: base_path.to_owned(),
            buckets: base_path.join(BUCKETS_DIR),
            mode,
        }
    }

    /// Imports all buckets.
    ///
    /// # Errors
    ///
    /// As [`LegacyImport::import_bucket`].
    pub fn import_all(
        &self,
        shared: &SharedResources,
        mut progress: impl FnMut(BucketId, LegacyStep),
    ) -> Result<LegacyReport, LegacyError> {
        let buckets = self.source.buckets()?;
        let mut report = LegacyReport::new(self.source, self.mode == LegacyMode::DryRun);
        report.record_source(&buckets);
        for id in buckets.ids {
            report.add(self.import_bucket(id, shared, |step| progress(id, step))?);
        }
        Ok(report)
    }

    /// Imports one bucket. Faults in it are recorded in its report.
    ///
    /// # Errors
    ///
    /// [`LegacyError`] for failures that would stop the other buckets too.
    pub fn import_bucket(
        &self,
        id: BucketId,
        shared: &SharedResources,
        progress: impl FnMut(LegacyStep),
    ) -> Result<LegacyBucketReport, LegacyError> {
        let mut report = LegacyBucketReport::new(self.source, id);
        match self.try_bucket(id, shared, progress, &mut report) {
            Ok(status) => report.status = status,
            Err(ImportFailure::Refused(refusal)) => report.reason = Some(refusal.to_string()),
            Err(ImportFailure::Stopped(error)) => return Err(error),
        }
        Ok(report)
    }

    fn try_bucket(
        &self,
        id: BucketId,
        shared: &SharedResources,
        mut progress: impl FnMut(LegacyStep),
        report: &mut LegacyBucketReport,
    ) -> Result<LegacyStatus, ImportFailure> {
        let state = self.source.state(id)?;
        report.record_state(&state);
        check_root(self.source, &state)?;
        let place = self.buckets.join(bucket_dir_name(id));
        if place.exists() {
            let there = open_if_same(&place, id, &state, shared)?;
            report.record_usage(there.usage());
            record_flags(&there, &state, report).map_err(Refusal::ExistsUnreadable)?;
            let newest = there.commitment();
            self.add_names(there, &state, shared, &mut progress, report)?;
            if self.mode == LegacyMode::Import {
                last_commitment::record(&self.base_path, (id, &state), &newest, report)?;
            }
            return Ok(LegacyStatus::AlreadyThere);
        }
        if self.mode == LegacyMode::DryRun {
            let scratch =
                tempfile::tempdir().map_err(FileError::wrap("make", &std::env::temp_dir()))?;
            let folder = scratch.path().join(bucket_dir_name(id));
            let work = BucketImport {
                source: self.source,
                id,
                state: &state,
                keep_bytes: KeepBytes::No,
            };
            let names = work.build(&folder, shared, &mut progress, report)?;
            names.report_importable(report);
            return Ok(LegacyStatus::Importable);
        }
        let folder = place.with_extension(IMPORTING_EXTENSION);
        let work = BucketImport {
            source: self.source,
            id,
            state: &state,
            keep_bytes: KeepBytes::Yes,
        };
        let built = work
            .build(&folder, shared, &mut progress, report)
            .and_then(|names| {
                if names.count() == 0 {
                    return Ok(());
                }
                let bucket = work.open_built(&folder, Access::ReadWrite, shared)?;
                Ok(put_names(names, bucket, &mut progress, report)?)
            });
        let is_of_no_use = match &built {
            Ok(()) => false,
            Err(ImportFailure::Refused(_)) => true,
            // The partial bucket must not occupy the space that is lacking.
            Err(ImportFailure::Stopped(error)) => error.is_disk_full(),
        };
        if is_of_no_use {
            // This import made the folder, and a partial bucket is useless.
            std::fs::remove_dir_all(&folder).map_err(FileError::wrap("remove", &folder))?;
        }
        built?;
        let newest = work.check_built(&folder, shared)?;
        progress(LegacyStep::Built);
        last_commitment::record(&self.base_path, (id, &state), &newest, report)?;
        move_durably(&folder, &place).map_err(FileError::wrap("move into its place", &folder))?;
        Ok(LegacyStatus::Imported)
    }

    /// Gives a bucket of an earlier import the names that it lacks.
    fn add_names(
        &self,
        there: Bucket,
        state: &LegacyState,
        shared: &SharedResources,
        progress: &mut impl FnMut(LegacyStep),
        report: &mut LegacyBucketReport,
    ) -> Result<(), ImportFailure> {
        let id = there.id();
        let holds = |root: &H256, shape| match there.holds_subtree(root, shape) {
            Err(IngestError::Damaged { .. }) => Ok(false),
            held => held,
        };
        let names = ImportableNames::read(self.source, (id, state), report, holds);
        let mut names = names.map_err(|error| LegacyError::names(id, error))?;
        names.retain_new(&there, report)?;
        if self.mode == LegacyMode::DryRun || names.count() == 0 {
            names.report_importable(report);
            return Ok(());
        }
        // Opening it for writing might remove what a lost file list has named.
        there.check_journal().map_err(Refusal::ExistsUnopened)?;
        let place = there.path().to_owned();
        drop(there);
        let there = Bucket::open(&place, Access::ReadWrite, shared);
        let there = there.map_err(Refusal::ExistsUnopened)?;
        Ok(put_names(names, there, progress, report)?)
    }
}

fn put_names(
    names: ImportableNames,
    bucket: Bucket,
    progress: &mut impl FnMut(LegacyStep),
    report: &mut LegacyBucketReport,
) -> Result<(), LegacyError> {
    let of = names.count();
    names.put(bucket, report, |done| {
        progress(LegacyStep::Names { done, of });
    })
}

/// Checks that a bucket's leaves give its stated root.
fn check_root(source: &LegacySource, state: &LegacyState) -> Result<(), Refusal> {
    let exhausted = || Refusal::Exhausted(state.start_seq);
    let profile = source.era().profile();
    let mut frontier = Frontier::empty(profile);
    for leaf in &state.leaves {
        frontier
            .append(profile.leaf(leaf), |_, _| {})
            .ok_or_else(exhausted)?;
    }
    let (stated, found) = (state.mmr_root, frontier.root());
    if stated == found {
        Ok(())
    } else {
        Err(Refusal::Root { stated, found })
    }
}

/// Opens an existing bucket if it has the leaves to be imported. It may have more by now.
fn open_if_same(
    place: &Path,
    id: BucketId,
    state: &LegacyState,
    shared: &SharedResources,
) -> Result<Bucket, Refusal> {
    let there = Bucket::open(place, Access::ReadOnly, shared).map_err(Refusal::ExistsUnopened)?;
    let commitment = there.commitment();
    let tree = Sequence(state.start_seq);
    let count = u64::try_from(state.leaves.len());
    let count = count.ok().and_then(LeafCount::new);
    let has_leaves = if state.leaves.is_empty() {
        commitment.start_seq == tree
    } else {
        let root = state.mmr_root;
        let view = there.view(StateRef::RootOf { root, tree });
        view.is_ok_and(|view| Some(view.count()) == count)
    };
    if has_leaves && there.id() == id {
        return Ok(there);
    }
    Err(Refusal::Exists {
        path: place.to_owned(),
        root: commitment.mmr_root,
        count: commitment.leaf_count.get(),
    })
}

/// Records the leaves that an earlier import flagged.
fn record_flags(
    there: &Bucket,
    state: &LegacyState,
    report: &mut LegacyBucketReport,
) -> Result<(), ProveError> {
    for flag in there.flags()? {
        let (sequence, flag) = flag?;
        let index = sequence.0.checked_sub(state.start_seq);
        let place = index.and_then(|index| usize::try_from(index).ok());
        let leaf = place.and_then(|place| state.leaves.get(place));
        if let Some((index, leaf)) = index.zip(leaf) {
            report.flag(index, &leaf.data_root, flag.defect);
        }
    }
    Ok(())
}
