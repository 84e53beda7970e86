//! Imports buckets, each separately: builds it in a folder next to its final place, opens
//! it for verification, and only then moves it into place.
//!
//! An interrupted import leaves complete buckets and `.importing` folders. Running it again
//! discards these folders and skips the complete buckets.

use super::copy_content::{ContentCopy, ContentError};
use super::decode::LegacyState;
use super::error::{LegacyError, Refusal};
use super::report::{LegacyBucketReport, LegacyReport, LegacyStatus};
use super::source::LegacySource;
use cairn_bucket::{Bucket, BucketConfig, Builder, KeepBytes, ProveError, StateRef, move_durably};
use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_engine::{Access, EngineError, SharedResources};
use cairn_fs::FileError;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, LeafCount, Sequence};
use std::path::{Path, PathBuf};

/// Suffix of the folder of a bucket that is being imported.
const IMPORTING_EXTENSION: &str = "importing";

/// Leaves in one write batch.
const LEAF_BATCH: usize = 1024;

/// The mode of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyMode {
    /// Buckets are created.
    Import,
    /// Everything is read and checked; only a temporary folder is written to.
    DryRun,
}

/// Progress of a bucket's import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyStep {
    /// Content of leaves was read and stored.
    Content {
        /// Leaves done.
        done: u64,
        /// Leaves in all.
        of: u64,
    },
    /// Leaves were appended to the tree.
    Tree {
        /// Leaves done.
        done: u64,
        /// Leaves in all.
        of: u64,
    },
    /// The bucket is complete and about to be moved into place.
    Built,
}

/// An import into a base path.
#[derive(Debug)]
pub struct LegacyImport<'s> {
    source: &'s LegacySource,
    buckets: PathBuf,
    mode: LegacyMode,
}

impl<'s> LegacyImport<'s> {
    /// Prepares an import into the buckets of a base path, which the caller must have open for
    /// writing. In a dry run it need not exist.
    pub fn new(source: &'s LegacySource, base_path: &Path, mode: LegacyMode) -> Self {
        Self {
            source,
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
        report.summary.unreadable_keys = buckets.unreadable_keys;
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
            work.build(&folder, shared, &mut progress, report)?;
            return Ok(LegacyStatus::Importable);
        }
        let folder = place.with_extension(IMPORTING_EXTENSION);
        let work = BucketImport {
            source: self.source,
            id,
            state: &state,
            keep_bytes: KeepBytes::Yes,
        };
        let built = work.build(&folder, shared, &mut progress, report);
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
        work.check_built(&folder, shared)?;
        progress(LegacyStep::Built);
        move_durably(&folder, &place).map_err(FileError::wrap("move into its place", &folder))?;
        Ok(LegacyStatus::Imported)
    }
}

/// The reasons why a bucket was not imported.
enum ImportFailure {
    Refused(Refusal),
    Stopped(LegacyError),
}

impl From<Refusal> for ImportFailure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<LegacyError>> From<E> for ImportFailure {
    fn from(error: E) -> Self {
        Self::Stopped(error.into())
    }
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

/// The import of one bucket.
struct BucketImport<'w> {
    source: &'w LegacySource,
    id: BucketId,
    state: &'w LegacyState,
    keep_bytes: KeepBytes,
}

impl BucketImport<'_> {
    fn config(&self) -> BucketConfig {
        BucketConfig {
            profile: self.source.era().profile(),
            max_bytes: self.state.max_bytes,
        }
    }

    fn build(
        &self,
        folder: &Path,
        shared: &SharedResources,
        progress: &mut impl FnMut(LegacyStep),
        report: &mut LegacyBucketReport,
    ) -> Result<(), ImportFailure> {
        let tree = Sequence(self.state.start_seq);
        let config = self.config();
        let mut builder = Builder::begin(folder, self.id, config, tree, self.keep_bytes, shared)?;
        self.copy_content(&mut builder, progress, report)?;
        report.record_usage(builder.usage());
        self.append_leaves(&mut builder, progress)?;
        Ok(builder.finish()?)
    }

    fn copy_content(
        &self,
        builder: &mut Builder,
        progress: &mut impl FnMut(LegacyStep),
        report: &mut LegacyBucketReport,
    ) -> Result<(), ImportFailure> {
        let of = report.leaves;
        let mut walk = ContentCopy::new(self.source, self.source.era(), builder);
        for (index, leaf) in (0u64..).zip(&self.state.leaves) {
            let flag = walk.copy_leaf(leaf).map_err(|fault| match fault {
                ContentError::Target(error) => ImportFailure::from(error),
                ContentError::Fault(fault) => ImportFailure::Refused(Refusal::Content {
                    index,
                    data_root: leaf.data_root,
                    fault,
                }),
            })?;
            if let Some(flag) = flag {
                let sequence = self.state.start_seq.checked_add(index);
                let sequence = sequence.ok_or(Refusal::Exhausted(self.state.start_seq))?;
                walk.flag(Sequence(sequence), flag)?;
                report.flag(index, &leaf.data_root, flag.defect);
            }
            let done = index.saturating_add(1);
            progress(LegacyStep::Content { done, of });
        }
        Ok(())
    }

    fn append_leaves(
        &self,
        builder: &mut Builder,
        progress: &mut impl FnMut(LegacyStep),
    ) -> Result<(), ImportFailure> {
        let count = |leaves: usize| u64::try_from(leaves).unwrap_or(u64::MAX);
        let mut done = 0;
        let of = count(self.state.leaves.len());
        for leaves in self.state.leaves.chunks(LEAF_BATCH) {
            let appended: Result<Option<()>, EngineError> = builder.append(leaves);
            appended?.ok_or(Refusal::Exhausted(self.state.start_seq))?;
            done = count(leaves.len()).saturating_add(done);
            progress(LegacyStep::Tree { done, of });
        }
        Ok(())
    }

    /// Opens the imported bucket, which compares its records, and compares it with the
    /// source.
    fn check_built(&self, folder: &Path, shared: &SharedResources) -> Result<(), LegacyError> {
        let unsound = |reason: String| LegacyError::BuiltWithFault {
            bucket: self.id,
            reason,
        };
        let built = Bucket::open(folder, Access::ReadOnly, shared)
            .map_err(|error| unsound(error.to_string()))?;
        let commitment = built.commitment();
        let is_right = built.id() == self.id
            && built.config() == self.config()
            && commitment.mmr_root == self.state.mmr_root
            && commitment.start_seq.0 == self.state.start_seq
            && usize::try_from(commitment.leaf_count.get()) == Ok(self.state.leaves.len());
        is_right
            .then_some(())
            .ok_or_else(|| unsound(format!("its commitment is {commitment:?}")))
    }
}
