//! Releases a retired tree: removes it from disk, with the content that nothing else
//! refers to.
//!
//! A durable mark comes first, so that nothing is proven from a tree that is partly
//! removed. Then go its signed roots, each replaced by a tombstone, its nodes, the
//! content (`sweep`), the leaves, the records of that content (`content_records`), the
//! bytes on disk, and last its own record. After an interruption anywhere, the next call
//! completes the release.

mod content_records;
pub(super) mod sweep;
mod sweep_list;

use super::{Bucket, RetiredTree, now_ms};
use crate::error::ReleaseError;
use cairn_engine::layout::{
    self, DeletionValue, RetiredRecord, SignedRootValue, StorageUsage, TombstoneValue,
};
use cairn_engine::{Batch, Durability, EngineError, Family};
use cairn_primitives::{H256, LeafCount, Sequence};
use codec::Encode;
use std::time::Duration;

/// Signed roots that are removed in one write; in tests one, so that they can
/// interrupt a release anywhere.
const ROOT_BATCH: usize = if cfg!(test) { 1 } else { 4096 };

/// How long a release waits for uploads that began before it.
const DEFAULT_UPLOAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The result of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The released tree.
    pub tree: RetiredTree,
    /// The number of removed leaves.
    pub leaves: u64,
    /// The removed content.
    pub content: StorageUsage,
}

impl Bucket {
    /// Removes a retired tree: its signed roots, the leaves that no other tree has, and
    /// their content that no other leaf has; also content of aborted uploads and failed
    /// puts. Content of remaining objects and of parts of open uploads stays. Then frees
    /// the disk space, which takes as long as rewriting the remaining data.
    ///
    /// Call it once the chain accepts no challenge against the tree: afterwards no
    /// challenge can be answered with a proof. If an admin authorised the prune, that
    /// deletion is kept as an answer. Uploaded content that is not committed yet is
    /// removed too if a removed leaf has the same content. Waits up to 30 seconds for
    /// uploads that are under way.
    ///
    /// # Errors
    ///
    /// [`ReleaseError`]. A release that has begun is completed by the same call; see
    /// [`RetiredTree::releasing`].
    pub fn release(&self, tree: Sequence) -> Result<Released, ReleaseError> {
        self.release_within(tree, DEFAULT_UPLOAD_TIMEOUT)
    }

    /// Does the same as [`Bucket::release`], but waits up to `wait` for the uploads that
    /// began before the call. Later uploads do not delay it.
    ///
    /// # Errors
    ///
    /// As [`Bucket::release`].
    pub fn release_within(&self, tree: Sequence, wait: Duration) -> Result<Released, ReleaseError> {
        self.check_writable()?;
        let _alone = self.prune_lock.lock();
        let bucket = self.id;
        let current = self.tip().tree;
        if tree == current {
            return Err(ReleaseError::Current { bucket, tree });
        }
        let record = self
            .retired_record(tree)?
            .ok_or(ReleaseError::NoSuchTree { bucket, tree })?;
        // This may fail, so it comes before any change.
        let sweep = sweep::Sweep::begin(self, wait)?;
        let record = self.mark_releasing(tree, record)?;
        let mut kept: Vec<_> = self
            .retired_trees()?
            .into_iter()
            .filter(|tree| !tree.releasing)
            .map(|tree| tree.commitment.start_seq)
            .collect();
        kept.push(current);
        kept.sort_unstable();
        self.remove_signed_roots(tree)?;
        self.remove_nodes_except(&kept)?;
        let first_kept = kept.first().copied().unwrap_or(current);
        let swept = sweep.remove_before(first_kept)?;
        self.remove_leaves_before(first_kept)?;
        self.remove_content_records(first_kept, swept.last_change)?;
        for family in [Family::Tree, Family::Content] {
            let given_back = self.engine.compact(family);
            given_back.map_err(|error| self.poison_with(error))?;
        }
        let mut batch = self.engine.batch();
        batch.delete(Family::Tree, layout::retired_key(tree));
        if let Some(deletion) = record.deletion.clone() {
            // The chain accepts the deletion as an answer to a challenge of a removed leaf.
            let new_root = record.new_root;
            let kept = DeletionValue { new_root, deletion };
            let key = layout::deletion_key(record.new_start_seq);
            batch.put(Family::Tree, key, &kept.encode());
        }
        self.write_release_step(batch, Durability::Synced)?;
        self.recount_retired();
        if let Err(error) = self.engine.rewrite_journal() {
            // It only has records too many; a later release renews it.
            tracing::warn!(bucket = %self.id, %error, "the journal was not shortened");
        }
        Ok(Released {
            tree: RetiredTree::new(tree, record),
            leaves: swept.leaves,
            content: swept.content,
        })
    }

    fn write_release_step(
        &self,
        batch: Batch<'_>,
        durability: Durability,
    ) -> Result<(), ReleaseError> {
        self.check_writable()?;
        let written = self.engine.write(batch, durability);
        written.map_err(|error: EngineError| self.poison_with(error).into())
    }

    /// Marks a tree durably: nothing is proven from it any more.
    pub(super) fn mark_releasing(
        &self,
        tree: Sequence,
        record: RetiredRecord,
    ) -> Result<RetiredRecord, ReleaseError> {
        let releasing = RetiredRecord {
            is_releasing: true,
            ..record
        };
        let mut batch = self.engine.batch();
        let key = layout::retired_key(tree);
        batch.put(Family::Tree, key, &releasing.encode());
        self.write_release_step(batch, Durability::Synced)?;
        Ok(releasing)
    }

    /// Replaces each signed root of a tree by a tombstone.
    fn remove_signed_roots(&self, tree: Sequence) -> Result<(), ReleaseError> {
        let released_ms = now_ms();
        let mut removals = Vec::new();
        let remove = |signed_roots: &mut Vec<(Box<[u8]>, H256, LeafCount)>| {
            let mut batch = self.engine.batch();
            for (key, root, count) in signed_roots.drain(..) {
                batch.delete(Family::Tree, key);
                let tombstone = TombstoneValue { count, released_ms };
                let key = layout::tombstone_key(tree, &root);
                batch.put(Family::Tree, key, &tombstone.to_bytes());
            }
            self.write_release_step(batch, Durability::Buffered)
        };
        for entry in self.engine.scan(Family::Tree, layout::SIGNED_ROOTS)? {
            let (key, value) = entry?;
            if let Some((root, of)) = layout::parse_signed_root_key(&key)
                && of == tree
            {
                // An unreadable value still shows that the root was signed.
                let signed_root = SignedRootValue::parse(&value);
                let count = signed_root
                    .map(|signed_root| signed_root.count)
                    .unwrap_or_default();
                removals.push((key, root, count));
            }
            if removals.len() == ROOT_BATCH {
                remove(&mut removals)?;
            }
        }
        if removals.is_empty() {
            return Ok(());
        }
        remove(&mut removals)
    }

    /// Removes all nodes except those of the trees `kept`, given in order. This also
    /// removes the nodes that an interrupted prune has left.
    fn remove_nodes_except(&self, kept: &[Sequence]) -> Result<(), ReleaseError> {
        let mut batch = self.engine.batch();
        let (mut from, end) = layout::all_nodes();
        for tree in kept {
            let Some((first, past)) = layout::nodes_of(*tree) else {
                return self.write_release_step(batch, Durability::Buffered);
            };
            batch.delete_range(Family::Tree, from, first);
            from = past;
        }
        batch.delete_range(Family::Tree, from, end);
        self.write_release_step(batch, Durability::Buffered)
    }

    fn remove_leaves_before(&self, first_kept: Sequence) -> Result<(), ReleaseError> {
        let mut batch = self.engine.batch();
        let (from, to) = (layout::leaf_key(Sequence(0)), layout::leaf_key(first_kept));
        batch.delete_range(Family::Tree, from, to);
        let (from, to) = (layout::flag_key(Sequence(0)), layout::flag_key(first_kept));
        batch.delete_range(Family::Tree, from, to);
        self.write_release_step(batch, Durability::Buffered)
    }
}
