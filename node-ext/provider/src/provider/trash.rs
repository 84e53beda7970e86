//! The trash of deleted buckets. A bucket is renamed into it in one step; its files are
//! removed afterwards, if need be at the next start.

use super::{Inner, ProviderError, io};
use cairn_engine::layout::{parse_trash_dir_name, trash_dir_name};
use cairn_primitives::BucketId;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A deleted bucket whose files are not yet removed.
#[derive(Clone, Debug)]
pub(super) struct TrashedBucket {
    pub(super) id: BucketId,
    path: PathBuf,
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

/// Removes the content of a folder.
fn remove_contents(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Inner {
    pub(super) fn run_trash_remover(self: &Arc<Self>) {
        let mut work = self.work.lock();
        while !work.is_stopping {
            let Some(discarded) = work.trash.pop() else {
                self.work_changed.wait(&mut work);
                continue;
            };
            work.is_emptying_trash = true;
            parking_lot::MutexGuard::unlocked(&mut work, || self.remove_trashed(&discarded));
            work.is_emptying_trash = false;
            self.work_changed.notify_all();
        }
    }

    /// Removes a deleted bucket from the index, and removes its files. The next start
    /// repeats each step that failed.
    fn remove_trashed(&self, discarded: &TrashedBucket) {
        let TrashedBucket { id, path } = discarded;
        let forgotten = self.index_writer.persist_removal(*id);
        let forgotten = forgotten.and_then(|()| self.index_writer.index().remove_content(*id));
        if let Err(error) = &forgotten {
            tracing::error!(
                bucket = %id, %error, "the index still has rows of a deleted bucket; the next start will retry"
            );
        }
        // A newer bucket with this id has lost its rows too, and is indexed again.
        if self.pool.store().path(*id).is_dir() {
            self.index_writer.set_up_to_date(*id, false);
            if let Err(error) = self.reindex(*id) {
                tracing::error!(bucket = %id, %error, "the bucket could not be indexed");
            }
        }
        let removed = match forgotten {
            Ok(()) => std::fs::remove_dir_all(path),
            // Its empty folder stays, as the sign that it was deleted.
            Err(_) => remove_contents(path),
        };
        if let Err(error) = removed {
            let path = path.display();
            tracing::error!(bucket = %id, %path, %error, "a deleted bucket still takes space");
        }
    }
}
