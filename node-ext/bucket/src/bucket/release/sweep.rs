//! Removes the content of removed leaves, except content that is needed elsewhere.
//!
//! 1. The content of the removed leaves is put on the sweep list, on disk (`sweep_list`);
//!    also that of the whole objects whose first leaf is removed, which has nodes above
//!    the leaves, and content that was recorded to be released.
//! 2. The content of remaining leaves is taken off the sweep list, that of whole objects
//!    of remaining leaves, parts of open uploads, and all content under a node that is
//!    not listed.
//! 3. The listed content is removed in batches, the highest nodes first, so that an
//!    interruption leaves complete subtrees only (I1). Commits and uploads are blocked
//!    during a batch. Before each batch, content of newly committed leaves and content
//!    that uploads have found or stored is taken off the sweep list.
//!
//! The content that uploads found before the sweep was not recorded, so the sweep waits
//! for those uploads to end.

use super::sweep_list::{SweepList, object_node, root_node};
use crate::bucket::Bucket;
use crate::bucket::content::ContentKey;
use crate::error::{ProveError, ReleaseError};
use cairn_engine::Family;
use cairn_engine::layout::{self, StorageUsage};
use cairn_primitives::{MmrLeaf, Sequence};
use codec::Decode;
use parking_lot::RwLockWriteGuard;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Records that are removed while commits and uploads are blocked; in tests few, so
/// that they can interrupt a sweep anywhere.
const REMOVE_BATCH: usize = if cfg!(test) { 2 } else { 1024 };

/// The result of a sweep.
#[derive(Debug, Default)]
pub(in crate::bucket) struct Swept {
    /// The number of leaves whose content was removed.
    pub(in crate::bucket) leaves: u64,
    pub(in crate::bucket) content: StorageUsage,
    /// The last change whose records of content to release were listed.
    pub(in crate::bucket) last_change: u64,
}

/// A sweep under way. As long as it exists, the bucket records the content that uploads
/// rely on.
pub(in crate::bucket) struct Sweep<'b> {
    bucket: &'b Bucket,
    list: SweepList<'b>,
    /// The content of all leaves before this one has been taken off the sweep list.
    kept_up_to: Sequence,
    /// Content that uploads rely on since the sweep began, to be taken off every sweep
    /// list that the sweep uses.
    relied_on: HashSet<ContentKey>,
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        self.bucket.content.lock().relied_on = None;
    }
}

impl<'b> Sweep<'b> {
    /// Begins a sweep once all uploads that began before have ended; waits up to `wait`.
    pub(in crate::bucket) fn begin(
        bucket: &'b Bucket,
        wait: Duration,
    ) -> Result<Self, ReleaseError> {
        let deadline = Instant::now().checked_add(wait);
        let mut content = bucket.content.lock();
        content.relied_on = Some(HashSet::new());
        content.uploads.begin_release();
        let mut is_late = false;
        while content.uploads.before_release() > 0 {
            if is_late {
                content.relied_on = None;
                return Err(ReleaseError::Busy {
                    bucket: bucket.id,
                    uploads: content.uploads.before_release(),
                    waited: wait,
                });
            }
            is_late = match deadline {
                Some(deadline) => bucket
                    .upload_ended
                    .wait_until(&mut content, deadline)
                    .timed_out(),
                None => {
                    bucket.upload_ended.wait(&mut content);
                    false
                }
            };
        }
        drop(content);
        Ok(Self {
            bucket,
            list: SweepList::new(bucket),
            kept_up_to: Sequence(0),
            relied_on: HashSet::new(),
        })
    }

    /// Removes the content of the leaves before `first_kept` durably.
    pub(in crate::bucket) fn remove_before(
        mut self,
        first_kept: Sequence,
    ) -> Result<Swept, ReleaseError> {
        let mut swept = Swept::default();
        // An interrupted sweep may have removed nodes: only its list still finds their
        // children.
        if self.list.is_complete()? {
            self.remove_listed(first_kept, &mut swept)?;
        }
        self.list.clear()?;
        let list = &mut self.list;
        self.bucket.for_each_leaf(Sequence(0), first_kept, |leaf| {
            swept.leaves = swept.leaves.saturating_add(1);
            list.list_subtree(root_node(&leaf))
        })?;
        swept.last_change = self.list_object_content(first_kept)?;
        self.list.complete()?;
        self.remove_listed(first_kept, &mut swept)?;
        self.bucket.flush_unlogged()?;
        Ok(swept)
    }

    /// Puts content on the sweep list that no removed leaf leads to. Returns the number of the
    /// last change that has recorded such content.
    fn list_object_content(&mut self, first_kept: Sequence) -> Result<u64, ReleaseError> {
        let bucket = self.bucket;
        for whole in bucket.whole_objects_from(Sequence(0))? {
            let (first_leaf, content) = whole?;
            if first_leaf >= first_kept {
                break;
            }
            self.list.list_subtree(object_node(&content))?;
        }
        let mut last_change = 0;
        for forgotten in bucket.forgotten_content()? {
            let (content, change) = forgotten?;
            self.list.list_subtree(object_node(&content))?;
            last_change = change.max(last_change);
        }
        Ok(last_change)
    }

    /// Keeps the content of objects and of parts. Those recorded later are relied on.
    fn keep_object_content(&mut self, first_kept: Sequence) -> Result<(), ReleaseError> {
        let bucket = self.bucket;
        for whole in bucket.whole_objects_from(first_kept)? {
            self.list.keep_subtree(object_node(&whole?.1))?;
            self.list.write_if_full()?;
        }
        for part in bucket.part_content()? {
            self.list.keep_subtree(object_node(&part?))?;
            self.list.write_if_full()?;
        }
        Ok(())
    }

    fn remove_listed(
        &mut self,
        first_kept: Sequence,
        swept: &mut Swept,
    ) -> Result<(), ReleaseError> {
        self.kept_up_to = first_kept;
        self.keep_new_leaves()?;
        self.keep_object_content(first_kept)?;
        self.list.keep_shared()?;
        self.list.keep_nonconforming()?;
        for key in &self.relied_on {
            self.list.keep_content(key)?;
        }
        let mut from = layout::RELEASE_LIST_COMPLETE_KEY.to_vec();
        while let Some(last) = self.remove_batch(&from, swept)? {
            from = last.to_vec();
        }
        self.list.clear()
    }

    /// Keeps the content of leaves committed since the last call.
    fn keep_new_leaves(&mut self) -> Result<(), ReleaseError> {
        let end = self.bucket.tip().end();
        let list = &mut self.list;
        self.bucket.for_each_leaf(self.kept_up_to, end, |leaf| {
            list.keep_subtree(root_node(&leaf))?;
            list.write_if_full()
        })?;
        self.kept_up_to = end;
        Ok(())
    }

    /// Removes a batch of the listed content after the key `from`. Returns the batch's
    /// last key, or `None` at the end of the sweep list.
    fn remove_batch(
        &mut self,
        from: &[u8],
        swept: &mut Swept,
    ) -> Result<Option<[u8; 35]>, ReleaseError> {
        let bucket = self.bucket;
        let commits_blocked = bucket.commit_lock.write();
        self.keep_new_leaves()?;
        let mut content = bucket.content.lock();
        let relied_on = content.relied_on.as_mut().map(std::mem::take);
        for key in relied_on.unwrap_or_default() {
            self.list.keep_content(&key)?;
            self.relied_on.insert(key);
        }
        self.list.write_pending(&mut content)?;

        let listed = bucket.listed_keys_after(from, REMOVE_BATCH)?;
        let Some(last) = listed.last().copied() else {
            return Ok(None);
        };
        let mut batch = bucket.engine.batch();
        let mut stored = Vec::with_capacity(listed.len());
        for listed in &listed {
            batch.delete(Family::Content, listed);
            let key = layout::parse_release_list_key(listed).map(|(_, key)| key);
            let key: ContentKey = key.ok_or_else(|| bucket.unsound("its list cannot be read"))?;
            if bucket.engine.get(Family::Content, &key)?.is_some() {
                stored.push(key);
            }
        }
        let before = content.usage();
        bucket.check_writable()?;
        bucket.remove_content_with(&mut content, &stored, batch)?;
        swept.add(before, content.usage());
        drop(content);
        // Commits that waited run before the next batch.
        RwLockWriteGuard::unlock_fair(commits_blocked);
        Ok(Some(last))
    }
}

impl Swept {
    fn add(&mut self, before: StorageUsage, after: StorageUsage) {
        let StorageUsage {
            bytes,
            chunks,
            interior_nodes,
        } = &mut self.content;
        let gone = |before: u64, after| before.saturating_sub(after);
        *bytes = bytes.saturating_add(gone(before.bytes, after.bytes));
        *chunks = chunks.saturating_add(gone(before.chunks, after.chunks));
        let nodes = gone(before.interior_nodes, after.interior_nodes);
        *interior_nodes = interior_nodes.saturating_add(nodes);
    }
}

impl Bucket {
    /// Returns the first `number` keys of the sweep list after `from`.
    fn listed_keys_after(&self, from: &[u8], number: usize) -> Result<Vec<[u8; 35]>, ReleaseError> {
        self.engine
            .scan_from(Family::Content, layout::RELEASE_LIST, from)?
            .filter(|entry| !matches!(entry, Ok((key, _)) if **key == *from))
            .take(number)
            .map(|entry| {
                let (key, _) = entry?;
                let key = <[u8; 35]>::try_from(&*key);
                key.map_err(|_| self.unsound("its list cannot be read").into())
            })
            .collect()
    }

    /// Hands each stored leaf from `from` up to, but not including, `to` to `each`.
    fn for_each_leaf(
        &self,
        from: Sequence,
        to: Sequence,
        mut each: impl FnMut(MmrLeaf) -> Result<(), ReleaseError>,
    ) -> Result<(), ReleaseError> {
        let (from, to) = (layout::leaf_key(from), layout::leaf_key(to));
        let entries = self
            .engine
            .scan_from(Family::Tree, layout::LEAVES, from.as_ref())?;
        for entry in entries {
            let (key, value) = entry?;
            if *key >= *to.as_ref() {
                break;
            }
            let leaf = MmrLeaf::decode(&mut &*value);
            let leaf = leaf.map_err(|_| -> ProveError { self.unsound("a leaf cannot be read") })?;
            each(leaf)?;
        }
        Ok(())
    }
}
