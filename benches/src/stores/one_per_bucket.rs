//! One database for each bucket, with the pool that all such stores use.

use super::pool::Pool;
use super::rows::{Rows, Tree};
use super::store::Store;
use crate::Fallible;
use cairn_bucket::NewLeaf;
use cairn_engine::Durability;
use cairn_primitives::{Commitment, LeafIndex, MmrProof};
use std::path::{Path, PathBuf};

/// A database for one bucket.
pub(crate) trait Database: Rows + Sized {
    /// Opens the database in the folder `path`, or creates it.
    fn open(path: &Path) -> Fallible<Self>;
}

/// Buckets, each in a folder of its own.
pub(crate) struct OnePerBucket<D> {
    folder: PathBuf,
    pool: Pool<Tree<D>>,
}

impl<D: Database> OnePerBucket<D> {
    pub(crate) fn open(folder: &Path, max_open: usize) -> Fallible<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            pool: Pool::new(max_open),
        })
    }

    fn path(&self, id: u64) -> PathBuf {
        self.folder.join(format!("{id:016x}"))
    }

    fn with<T>(&self, id: u64, work: impl FnOnce(&Tree<D>) -> Fallible<T>) -> Fallible<T> {
        let open = || {
            let path = self.path(id);
            if !path.is_dir() {
                return Err("there is no such bucket".into());
            }
            Tree::open(D::open(&path)?)
        };
        self.pool.with(id, open, work)
    }
}

impl<D: Database> Store for OnePerBucket<D> {
    fn create(&self, id: u64) -> Fallible<()> {
        let path = self.path(id);
        std::fs::create_dir(&path)?;
        let open = || {
            Tree::create(D::open(&path)?)?;
            Tree::open(D::open(&path)?)
        };
        self.pool.with(id, open, |_| Ok(()))
    }

    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf> {
        self.with(id, |tree| tree.put(content))
    }

    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment> {
        self.with(id, |tree| tree.commit(leaves, durability))
    }

    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof> {
        self.with(id, |tree| tree.prove(leaf))
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
