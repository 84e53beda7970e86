//! Restores lost content from another provider, or from any other source that is asked by hash.
//!
//! Nothing that a source returns is trusted: a chunk and a node are stored only under the hash
//! that the bucket refers to, and in the shape that the tree above requires. So the worst that a
//! source can do is to be of no use.

use super::{LostContent, shapes};
use cairn_engine::layout::{self, InteriorValue};
use cairn_engine::{Batch, Durability, Engine, EngineError, Family};
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::{Subtree, padding};
use std::collections::{HashMap, HashSet};

/// Hashes in one question to a source: 4 MiB, if all are chunks.
const QUESTION_CHUNKS: usize = 16;
/// Nodes in one question to a source.
const QUESTION_NODES: usize = 256;

/// An error of a source. What came before it was restored.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ContentSourceError(pub String);

/// Content that a source is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedContent {
    /// The hash.
    pub hash: H256,
    /// Its shape: a chunk has the height 0.
    pub shape: Subtree,
}

/// Content as a source returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundContent {
    /// The bytes of a chunk.
    Chunk(Vec<u8>),
    /// The children of an interior node, left and right.
    Node(H256, H256),
}

/// A source of content by hash, such as another provider of the same bucket.
pub trait ContentSource {
    /// Passes to `take` the wanted content that the source has, in any order. `take` returns false
    /// for content that is wrong or was not asked for.
    ///
    /// # Errors
    ///
    /// [`ContentSourceError`] if the source cannot be asked any more.
    fn fetch(
        &mut self,
        wanted: &[WantedContent],
        take: &mut dyn FnMut(H256, FoundContent) -> bool,
    ) -> Result<(), ContentSourceError>;
}

/// An error of restoring content from a source.
#[derive(Debug, thiserror::Error)]
pub(super) enum FromSourceError {
    #[error(transparent)]
    Source(#[from] ContentSourceError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Restores lost content from a source. Returns the number of records written.
pub(super) fn restore_from_source(
    engine: &Engine,
    lost: &LostContent,
    source: &mut dyn ContentSource,
) -> Result<u64, FromSourceError> {
    let mut restoring = Restoring {
        engine,
        lost,
        source,
        written: 0,
        restored: HashSet::new(),
    };
    let shapes = lost.node_shapes.iter();
    let mut nodes: Vec<_> = shapes
        .filter(|(hash, _)| lost.nodes.contains(*hash))
        .map(|(hash, shape)| (*hash, *shape))
        .collect();
    // What is lost under another lost node comes before it.
    nodes.sort_by_key(|(_, shape)| shape.height());
    restoring.restore_trees(&nodes)?;
    let mut chunks: HashMap<H256, Subtree> = HashMap::new();
    for hash in &lost.chunks {
        // The longest that it can be: no node says its length.
        let longest = Subtree::chunk(cairn_primitives::chunk_tree::CHUNK_BYTES);
        if let Ok(longest) = longest
            && !restoring.restored.contains(&(*hash, true))
        {
            chunks.insert(*hash, longest);
        }
    }
    restoring.restore_chunks(chunks)?;
    // Those above chunks that were missing until now.
    restoring.restore_trees(&nodes)?;
    Ok(restoring.written)
}

struct Restoring<'r> {
    engine: &'r Engine,
    lost: &'r LostContent,
    source: &'r mut dyn ContentSource,
    written: u64,
    /// The records that were written: the hash, and true for a chunk.
    restored: HashSet<(H256, bool)>,
}

impl Restoring<'_> {
    /// Restores lost nodes that are not restored yet.
    fn restore_trees(&mut self, nodes: &[(H256, Subtree)]) -> Result<(), FromSourceError> {
        for (hash, shape) in nodes {
            if !self.restored.contains(&(*hash, false)) {
                self.restore_tree(*hash, *shape)?;
            }
        }
        Ok(())
    }

    /// Restores a lost node with everything under it that is missing. Writes no node unless all
    /// nodes were found, and none before everything under it is here: a commit of its content
    /// relies on that (I1).
    fn restore_tree(&mut self, root: H256, shape: Subtree) -> Result<(), FromSourceError> {
        let mut found: Vec<(H256, InteriorValue)> = Vec::new();
        let mut level = HashMap::from([(root, shape)]);
        let mut missing_chunks = HashMap::new();
        while !level.is_empty() {
            let asked: Vec<_> = level
                .iter()
                .map(|(hash, shape)| WantedContent {
                    hash: *hash,
                    shape: *shape,
                })
                .collect();
            let mut below = HashMap::new();
            for question in asked.chunks(QUESTION_NODES) {
                for (node, value) in self.ask_nodes(question)? {
                    level.remove(&node);
                    found.push((node, value));
                    self.note_children(&value, &mut below, &mut missing_chunks);
                }
            }
            if !level.is_empty() {
                // The source lacks a node, so that what is above it cannot be stored.
                return Ok(());
            }
            level = below;
        }
        missing_chunks.retain(|hash, _| !self.restored.contains(&(*hash, true)));
        let fetched = self.restore_chunks(missing_chunks);
        // Chunks that came before an error complete what they complete.
        self.write_complete(found)?;
        fetched
    }

    /// Writes the nodes under which everything is held, children first.
    fn write_complete(&mut self, mut found: Vec<(H256, InteriorValue)>) -> Result<(), EngineError> {
        found.sort_by_key(|(_, value)| value.subtree.height());
        let mut batch = self.engine.batch();
        let before = self.written;
        let mut known = HashMap::new();
        for (hash, value) in &found {
            let children = self.children(value);
            let is_complete =
                |(child, shape): &(H256, Subtree)| self.is_complete(child, *shape, &mut known);
            if !children.iter().all(is_complete) {
                continue;
            }
            let key = layout::interior_key(hash);
            batch.put(Family::Content, key, &value.to_bytes());
            self.restored.insert((*hash, false));
            self.written = self.written.saturating_add(1);
        }
        match self.written == before {
            true => Ok(()),
            false => self.engine.write(batch, Durability::Synced),
        }
    }

    /// Returns whether everything under a hash is held. `known` has the answers for nodes that were
    /// looked at before.
    fn is_complete(&self, hash: &H256, shape: Subtree, known: &mut HashMap<H256, bool>) -> bool {
        let is_chunk = shape.height() == 0;
        if self.restored.contains(&(*hash, is_chunk)) {
            return true;
        }
        if is_chunk || !self.is_held(hash, shape) {
            return is_chunk && self.is_held(hash, shape);
        }
        if let Some(known) = known.get(hash) {
            return *known;
        }
        // As deep as a tree is high.
        let children = self.node(hash).map(|value| self.children(&value));
        let is_complete = children.is_some_and(|children| {
            let mut children = children.iter();
            children.all(|(child, shape)| self.is_complete(child, *shape, known))
        });
        known.insert(*hash, is_complete);
        is_complete
    }

    fn node(&self, hash: &H256) -> Option<InteriorValue> {
        let value = self
            .engine
            .get_uncached(Family::Content, &layout::interior_key(hash));
        InteriorValue::parse(&value.ok().flatten()?)
    }

    /// Returns the children of a node, without padding.
    fn children(&self, value: &InteriorValue) -> Vec<(H256, Subtree)> {
        let Some((left, right)) = shapes::child_shapes(value.subtree) else {
            return Vec::new();
        };
        let pad = padding(self.lost.profile, left.height());
        let children = [(value.left, Some(left)), (value.right, right)];
        let content = children.into_iter().filter(|(child, _)| *child != pad);
        content
            .filter_map(|(child, shape)| Some((child, shape?)))
            .collect()
    }

    fn ask_nodes(
        &mut self,
        question: &[WantedContent],
    ) -> Result<Vec<(H256, InteriorValue)>, FromSourceError> {
        let mut wanted: HashMap<_, _> = question.iter().map(|one| (one.hash, one.shape)).collect();
        let profile = self.lost.profile;
        let mut found = Vec::new();
        self.source.fetch(question, &mut |hash, content| {
            let FoundContent::Node(left, right) = content else {
                return false;
            };
            if profile.node(&left, &right) != hash {
                return false;
            }
            let Some(subtree) = wanted.remove(&hash) else {
                return false;
            };
            let value = InteriorValue {
                left,
                right,
                subtree,
            };
            found.push((hash, value));
            true
        })?;
        Ok(found)
    }

    /// Adds the children of a node that are missing here.
    fn note_children(
        &self,
        value: &InteriorValue,
        nodes: &mut HashMap<H256, Subtree>,
        chunks: &mut HashMap<H256, Subtree>,
    ) {
        for (child, shape) in self.children(value) {
            let is_chunk = shape.height() == 0;
            if self.restored.contains(&(child, is_chunk)) || self.is_held(&child, shape) {
                continue;
            }
            match is_chunk {
                true => chunks.insert(child, shape),
                false => nodes.insert(child, shape),
            };
        }
    }

    fn is_held(&self, hash: &H256, shape: Subtree) -> bool {
        if shape.height() == 0 {
            let key = layout::chunk_length_key(hash);
            let length = self.engine.get_uncached(Family::Content, &key);
            return !self.lost.chunks.contains(hash) && length.is_ok_and(|length| length.is_some());
        }
        !self.lost.nodes.contains(hash)
            && self.node(hash).is_some_and(|value| value.subtree == shape)
    }

    fn restore_chunks(&mut self, chunks: HashMap<H256, Subtree>) -> Result<(), FromSourceError> {
        let wanted: Vec<_> = chunks
            .into_iter()
            .map(|(hash, shape)| WantedContent { hash, shape })
            .collect();
        for question in wanted.chunks(QUESTION_CHUNKS) {
            let mut batch = self.engine.batch();
            let mut put = HashSet::new();
            let fetched = self.source.fetch(question, &mut |hash, content| {
                let FoundContent::Chunk(bytes) = content else {
                    return false;
                };
                put_chunk(&mut batch, self.lost, question, &mut put, (hash, &bytes))
            });
            // What came before an error is right.
            if !put.is_empty() {
                self.engine.write(batch, Durability::Synced)?;
                let more = u64::try_from(put.len()).unwrap_or(u64::MAX);
                self.written = self.written.saturating_add(more);
                self.restored
                    .extend(put.into_iter().map(|hash| (hash, true)));
            }
            fetched?;
        }
        Ok(())
    }
}

/// Adds a chunk to a batch if it was asked for, once. Returns whether it is right.
fn put_chunk(
    batch: &mut Batch<'_>,
    lost: &LostContent,
    question: &[WantedContent],
    put: &mut HashSet<H256>,
    (hash, bytes): (H256, &[u8]),
) -> bool {
    let is_wanted = question.iter().any(|one| {
        let longest = one.shape.bytes();
        one.hash == hash && u64::try_from(bytes.len()).is_ok_and(|length| length <= longest)
    });
    let Ok(length) = u32::try_from(bytes.len()) else {
        return false;
    };
    if !is_wanted || lost.profile.chunk(bytes) != hash {
        return false;
    }
    if put.insert(hash) {
        batch.put(Family::Content, layout::chunk_key(&hash), bytes);
        let length = layout::chunk_length_value(length);
        batch.put(Family::Content, layout::chunk_length_key(&hash), &length);
    }
    true
}
