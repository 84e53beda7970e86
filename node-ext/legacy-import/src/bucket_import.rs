//! The import of one bucket into a folder: its content, then its leaves, then its state.

use super::copy_content::{ContentCopy, ContentError};
use super::decode::LegacyState;
use super::error::{LegacyError, Refusal};
use super::names::ImportableNames;
use super::progress::LegacyStep;
use super::report::LegacyBucketReport;
use super::source::LegacySource;
use cairn_bucket::{Bucket, BucketConfig, Builder, KeepBytes};
use cairn_engine::{Access, EngineError, SharedResources};
use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{BucketId, Commitment, H256, Sequence};
use std::path::Path;

/// Leaves in one write batch.
const LEAF_BATCH: usize = 1024;

/// The reasons why a bucket was not imported.
pub(super) enum ImportFailure {
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

/// The import of one bucket.
pub(super) struct BucketImport<'w> {
    pub(super) source: &'w LegacySource,
    pub(super) id: BucketId,
    pub(super) state: &'w LegacyState,
    pub(super) keep_bytes: KeepBytes,
}

impl BucketImport<'_> {
    fn config(&self) -> BucketConfig {
        BucketConfig {
            profile: self.source.era().profile(),
            max_bytes: self.state.max_bytes,
        }
    }

    /// Builds the bucket in a folder. Returns its names, which are still to be put.
    pub(super) fn build(
        &self,
        folder: &Path,
        shared: &SharedResources,
        progress: &mut impl FnMut(LegacyStep),
        report: &mut LegacyBucketReport,
    ) -> Result<ImportableNames, ImportFailure> {
        let tree = Sequence(self.state.start_seq);
        let config = self.config();
        let mut builder = Builder::begin(folder, self.id, config, tree, self.keep_bytes, shared)?;
        self.copy_content(&mut builder, progress, report)?;
        report.record_usage(builder.usage());
        let holds = |root: &H256, shape: Subtree| {
            let is_it = |found: Option<Subtree>| found == Some(shape);
            let is_node = is_it(builder.stored_interior(root)?);
            Ok::<_, EngineError>(is_node || is_it(builder.stored_chunk(root)?))
        };
        let names = ImportableNames::read(self.source, (self.id, self.state), report, holds)?;
        self.append_leaves(&mut builder, progress)?;
        builder.finish()?;
        Ok(names)
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
    /// source. Returns its commitment.
    pub(super) fn check_built(
        &self,
        folder: &Path,
        shared: &SharedResources,
    ) -> Result<Commitment, LegacyError> {
        let built = self.open_built(folder, Access::ReadOnly, shared)?;
        let commitment = built.commitment();
        let is_right = built.id() == self.id
            && built.config() == self.config()
            && commitment.mmr_root == self.state.mmr_root
            && commitment.start_seq.0 == self.state.start_seq
            && usize::try_from(commitment.leaf_count.get()) == Ok(self.state.leaves.len());
        is_right
            .then_some(commitment)
            .ok_or_else(|| self.unsound(format!("its commitment is {commitment:?}")))
    }

    /// Opens the bucket that was built.
    pub(super) fn open_built(
        &self,
        folder: &Path,
        access: Access,
        shared: &SharedResources,
    ) -> Result<Bucket, LegacyError> {
        let opened = Bucket::open(folder, access, shared);
        opened.map_err(|error| self.unsound(error.to_string()))
    }

    fn unsound(&self, reason: String) -> LegacyError {
        LegacyError::BuiltWithFault {
            bucket: self.id,
            reason,
        }
    }
}
