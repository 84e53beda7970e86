//! The trash of deleted buckets. A bucket is renamed into it in one step; its files are
//! removed afterwards (`trash_thread`), if need be at the next start.

use super::{ProviderError, io};
use cairn_engine::layout::{parse_trash_dir_name, trash_dir_name};
use cairn_primitives::BucketId;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A deleted bucket whose files are not yet removed.
#[derive(Clone, Debug)]
pub(super) struct TrashedBucket {
    pub(super) id: BucketId,
    pub(super) path: PathBuf,
}

/// Lists the buckets that an earlier process left in the trash.
pub(super) fn list(trash: &Path) -> Result<Vec<TrashedBucket>, ProviderError> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(trash).map_err(io("read", trash))? {
        let path = entry.map_err(io("read", trash))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(parse_trash_dir_name) {
            Some((id, _)) => left.push(TrashedBucket { id, path }),
            // Not Cairn's to remove.
            None => tracing::warn!(path = %path.display(), "an unknown file is in the trash"),
        }
    }
    Ok(left)
}

/// Moves a closed bucket's folder into the trash. The inner result says whether that is
/// durable.
pub(super) fn move_to_trash(
    bucket: &Path,
    trash: &Path,
    id: BucketId,
) -> Result<(TrashedBucket, Result<(), ProviderError>), ProviderError> {
    let mut nonce = 0;
    let path = loop {
        let path = trash.join(trash_dir_name(id, nonce));
        match std::fs::rename(bucket, &path) {
            Ok(()) => break path,
            // An earlier one with this name is not yet removed.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                nonce = nonce.wrapping_add(1);
            }
            Err(error) => return Err(io("move into the trash", bucket)(error)),
        }
    };
    let mut folders = bucket.parent().into_iter().chain([trash]);
    let synced = folders.try_for_each(|folder| {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io("sync", folder))
    });
    Ok((TrashedBucket { id, path }, synced))
}
