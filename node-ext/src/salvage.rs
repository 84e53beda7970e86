//! Opening a bucket whose log is damaged, at the price of what is behind the
//! damage; and keeping all of it aside first, since that may be a promise.

use crate::base_path::{BasePath, BasePathError, io};
use crate::bucket::Bucket;
use crate::engine::{Access, Shared};
use cairn_primitives::BucketId;
use std::fs::File;
use std::path::{Path, PathBuf};

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
        let mut kept_aside = path.as_os_str().to_owned();
        kept_aside.push(KEPT_ASIDE);
        let kept_aside = PathBuf::from(kept_aside);
        keep_aside(&path, &kept_aside).map_err(|source| io("keep aside", &kept_aside, source))?;
        Ok(Salvaged {
            bucket: Bucket::open_up_to_damage(&path, shared)?,
            kept_aside,
        })
    }
}

/// Copies a closed bucket's folder. Files of content never change once they
/// are written, and are shared.
fn keep_aside(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_immutable = |end: &std::ffi::OsStr| end == "sst" || end == "blob";
        if source.extension().is_some_and(is_immutable) {
            std::fs::hard_link(&source, &target)?;
        } else {
            std::fs::copy(&source, &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    File::open(to)?.sync_all()
}
