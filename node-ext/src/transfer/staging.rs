//! Where what is not whole yet is made: beside its place, under a name that
//! says so, and gone when it does not become whole.

use super::error::TransferError;
use super::files::{rename_new, sync_folder};
use super::{DATABASE_DIR, MANIFEST_NAME};
use crate::layout::{EXPORTING, IMPORTING, bucket_dir_name, is_unfinished};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A bucket on its way in of which it is not known which it is.
const UNNAMED: &str = "unnamed";

/// What this process works in: what is there and not in here was left behind by
/// one that ended, since one process at a time works in a base path.
static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A place to make something in. Dropped without being published, it is gone
/// with all that is in it.
pub(super) struct Staging {
    path: PathBuf,
}

impl Staging {
    /// A folder beside a bucket's own, for a copy that is to leave from there.
    pub(super) fn beside(bucket: &Path) -> Result<Self, TransferError> {
        Self::folder(named_beside(bucket, EXPORTING)?)
    }

    /// A folder for a bucket that comes in.
    pub(super) fn incoming(
        buckets: &Path,
        bucket: Option<BucketId>,
    ) -> Result<Self, TransferError> {
        let name = bucket.map_or_else(|| UNNAMED.into(), bucket_dir_name);
        Self::folder(buckets.join(name + IMPORTING))
    }

    fn folder(path: PathBuf) -> Result<Self, TransferError> {
        let staging = Self::claim(path)?;
        staging.clear()?;
        let path = &staging.path;
        std::fs::create_dir(path).map_err(TransferError::io("make", path))?;
        Ok(staging)
    }

    /// A place for an export, beside where it is to be. What an earlier one
    /// left there is removed; what does not look like that is not.
    pub(super) fn outgoing(destination: &Path) -> Result<Self, TransferError> {
        let path = named_beside(destination, EXPORTING)?;
        if !is_unfinished_export(&path) {
            return Err(TransferError::Exists { path });
        }
        let staging = Self::claim(path)?;
        staging.clear()?;
        Ok(staging)
    }

    fn claim(path: PathBuf) -> Result<Self, TransferError> {
        if IN_USE.lock().insert(path.clone()) {
            Ok(Self { path })
        } else {
            Err(TransferError::Busy { path })
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn clear(&self) -> Result<(), TransferError> {
        remove(&self.path).map_err(TransferError::io("remove", &self.path))
    }

    /// Gives what was made its own name, durably, unless that is taken.
    pub(super) fn publish(self, to: &Path) -> Result<(), TransferError> {
        rename_new(&self.path, to).map_err(|error| match error.kind() {
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
        // After it was published there is nothing of this name.
        if let Err(error) = remove(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "could not remove what is not needed");
        }
        IN_USE.lock().remove(&self.path);
    }
}

/// Removes what making, exporting and importing left in a folder of buckets when
/// their process ended. Gives what was removed.
///
/// Only for whoever holds the base path for writing.
///
/// # Errors
///
/// The system's, with what it refused to read or remove.
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

/// The folder that something is in.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    }
}

fn named_beside(path: &Path, suffix: &str) -> Result<PathBuf, TransferError> {
    let mut name = path
        .file_name()
        .ok_or_else(|| TransferError::NoName {
            path: path.to_owned(),
        })?
        .to_owned();
    name.push(suffix);
    Ok(parent(path).join(name))
}

/// Whether there is nothing, or nothing but what an export makes.
fn is_unfinished_export(path: &Path) -> bool {
    let Ok(there) = std::fs::symlink_metadata(path) else {
        return true;
    };
    if !there.is_dir() {
        return there.is_file();
    }
    std::fs::read_dir(path).is_ok_and(|mut entries| {
        entries.all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                name == MANIFEST_NAME || name == DATABASE_DIR
            })
        })
    })
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
