//! The places of content: for each chunk and each interior node, the buckets that hold it.
//!
//! A request that names a hash and no bucket is resolved by one scan of these rows. There is a
//! row for each bucket, so none is lost while another bucket holds the same content.

use super::held_key::{held_key, parse_held_key};
use super::{Index, IndexError, damaged};
use cairn_engine::{IndexBatch, Table};
use cairn_primitives::{BucketId, H256};

/// The row in `meta` which says that the places of all buckets are noted. An index that an
/// earlier version wrote has none until its buckets are indexed again.
pub(super) const COMPLETE_KEY: &[u8] = b"places";

/// The kind of content that a hash names in a bucket. Nodes come first: anyone can store the two hashes of another's
/// node as a chunk of 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContentKind {
    /// An interior node of a chunk tree.
    Node,
    /// A chunk.
    Chunk,
}

impl ContentKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Node => 0,
            Self::Chunk => 1,
        }
    }
}

fn place_key(hash: &H256, kind: ContentKind, id: BucketId) -> [u8; 41] {
    let mut key = [0; 41];
    key[..32].copy_from_slice(hash.as_bytes());
    key[32] = kind.tag();
    key[33..].copy_from_slice(&id.0.to_be_bytes());
    key
}

fn parse_place_key(key: &[u8]) -> Option<BucketId> {
    let id = key.get(33..)?.try_into().ok()?;
    Some(BucketId(u64::from_be_bytes(id)))
}

/// Adds to a batch whether a bucket holds content.
pub(super) fn note(
    batch: &mut IndexBatch,
    kind: ContentKind,
    id: BucketId,
    hash: &H256,
    is_held: bool,
) {
    let key = place_key(hash, kind, id);
    match is_held {
        true => batch.put(Table::Places, &key, &[]),
        false => batch.delete(Table::Places, &key),
    }
}

/// Adds to a batch whether a bucket holds an interior node.
pub(super) fn note_node(batch: &mut IndexBatch, id: BucketId, hash: &H256, is_held: bool) {
    let key = held_key(id, hash);
    match is_held {
        true => batch.put(Table::Nodes, &key, &[]),
        false => batch.delete(Table::Nodes, &key),
    }
    note(batch, ContentKind::Node, id, hash, is_held);
}

impl Index {
    /// Returns at most `limit` buckets that hold the chunk or the interior node of a hash, nodes
    /// first.
    pub(crate) fn places(&self, hash: &H256, limit: usize) -> Result<Vec<BucketId>, IndexError> {
        let keys = self.db.keys_of(Table::Places, hash.as_bytes(), limit)?;
        let ids = keys.iter().map(|key| parse_place_key(key));
        ids.collect::<Option<_>>()
            .ok_or_else(|| damaged(format!("a place of content {hash:?}")))
    }

    /// Returns whether the places of all buckets were noted.
    pub(crate) fn has_all_places(&self) -> Result<bool, IndexError> {
        Ok(self.meta(COMPLETE_KEY)?.is_some())
    }

    /// Records that the places of all buckets are noted.
    pub(crate) fn set_all_places(&self) -> Result<(), IndexError> {
        self.set_meta(COMPLETE_KEY, &[])
    }

    /// Returns at most `limit` interior nodes that the index has for a bucket, from the first
    /// after `after`, in the order of their hashes.
    pub(super) fn nodes_after(
        &self,
        id: BucketId,
        after: Option<H256>,
        limit: usize,
    ) -> Result<Vec<H256>, IndexError> {
        let from = held_key(id, &after.unwrap_or_default());
        let mut nodes = Vec::new();
        for entry in self.db.scan_from(Table::Nodes, &from)? {
            let (key, _) = entry?;
            let (of, hash) = parse_held_key(&key).ok_or_else(|| damaged("a bucket's nodes"))?;
            if of != id || nodes.len() >= limit {
                break;
            }
            if after != Some(hash) {
                nodes.push(hash);
            }
        }
        Ok(nodes)
    }
}
