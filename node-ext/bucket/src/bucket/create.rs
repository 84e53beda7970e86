//! Creates a bucket: its folder and its first records.

use super::{Bucket, BucketConfig, Tip, move_durably};
use crate::error::CreateError;
use cairn_engine::layout::{self, StorageUsage};
use cairn_engine::{Access, Durability, Engine, Family, SharedResources};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{BucketId, H256, Sequence};
use codec::Encode;
use std::path::{Path, PathBuf};

/// The place at which the tree of a new bucket starts. The default is that of a bucket without
/// a past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeStart {
    /// The sequence of its first leaf.
    pub sequence: Sequence,
    /// The `total_size` of the leaf before it; 0 if there is none.
    pub total_size: u64,
}

/// The most disk space that an empty bucket takes, in bytes.
const EMPTY_BUCKET_BYTES: u64 = 64 << 10;

pub(super) fn folder_error(
    bucket: BucketId,
    path: &Path,
) -> impl Fn(std::io::Error) -> CreateError + '_ {
    move |source| CreateError::Folder {
        bucket,
        path: path.to_owned(),
        source,
    }
}

fn unfinished_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(layout::CREATING_SUFFIX);
    name.into()
}

impl Bucket {
    /// Creates an empty bucket in the folder `path`, which must not exist yet,
    /// and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; no folder is left then.
    pub fn create(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        shared: &SharedResources,
    ) -> Result<Self, CreateError> {
        Self::create_at(path, id, config, TreeStart::default(), shared)
    }

    /// Creates as [`Bucket::create`] a bucket whose first leaf has a sequence above 0, as a
    /// bucket has from which leaves were pruned before this copy of it was made.
    ///
    /// # Errors
    ///
    /// [`CreateError`]; no folder is left then.
    pub fn create_at(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        start: TreeStart,
        shared: &SharedResources,
    ) -> Result<Self, CreateError> {
        if path.exists() {
            return Err(CreateError::Exists {
                bucket: id,
                path: path.to_owned(),
            });
        }
        // Created under another name and renamed once complete: a process that ends
        // before leaves no bucket that cannot be opened.
        let unfinished = unfinished_path(path);
        let made = Self::create_in(&unfinished, id, config, start, shared)
            .and_then(|()| move_durably(&unfinished, path).map_err(folder_error(id, path)));
        if let Err(error) = made {
            // The folder was created here and holds nothing that was signed.
            let _ = std::fs::remove_dir_all(&unfinished);
            return Err(error);
        }
        Self::open(path, Access::ReadWrite, shared).map_err(CreateError::Open)
    }

    fn create_in(
        path: &Path,
        id: BucketId,
        config: BucketConfig,
        start: TreeStart,
        shared: &SharedResources,
    ) -> Result<(), CreateError> {
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(folder_error(id, path))?;
        }
        std::fs::create_dir(path).map_err(folder_error(id, path))?;
        shared.admit(EMPTY_BUCKET_BYTES)?;
        let engine = Engine::create(path, shared)?;
        let tip = Tip {
            tree: start.sequence,
            frontier: Frontier::empty(config.profile),
            root: H256::zero(),
            total_size: start.total_size,
        };
        let mut batch = engine.batch();
        batch.put(
            Family::Tree,
            layout::STATE_KEY,
            &tip.record(id, config).encode(),
        );
        batch.put(
            Family::Content,
            layout::USAGE_KEY,
            &StorageUsage::default().encode(),
        );
        Ok(engine.write(batch, Durability::Synced)?)
    }
}
