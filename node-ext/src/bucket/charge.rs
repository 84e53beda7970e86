//! The charge of a bucket: not for its content alone, but for each record by which
//! it is kept, so that nothing is free that a client can make without end.
//!
//! The charge is worked out from what is counted anyway, the usage and the leaf
//! counts of all trees, so that it needs no record of its own and a recount of
//! those is a recount of it.

use super::{Bucket, RetiredTree, Tip};
use crate::engine::Access;
use crate::error::PruneError;
use crate::layout::Usage;
use cairn_primitives::{LeafCount, Sequence};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is charged for each chunk besides its bytes: the records `c` and `h`
/// with their places in the blob file, the filter and the index, and the two
/// rows of the Global Index; and what the journal keeps of a chunk below 1 KiB,
/// which is all of it. The usage does not say which chunks those are.
/// Measured, as the others: see `docs/format.md`.
pub const CHUNK_RECORDS: u64 = 1_280;
/// What is charged for an interior node: the record `i`, here and in the journal.
pub const NODE_RECORD: u64 = 320;
/// What is charged for a leaf: the record `l`, here and in the journal, with the
/// state that the journal has of each commit.
pub const LEAF_RECORD: u64 = 192;
/// What is charged for a leaf in each tree that has it: two nodes at most, and
/// one promise at most, since each leaf count of a tree has one root; and the
/// promise in the journal.
pub const TREE_RECORDS: u64 = 256;

/// What content is charged.
pub(crate) fn of_content(usage: Usage) -> u64 {
    let chunks = usage.chunks.saturating_mul(CHUNK_RECORDS);
    let nodes = usage.interior_nodes.saturating_mul(NODE_RECORD);
    usage.bytes.saturating_add(chunks).saturating_add(nodes)
}

/// What the leaves of the newest tree are charged.
pub(crate) fn of_leaves(leaves: u64) -> u64 {
    leaves.saturating_mul(LEAF_RECORD.saturating_add(TREE_RECORDS))
}

/// What retired trees are charged besides: their nodes and promises, and the
/// leaves that the newest tree does not have.
fn of_retired(retired: &[RetiredTree], newest: Sequence) -> u64 {
    let in_trees = retired
        .iter()
        .map(|tree| tree.commitment.leaf_count)
        .map(LeafCount::get)
        .fold(0, u64::saturating_add);
    let starts = retired.iter().map(|tree| tree.commitment.start_seq);
    let first = starts.min().unwrap_or(newest);
    let before = newest.0.saturating_sub(first.0);
    let leaves = before.saturating_mul(LEAF_RECORD);
    in_trees.saturating_mul(TREE_RECORDS).saturating_add(leaves)
}

/// What is charged and changes seldom, or under another lock than it is asked in.
#[derive(Debug, Default)]
pub(super) struct Charged {
    content: AtomicU64,
    retired: AtomicU64,
}

impl Charged {
    pub(super) fn content_is(&self, usage: Usage) {
        self.content.store(of_content(usage), Ordering::Relaxed);
    }

    fn with(&self, leaves: u64) -> u64 {
        let content = self.content.load(Ordering::Relaxed);
        let retired = self.retired.load(Ordering::Relaxed);
        let besides = content.saturating_add(retired);
        besides.saturating_add(of_leaves(leaves))
    }
}

impl Bucket {
    /// Bytes that the bucket is charged, of its quota: its content, each chunk
    /// once, and each record that it takes to keep content, leaves, trees and
    /// promises.
    pub fn charged_bytes(&self) -> u64 {
        if self.access == Access::ReadOnly {
            // Nothing is written by it, so that nobody has counted.
            self.count_retired();
        }
        self.charged.with(self.tip().frontier.count().get())
    }

    /// Counts what retired trees are charged, when there are others than before.
    pub(super) fn count_retired(&self) {
        // What cannot be read is for `fsck` to say, and no reason not to open.
        let retired = self.retired().unwrap_or_default();
        let charge = of_retired(&retired, self.tip().tree);
        self.charged.retired.store(charge, Ordering::Relaxed);
    }

    /// What would be charged with some bytes more; `None` where the quota allows
    /// them.
    pub(super) fn over_quota(&self, more: u64) -> Option<OverQuota> {
        let used = self.charged.with(self.tip().frontier.count().get());
        self.over(used, more)
    }

    /// The same, for the leaves of a tip that is to come.
    pub(super) fn over_quota_of(&self, next: &Tip, leaves: u64) -> Option<OverQuota> {
        let more = of_leaves(leaves);
        let all = self.charged.with(next.frontier.count().get());
        self.over(all.saturating_sub(more), more)
    }

    /// Whether the trees alone, with one more of this many leaves, would be charged
    /// more than the quota. A prune is not held to the quota as what clients bring
    /// is, since it is the way out of a full bucket; but neither may one prune
    /// after another, none of them released, take all of a disk.
    pub(super) fn check_trees(&self, survivors: u64) -> Result<(), PruneError> {
        let now = self.tip().frontier.count().get();
        let retired = self.charged.retired.load(Ordering::Relaxed);
        let used = now.saturating_mul(TREE_RECORDS).saturating_add(retired);
        let needed = survivors.saturating_mul(TREE_RECORDS);
        match self.over(used, needed) {
            None => Ok(()),
            Some(OverQuota { used, needed }) => Err(PruneError::Quota {
                bucket: self.id,
                needed,
                used,
                max: self.config.max_bytes,
            }),
        }
    }

    fn over(&self, used: u64, needed: u64) -> Option<OverQuota> {
        let fits = used
            .checked_add(needed)
            .is_some_and(|all| all <= self.config.max_bytes);
        (!fits).then_some(OverQuota { used, needed })
    }
}

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverQuota {
    pub(super) used: u64,
    pub(super) needed: u64,
}
