//! Salvage: opens a bucket whose log is damaged, up to the damage. The bucket's
//! files are backed up first, since the part after the damage may have signed roots.

use crate::base_path::{BasePath, BasePathError};
use crate::bucket::Bucket;
use crate::error::OpenError;
use crate::fsck::second_copy;
use cairn_engine::{Access, SharedResources, log_hole};
use cairn_fs::{FileError, back_up};
use cairn_primitives::BucketId;
use std::path::PathBuf;

/// Suffix of the folder with the backup.
const BACKUP_SUFFIX: &str = ".before-salvage";

/// A bucket that was opened up to the damage in its log.
#[derive(Debug)]
pub struct Salvaged {
    /// The bucket up to the damage, with those later records that its second copies had.
    pub bucket: Bucket,
    /// The folder with the bucket's files as they were.
    pub backup: PathBuf,
}

impl BasePath {
    /// Opens a bucket for writing, up to the damage in its log. Backs up the
    /// bucket's files first.
    ///
    /// # Errors
    ///
    /// [`BasePathError`]; nothing is changed before the backup is complete.
    pub fn salvage_bucket(
        &self,
        bucket: BucketId,
        shared: &SharedResources,
    ) -> Result<Salvaged, BasePathError> {
        if self.access() == Access::ReadOnly {
            return Err(BasePathError::ReadOnly {
                path: self.path().to_owned(),
            });
        }
        let path = self.existing_bucket_path(bucket)?;
        let backup = back_up(&path, BACKUP_SUFFIX).map_err(FileError::wrap("back up", &path))?;
        // RocksDB stops at a damaged record, but not at a hole in the log.
        log_hole::truncate_at_hole(&path).map_err(FileError::wrap("cut the log of", &path))?;
        let cut = Bucket::open_up_to_damage(&path, shared)?;
        // The journal and the blob files may have what followed the damage.
        second_copy::restore_after_damage(cut.engine(), &backup, bucket)
            .map_err(OpenError::Engine)?;
        drop(cut);
        Ok(Salvaged {
            bucket: Bucket::open(&path, Access::ReadWrite, shared)?,
            backup,
        })
    }
}
