//! The minimum of a durable write on RocksDB: one put of the bytes of a commit, with default
//! options.

use crate::Fallible;
use crate::data::random_bytes;
use cairn_primitives::LEAF_BYTES;
use rocksdb::{DB, Options, WriteOptions};
use std::path::Path;

/// Tag, tree and position of a node.
const NODE_KEY: u64 = 17;
/// Tag and sequence of a leaf.
const LEAF_KEY: u64 = 9;
/// The state without its peaks, and its key.
const STATE: u64 = 79;
const HASH: u64 = 32;
/// The maximum bytes of a commit of one leaf.
const PAYLOAD: usize = 8 << 10;

/// A bare RocksDB.
pub(crate) struct Bare {
    db: DB,
    synced: WriteOptions,
    payload: Vec<u8>,
}

impl Bare {
    /// Creates a database in the folder `path`.
    pub(crate) fn create(path: &Path) -> Fallible<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Self {
            db: DB::open(&options, path)?,
            synced,
            payload: random_bytes(u64::MAX, PAYLOAD),
        })
    }

    /// Puts the bytes of the commit of leaf `index`, synced.
    pub(crate) fn put_as_commit(&self, index: u64) -> Fallible<()> {
        let key = index.to_be_bytes();
        let length = usize::try_from(commit_bytes(index))?.saturating_sub(key.len());
        let value = self.payload.get(..length).ok_or("a commit of that size")?;
        Ok(self.db.put_opt(key, value, &self.synced)?)
    }
}

/// Returns the bytes of all keys and values of the batch that commits leaf `index`: the leaf, its
/// node, the parents that it completes, and the state.
pub(crate) fn commit_bytes(index: u64) -> u64 {
    let after = index.saturating_add(1);
    let nodes = u64::from(after.trailing_zeros()).saturating_add(1);
    let peaks = u64::from(after.count_ones());
    let leaf = u64::try_from(LEAF_BYTES).unwrap_or(u64::MAX);
    [
        LEAF_KEY.saturating_add(leaf),
        nodes.saturating_mul(NODE_KEY.saturating_add(HASH)),
        STATE.saturating_add(peaks.saturating_mul(HASH)),
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_completes_two_parents_writes_three_nodes_and_one_peak() {
        assert_eq!(commit_bytes(3), (9 + 48) + 3 * 49 + (79 + 32));
    }
}
