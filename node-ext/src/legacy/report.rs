//! What an import came to, for people and for programs: an entry for each
//! bucket, and the whole.

use super::decode::LegacyState;
use super::source::LegacySource;
use crate::bucket::charge;
use crate::layout::{Flaw, Usage};
use cairn_primitives::{BucketId, H256};
use serde::Serialize;

/// Unprovable leaves that are named one by one.
const NAMED_LEAVES: usize = 1000;

/// What became of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyStatus {
    /// It is in its place now.
    Imported,
    /// Nothing was written, and it would be imported.
    Importable,
    /// It was there already, with the same leaves at the least.
    AlreadyThere,
    /// Nothing of it was imported.
    Refused,
}

/// A leaf that was imported, and whose content the chain cannot verify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnprovableLeaf {
    /// Its index in its tree.
    pub leaf_index: u64,
    /// Its data root, as `0x` and hex.
    pub data_root: String,
    /// What is wrong with its content.
    pub reason: String,
}

/// What became of a bucket, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyBucketReport {
    /// Its id.
    pub bucket: u64,
    /// What became of it.
    pub status: LegacyStatus,
    /// Why it was refused.
    pub reason: Option<String>,
    /// The source's era.
    pub era: char,
    /// How it hashes.
    pub hashing: String,
    /// Its root as `0x` and hex; none where its state cannot be read.
    pub mmr_root: Option<String>,
    /// Sequence of its first leaf.
    pub start_seq: u64,
    /// Leaves in its tree.
    pub leaves: u64,
    /// `data_size` summed over its leaves, in bytes.
    pub data_bytes: u64,
    /// Bytes of its chunks, each counted once, as they were found.
    pub used_bytes: u64,
    /// What the source says of that, which is too little.
    pub old_used_bytes: u64,
    /// Its quota, in bytes, as it was.
    pub max_bytes: u64,
    /// Whether its content is above its quota, so that it takes no more.
    pub over_quota: bool,
    /// Leaves whose `total_size` does not follow from the leaf before; they are
    /// imported as they are.
    pub uneven_sizes: u64,
    /// Leaves that were imported and cannot be proven to the chain: the first 1,000.
    pub unprovable: Vec<UnprovableLeaf>,
    /// Such leaves past those.
    pub more_unprovable: u64,
}

/// What became of all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacySummary {
    /// The source's folder.
    pub source: String,
    /// Its era.
    pub era: char,
    /// How its buckets hash.
    pub hashing: String,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The last nonce that the provider used; the next must be above it.
    pub nonce_counter: Option<u64>,
    /// Keys of the source that are no bucket's.
    pub unreadable_keys: u64,
    /// Buckets that were looked at.
    pub buckets: u64,
    /// Buckets that were imported, or would be.
    pub imported: u64,
    /// Buckets that were there already.
    pub already_there: u64,
    /// Buckets that were refused.
    pub refused: u64,
    /// Buckets that were imported with leaves that cannot be proven.
    pub flagged: u64,
    /// Leaves of imported buckets.
    pub leaves: u64,
    /// Bytes of chunks of imported buckets.
    pub used_bytes: u64,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LegacyReport {
    /// The whole.
    pub summary: LegacySummary,
    /// Each bucket.
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
        }
    }

    /// Notes what the source says of the bucket.
    pub(super) fn describe(&mut self, state: &LegacyState) {
        self.mmr_root = Some(hex_of(&state.mmr_root));
        self.start_seq = state.start_seq;
        self.leaves = u64::try_from(state.leaves.len()).unwrap_or(u64::MAX);
        self.old_used_bytes = state.used_bytes;
        self.max_bytes = state.max_bytes;
        // After a prune, the sizes go on from leaves that are gone.
        let mut before = (state.start_seq == 0).then_some(0u64);
        for leaf in &state.leaves {
            self.data_bytes = self.data_bytes.saturating_add(leaf.data_size);
            let expected = before.map(|before| before.saturating_add(leaf.data_size));
            let is_even = expected.is_none_or(|expected| expected == leaf.total_size);
            self.uneven_sizes = self.uneven_sizes.saturating_add(u64::from(!is_even));
            before = Some(leaf.total_size);
        }
    }

    pub(super) fn flag(&mut self, leaf_index: u64, data_root: &H256, flaw: Flaw) {
        if self.unprovable.len() < NAMED_LEAVES {
            self.unprovable.push(UnprovableLeaf {
                leaf_index,
                data_root: hex_of(data_root),
                reason: flaw.to_string(),
            });
        } else {
            self.more_unprovable = self.more_unprovable.saturating_add(1);
        }
    }

    pub(super) fn weigh(&mut self, usage: Usage) {
        self.used_bytes = usage.bytes;
        let charged = charge::of_content(usage).saturating_add(charge::of_leaves(self.leaves));
        self.over_quota = charged > self.max_bytes;
    }

    /// Whether the operator has something to look at.
    pub fn has_findings(&self) -> bool {
        self.status == LegacyStatus::Refused || !self.unprovable.is_empty()
    }
}

impl LegacyReport {
    /// A report on nothing so far.
    pub fn new(source: &LegacySource, dry_run: bool) -> Self {
        Self {
            summary: LegacySummary {
                source: source.path().display().to_string(),
                era: source.era().letter(),
                hashing: source.era().profile().to_string(),
                dry_run,
                nonce_counter: source.nonce_counter(),
                unreadable_keys: 0,
                buckets: 0,
                imported: 0,
                already_there: 0,
                refused: 0,
                flagged: 0,
                leaves: 0,
                used_bytes: 0,
            },
            buckets: Vec::new(),
        }
    }

    /// Adds a bucket.
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
        self.buckets.push(bucket);
    }

    /// Whether the operator has something to look at.
    pub fn has_findings(&self) -> bool {
        self.summary.unreadable_keys > 0 || self.buckets.iter().any(|bucket| bucket.has_findings())
    }
}

fn hex_of(hash: &H256) -> String {
    format!("{hash:?}")
}
