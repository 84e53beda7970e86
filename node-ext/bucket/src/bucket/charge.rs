//! The charge of a bucket against its quota. It covers each record as well as the
//! content, so that a client cannot create unlimited records for free.
//!
//! The charge is computed from the usage and the leaf counts of all trees. It needs no
//! record of its own, and a recount of those corrects it too.

use super::{Bucket, RetiredTree, Tip};
use crate::error::PruneError;
use cairn_engine::Access;
use cairn_engine::layout::StorageUsage;
use cairn_primitives::{LeafCount, Sequence};
use std::sync::atomic::{AtomicU64, Ordering};

/// Charge for a chunk besides its bytes, in bytes: the records `c` and `h` with their
/// entries in the blob file, filter and index, and the two rows of the Global Index.
/// It includes the journal's copy of a chunk below 1 KiB, since the usage does not
/// count those chunks apart. Measured, like the others: see `docs/format.md`.
pub const CHUNK_CHARGE: u64 = 1_280;
/// Charge for an interior node, in bytes: the record `i`, here and in the journal.
pub const NODE_CHARGE: u64 = 320;
/// Charge for a leaf, in bytes: the record `l`, here and in the journal, with the
/// journal's state record of each commit.
pub const LEAF_CHARGE: u64 = 192;
/// Charge for a leaf in each tree that has it, in bytes: at most two nodes and one
/// signed root, since each leaf count of a tree has one root; and the journal's copy of
/// the signed root.
pub const TREE_LEAF_CHARGE: u64 = 256;

/// Returns the charge for content, in bytes.
pub fn of_content(usage: StorageUsage) -> u64 {
    let chunks = usage.chunks.saturating_mul(CHUNK_CHARGE);
    let nodes = usage.interior_nodes.saturating_mul(NODE_CHARGE);
    usage.bytes.saturating_add(chunks).saturating_add(nodes)
}

/// Returns the charge for leaves of the current tree, in bytes.
pub fn of_leaves(leaves: u64) -> u64 {
    leaves.saturating_mul(LEAF_CHARGE.saturating_add(TREE_LEAF_CHARGE))
}

/// Returns the additional charge for retired trees, in bytes: their nodes and signed
/// roots, and the leaves that the current tree does not have.
fn of_retired(retired: &[RetiredTree], current: Sequence) -> u64 {
    let in_trees = retired
        .iter()
        .map(|tree| tree.commitment.leaf_count)
        .map(LeafCount::get)
        .fold(0, u64::saturating_add);
    let starts = retired.iter().map(|tree| tree.commitment.start_seq);
    let first = starts.min().unwrap_or(current);
    let before = current.0.saturating_sub(first.0);
    let leaves = before.saturating_mul(LEAF_CHARGE);
    in_trees
        .saturating_mul(TREE_LEAF_CHARGE)
        .saturating_add(leaves)
}

/// Cached parts of the charge, so that readers need no lock.
#[derive(Debug, Default)]
pub(super) struct ChargeCache {
    content: AtomicU64,
    retired: AtomicU64,
}

impl ChargeCache {
    pub(super) fn set_content(&self, usage: StorageUsage) {
        self.content.store(of_content(usage), Ordering::Relaxed);
    }

    fn total_with(&self, leaves: u64) -> u64 {
        let content = self.content.load(Ordering::Relaxed);
        let retired = self.retired.load(Ordering::Relaxed);
        let besides = content.saturating_add(retired);
        besides.saturating_add(of_leaves(leaves))
    }
}

impl Bucket {
    /// Returns the bytes charged against the quota: for content, each chunk once, and
    /// for the records of content, leaves, trees and signed roots.
    pub fn charged_bytes(&self) -> u64 {
        if self.access == Access::ReadOnly {
            // Opening for reading does not count the retired trees.
            self.recount_retired();
        }
        self.charge_cache
            .total_with(self.tip().frontier.count().get())
    }

    /// Recomputes the charge for retired trees, after they have changed.
    pub(super) fn recount_retired(&self) {
        // A record that cannot be read is reported by fsck, and must not prevent opening.
        let retired = self.retired_trees().unwrap_or_default();
        let charge = of_retired(&retired, self.tip().tree);
        self.charge_cache.retired.store(charge, Ordering::Relaxed);
    }

    /// Returns the excess if `more` bytes would exceed the quota, otherwise `None`.
    pub(super) fn quota_excess(&self, more: u64) -> Option<OverQuota> {
        let used = self
            .charge_cache
            .total_with(self.tip().frontier.count().get());
        self.excess(used, more)
    }

    /// Does the same for the last `leaves` leaves of a tip that is not written yet.
    pub(super) fn quota_excess_of_leaves(&self, next: &Tip, leaves: u64) -> Option<OverQuota> {
        let more = of_leaves(leaves);
        let all = self.charge_cache.total_with(next.frontier.count().get());
        self.excess(all.saturating_sub(more), more)
    }

    /// Checks that the trees alone, with one more of `survivors` leaves, fit into the
    /// quota. A prune may exceed the rest of the quota, since it is the way out of a full
    /// bucket; but repeated prunes without a release must not fill the disk.
    pub(super) fn check_tree_quota(&self, survivors: u64) -> Result<(), PruneError> {
        let now = self.tip().frontier.count().get();
        let retired = self.charge_cache.retired.load(Ordering::Relaxed);
        let used = now.saturating_mul(TREE_LEAF_CHARGE).saturating_add(retired);
        let needed = survivors.saturating_mul(TREE_LEAF_CHARGE);
        match self.excess(used, needed) {
            None => Ok(()),
            Some(OverQuota { used, needed }) => Err(PruneError::Quota {
                bucket: self.id,
                needed,
                used,
                max: self.quota(),
            }),
        }
    }

    fn excess(&self, used: u64, needed: u64) -> Option<OverQuota> {
        let fits = used
            .checked_add(needed)
            .is_some_and(|all| all <= self.quota());
        (!fits).then_some(OverQuota { used, needed })
    }
}

/// A charge that exceeds the quota, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverQuota {
    pub(super) used: u64,
    pub(super) needed: u64,
}
