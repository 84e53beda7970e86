//! Puts parts together to one content.

use super::{MIN_PART_BYTES, Part, PartGiven};
use crate::content::{Padding, children, new_leaves};
use crate::error::ObjectError;
use crate::record::ObjectRecord;
use cairn_bucket::{Bucket, Ingested, NewLeaf, StoredContent};
use cairn_primitives::chunk_tree::{self, CHUNK_BYTES, InteriorNode, Subtree, TreeBuilder};
use cairn_primitives::{ChunkIndex, H256};
use std::collections::VecDeque;
use std::io::Read;

/// The length of a chunk, as sizes are counted.
const CHUNK_SIZE: u64 = 1 << 18;
const _: () = assert!(CHUNK_BYTES == 1 << 18);

/// The content of all parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assembled {
    /// Its root and size.
    pub content: Ingested,
    /// Its leaves.
    pub leaves: Vec<NewLeaf>,
    /// The number of parts.
    pub parts: u16,
}

/// Returns the uploaded parts that a client names.
fn chosen(parts: &[Part], given: &[PartGiven]) -> Result<Vec<Part>, ObjectError> {
    let mut numbers = given.iter().map(|part| part.number);
    if given.is_empty() || !numbers.by_ref().is_sorted_by(|one, next| one < next) {
        return Err(ObjectError::PartOrder);
    }
    let mut chosen = Vec::with_capacity(given.len());
    for given in given {
        let found = parts
            .binary_search_by_key(&given.number, |part| part.number)
            .ok()
            .and_then(|at| parts.get(at))
            .filter(|part| part.data_root == given.data_root);
        let number = given.number;
        chosen.push(*found.ok_or(ObjectError::WrongPart { number })?);
    }
    let before_last = chosen.split_last().map_or(&[][..], |(_, before)| before);
    match before_last.iter().find(|part| part.size < MIN_PART_BYTES) {
        None => Ok(chosen),
        Some(&Part { number, size, .. }) => Err(ObjectError::PartTooSmall { number, size }),
    }
}

pub(super) fn assemble(
    bucket: &Bucket,
    parts: &[Part],
    given: &[PartGiven],
    padding: Padding,
) -> Result<Assembled, ObjectError> {
    let parts = chosen(parts, given)?;
    let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
    let content = match is_aligned(&parts) {
        true => join_trees(bucket, &parts)?,
        false => bucket.ingest(PartsReader::new(bucket, parts.into()))?,
    };
    let leaves = new_leaves(bucket, &content.data_root, content.data_size, padding)?;
    Ok(Assembled {
        content,
        leaves,
        parts: count,
    })
}

/// Returns whether each part but the last is whole chunks, so that their chunks are those of the
/// whole content.
fn is_aligned(parts: &[Part]) -> bool {
    let Some((last, before_last)) = parts.split_last() else {
        return false;
    };
    let is_whole = |part: &Part| part.size.checked_rem(CHUNK_SIZE) == Some(0);
    // An empty last part would be an empty chunk after others.
    before_last.iter().all(is_whole) && (before_last.is_empty() || last.size > 0)
}

/// Returns the parts whose trees are not under that of the object that they have become.
pub(super) fn outside(parts: Vec<Part>, object: &ObjectRecord) -> Vec<Part> {
    let sizes = parts.iter().map(|part| part.size);
    let is_all = usize::from(object.parts) == parts.len()
        && sizes.fold(0, u64::saturating_add) == object.size;
    if !is_all || !is_aligned(&parts) {
        return parts;
    }
    let mut before = 0u64;
    let last = parts.len().saturating_sub(1);
    let outside_part = |(at, part): (usize, Part)| {
        let chunks = chunk_tree::chunk_count(part.size);
        let slots = chunks.next_power_of_two();
        let is_node = before.checked_rem(slots) == Some(0) && (chunks == slots || at == last);
        before = before.saturating_add(chunks);
        (!is_node).then_some(part)
    };
    parts
        .into_iter()
        .enumerate()
        .filter_map(outside_part)
        .collect()
}

/// Puts the chunks of whole parts under one tree.
fn join_trees(bucket: &Bucket, parts: &[Part]) -> Result<Ingested, ObjectError> {
    let mut joined = JoinedTree {
        bucket,
        tree: TreeBuilder::new(bucket.config().profile),
        nodes: Vec::new(),
        chunks: 0,
    };
    parts.iter().try_for_each(|part| joined.push_part(part))?;
    joined.finish()
}

/// The tree over the chunks of parts.
struct JoinedTree<'b> {
    bucket: &'b Bucket,
    tree: TreeBuilder,
    /// New nodes that are not stored yet.
    nodes: Vec<InteriorNode>,
    chunks: u64,
}

/// A node under a part's root.
struct PartNode {
    hash: H256,
    height: u32,
    chunks: u64,
}

impl JoinedTree<'_> {
    /// Adds the largest subtrees of a part that are subtrees of the whole content too.
    fn push_part(&mut self, part: &Part) -> Result<(), ObjectError> {
        let gone = || ObjectError::WrongPart {
            number: part.number,
        };
        let mut left = part.size;
        let mut waiting = vec![PartNode {
            hash: part.data_root,
            height: chunk_tree::depth(part.size),
            chunks: chunk_tree::chunk_count(part.size),
        }];
        while let Some(PartNode {
            hash,
            height,
            chunks,
        }) = waiting.pop()
        {
            let slots = 1u64.checked_shl(height).unwrap_or(u64::MAX);
            if chunks == slots && self.chunks.checked_rem(slots) == Some(0) {
                let bytes = chunks.saturating_mul(CHUNK_SIZE).min(left);
                let subtree = Subtree::from_parts(height, chunks, bytes).ok_or_else(gone)?;
                // Another tree may have the hash of a chunk of 64 bytes.
                if !self.bucket.holds_subtree(&hash, subtree)? {
                    return Err(gone());
                }
                self.push(hash, subtree).ok_or_else(gone)??;
                left = left.saturating_sub(bytes);
                continue;
            }
            let (first, second) = children(self.bucket, &hash).map_err(|error| match error {
                ObjectError::ContentGone { .. } => gone(),
                error => error,
            })?;
            let height = height.saturating_sub(1);
            let full = slots / 2;
            if let Some(chunks) = chunks.checked_sub(full).filter(|after| *after > 0) {
                waiting.push(PartNode {
                    hash: second,
                    height,
                    chunks,
                });
            }
            waiting.push(PartNode {
                hash: first,
                height,
                chunks: chunks.min(full),
            });
        }
        Ok(())
    }

    /// Adds a subtree; `None` if it does not fit.
    fn push(&mut self, hash: H256, subtree: Subtree) -> Option<Result<(), ObjectError>> {
        let nodes = &mut self.nodes;
        self.tree
            .push_subtree(hash, subtree, |node| nodes.push(node))
            .ok()?;
        self.chunks = self.chunks.saturating_add(subtree.chunks());
        Some(store_nodes(self.bucket, nodes))
    }

    fn finish(self) -> Result<Ingested, ObjectError> {
        let Self {
            bucket,
            tree,
            mut nodes,
            chunks,
        } = self;
        let root = tree.finish(|node| nodes.push(node));
        store_nodes(bucket, &mut nodes)?;
        let root = root.ok_or(ObjectError::PartOrder)?;
        Ok(Ingested {
            data_root: root.root,
            data_size: root.subtree.bytes(),
            chunks,
            new_bytes: 0,
        })
    }
}

fn store_nodes(bucket: &Bucket, nodes: &mut Vec<InteriorNode>) -> Result<(), ObjectError> {
    for node in nodes.drain(..) {
        bucket.put_node(node.hash, node.left, node.right)?;
    }
    Ok(())
}

/// Reads the content of parts, one after another.
struct PartsReader<'b> {
    bucket: &'b Bucket,
    parts: VecDeque<Part>,
    chunk: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl<'b> PartsReader<'b> {
    const fn new(bucket: &'b Bucket, parts: VecDeque<Part>) -> Self {
        Self {
            bucket,
            parts,
            chunk: 0,
            bytes: Vec::new(),
            at: 0,
        }
    }

    /// Returns the next chunk; `None` at the end of all parts.
    fn next_chunk(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        while let Some(part) = self.parts.front() {
            if self.chunk < chunk_tree::chunk_count(part.size) {
                let index = ChunkIndex(self.chunk);
                self.chunk = self.chunk.saturating_add(1);
                return chunk_of(self.bucket, part, index).map(Some);
            }
            self.chunk = 0;
            self.parts.pop_front();
        }
        Ok(None)
    }
}

fn chunk_of(bucket: &Bucket, part: &Part, index: ChunkIndex) -> std::io::Result<Vec<u8>> {
    let found = match chunk_tree::depth(part.size) {
        0 => bucket.fetch(&part.data_root).map(|found| match found {
            Some(StoredContent::Chunk(bytes)) => Some(bytes),
            Some(StoredContent::Node { .. }) | None => None,
        }),
        _ => bucket
            .chunk_under(&part.data_root, index)
            .map(|found| found.map(|chunk| chunk.bytes)),
    };
    let found = found.map_err(std::io::Error::other)?;
    let expected = chunk_tree::chunk_len(index, part.size);
    found
        .filter(|bytes| Some(bytes.len()) == expected)
        .ok_or_else(|| std::io::Error::other(format!("part {} is gone", part.number)))
}

impl Read for PartsReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.at >= self.bytes.len() {
            match self.next_chunk()? {
                Some(bytes) => (self.bytes, self.at) = (bytes, 0),
                None => return Ok(0),
            }
        }
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let length = rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::HashingProfile;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// The root and all nodes of the tree over chunks that are named by numbers.
    fn tree(chunks: std::ops::Range<u64>, bytes: u64) -> (H256, HashSet<H256>) {
        let mut builder = TreeBuilder::new(HashingProfile::Plain);
        let mut nodes = HashSet::new();
        for (index, chunk) in chunks.enumerate() {
            let hash = H256::from_low_u64_be(chunk + 1);
            let length = chunk_tree::chunk_len(ChunkIndex(index as u64), bytes).unwrap();
            builder
                .push(hash, length, |node| nodes.extend([node.hash]))
                .unwrap();
            nodes.insert(hash);
        }
        let root = builder.finish(|node| nodes.extend([node.hash]));
        (root.unwrap().root, nodes)
    }

    proptest! {
        #[test]
        fn a_part_is_under_the_object_if_its_root_is_a_node_of_it(
            chunks in proptest::collection::vec(1u64..20, 1..6), short in 0..CHUNK_SIZE,
        ) {
            let all: u64 = chunks.iter().sum();
            let size = all * CHUNK_SIZE - short;
            let (data_root, nodes) = tree(0..all, size);
            let mut from = 0;
            let mut parts = Vec::new();
            for (number, count) in (1u16..).zip(&chunks) {
                let end = from + count;
                let bytes = (end * CHUNK_SIZE).min(size) - from * CHUNK_SIZE;
                let data_root = tree(from..end, bytes).0;
                parts.push(Part { number, data_root, size: bytes, modified_s: 0 });
                from = end;
            }
            let object = ObjectRecord {
                data_root,
                size,
                parts: parts.len() as u16,
                ..ObjectRecord::directory()
            };
            let expected: Vec<_> = parts
                .iter()
                .copied()
                .filter(|part| !nodes.contains(&part.data_root))
                .collect();
            prop_assert_eq!(outside(parts.clone(), &object), expected);
            // Of another object, nothing is known.
            let other = ObjectRecord { parts: 0, ..object };
            prop_assert_eq!(outside(parts.clone(), &other), parts);
        }
    }
}
