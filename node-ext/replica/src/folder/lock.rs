//! The folders of copies that are open in this process, each once.
//!
//! The database has a lock of its own, but only once there is a database. Until then, two copies
//! would be made in the same place at once, each over the files of the other. Other processes are
//! kept out by the lock of the base path.

use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

static LOCKED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A lock of a folder, which is released when it is dropped.
#[derive(Debug)]
pub(super) struct FolderLock(PathBuf);

impl FolderLock {
    /// Locks a folder, which need not exist. Returns `None` if it is locked already.
    pub(super) fn try_lock(path: &Path) -> Option<Self> {
        let path = one_name(path);
        LOCKED.lock().insert(path.clone()).then(|| Self(path))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        LOCKED.lock().remove(&self.0);
    }
}

/// Returns the name that all paths to a folder have in common. The folder itself may be missing.
fn one_name(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    let named = parent.zip(path.file_name());
    let named = named.map(|(parent, name)| parent.join(name));
    named.unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_once_by_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
        let names = ["real/copy", "real/./copy", "real/../real/copy", "link/copy"];
        for first in names {
            let held = FolderLock::try_lock(&folder.path().join(first));
            assert!(held.is_some(), "{first}");
            for second in names {
                let taken = FolderLock::try_lock(&folder.path().join(second));
                assert!(taken.is_none(), "{first}, then {second}");
            }
            let other = FolderLock::try_lock(&folder.path().join("real/other"));
            assert!(other.is_some(), "a copy of another bucket");
        }
        // It exists by now.
        std::fs::create_dir(real.join("copy")).unwrap();
        let held = FolderLock::try_lock(&real.join("copy"));
        assert!(held.is_some(), "each lock was released");
    }
}
