//! Adopts a bucket that was rebuilt next to the others, in the place of one that is lost.

use super::{Provider, ProviderError};
use cairn_bucket::{CreateError, move_durably};
use cairn_engine::SharedResources;
use cairn_engine::layout::{HEALING_DIR, bucket_dir_name};
use cairn_fs::{FileError, create_dir_durably};
use cairn_primitives::BucketId;
use std::path::PathBuf;

impl Provider {
    /// Moves a bucket from [`Provider::healing_path`] into the place of a lost one, and records it.
    /// Its signed roots must be recorded in it.
    ///
    /// The index and the chain may know a signature of this provider that the bucket lacks. Then it
    /// is in quarantine: challenges are answered from what it has, and nothing is signed for it.
    /// Returns the reason of such a quarantine.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Create`] if there is a bucket already, or the folder cannot be moved: then
    /// nothing has changed. With other errors the bucket is adopted.
    pub fn adopt_healed(&self, id: BucketId) -> Result<Option<String>, ProviderError> {
        self.inner.check_writable()?;
        let (from, path) = (
            self.path().join(HEALING_DIR).join(bucket_dir_name(id)),
            self.inner.pool.store().path(id),
        );
        if path.symlink_metadata().is_ok() {
            return Err(CreateError::Exists { bucket: id, path }.into());
        }
        move_durably(&from, &path).map_err(|source| CreateError::Folder {
            bucket: id,
            path: path.clone(),
            source,
        })?;
        let index_writer = &self.inner.index_writer;
        index_writer.persist_removal(id)?;
        self.inner.set_allowed_unprovable(id, None)?;
        // The index keeps the record of a lost bucket, with the last root signed for it: opening
        // compares them.
        match self.inner.reindex(id) {
            Ok(_) => self.compare_new_bucket(id)?,
            Err(error) if index_writer.quarantine_reason(id).is_some() => {
                tracing::error!(bucket = %id, %error, "a rebuilt bucket lacks what was signed");
            }
            Err(error) => return Err(error),
        }
        index_writer.write_pending();
        Ok(index_writer.quarantine_reason(id))
    }

    /// Returns the resources that a lost bucket is rebuilt with: those of the other buckets.
    pub fn healing_resources(&self) -> SharedResources {
        self.inner.pool.store().resources.clone()
    }

    /// Returns the folder in which a lost bucket is rebuilt, after making the folder around it.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be made.
    pub fn healing_path(&self, id: BucketId) -> Result<PathBuf, FileError> {
        let folder = self.path().join(HEALING_DIR);
        create_dir_durably(&folder).map_err(FileError::wrap("make", &folder))?;
        Ok(folder.join(bucket_dir_name(id)))
    }
}
