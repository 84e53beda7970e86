//! A copy in a folder of its own, which no provider uses until it is complete.

mod lock;

use crate::store::{CopyState, Store, StoreError, in_bucket};
use cairn_bucket::{Bucket, BucketConfig, NewLeaf, OpenError, RecordRootError, TreeStart};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::chunk_tree::Subtree;
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use lock::FolderLock;
use parking_lot::RwLock;
use std::path::{Path, PathBuf};

/// An error of a copy in a folder.
#[derive(Debug, thiserror::Error)]
enum FolderError {
    #[error("the copy in {0} was not begun")]
    NotBegun(PathBuf),
    #[error("cannot remove the empty copy in {path}: {source}")]
    Remove {
        path: PathBuf,
        source: std::io::Error,
    },
}

/// An error opening a copy in a folder. Its files stay as they were.
#[derive(Debug, thiserror::Error)]
pub enum FolderOpenError {
    /// This process has the copy open: work of an attempt that was abandoned may end late.
    #[error("the copy in {path} is in use: try again once that has ended")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is something else, or it cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// A copy in a folder.
pub struct FolderStore {
    path: PathBuf,
    id: BucketId,
    config: BucketConfig,
    shared: SharedResources,
    bucket: RwLock<Option<Bucket>>,
    /// Declared last, so that it is released once the bucket is closed.
    _lock: FolderLock,
}

impl FolderStore {
    /// Opens the copy in a folder, if there is one. Otherwise it is made with the first leaves.
    /// Until it is dropped, nothing else in this process opens or makes it.
    ///
    /// # Errors
    ///
    /// [`FolderOpenError`].
    pub fn open(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        shared: SharedResources,
    ) -> Result<Self, FolderOpenError> {
        let in_use = || FolderOpenError::InUse {
            path: path.to_owned(),
        };
        let lock = FolderLock::try_lock(path).ok_or_else(in_use)?;
        let bucket = match path.symlink_metadata() {
            Ok(_) => Some(Bucket::open(path, Access::ReadWrite, &shared)?),
            Err(_) => None,
        };
        if let Some(found) = bucket.as_ref().map(Bucket::id).filter(|found| *found != id) {
            let error = OpenError::AnotherBucket {
                path: path.to_owned(),
                expected: id,
                found,
            };
            return Err(error.into());
        }
        let config = bucket.as_ref().map_or(config, Bucket::config);
        Ok(Self {
            path: path.to_owned(),
            id,
            config,
            shared,
            bucket: RwLock::new(bucket),
            _lock: lock,
        })
    }

    /// Records the root after each leaf as signed elsewhere, so that each can be proven, and
    /// closes the copy.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; it can be opened and finished again.
    pub fn finish(self) -> Result<(), StoreError> {
        let Some(bucket) = self.bucket.into_inner() else {
            return Err(StoreError::new(FolderError::NotBegun(self.path)));
        };
        bucket
            .record_all_roots()
            .map_err(|error: RecordRootError| StoreError::new(error))?;
        Ok(bucket.close()?)
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&Bucket) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let bucket = self.bucket.read();
        let bucket = bucket.as_ref();
        let none = || StoreError::new(FolderError::NotBegun(self.path.clone()));
        work(bucket.ok_or_else(none)?)
    }
}

impl Store for FolderStore {
    fn profile(&self) -> HashingProfile {
        self.config.profile
    }

    fn state(&self) -> Result<Option<CopyState>, StoreError> {
        Ok(self.bucket.read().as_ref().map(in_bucket::state))
    }

    fn had(&self, commitment: &Commitment) -> Result<bool, StoreError> {
        self.with(|bucket| Ok(in_bucket::had(bucket, commitment)))
    }

    fn begin(&self, start: TreeStart) -> Result<(), StoreError> {
        let mut bucket = self.bucket.write();
        if bucket.take().is_some() {
            // Without leaves: it started elsewhere.
            let path = self.path.clone();
            std::fs::remove_dir_all(&path)
                .map_err(|source| StoreError::new(FolderError::Remove { path, source }))?;
        }
        let made = Bucket::create_at(&self.path, self.id, self.config, start, &self.shared);
        *bucket = Some(made.map_err(StoreError::new)?);
        Ok(())
    }

    fn drop_before(&self, sequence: Sequence) -> Result<(), StoreError> {
        self.with(|bucket| in_bucket::drop_before(bucket, sequence))
    }

    fn holds(&self, hash: &H256, shape: Subtree) -> Result<bool, StoreError> {
        self.with(|bucket| in_bucket::holds(bucket, hash, shape))
    }

    fn put_chunk(&self, hash: H256, bytes: &[u8]) -> Result<(), StoreError> {
        self.with(|bucket| in_bucket::put_chunk(bucket, hash, bytes))
    }

    fn put_node(&self, hash: H256, left: H256, right: H256) -> Result<(), StoreError> {
        self.with(|bucket| in_bucket::put_node(bucket, hash, left, right))
    }

    fn commit(&self, expected: LeafCount, leaves: &[NewLeaf]) -> Result<Commitment, StoreError> {
        self.with(|bucket| in_bucket::commit(bucket, expected, leaves))
    }
}
