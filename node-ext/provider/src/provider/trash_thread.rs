//! Removes deleted buckets from the index, and their files from the trash, in the
//! background.

use super::Inner;
use super::trash::TrashedBucket;
use std::path::Path;
use std::sync::Arc;

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
