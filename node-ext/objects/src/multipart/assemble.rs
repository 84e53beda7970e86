//! Puts parts together to one content.

use super::{MIN_PART_BYTES, Part, PartGiven};
use crate::content::{Padding, children, new_leaves};
use crate::error::ObjectError;
use cairn_bucket::{Bucket, Ingested, NewLeaf, StoredContent};
use cairn_primitives::chunk_tree::{self, CHUNK_BYTES, TreeBuilder};
use cairn_primitives::{ChunkIndex, H256};
use std::collections::VecDeque;
use std::io::Read;

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
    let chunk = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
    let before_last = parts.split_last().map_or(&[][..], |(_, before)| before);
    let is_aligned = before_last
        .iter()
        .all(|part| part.size.checked_rem(chunk) == Some(0));
    // An empty last part would be an empty chunk after others.
    let ends_empty = parts.len() > 1 && parts.last().is_some_and(|part| part.size == 0);
    let content = match is_aligned && !ends_empty {
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

/// Puts the chunks of whole parts under one tree.
fn join_trees(bucket: &Bucket, parts: &[Part]) -> Result<Ingested, ObjectError> {
    let mut tree = TreeBuilder::new(bucket.config().profile);
    let gone = |part: &Part| ObjectError::WrongPart {
        number: part.number,
    };
    let mut nodes = Vec::new();
    let mut chunks = 0u64;
    let store = |nodes: &mut Vec<chunk_tree::InteriorNode>| {
        nodes.drain(..).try_for_each(|node| {
            let stored = bucket.put_node(node.hash, node.left, node.right);
            stored.map(drop)
        })
    };
    for part in parts {
        let held = bucket.size_under(&part.data_root)?;
        // Another tree may have the hash of a chunk of 64 bytes.
        if held.is_none() {
            return Err(gone(part));
        }
        let mut index = 0u64;
        for_each_chunk(bucket, part, &mut |hash| {
            let length = chunk_tree::chunk_len(ChunkIndex(index), part.size);
            let length = length.ok_or_else(|| gone(part))?;
            index = index.saturating_add(1);
            let pushed = tree.push(hash, length, |node| nodes.push(node));
            pushed.map_err(|_| gone(part))?;
            Ok(store(&mut nodes)?)
        })?;
        chunks = chunks.saturating_add(index);
    }
    let root = tree.finish(|node| nodes.push(node));
    store(&mut nodes)?;
    let root = root.ok_or(ObjectError::PartOrder)?;
    Ok(Ingested {
        data_root: root.root,
        data_size: root.subtree.bytes(),
        chunks,
        new_bytes: 0,
    })
}

/// Calls `each` with the hashes of a part's chunks, in order.
fn for_each_chunk(
    bucket: &Bucket,
    part: &Part,
    each: &mut impl FnMut(H256) -> Result<(), ObjectError>,
) -> Result<(), ObjectError> {
    // A node, its height, and the number of chunks under it.
    let root = (
        part.data_root,
        chunk_tree::depth(part.size),
        chunk_tree::chunk_count(part.size),
    );
    let mut waiting = vec![root];
    while let Some((node, height, chunks)) = waiting.pop() {
        let Some(below) = height.checked_sub(1) else {
            each(node)?;
            continue;
        };
        let full = 1u64.checked_shl(below).unwrap_or(u64::MAX);
        let (left, right) = children(bucket, &node).map_err(|error| match error {
            ObjectError::ContentGone { .. } => ObjectError::WrongPart {
                number: part.number,
            },
            error => error,
        })?;
        if let Some(after) = chunks.checked_sub(full).filter(|after| *after > 0) {
            waiting.push((right, below, after));
        }
        waiting.push((left, below, chunks.min(full)));
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
