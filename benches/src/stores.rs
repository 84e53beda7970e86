//! The stores of many buckets, each in its own way.
//!
//! ```text
//! Store ─┬─ CairnStore ──► Provider
//!        ├─ Untuned ─────► Pool ─► Bucket on RocksDB's default options
//!        ├─ OnePerBucket ► Pool ─► Tree ─► rows in SQLite, sled or LMDB
//!        ├─ SharedStore ─► Tree ─► rows in one RocksDB
//!        └─ LegacyStore ─► one RocksDB, a bucket's leaves in one value
//! ```

mod cairn;
mod legacy;
mod lmdb;
mod one_per_bucket;
mod pool;
mod rows;
mod shared;
mod sled;
mod sqlite;
mod store;
mod untuned;

pub(crate) use cairn::{CairnStore, KEY};
pub(crate) use legacy::{LegacyDatabase, LegacyStore};
pub(crate) use one_per_bucket::OnePerBucket;
pub(crate) use shared::SharedStore;
pub(crate) use store::{PROFILE, Store};
pub(crate) use untuned::Untuned;

use self::lmdb::Lmdb;
use self::sled::Sled;
use self::sqlite::Sqlite;
use crate::Fallible;
use cairn_primitives::{Commitment, LeafIndex, MmrProof, verify};
use clap::ValueEnum;
use std::path::Path;

/// The kinds of stores, by their names in the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Cairn,
    Default,
    Shared,
    Legacy,
    Sqlite,
    Sled,
    Lmdb,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cairn => "cairn",
            Self::Default => "default",
            Self::Shared => "shared",
            Self::Legacy => "legacy",
            Self::Sqlite => "sqlite",
            Self::Sled => "sled",
            Self::Lmdb => "lmdb",
        }
    }

    /// Opens a store in `folder`, or creates it, with at most `max_open` open buckets, if it
    /// opens buckets.
    pub(crate) fn open(self, folder: &Path, max_open: u32) -> Fallible<Box<dyn Store>> {
        let many = usize::try_from(max_open)?;
        Ok(match self {
            Self::Cairn => Box::new(CairnStore::open(folder, max_open)?),
            Self::Default => Box::new(Untuned::open(folder, many)?),
            Self::Shared => Box::new(SharedStore::open(folder)?),
            Self::Legacy => Box::new(LegacyStore::open(folder)?),
            Self::Sqlite => Box::new(OnePerBucket::<Sqlite>::open(folder, many)?),
            Self::Sled => Box::new(OnePerBucket::<Sled>::open(folder, many)?),
            Self::Lmdb => Box::new(OnePerBucket::<Lmdb>::open(folder, many)?),
        })
    }
}

/// Fails unless a proof proves a leaf under a commitment.
pub(crate) fn check_proof(
    proof: &MmrProof,
    leaf: LeafIndex,
    commitment: &Commitment,
) -> Fallible<()> {
    let root = &commitment.mmr_root;
    verify::mmr_proof(PROFILE, proof, leaf, commitment.leaf_count, root)
        .map_err(|error| format!("a store's proof does not verify: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Pieces;
    use cairn_engine::Durability;

    #[test]
    fn all_stores_have_and_prove_the_same_roots() {
        let pieces = Pieces::new().unwrap();
        let content = &pieces.all().first().unwrap().bytes;
        let mut roots = Vec::new();
        for kind in Kind::value_variants() {
            let folder = tempfile::tempdir().unwrap();
            let store = kind.open(folder.path(), 4).unwrap();
            let mut newest = Vec::new();
            for id in 1..=6 {
                store.create(id).unwrap();
                let leaf = store.put(id, content).unwrap();
                let leaves = vec![leaf; usize::try_from(id).unwrap() + 4];
                store.commit(id, &leaves, Durability::Buffered).unwrap();
                newest.push(store.commit(id, &[leaf], Durability::Synced).unwrap());
            }
            store.flush().unwrap();
            drop(store);
            let store = kind.open(folder.path(), 4).unwrap();
            for (id, commitment) in (1..=6).zip(&newest) {
                for leaf in (0..commitment.leaf_count.get()).map(LeafIndex) {
                    let proof = store.prove(id, leaf).unwrap();
                    check_proof(&proof, leaf, commitment).unwrap();
                }
            }
            store.delete(3).unwrap();
            store.reclaim().unwrap();
            assert!(store.prove(3, LeafIndex(0)).is_err(), "{kind:?}");
            store.prove(4, LeafIndex(0)).unwrap();
            roots.push(newest);
        }
        assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
