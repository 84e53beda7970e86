//! Working folders for unfinished exports and imports, next to the final place. Each has a
//! telling name, and is removed unless its contents are published.

use super::error::TransferError;
use super::files::{create_folder, create_new, open_regular, parent, rename_new, sync_folder};
use cairn_engine::layout::{
    EXPORTING_SUFFIX, IMPORTING_SUFFIX, UNNAMED_BUCKET, bucket_dir_name, is_unfinished,
};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Marks the folder of an unfinished export; without it, a folder of the same name belongs
/// to somebody else. The exporting process has it locked.
const MARK_FILE: &str = "cairn-unfinished-export";
/// Content of that file.
const MARK_TEXT: &[u8] =
    b"Made by an export of Cairn that has not ended. The next one removes it.\n";
/// Name of the export within its folder until it is published.
const EXPORT_NAME: &str = "copy";

/// The working folders of this process. Any other was left by a process that has ended,
/// since only one process at a time uses a base path.
static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A working folder. It is removed on drop, with its contents, unless they were published.
pub(super) struct Staging {
    /// The folder to remove at the end.
    path: PathBuf,
    /// Where the result is made: the folder, or a file or folder in it.
    work: PathBuf,
    /// Set once this process has created `path`.
    is_ours: bool,
    /// Holds the lock that other processes check.
    _mark: Option<File>,
}

impl Staging {
    /// Makes a folder next to a bucket's own, for a checkpoint to export.
    pub(super) fn for_checkpoint(bucket: &Path) -> Result<Self, TransferError> {
        Self::create(sibling_path(bucket, EXPORTING_SUFFIX)?)
    }

    /// Makes a folder for a bucket to import.
    pub(super) fn incoming(
        buckets: &Path,
        bucket: Option<BucketId>,
    ) -> Result<Self, TransferError> {
        let name = bucket.map_or_else(|| UNNAMED_BUCKET.into(), bucket_dir_name);
        Self::create(buckets.join(name + IMPORTING_SUFFIX))
    }

    /// Makes a folder within a folder of buckets, where only Cairn uses such names.
    fn create(path: PathBuf) -> Result<Self, TransferError> {
        let mut staging = Self::claim(path)?;
        staging.is_ours = true;
        remove(&staging.path).map_err(TransferError::io("remove", &staging.path))?;
        create_folder(&staging.path)?;
        Ok(staging)
    }

    /// Makes a folder for an export, next to the destination. Removes what an earlier export
    /// left there, and nothing else, however similar.
    pub(super) fn outgoing(destination: &Path) -> Result<Self, TransferError> {
        let mut staging = Self::claim(sibling_path(destination, EXPORTING_SUFFIX)?)?;
        let path = staging.path.clone();
        if is_left_over(&path) {
            remove(&path).map_err(TransferError::io("remove", &path))?;
        }
        // Only the owner may read clients' data.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => TransferError::Exists { path: path.clone() },
            _ => TransferError::io("make", &path)(error),
        })?;
        staging.is_ours = true;
        staging.work = path.join(EXPORT_NAME);
        let mark = path.join(MARK_FILE);
        let fault = TransferError::io("make", &mark);
        let mut file = create_new(&mark)?;
        file.lock()
            .and_then(|()| file.write_all(MARK_TEXT))
            .map_err(fault)?;
        staging._mark = Some(file);
        Ok(staging)
    }

    fn claim(path: PathBuf) -> Result<Self, TransferError> {
        if !IN_USE.lock().insert(path.clone()) {
            return Err(TransferError::Busy { path });
        }
        Ok(Self {
            work: path.clone(),
            path,
            is_ours: false,
            _mark: None,
        })
    }

    /// Returns where to make the result.
    pub(super) fn work_path(&self) -> &Path {
        &self.work
    }

    /// Renames the result to its final name, durably, unless that is taken.
    pub(super) fn publish(self, to: &Path) -> Result<(), TransferError> {
        rename_new(&self.work, to).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => TransferError::Exists {
                path: to.to_owned(),
            },
            _ => TransferError::io("make", to)(error),
        })?;
        sync_folder(&parent(to))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publication, little or nothing is left.
        if self.is_ours
            && let Err(error) = remove(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a working folder");
        }
        IN_USE.lock().remove(&self.path);
    }
}

/// Removes what interrupted creations, exports and imports left in a folder of buckets.
/// Returns the removed paths.
///
/// The caller must have the base path open for writing.
///
/// # Errors
///
/// An I/O error, with the path that could not be read or removed.
pub fn remove_unfinished(buckets: &Path) -> Result<Vec<PathBuf>, TransferError> {
    let read_fault = TransferError::io("read", buckets);
    let mut removed = Vec::new();
    for entry in std::fs::read_dir(buckets).map_err(&read_fault)? {
        let entry = entry.map_err(&read_fault)?;
        let name = entry.file_name();
        let unfinished = name.to_str().is_some_and(is_unfinished);
        let path = entry.path();
        if unfinished && !IN_USE.lock().contains(&path) {
            remove(&path).map_err(TransferError::io("remove", &path))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

fn sibling_path(path: &Path, suffix: &str) -> Result<PathBuf, TransferError> {
    let mut name = path
        .file_name()
        .ok_or_else(|| TransferError::NoName {
            path: path.to_owned(),
        })?
        .to_owned();
    name.push(suffix);
    Ok(parent(path).join(name))
}

/// Returns whether an export of a process that has ended left this folder.
fn is_left_over(path: &Path) -> bool {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|there| there.is_dir());
    let Some(mark) = is_folder
        .then(|| open_regular(&path.join(MARK_FILE)).ok())
        .flatten()
    else {
        return false;
    };
    let mut text = Vec::new();
    let most = u64::try_from(MARK_TEXT.len()).unwrap_or(u64::MAX);
    let read = (&mark).take(most.saturating_add(1)).read_to_end(&mut text);
    read.is_ok() && text == MARK_TEXT && mark.try_lock().is_ok()
}

fn remove(path: &Path) -> std::io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
impl Staging {
    /// Drops without removing anything, as a killed process does.
    pub(super) fn leave_as_killed(mut self) {
        self.is_ours = false;
    }

    /// Makes this process treat the folder as another process's.
    pub(super) fn forget_in_this_process(&self) {
        IN_USE.lock().remove(&self.path);
    }
}
