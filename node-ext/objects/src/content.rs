//! The content of an object: the leaves that it is committed as, and its chunks.
//!
//! An object has one data root, over the whole padded tree, as clients of today's provider compute
//! it. A challenge of a padding slot of a leaf cannot be answered, so what is committed are the
//! largest subtrees of that tree without padding, from left to right: 13 chunks are leaves of 8, 4
//! and 1, and a few hashes lead from them to the data root.

use crate::error::ObjectError;
use crate::record::ObjectRecord;
use cairn_bucket::{Bucket, NewLeaf, StoredContent};
use cairn_primitives::chunk_tree::{self, CHUNK_BYTES};
use cairn_primitives::{ChunkIndex, H256};

/// The rule for padding slots in leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Content is one leaf, whatever its size.
    Allowed,
    /// Content is as many leaves as it takes to have no padding.
    Refused,
}

/// Returns the leaves to commit for stored content.
///
/// # Errors
///
/// [`ObjectError`] if a node of its tree cannot be read, or is not there.
pub fn new_leaves(
    bucket: &Bucket,
    data_root: &H256,
    data_size: u64,
    padding: Padding,
) -> Result<Vec<NewLeaf>, ObjectError> {
    if padding == Padding::Allowed || !chunk_tree::has_padding(data_size) {
        return Ok(vec![NewLeaf {
            data_root: *data_root,
            data_size,
        }]);
    }
    let mut leaves = Vec::new();
    let mut node = *data_root;
    let mut sizes = chunk_tree::split_without_padding(data_size).peekable();
    let mut height = chunk_tree::depth(data_size);
    while let Some(size) = sizes.next() {
        let leaf_height = chunk_tree::depth(size);
        // Down to the level above the leaf; on the way, only the left side has content.
        let is_last = sizes.peek().is_none();
        let stop = leaf_height.saturating_add(u32::from(!is_last));
        while height > stop {
            node = children(bucket, &node)?.0;
            height = height.saturating_sub(1);
        }
        let data_root = match is_last {
            true => node,
            false => {
                let (left, right) = children(bucket, &node)?;
                node = right;
                height = height.saturating_sub(1);
                left
            }
        };
        leaves.push(NewLeaf {
            data_root,
            data_size: size,
        });
    }
    Ok(leaves)
}

pub(crate) fn children(bucket: &Bucket, node: &H256) -> Result<(H256, H256), ObjectError> {
    let found = bucket.children_of(node)?;
    found.ok_or_else(|| ObjectError::ContentGone {
        name: format!("{node:?}"),
    })
}

/// Reads a chunk of an object by its number in the whole content, checked against its leaf.
///
/// # Errors
///
/// [`ObjectError::ContentGone`] if it is not there, or the database's failure.
pub fn read_chunk(
    bucket: &Bucket,
    name: &str,
    record: &ObjectRecord,
    chunk: u64,
) -> Result<Vec<u8>, ObjectError> {
    let gone = || ObjectError::ContentGone {
        name: name.to_owned(),
    };
    let mut before = 0u64;
    for (root, size) in record.leaves.iter().zip(record.leaf_sizes()) {
        let end = before.saturating_add(chunk_tree::chunk_count(size));
        if chunk >= end {
            before = end;
            continue;
        }
        let index = ChunkIndex(chunk.saturating_sub(before));
        let bytes = leaf_chunk(bucket, root, size, index)?.ok_or_else(gone)?;
        // Another tree may have the hash of a chunk of 64 bytes.
        let expected = chunk_tree::chunk_len(index, size);
        return match Some(bytes.len()) == expected {
            true => Ok(bytes),
            false => Err(gone()),
        };
    }
    Err(gone())
}

fn leaf_chunk(
    bucket: &Bucket,
    root: &H256,
    size: u64,
    index: ChunkIndex,
) -> Result<Option<Vec<u8>>, ObjectError> {
    if usize::try_from(size).is_ok_and(|size| size <= CHUNK_BYTES) {
        return Ok(match bucket.fetch(root)? {
            Some(StoredContent::Chunk(bytes)) => Some(bytes),
            Some(StoredContent::Node { .. }) | None => None,
        });
    }
    let found = bucket.chunk_under(root, index)?;
    Ok(found.map(|chunk| chunk.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_bucket::BucketConfig;
    use cairn_engine::{Durability, SharedResources};
    use cairn_primitives::BucketId;

    #[test]
    fn content_is_cut_into_leaves_without_padding_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        for (length, parts) in [
            (0, 1),
            (64, 1),
            (CHUNK_BYTES, 1),
            (CHUNK_BYTES + 1, 1),
            (3 * CHUNK_BYTES - 9, 2),
            (5 * CHUNK_BYTES, 2),
            (6 * CHUNK_BYTES, 2),
            (7 * CHUNK_BYTES - 1, 3),
            (13 * CHUNK_BYTES - 262_000, 3),
        ] {
            let bytes: Vec<u8> = (0..length).map(|at| (at / 999 % 251) as u8).collect();
            let content = bucket.ingest(&bytes[..]).unwrap();
            let (root, size) = (content.data_root, content.data_size);
            let whole = new_leaves(&bucket, &root, size, Padding::Allowed).unwrap();
            assert_eq!(whole.len(), 1);
            let leaves = new_leaves(&bucket, &root, size, Padding::Refused).unwrap();
            assert_eq!(leaves.len(), parts, "{length}");
            for leaf in &leaves {
                assert!(!chunk_tree::has_padding(leaf.data_size));
            }
            // Each leaf is the root of its own part of the content.
            let mut rest = &bytes[..];
            for leaf in &leaves {
                let (part, after) = rest.split_at(leaf.data_size as usize);
                assert_eq!(bucket.ingest(part).unwrap().data_root, leaf.data_root);
                rest = after;
            }
            for leaves in [whole, leaves] {
                let committed = bucket.commit(&leaves, Durability::Buffered).unwrap();
                let record = ObjectRecord::of_content(&content, &leaves, &committed);
                let chunks = chunk_tree::chunk_count(size);
                let read = (0..chunks)
                    .flat_map(|chunk| read_chunk(&bucket, "name", &record, chunk).unwrap());
                assert_eq!(read.collect::<Vec<_>>(), bytes, "{length}");
                let past = read_chunk(&bucket, "name", &record, chunks);
                assert!(matches!(past, Err(ObjectError::ContentGone { .. })));
            }
        }
    }

    #[test]
    fn a_chunk_is_not_taken_for_a_node_with_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
        let other = bucket.ingest(&vec![1; 2 * CHUNK_BYTES][..]).unwrap();
        let (left, right) = bucket.children_of(&other.data_root).unwrap().unwrap();
        let bytes = [left.as_bytes(), right.as_bytes()].concat();
        let content = bucket.ingest(&bytes[..]).unwrap();
        assert_eq!(content.data_root, other.data_root);
        let leaves = new_leaves(&bucket, &content.data_root, 64, Padding::Refused).unwrap();
        let committed = bucket.commit(&leaves, Durability::Buffered).unwrap();
        let record = ObjectRecord::of_content(&content, &leaves, &committed);
        assert_eq!(read_chunk(&bucket, "name", &record, 0).unwrap(), bytes);
    }
}
