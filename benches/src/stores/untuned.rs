//! Cairn's buckets on RocksDB's default options, to measure the tuning. Closed buckets are opened
//! for writing, as in the other stores.

use super::pool::Pool;
use super::store::Store;
use crate::Fallible;
use cairn_bucket::{Bucket, BucketConfig, NewLeaf, StateRef};
use cairn_engine::{Access, Durability, SharedResources};
use cairn_primitives::{BucketId, Commitment, LeafIndex, MmrProof};
use std::path::{Path, PathBuf};

/// Buckets, each in a folder of its own.
pub(crate) struct Untuned {
    folder: PathBuf,
    shared: SharedResources,
    pool: Pool<Bucket>,
}

impl Untuned {
    pub(crate) fn open(folder: &Path, max_open: usize) -> Fallible<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            shared: SharedResources::default().with_rocksdb_defaults(),
            pool: Pool::new(max_open),
        })
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id:016x}"))
    }

    fn with<T>(&self, id: u64, work: impl FnOnce(&Bucket) -> Fallible<T>) -> Fallible<T> {
        let open = || {
            let path = self.path(id);
            Ok(Bucket::open(&path, Access::ReadWrite, &self.shared)?)
        };
        self.pool.with(id, open, work)
    }
}

impl Store for Untuned {
    fn create(&self, id: u64) -> Fallible<()> {
        let create = || {
            let (path, config) = (self.path(id), BucketConfig::default());
            Ok(Bucket::create(&path, BucketId(id), config, &self.shared)?)
        };
        self.pool.with(id, create, |_| Ok(()))
    }

    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf> {
        self.with(id, |bucket| {
            let stored = bucket.ingest(content)?;
            Ok(NewLeaf {
                data_root: stored.data_root,
                data_size: stored.data_size,
            })
        })
    }

    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment> {
        self.with(id, |bucket| {
            Ok(bucket.commit(leaves, durability)?.commitment)
        })
    }

    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof> {
        self.with(id, |bucket| {
            Ok(bucket.view(StateRef::Newest)?.mmr_proof(leaf)?.into_proof())
        })
    }

    fn delete(&self, id: u64) -> Fallible<()> {
        self.pool.close(id);
        Ok(std::fs::remove_dir_all(self.path(id))?)
    }

    fn reclaim(&self) -> Fallible<()> {
        Ok(())
    }

    fn flush(&self) -> Fallible<()> {
        self.pool.close_all();
        Ok(())
    }
}
