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
    };
    let mut chunks: HashMap<H256, Subtree> = HashMap::new();
    for (hash, shape) in &lost.node_shapes {
        if lost.nodes.contains(hash) {
            restoring.restore_tree(*hash, *shape, &mut chunks)?;
        }
    }
    for hash in &lost.chunks {
        // The longest that it can be, unless a node says its length.
        let longest = Subtree::chunk(cairn_primitives::chunk_tree::CHUNK_BYTES);
        if let Ok(longest) = longest {
            chunks.entry(*hash).or_insert(longest);
        }
    }
    restoring.restore_chunks(chunks)?;
    Ok(restoring.written)
}

struct Restoring<'r> {
    engine: &'r Engine,
    lost: &'r LostContent,
    source: &'r mut dyn ContentSource,
    written: u64,
}

impl Restoring<'_> {
    /// Restores a lost node, and the nodes under it that are missing. Adds the missing chunks
    /// under it to `chunks`. Writes nothing unless all nodes were found.
    fn restore_tree(
        &mut self,
        root: H256,
        shape: Subtree,
        chunks: &mut HashMap<H256, Subtree>,
    ) -> Result<(), FromSourceError> {
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
        // Children first, so that an interruption leaves complete subtrees.
        found.sort_by_key(|(_, value)| value.subtree.height());
        let mut batch = self.engine.batch();
        for (hash, value) in &found {
            let key = layout::interior_key(hash);
            batch.put(Family::Content, key, &value.to_bytes());
            self.written = self.written.saturating_add(1);
        }
        self.engine.write(batch, Durability::Synced)?;
        chunks.extend(missing_chunks);
        Ok(())
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
        let Some((left, right)) = shapes::child_shapes(value.subtree) else {
            return;
        };
        let pad = padding(self.lost.profile, left.height());
        let children = [(value.left, Some(left)), (value.right, right)];
        for (child, shape) in children {
            let Some(shape) = shape.filter(|_| child != pad) else {
                continue;
            };
            if self.is_held(&child, shape) {
                continue;
            }
            match shape.height() {
                0 => chunks.insert(child, shape),
                _ => nodes.insert(child, shape),
            };
        }
    }

    fn is_held(&self, hash: &H256, shape: Subtree) -> bool {
        let get = |key| {
            self.engine
                .get_uncached(Family::Content, key)
                .ok()
                .flatten()
        };
        if shape.height() == 0 {
            return !self.lost.chunks.contains(hash)
                && get(&layout::chunk_length_key(hash)).is_some();
        }
        let value = get(&layout::interior_key(hash));
        let value = value.and_then(|value| InteriorValue::parse(&value));
        !self.lost.nodes.contains(hash) && value.is_some_and(|value| value.subtree == shape)
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
