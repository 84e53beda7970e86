//! The sweep list: the content that a release removes. It is on disk, so that it needs no
//! memory and an interrupted release can be completed.
//!
//! Content that must stay is taken off the sweep list. Invariant: after
//! [`SweepList::keep_shared`], and as long as [`SweepList::keep_subtree`] or
//! [`SweepList::keep_content`] is called for all newly needed content, nothing under a
//! stored node that is not listed is listed.
//!
//! So a stored node above removed content must be listed too, or it keeps that content.
//! Leaves lead to no node above them: for such nodes there are records of whole objects
//! and of content to release (`object_content`), whose subtrees are listed with those of
//! the removed leaves. They may name nodes that are not stored, of which nothing is
//! removed. What they name and something else needs is kept like any other content:
//! listing it a second time, or content that was never a leaf's, does not touch the
//! invariant, which is about the list after all of it is known.

use crate::bucket::Bucket;
use crate::bucket::content::{ContentKey, ContentState};
use crate::bucket::object_content::ObjectContent;
use crate::error::{ProveError, ReleaseError};
use cairn_engine::Family;
use cairn_engine::layout::{self, InteriorValue, NonconformingValue};
use cairn_primitives::{H256, MmrLeaf, chunk_tree};
use codec::Decode;
use std::collections::HashMap;

/// Changes of the sweep list that are written at once; in tests few, so that they can
/// interrupt a release anywhere.
const CHANGE_BATCH: usize = if cfg!(test) { 2 } else { 1024 };

/// The hash of a chunk or node, and its height above the chunks.
pub(super) type NodeRef = (H256, u8);

/// Returns the hash and height of a leaf's data root.
pub(super) fn root_node(leaf: &MmrLeaf) -> NodeRef {
    node_of(leaf.data_root, leaf.data_size)
}

/// Returns the hash and height of the root of an object's or a part's content.
pub(super) fn object_node(content: &ObjectContent) -> NodeRef {
    node_of(content.data_root, content.size)
}

fn node_of(data_root: H256, size: u64) -> NodeRef {
    let depth = chunk_tree::depth(size);
    (data_root, u8::try_from(depth).unwrap_or(u8::MAX))
}

fn content_key((hash, height): NodeRef) -> ContentKey {
    match height {
        0 => layout::chunk_length_key(&hash),
        _ => layout::interior_key(&hash),
    }
}

fn list_key(place: NodeRef) -> [u8; 35] {
    layout::release_list_key(place.1, &content_key(place))
}

/// The sweep list, with changes that are not written yet.
pub(super) struct SweepList<'b> {
    bucket: &'b Bucket,
    /// For each changed key, whether it is put on the sweep list or taken off.
    pending: HashMap<[u8; 35], bool>,
}

impl<'b> SweepList<'b> {
    pub(super) fn new(bucket: &'b Bucket) -> Self {
        Self {
            bucket,
            pending: HashMap::new(),
        }
    }

    /// Returns whether an earlier release has completed the sweep list, but not the removal.
    pub(super) fn is_complete(&self) -> Result<bool, ReleaseError> {
        let engine = &self.bucket.engine;
        Ok(engine
            .get(Family::Content, layout::RELEASE_LIST_COMPLETE_KEY)?
            .is_some())
    }

    /// Empties the sweep list.
    pub(super) fn clear(&mut self) -> Result<(), ReleaseError> {
        self.pending.clear();
        let mut batch = self.bucket.engine.batch();
        batch.delete_range(
            Family::Content,
            layout::RELEASE_LIST,
            layout::RELEASE_LIST_END,
        );
        let mut content = self.bucket.content.lock();
        let usage = content.usage();
        self.bucket.check_writable()?;
        Ok(self.bucket.write_content(&mut content, batch, usage)?)
    }

    /// Marks the sweep list as complete.
    pub(super) fn complete(&mut self) -> Result<(), ReleaseError> {
        let mut content = self.bucket.content.lock();
        self.write_pending(&mut content)?;
        let mut batch = self.bucket.engine.batch();
        batch.put(Family::Content, layout::RELEASE_LIST_COMPLETE_KEY, &[]);
        let usage = content.usage();
        Ok(self.bucket.write_content(&mut content, batch, usage)?)
    }

    fn is_listed(&self, listed: &[u8; 35]) -> Result<bool, ReleaseError> {
        match self.pending.get(listed) {
            Some(listed) => Ok(*listed),
            None => Ok(self.bucket.engine.get(Family::Content, listed)?.is_some()),
        }
    }

    /// Returns the children of a node; none if the node is not stored.
    fn children(&self, (hash, height): NodeRef) -> Result<Vec<NodeRef>, ReleaseError> {
        let Some(below) = height.checked_sub(1) else {
            return Ok(Vec::new());
        };
        match self.bucket.interior(&hash) {
            Ok(node) => Ok(vec![(node.left, below), (node.right, below)]),
            Err(ProveError::MissingContent { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a chunk or node on the sweep list, with all content under it.
    pub(super) fn list_subtree(&mut self, place: NodeRef) -> Result<(), ReleaseError> {
        let mut to_visit = vec![place];
        while let Some(place) = to_visit.pop() {
            let listed = list_key(place);
            if self.is_listed(&listed)? {
                continue;
            }
            to_visit.extend(self.children(place)?);
            self.pending.insert(listed, true);
            self.write_if_full()?;
        }
        Ok(())
    }

    /// Takes a chunk or node off the sweep list, with all content under it.
    pub(super) fn keep_subtree(&mut self, place: NodeRef) -> Result<(), ReleaseError> {
        let mut to_visit = vec![place];
        while let Some(place) = to_visit.pop() {
            let listed = list_key(place);
            // Nothing is listed under a node that is not listed.
            if self.is_listed(&listed)? {
                to_visit.extend(self.children(place)?);
                self.pending.insert(listed, false);
            }
        }
        Ok(())
    }

    /// Keeps content by its key.
    pub(super) fn keep_content(&mut self, key: &ContentKey) -> Result<(), ReleaseError> {
        let Some((tag, hash)) = layout::parse_content_key(key) else {
            return Ok(());
        };
        if layout::INTERIOR_NODES != [tag] {
            return self.keep_subtree((hash, 0));
        }
        match self.bucket.interior(&hash) {
            Ok(node) => self.keep_node(hash, &node),
            // Its upload has failed and removed it since.
            Err(ProveError::MissingContent { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps a stored node, which may be new above listed content.
    fn keep_node(&mut self, hash: H256, node: &InteriorValue) -> Result<(), ReleaseError> {
        let height = u8::try_from(node.subtree.height()).unwrap_or(u8::MAX);
        self.keep_subtree((hash, height))?;
        self.keep_children(height, node)
    }

    fn keep_children(&mut self, height: u8, node: &InteriorValue) -> Result<(), ReleaseError> {
        let below = height.saturating_sub(1);
        self.keep_subtree((node.left, below))?;
        self.keep_subtree((node.right, below))
    }

    /// Keeps all content under nodes that are not listed themselves: uncommitted
    /// uploads share it with the removed leaves.
    pub(super) fn keep_shared(&mut self) -> Result<(), ReleaseError> {
        let bucket = self.bucket;
        for node in bucket.interior_nodes()? {
            let (hash, node) = node?;
            let Some(node) = node else {
                let fault = format!("node {hash:?} cannot be read");
                return Err(bucket.unsound(fault).into());
            };
            let height = u8::try_from(node.subtree.height()).unwrap_or(u8::MAX);
            if !self.is_listed(&list_key((hash, height)))? {
                self.keep_children(height, &node)?;
                self.write_if_full()?;
            }
        }
        Ok(())
    }

    /// Keeps all content under nodes that the chain cannot verify, and the roots of
    /// flagged leaves. Their height says nothing about the content under them, so it is
    /// never removed.
    pub(super) fn keep_nonconforming(&mut self) -> Result<(), ReleaseError> {
        let bucket = self.bucket;
        for node in bucket.nonconforming_records()? {
            let (hash, node) = node?;
            let unreadable = || bucket.unsound(format!("node {hash:?} cannot be read"));
            if let NonconformingValue::Node { left, right, .. } = node.ok_or_else(unreadable)? {
                self.keep_hash(&left.hash)?;
                self.keep_hash(&right.hash)?;
                self.write_if_full()?;
            }
        }
        for flag in bucket.flags()? {
            let key = layout::leaf_key(flag?.0);
            let leaf = bucket.engine.get(Family::Tree, key.as_ref())?;
            if let Some(leaf) = leaf {
                let leaf = MmrLeaf::decode(&mut &*leaf);
                let leaf = leaf.map_err(|_| bucket.unsound("a flagged leaf cannot be read"))?;
                self.keep_hash(&leaf.data_root)?;
            }
        }
        Ok(())
    }

    fn keep_hash(&mut self, hash: &H256) -> Result<(), ReleaseError> {
        self.keep_content(&layout::chunk_length_key(hash))?;
        self.keep_content(&layout::interior_key(hash))
    }

    pub(super) fn write_if_full(&mut self) -> Result<(), ReleaseError> {
        if self.pending.len() < CHANGE_BATCH {
            return Ok(());
        }
        self.write_pending(&mut self.bucket.content.lock())
    }

    /// Writes the pending changes.
    pub(super) fn write_pending(&mut self, content: &mut ContentState) -> Result<(), ReleaseError> {
        self.bucket.check_writable()?;
        if self.pending.is_empty() {
            return Ok(());
        }
        let mut batch = self.bucket.engine.batch();
        for (listed, is_listed) in self.pending.drain() {
            if is_listed {
                batch.put(Family::Content, listed, &[]);
            } else {
                batch.delete(Family::Content, listed);
            }
        }
        let usage = content.usage();
        Ok(self.bucket.write_content(content, batch, usage)?)
    }
}
