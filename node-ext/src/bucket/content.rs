//! What the content lock guards: which content is here, what it takes, and
//! what of it unfinished uploads may still take back.
//!
//! A node is stored only after its children, with the shape of what is under
//! it; so that a stored node means a whole, provable subtree, and a commit
//! needs to look at the root alone (I1).
//!
//! What an unfinished upload stores is *claimed*: other uploads of the same
//! content claim it too, and nodes and commits of others do not build on it.

use super::Bucket;
use super::charge::{CHUNK_RECORDS, NODE_RECORD, OverQuota};
use super::uploads::Uploads;
use crate::engine::{Batch, Durability, EngineError, Family};
use crate::error::IngestError;
use crate::layout::{self, InteriorValue, Usage};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{InteriorNode, ShapeError};
use codec::Encode;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A key in the content family, without the tag of a chunk's bytes.
pub(super) type ContentKey = [u8; 33];

/// What the content lock guards.
pub(super) struct ContentState {
    usage: Usage,
    /// How often content was written since the bucket was opened.
    writes: u64,
    /// For each key that unfinished uploads have stored, how many claim it.
    pub(super) claims: HashMap<ContentKey, u32>,
    /// Whether content was written without a log and may not be on disk yet.
    /// Until it is, no content is logged, so that what a crash leaves is always
    /// the beginning of what was written; and nothing is committed.
    unlogged: bool,
    /// Which chunks came and went since somebody last asked, in order, where
    /// somebody wants to know.
    changes: Option<Vec<ContentChange>>,
    pub(super) uploads: Uploads,
    /// While content is being released: what uploads have found or stored since
    /// that began, and will build on.
    pub(super) relied_on: Option<HashSet<ContentKey>>,
}

/// A chunk that came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContentChange {
    pub(crate) hash: H256,
    /// Its length in bytes; `None` when it went.
    pub(crate) length: Option<u32>,
}

impl ContentState {
    pub(super) fn new(usage: Usage) -> Self {
        Self {
            usage,
            writes: 0,
            claims: HashMap::new(),
            unlogged: false,
            changes: None,
            uploads: Uploads::default(),
            relied_on: None,
        }
    }

    /// Notes that somebody has found or stored content, and may build on it.
    fn rely_on(&mut self, key: &ContentKey) {
        if let Some(relied_on) = &mut self.relied_on {
            relied_on.insert(*key);
        }
    }

    fn changed(&mut self, hash: H256, length: Option<u32>) {
        if let Some(changes) = &mut self.changes {
            changes.push(ContentChange { hash, length });
        }
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Stops logging content, until it is next made durable.
    pub(super) fn stop_logging(&mut self) {
        self.unlogged = true;
    }
}

impl Bucket {
    pub(super) fn settled_in(
        &self,
        content: &ContentState,
        key: &ContentKey,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        if content.claims.contains_key(key) {
            return Ok(None);
        }
        self.engine.get(Family::Content, key)
    }

    /// Reads a record of content that no unfinished upload may take back.
    pub(super) fn settled(&self, key: &ContentKey) -> Result<Option<Vec<u8>>, EngineError> {
        self.settled_in(&self.content.lock(), key)
    }

    /// Whether the bucket holds a chunk or interior node of this hash, which
    /// no unfinished upload may take back.
    ///
    /// # Errors
    ///
    /// The database's failure.
    pub fn contains(&self, hash: &H256) -> Result<bool, EngineError> {
        Ok(self.settled(&layout::chunk_length_key(hash))?.is_some()
            || self.settled(&layout::interior_key(hash))?.is_some())
    }

    /// Stores a chunk unless it is there, in the content lock.
    pub(super) fn store_chunk(
        &self,
        content: &mut ContentState,
        hash: &H256,
        bytes: &[u8],
    ) -> Result<bool, IngestError> {
        let key = layout::chunk_length_key(hash);
        content.rely_on(&key);
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
        self.check_room(CHUNK_RECORDS.saturating_add(length.into()))?;
        let mut usage = content.usage;
        usage.bytes = usage.bytes.saturating_add(length.into());
        usage.chunks = usage.chunks.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, layout::chunk_key(hash), bytes);
        batch.put(Family::Content, key, &layout::chunk_length_value(length));
        self.write_content(content, batch, usage)?;
        content.changed(*hash, Some(length));
        Ok(true)
    }

    /// Whether the quota and the disk have room for content that is charged so
    /// many bytes.
    fn check_room(&self, needed: u64) -> Result<(), IngestError> {
        if let Some(OverQuota { used, needed }) = self.over_quota(needed) {
            return Err(IngestError::Quota {
                bucket: self.id,
                needed,
                used,
                max: self.config.max_bytes,
            });
        }
        Ok(self.engine.shared().admit(needed)?)
    }

    /// How often content was written since the bucket was opened: what was seen
    /// of it is of one moment if that is as it was before.
    pub(crate) fn content_writes(&self) -> u64 {
        self.content.lock().writes
    }

    /// Has the bucket remember which chunks come and go.
    pub(crate) fn remember_changes(&self) {
        self.content.lock().changes.get_or_insert_with(Vec::new);
    }

    /// Which chunks came and went since the last call, in order.
    pub(crate) fn take_changes(&self) -> Vec<ContentChange> {
        let mut content = self.content.lock();
        content
            .changes
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Stores an interior node unless it is there, in the content lock.
    pub(super) fn store_interior(
        &self,
        content: &mut ContentState,
        node: &InteriorNode,
    ) -> Result<bool, IngestError> {
        let key = layout::interior_key(&node.hash);
        content.rely_on(&key);
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
        self.check_room(NODE_RECORD)?;
        let mut usage = content.usage;
        usage.interior_nodes = usage.interior_nodes.saturating_add(1);
        let mut batch = self.engine.batch();
        batch.put(Family::Content, key, &value);
        self.write_content(content, batch, usage)?;
        Ok(true)
    }

    /// Writes changes of the content family, with the usage after them.
    pub(super) fn write_content(
        &self,
        content: &mut ContentState,
        mut batch: Batch<'_>,
        usage: Usage,
    ) -> Result<(), EngineError> {
        batch.put(Family::Content, layout::USAGE_KEY, &usage.encode());
        let written = if content.unlogged {
            self.engine.write_unlogged(batch)
        } else {
            self.engine.write(batch, Durability::Buffered)
        };
        written.map_err(|error| self.poisoned_by(error))?;
        content.usage = usage;
        self.charged.content_is(usage);
        content.writes = content.writes.saturating_add(1);
        Ok(())
    }

    /// Makes content that was not logged durable, so that leaves may refer to it.
    pub(super) fn flush_unlogged(&self) -> Result<(), EngineError> {
        self.flush_unlogged_in(&mut self.content.lock())
    }

    fn flush_unlogged_in(&self, content: &mut ContentState) -> Result<(), EngineError> {
        if content.unlogged {
            self.engine
                .flush(Family::Content)
                .map_err(|error| self.poisoned_by(error))?;
            content.unlogged = false;
        }
        Ok(())
    }

    /// Makes a copy of the database in `path`, which must not be there: all that
    /// was committed and stored when this was called, and a beginning of what
    /// came meanwhile.
    ///
    /// Holds up uploads, and commits that begin meanwhile: the copy lists the
    /// files first and copies the log afterwards. A leaf that is only in the log
    /// must not come with it while its content, written without a log, does not.
    pub(crate) fn checkpoint(&self, path: &Path) -> Result<(), EngineError> {
        let mut content = self.content.lock();
        self.flush_unlogged_in(&mut content)?;
        self.engine.checkpoint(path).map_err(|error| {
            // It may be where the copy goes to that failed, or what is copied.
            match self.engine.has_failed() {
                Ok(false) => error,
                Ok(true) | Err(_) => self.poisoned_by(error),
            }
        })
    }

    /// Removes records of content in one write.
    pub(super) fn remove_content(
        &self,
        content: &mut ContentState,
        keys: &[ContentKey],
    ) -> Result<(), EngineError> {
        self.remove_content_with(content, keys, self.engine.batch())
    }

    /// Removes records of content in one write with what is in `batch`.
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
                continue;
            }
            let length = self.engine.get(Family::Content, key)?;
            let length = length.and_then(|value| layout::parse_chunk_length(&value));
            usage.bytes = usage.bytes.saturating_sub(length.unwrap_or(0).into());
            usage.chunks = usage.chunks.saturating_sub(1);
            batch.delete(Family::Content, layout::chunk_key(&hash));
            removed.push(hash);
        }
        self.write_content(content, batch, usage)?;
        removed
            .into_iter()
            .for_each(|hash| content.changed(hash, None));
        Ok(())
    }
}
