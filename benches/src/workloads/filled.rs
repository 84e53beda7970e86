//! Stores with filled buckets.

use crate::Fallible;
use crate::data::Pieces;
use crate::stores::{Kind, Store};
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::Commitment;
use std::path::Path;

/// Leaves of a small bucket.
pub(crate) const LEAVES: usize = 64;

/// The content of all leaves of a small bucket.
pub(crate) fn leaf(pieces: &Pieces) -> Fallible<NewLeaf> {
    pieces.leaf(0)
}

/// Creates a bucket with one content of 1 KiB, committed durably as a number of leaves.
pub(crate) fn create(
    store: &dyn Store,
    id: u64,
    pieces: &Pieces,
    leaves: usize,
) -> Fallible<Commitment> {
    let piece = pieces.all().first().ok_or("no content to commit")?;
    store.create(id)?;
    let leaf = store.put(id, &piece.bytes)?;
    store.commit(id, &vec![leaf; leaves], Durability::Synced)
}

/// Returns a store with buckets from 1 to `buckets`, reopened so that nothing is left in memory.
/// Fails unless all have the same root.
pub(crate) fn store(
    kind: Kind,
    folder: &Path,
    buckets: u64,
    max_open: u32,
    pieces: &Pieces,
) -> Fallible<(Box<dyn Store>, Commitment)> {
    let store = kind.open(folder, max_open)?;
    let mut one = None;
    for id in 1..=buckets {
        let commitment = create(&*store, id, pieces, LEAVES)?;
        if *one.get_or_insert(commitment) != commitment {
            return Err("buckets of the same leaves have different roots".into());
        }
    }
    store.flush()?;
    drop(store);
    let one = one.ok_or("a store without a bucket")?;
    Ok((kind.open(folder, max_open)?, one))
}
