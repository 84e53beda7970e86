//! The report of an import, for people and programs: an entry for each bucket, and a
//! summary.

mod names;

pub use names::{LegacyNameFault, LegacyNames, NameNotImported};

use super::decode::LegacyState;
use super::source::{LegacyBuckets, LegacySource};
use cairn_bucket::charge;
use cairn_engine::layout::{ShapeDefect, StorageUsage};
use cairn_objects::Space;
use cairn_primitives::{BucketId, H256};
use serde::Serialize;

/// Upper bound on unprovable leaves that are listed.
const MAX_LISTED_LEAVES: usize = 1000;

/// The outcome for a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyStatus {
    /// It was imported.
    Imported,
    /// It can be imported; nothing was written.
    Importable,
    /// It exists already, with at least the same leaves.
    AlreadyThere,
    /// Nothing of it was imported.
    Refused,
}

/// An imported leaf whose content the chain cannot verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnprovableLeaf {
    /// Its index in its tree.
    pub leaf_index: u64,
    /// Its data root as `0x` and hex digits.
    pub data_root: String,
    /// The defect of its content.
    pub reason: String,
}

/// The outcome for a bucket, and its figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyBucketReport {
    /// Its id.
    pub bucket: u64,
    /// The outcome.
    pub status: LegacyStatus,
    /// The reason for a refusal.
    pub reason: Option<String>,
    /// The source's era.
    pub era: char,
    /// The hashing profile.
    pub hashing: String,
    /// Its root as `0x` and hex digits; `None` if its state cannot be read.
    pub mmr_root: Option<String>,
    /// Sequence of its first leaf.
    pub start_seq: u64,
    /// Leaves in its tree.
    pub leaves: u64,
    /// `data_size` summed over its leaves, in bytes.
    pub data_bytes: u64,
    /// Bytes of its chunks as counted by the import, each chunk once.
    pub used_bytes: u64,
    /// The same according to the source, which is too low.
    pub old_used_bytes: u64,
    /// Its quota in the source, in bytes.
    pub max_bytes: u64,
    /// Set if its content exceeds its quota, so that it accepts no more.
    pub over_quota: bool,
    /// Leaves whose `total_size` does not follow from the leaf before. They are imported
    /// unchanged.
    pub uneven_sizes: u64,
    /// Imported leaves that cannot be proven to the chain: the first 1,000.
    pub unprovable: Vec<UnprovableLeaf>,
    /// Number of further such leaves.
    pub more_unprovable: u64,
    /// The keys of its objects.
    pub objects: LegacyNames,
    /// The paths of its files and directories.
    pub files: LegacyNames,
}

/// The summary of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacySummary {
    /// The source's folder.
    pub source: String,
    /// Its era.
    pub era: char,
    /// The hashing profile of its buckets.
    pub hashing: String,
    /// Set in a dry run, which writes nothing.
    pub dry_run: bool,
    /// The last nonce that the provider used; the next one must be higher.
    pub nonce_counter: Option<u64>,
    /// Keys of the source that are not bucket ids.
    pub unreadable_keys: u64,
    /// The folder with the indexes of objects and files; `None` if there is none.
    pub indexes: Option<String>,
    /// Index files of no bucket of the source: the first 1,000. Nothing of them is imported.
    pub unmatched_indexes: Vec<String>,
    /// Number of further such files.
    pub more_unmatched_indexes: u64,
    /// Buckets that were processed.
    pub buckets: u64,
    /// Buckets that were imported, or could be.
    pub imported: u64,
    /// Buckets that existed already.
    pub already_there: u64,
    /// Buckets that were refused.
    pub refused: u64,
    /// Buckets that were imported with unprovable leaves.
    pub flagged: u64,
    /// Leaves of imported buckets.
    pub leaves: u64,
    /// Bytes of chunks of imported buckets.
    pub used_bytes: u64,
    /// Names of objects, files and directories that were imported, or could be.
    pub names: u64,
    /// Such names that cannot be imported.
    pub names_refused: u64,
    /// Index files that could not be read to their end.
    pub faulty_indexes: u64,
}

/// The report of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyReport {
    /// The summary.
    pub summary: LegacySummary,
    /// The entry of each bucket.
    pub buckets: Vec<LegacyBucketReport>,
}

impl LegacyBucketReport {
    pub(super) fn new(source: &LegacySource, id: BucketId) -> Self {
        Self {
            bucket: id.0,
            status: LegacyStatus::Refused,
            reason: None,
            era: source.era().letter(),
            hashing: source.era().profile().to_string(),
            mmr_root: None,
            start_seq: 0,
            leaves: 0,
            data_bytes: 0,
            used_bytes: 0,
            old_used_bytes: 0,
            max_bytes: 0,
            over_quota: false,
            uneven_sizes: 0,
            unprovable: Vec::new(),
            more_unprovable: 0,
            objects: LegacyNames::default(),
            files: LegacyNames::default(),
        }
    }

    pub(super) fn names_mut(&mut self, space: Space) -> &mut LegacyNames {
        match space {
            Space::Keys => &mut self.objects,
            Space::Paths => &mut self.files,
        }
    }

    /// Records the bucket's state in the source.
    pub(super) fn record_state(&mut self, state: &LegacyState) {
        self.mmr_root = Some(hex_of(&state.mmr_root));
        self.start_seq = state.start_seq;
        self.leaves = u64::try_from(state.leaves.len()).unwrap_or(u64::MAX);
        self.old_used_bytes = state.used_bytes;
        self.max_bytes = state.max_bytes;
        // After a prune, the sizes continue from leaves that are gone.
        let mut before = (state.start_seq == 0).then_some(0u64);
        for leaf in &state.leaves {
            self.data_bytes = self.data_bytes.saturating_add(leaf.data_size);
            let expected = before.map(|before| before.saturating_add(leaf.data_size));
            let is_even = expected.is_none_or(|expected| expected == leaf.total_size);
            self.uneven_sizes = self.uneven_sizes.saturating_add(u64::from(!is_even));
            before = Some(leaf.total_size);
        }
    }

    pub(super) fn flag(&mut self, leaf_index: u64, data_root: &H256, defect: ShapeDefect) {
        if self.unprovable.len() < MAX_LISTED_LEAVES {
            self.unprovable.push(UnprovableLeaf {
                leaf_index,
                data_root: hex_of(data_root),
                reason: defect.to_string(),
            });
        } else {
            self.more_unprovable = self.more_unprovable.saturating_add(1);
        }
    }

    pub(super) fn record_usage(&mut self, usage: StorageUsage) {
        self.used_bytes = usage.bytes;
        let charged = charge::of_content(usage).saturating_add(charge::of_leaves(self.leaves));
        self.over_quota = charged > self.max_bytes;
    }

    /// Returns whether the bucket needs the operator's attention.
    pub fn has_findings(&self) -> bool {
        self.status == LegacyStatus::Refused
            || !self.unprovable.is_empty()
            || self.objects.has_findings()
            || self.files.has_findings()
    }
}

impl LegacyReport {
    /// Makes an empty report.
    pub fn new(source: &LegacySource, dry_run: bool) -> Self {
        Self {
            summary: LegacySummary {
                source: source.path().display().to_string(),
                era: source.era().letter(),
                hashing: source.era().profile().to_string(),
                dry_run,
                nonce_counter: source.nonce_counter(),
                unreadable_keys: 0,
                indexes: source.indexes().map(|path| path.display().to_string()),
                unmatched_indexes: Vec::new(),
                more_unmatched_indexes: 0,
                buckets: 0,
                imported: 0,
                already_there: 0,
                refused: 0,
                flagged: 0,
                leaves: 0,
                used_bytes: 0,
                names: 0,
                names_refused: 0,
                faulty_indexes: 0,
            },
            buckets: Vec::new(),
        }
    }

    /// Records what the source has besides readable buckets.
    pub fn record_source(&mut self, buckets: &LegacyBuckets) {
        let summary = &mut self.summary;
        summary.unreadable_keys = buckets.unreadable_keys;
        summary
            .unmatched_indexes
            .clone_from(&buckets.unmatched_indexes);
        summary.more_unmatched_indexes = buckets.more_unmatched_indexes;
    }

    /// Adds a bucket's entry and counts it.
    pub fn add(&mut self, bucket: LegacyBucketReport) {
        let summary = &mut self.summary;
        let count = |number: &mut u64| *number = number.saturating_add(1);
        count(&mut summary.buckets);
        match bucket.status {
            LegacyStatus::Refused => count(&mut summary.refused),
            LegacyStatus::AlreadyThere => count(&mut summary.already_there),
            LegacyStatus::Imported | LegacyStatus::Importable => {
                count(&mut summary.imported);
                summary.leaves = summary.leaves.saturating_add(bucket.leaves);
                summary.used_bytes = summary.used_bytes.saturating_add(bucket.used_bytes);
            }
        }
        if !bucket.unprovable.is_empty() {
            count(&mut summary.flagged);
        }
        for names in [&bucket.objects, &bucket.files] {
            summary.names = summary.names.saturating_add(names.imported);
            summary.names_refused = summary.names_refused.saturating_add(names.refused());
            if names.index_fault.is_some() {
                count(&mut summary.faulty_indexes);
            }
        }
        self.buckets.push(bucket);
    }

    /// Returns whether anything needs the operator's attention.
    pub fn has_findings(&self) -> bool {
        self.summary.unreadable_keys > 0
            || !self.summary.unmatched_indexes.is_empty()
            || self.buckets.iter().any(|bucket| bucket.has_findings())
    }
}

fn hex_of(hash: &H256) -> String {
    format!("{hash:?}")
}
