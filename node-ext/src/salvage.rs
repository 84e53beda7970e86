//! Opening a bucket whose log is damaged, at the price of what is behind the
//! damage; and keeping all of it aside first, since that may be a promise.

use crate::aside::keep_aside;
use crate::base_path::{BasePath, BasePathError, io};
use crate::bucket::Bucket;
use crate::engine::{Access, Shared, log_hole};
use crate::error::OpenError;
use crate::fsck::second_copy;
use cairn_primitives::BucketId;
use std::path::PathBuf;

/// What the folder with the bucket as it was ends with.
const KEPT_ASIDE: &str = ".before-salvage";

/// A bucket that was opened up to the damage in its log.
#[derive(Debug)]
pub struct Salvaged {
    /// The bucket, as far as its log is whole.
    pub bucket: Bucket,
    /// The bucket's files as they were.
    pub kept_aside: PathBuf,
}

impl BasePath {
    /// Opens a bucket up to the damage in its log, for writing, after keeping
    /// its files aside.
    ///
    /// # Errors
    ///
    /// [`BasePathError`]; nothing is changed unless the files were kept.
    pub fn salvage_bucket(
        &self,
        bucket: BucketId,
        shared: &Shared,
    ) -> Result<Salvaged, BasePathError> {
        if self.access() == Access::ReadOnly {
            return Err(BasePathError::ReadOnly {
                path: self.path().to_owned(),
            });
        }
        let path = self.existing_bucket_path(bucket)?;
        let kept_aside =
            keep_aside(&path, KEPT_ASIDE).map_err(|source| io("keep aside", &path, source))?;
        // RocksDB stops at what is damaged, and not at what is gone.
        log_hole::cut(&path).map_err(|source| io("cut the log of", &path, source))?;
        let cut = Bucket::open_up_to_damage(&path, shared)?;
        // What was behind the damage, as far as the second copy has it.
        second_copy::after_damage(cut.database(), &kept_aside, bucket)
            .map_err(OpenError::Engine)?;
        drop(cut);
        Ok(Salvaged {
            bucket: Bucket::open(&path, Access::ReadWrite, shared)?,
            kept_aside,
        })
    }
}
