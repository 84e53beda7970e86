//! The state under the content lock: stored content, its size, and the claims of
//! unfinished uploads.
//!
//! A node is stored only after its children, with the shape of its subtree. So a
//! stored node implies a complete, provable subtree, and a commit needs to check the
//! root alone (I1).
//!
//! An unfinished upload *claims* the content that it stores, and removes it again if
//! it fails. Other uploads of the same content claim it too; other nodes and commits
//! do not build on it.

use super::Bucket;
use super::charge::{CHUNK_CHARGE, NODE_CHARGE, OverQuota};
use super::uploads::UploadCounts;
use crate::error::IngestError;
use cairn_engine::layout::{self, InteriorValue, StorageUsage};
use cairn_engine::{Batch, Durability, EngineError, Family};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{InteriorNode, ShapeError, Subtree};
use codec::Encode;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A key in the content family, without the tag of a chunk's bytes.
pub(super) type ContentKey = [u8; 33];

/// The state under the content lock.
pub(super) struct ContentState {
    usage: StorageUsage,
    /// Writes of content since the bucket was opened.
    writes: u64,
    /// The number of unfinished uploads that claim a key.
    pub(super) claims: HashMap<ContentKey, u32>,
    /// Set while content that was written without a log may not be durable. Until a
    /// flush, no content is logged, so that a crash always leaves a prefix of the
    /// writes; and nothing is committed.
    unlogged: bool,
    /// Content stored and removed since the last [`Bucket::take_changes`], in order;
    /// `None` until [`Bucket::track_changes`].
    changes: Option<Vec<ContentChange>>,
    pub(super) uploads: UploadCounts,
    /// During a release: content that uploads have found or stored since it began,
    /// and may build on.
    pub(super) relied_on: Option<HashSet<ContentKey>>,
}

/// Content that was stored or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentChange {
    /// A chunk.
    Chunk {
        /// The chunk's hash.
        hash: H256,
        /// Its length in bytes; `None` if it was removed.
        length: Option<u32>,
    },
    /// An interior node of a chunk tree.
    Node {
        /// The node's hash.
        hash: H256,
        /// False if it was removed.
        is_held: bool,
    },
}

impl ContentState {
    pub(super) fn new(usage: StorageUsage) -> Self {
        Self {
            usage,
            writes: 0,
            claims: HashMap::new(),
            unlogged: false,
            changes: None,
            uploads: UploadCounts::default(),
            relied_on: None,
        }
    }

    /// Records that an upload has found or stored content, and may build on it.
    fn note_reliance(&mut self, key: &ContentKey) {
        if let Some(relied_on) = &mut self.relied_on {
            relied_on.insert(*key);
        }
    }

    fn record_change(&mut self, change: ContentChange) {
        if let Some(changes) = &mut self.changes {
            changes.push(change);
        }
    }

    pub(super) fn usage(&self) -> StorageUsage {
        self.usage
    }

    /// Stops logging content, until it is next made durable.
    pub(super) fn stop_logging(&mut self) {
        self.unlogged = true;
    }
}

impl Bucket {
    pub(super) fn read_unclaimed_in(
        &self,
        content: &ContentState,
        key: &ContentKey,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        if content.claims.contains_key(key) {
            return Ok(None);
        }
        self.engine.get(Family::Content, key)
    }

    /// Reads a record of content, unless an unfinished upload claims it.
    pub(super) fn read_unclaimed(&self, key: &ContentKey) -> Result<Option<Vec<u8>>, EngineError> {
        self.read_unclaimed_in(&self.content.lock(), key)
    }

    /// Returns whether the bucket holds a chunk or interior node of this hash that
    /// no unfinished upload claims.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn contains(&self, hash: &H256) -> Result<bool, EngineError> {
        Ok(self
            .read_unclaimed(&layout::chunk_length_key(hash))?
            .is_some()
            || self.read_unclaimed(&layout::interior_key(hash))?.is_some())
    }

    /// Returns whether the bucket holds a node of this shape under a hash, and so everything
    /// below it (I1). A chunk has the height 0.
    ///
    /// # Errors
    ///
    /// [`IngestError`] if its record cannot be read.
    pub fn holds_subtree(&self, hash: &H256, shape: Subtree) -> Result<bool, IngestError> {
        let content = self.content.lock();
        let read = |key: &ContentKey| self.read_unclaimed_in(&content, key);
        let stored = self.stored_subtrees(&read, hash)?;
        Ok(stored.contains(&shape))
    }

    /// Stores a chunk unless it is stored already. Returns whether it is new.
    pub(super) fn store_chunk(
        &self,
        content: &mut ContentState,
        hash: &H256,
        bytes: &[u8],
    ) -> Result<bool, IngestError> {
        let key = layout::chunk_length_key(hash);
        content.note_reliance(&key);
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(false);
        }
        let too_long = || ShapeError::ChunkTooLong {
            length: bytes.len(),
        };
        let length = u32::try_from(bytes.len()).map_err(|_| IngestError::Shape {
            hash: *hash,
            reason: too_long(),
        })?;
        self.check_room(CHUNK_CHARGE.saturating_add(length.into()))?;
        let mut usage = content.usage;
        usage.bytes = usage.bytes.saturating_add(length.into());
        usage.chunks = usage.chunks.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, layout::chunk_key(hash), bytes);
        batch.put(Family::Content, key, &layout::chunk_length_value(length));
        self.write_content(content, batch, usage)?;
        content.record_change(ContentChange::Chunk {
            hash: *hash,
            length: Some(length),
        });
        Ok(true)
    }

    /// Checks that the quota and the disk have room for content charged `needed` bytes.
    fn check_room(&self, needed: u64) -> Result<(), IngestError> {
        if let Some(OverQuota { used, needed }) = self.quota_excess(needed) {
            return Err(IngestError::Quota {
                bucket: self.id,
                needed,
                used,
                max: self.quota(),
            });
        }
        Ok(self.engine.shared().admit(needed)?)
    }

    /// Returns the number of content writes since the bucket was opened. If it is the
    /// same before and after a read, the read saw one state.
    pub(crate) fn content_writes(&self) -> u64 {
        self.content.lock().writes
    }

    /// Starts recording which chunks and interior nodes are stored and removed.
    pub fn track_changes(&self) {
        self.content.lock().changes.get_or_insert_with(Vec::new);
    }

    /// Takes the content stored and removed since the last call, in order.
    pub fn take_changes(&self) -> Vec<ContentChange> {
        let mut content = self.content.lock();
        content
            .changes
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Stores an interior node unless it is stored already. Returns whether it is new.
    pub(super) fn store_interior(
        &self,
        content: &mut ContentState,
        node: &InteriorNode,
    ) -> Result<bool, IngestError> {
        let key = layout::interior_key(&node.hash);
        content.note_reliance(&key);
        if self.engine.get(Family::Content, &key)?.is_some() {
            return Ok(false);
        }
        let InteriorNode {
            left,
            right,
            subtree,
            ..
        } = *node;
        let value = InteriorValue {
            left,
            right,
            subtree,
        }
        .to_bytes();
        self.check_room(NODE_CHARGE)?;
        let mut usage = content.usage;
        usage.interior_nodes = usage.interior_nodes.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, key, &value);
        self.write_content(content, batch, usage)?;
        content.record_change(ContentChange::Node {
            hash: node.hash,
            is_held: true,
        });
        Ok(true)
    }

    /// Writes changes to the content family together with the resulting usage.
    pub(super) fn write_content(
        &self,
        content: &mut ContentState,
        mut batch: Batch<'_>,
        usage: StorageUsage,
    ) -> Result<(), EngineError> {
        batch.put(Family::Content, layout::USAGE_KEY, &usage.encode());
        let written = if content.unlogged {
            self.engine.write_unlogged(batch)
        } else {
            self.engine.write(batch, Durability::Buffered)
        };
        written.map_err(|error| self.poison_with(error))?;
        content.usage = usage;
        self.charge_cache.set_content(usage);
        content.writes = content.writes.saturating_add(1);
        Ok(())
    }

    /// Makes unlogged content durable, so that leaves may refer to it.
    pub(super) fn flush_unlogged(&self) -> Result<(), EngineError> {
        self.flush_unlogged_in(&mut self.content.lock())
    }

    fn flush_unlogged_in(&self, content: &mut ContentState) -> Result<(), EngineError> {
        if content.unlogged {
            self.engine
                .flush(Family::Content)
                .map_err(|error| self.poison_with(error))?;
            content.unlogged = false;
        }
        Ok(())
    }

    /// Copies the database to `path`, which must not exist yet: everything committed
    /// and stored before the call, and a prefix of the writes during it.
    ///
    /// Blocks uploads, and commits that begin during the call. The copy lists the files
    /// first and copies the log afterwards. Otherwise it could hold a leaf from the log
    /// without its content, which was written without a log.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), EngineError> {
        let mut content = self.content.lock();
        self.flush_unlogged_in(&mut content)?;
        self.engine.checkpoint(path).map_err(|error| {
            // The target of the copy may have failed, or this database.
            match self.engine.has_background_errors() {
                Ok(false) => error,
                Ok(true) | Err(_) => self.poison_with(error),
            }
        })
    }

    /// Removes content records in one write.
    pub(super) fn remove_content(
        &self,
        content: &mut ContentState,
        keys: &[ContentKey],
    ) -> Result<(), EngineError> {
        self.remove_content_with(content, keys, self.engine.batch())
    }

    /// Removes content records in one write together with the contents of `batch`.
    pub(super) fn remove_content_with(
        &self,
        content: &mut ContentState,
        keys: &[ContentKey],
        mut batch: Batch<'_>,
    ) -> Result<(), EngineError> {
        let mut usage = content.usage;
        let mut removed = Vec::new();
        for key in keys {
            batch.delete(Family::Content, key);
            let Some((tag, hash)) = layout::parse_content_key(key) else {
                continue;
            };
            if layout::INTERIOR_NODES == [tag] {
                usage.interior_nodes = usage.interior_nodes.saturating_sub(1);
                let is_held = false;
                removed.push(ContentChange::Node { hash, is_held });
                continue;
            }
            let length = self.engine.get(Family::Content, key)?;
            let length = length.and_then(|value| layout::parse_chunk_length(&value));
            usage.bytes = usage.bytes.saturating_sub(length.unwrap_or(0).into());
            usage.chunks = usage.chunks.saturating_sub(1);
            batch.delete(Family::Content, layout::chunk_key(&hash));
            let length = None;
            removed.push(ContentChange::Chunk { hash, length });
        }
        self.write_content(content, batch, usage)?;
        removed
            .into_iter()
            .for_each(|change| content.record_change(change));
        Ok(())
    }
}
