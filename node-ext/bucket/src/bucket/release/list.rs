//! The list of content that a release removes. It is on disk, so that it needs no memory
//! and an interrupted release can be completed.
//!
//! Content that must stay is taken off the list. Invariant: after
//! [`SweepList::keep_what_others_need`], and as long as [`SweepList::keep`] is called
//! for all newly needed content, nothing under a stored node that is not listed is
//! listed.

use crate::bucket::Bucket;
use crate::bucket::content::{ContentKey, ContentState};
use crate::error::{ProveError, ReleaseError};
use cairn_engine::Family;
use cairn_engine::layout::{self, InteriorValue, UnshapedValue};
use cairn_primitives::{H256, MmrLeaf, chunk_tree};
use codec::Decode;
use std::collections::HashMap;

/// Changes of the list that are written at once; in tests few, so that they can
/// interrupt a release anywhere.
const CHANGES_AT_ONCE: usize = if cfg!(test) { 2 } else { 1024 };

/// The hash of a chunk or node, and its height above the chunks.
pub(super) type Place = (H256, u8);

/// Returns the hash and height of a leaf's data root.
pub(super) fn root_of(leaf: &MmrLeaf) -> Place {
    let depth = chunk_tree::depth(leaf.data_size);
    (leaf.data_root, u8::try_from(depth).unwrap_or(u8::MAX))
}

fn key_of((hash, height): Place) -> ContentKey {
    match height {
        0 => layout::chunk_length_key(&hash),
        _ => layout::interior_key(&hash),
    }
}

fn listed_key_of(place: Place) -> [u8; 35] {
    layout::listed_key(place.1, &key_of(place))
}

/// The list, with changes that are not written yet.
pub(super) struct SweepList<'b> {
    bucket: &'b Bucket,
    /// For each changed key, whether it is put on the list or taken off.
    pending: HashMap<[u8; 35], bool>,
}

impl<'b> SweepList<'b> {
    pub(super) fn new(bucket: &'b Bucket) -> Self {
        Self {
            bucket,
            pending: HashMap::new(),
        }
    }

    /// Returns whether an earlier release has completed the list, but not the removal.
    pub(super) fn is_complete(&self) -> Result<bool, ReleaseError> {
        let engine = &self.bucket.engine;
        Ok(engine
            .get(Family::Content, layout::LIST_COMPLETE_KEY)?
            .is_some())
    }

    /// Takes everything off the list.
    pub(super) fn clear(&mut self) -> Result<(), ReleaseError> {
        self.pending.clear();
        let mut batch = self.bucket.engine.batch();
        batch.delete_range(Family::Content, layout::LISTED, layout::LISTED_END);
        let mut content = self.bucket.content.lock();
        let usage = content.usage();
        self.bucket.usable()?;
        Ok(self.bucket.write_content(&mut content, batch, usage)?)
    }

    /// Marks the list as complete.
    pub(super) fn complete(&mut self) -> Result<(), ReleaseError> {
        let mut content = self.bucket.content.lock();
        self.write_pending(&mut content)?;
        let mut batch = self.bucket.engine.batch();
        batch.put(Family::Content, layout::LIST_COMPLETE_KEY, &[]);
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
    fn children(&self, (hash, height): Place) -> Result<Vec<Place>, ReleaseError> {
        let Some(below) = height.checked_sub(1) else {
            return Ok(Vec::new());
        };
        match self.bucket.interior(&hash) {
            Ok(node) => Ok(vec![(node.left, below), (node.right, below)]),
            Err(ProveError::MissingContent { .. }) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// Puts a chunk or node on the list, with all content under it.
    pub(super) fn list(&mut self, place: Place) -> Result<(), ReleaseError> {
        let mut to_visit = vec![place];
        while let Some(place) = to_visit.pop() {
            let listed = listed_key_of(place);
            if self.is_listed(&listed)? {
                continue;
            }
            to_visit.extend(self.children(place)?);
            self.pending.insert(listed, true);
            self.write_if_many()?;
        }
        Ok(())
    }

    /// Takes a chunk or node off the list, with all content under it.
    pub(super) fn keep(&mut self, place: Place) -> Result<(), ReleaseError> {
        let mut to_visit = vec![place];
        while let Some(place) = to_visit.pop() {
            let listed = listed_key_of(place);
            // Nothing is listed under a node that is not listed.
            if self.is_listed(&listed)? {
                to_visit.extend(self.children(place)?);
                self.pending.insert(listed, false);
            }
        }
        Ok(())
    }

    /// Keeps content by its key.
    pub(super) fn keep_key(&mut self, key: &ContentKey) -> Result<(), ReleaseError> {
        let Some((tag, hash)) = layout::parse_content_key(key) else {
            return Ok(());
        };
        if layout::INTERIOR_NODES != [tag] {
            return self.keep((hash, 0));
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
        self.keep((hash, height))?;
        self.keep_under(height, node)
    }

    fn keep_under(&mut self, height: u8, node: &InteriorValue) -> Result<(), ReleaseError> {
        let below = height.saturating_sub(1);
        self.keep((node.left, below))?;
        self.keep((node.right, below))
    }

    /// Keeps all content under nodes that are not listed themselves: uncommitted
    /// uploads share it with the removed leaves.
    pub(super) fn keep_what_others_need(&mut self) -> Result<(), ReleaseError> {
        let bucket = self.bucket;
        for node in bucket.each_node()? {
            let (hash, node) = node?;
            let Some(node) = node else {
                let fault = format!("node {hash:?} cannot be read");
                return Err(bucket.unsound(fault).into());
            };
            let height = u8::try_from(node.subtree.height()).unwrap_or(u8::MAX);
            if !self.is_listed(&listed_key_of((hash, height)))? {
                self.keep_under(height, &node)?;
                self.write_if_many()?;
            }
        }
        Ok(())
    }

    /// Keeps all content under nodes that the chain cannot verify, and the roots of
    /// flagged leaves. Their height says nothing about the content under them, so it is
    /// never removed.
    pub(super) fn keep_unprovable(&mut self) -> Result<(), ReleaseError> {
        let bucket = self.bucket;
        for node in bucket.stored_unshaped()? {
            let (hash, node) = node?;
            let unreadable = || bucket.unsound(format!("node {hash:?} cannot be read"));
            if let UnshapedValue::Node { left, right, .. } = node.ok_or_else(unreadable)? {
                self.keep_as_either(&left.hash)?;
                self.keep_as_either(&right.hash)?;
                self.write_if_many()?;
            }
        }
        for flag in bucket.flags()? {
            let key = layout::leaf_key(flag?.0);
            let leaf = bucket.engine.get(Family::Tree, key.as_ref())?;
            if let Some(leaf) = leaf {
                let leaf = MmrLeaf::decode(&mut &*leaf);
                let leaf = leaf.map_err(|_| bucket.unsound("a flagged leaf cannot be read"))?;
                self.keep_as_either(&leaf.data_root)?;
            }
        }
        Ok(())
    }

    fn keep_as_either(&mut self, hash: &H256) -> Result<(), ReleaseError> {
        self.keep_key(&layout::chunk_length_key(hash))?;
        self.keep_key(&layout::interior_key(hash))
    }

    pub(super) fn write_if_many(&mut self) -> Result<(), ReleaseError> {
        if self.pending.len() < CHANGES_AT_ONCE {
            return Ok(());
        }
        self.write_pending(&mut self.bucket.content.lock())
    }

    /// Writes the pending changes.
    pub(super) fn write_pending(&mut self, content: &mut ContentState) -> Result<(), ReleaseError> {
        self.bucket.usable()?;
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
