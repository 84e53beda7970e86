//! Where what is not whole yet is made: beside its place, under a name that
//! says so, and gone when it does not become whole.

use super::error::TransferError;
use super::files::{create_folder, create_new, open_regular, rename_new, sync_folder};
use crate::layout::{EXPORTING, IMPORTING, UNNAMED, bucket_dir_name, is_unfinished};
use cairn_primitives::BucketId;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A file in the folder of an unfinished export: without it the folder is
/// somebody else's, whatever its name. The process that works there has it locked.
const MARK: &str = "cairn-unfinished-export";
/// What is in that file.
const MARK_TEXT: &[u8] =
    b"Made by an export of Cairn that has not ended. The next one removes it.\n";
/// What an export makes, in its folder, until it gets its own name.
const COPY: &str = "copy";

/// What this process works in: what is there and not in here was left behind by
/// one that ended, since one process at a time works in a base path.
static IN_USE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A place to make something in. Dropped without being published, it is gone
/// with all that is in it.
pub(super) struct Staging {
    /// What is removed at the end.
    path: PathBuf,
    /// Where it is made: there, or in it.
    work: PathBuf,
    /// Whether what is at `path` is of this process.
    is_ours: bool,
    /// Held locked for other processes to see.
    _mark: Option<File>,
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

    /// A folder within a folder of buckets, where such names are Cairn's alone.
    fn folder(path: PathBuf) -> Result<Self, TransferError> {
        let mut staging = Self::claim(path)?;
        staging.is_ours = true;
        remove(&staging.path).map_err(TransferError::io("remove", &staging.path))?;
        create_folder(&staging.path)?;
        Ok(staging)
    }

    /// A place for an export, beside where it is to be. What an earlier one
    /// left there is removed, and nothing else is: not even what looks like it.
    pub(super) fn outgoing(destination: &Path) -> Result<Self, TransferError> {
        let mut staging = Self::claim(named_beside(destination, EXPORTING)?)?;
        let path = staging.path.clone();
        if is_left_over(&path) {
            remove(&path).map_err(TransferError::io("remove", &path))?;
        }
        // Others have no business with what clients store.
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => TransferError::Exists { path: path.clone() },
            _ => TransferError::io("make", &path)(error),
        })?;
        staging.is_ours = true;
        staging.work = path.join(COPY);
        let mark = path.join(MARK);
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

    /// Where it is to be made.
    pub(super) fn work_path(&self) -> &Path {
        &self.work
    }

    /// Gives what was made its own name, durably, unless that is taken.
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
        // After it was published little or nothing is left.
        if self.is_ours
            && let Err(error) = remove(&self.path)
        {
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

/// Whether an export of ours left it behind, of a process that has ended.
fn is_left_over(path: &Path) -> bool {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|there| there.is_dir());
    let Some(mark) = is_folder
        .then(|| open_regular(&path.join(MARK)).ok())
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
    /// Leaves all where it is, without its lock.
    pub(super) fn leave_as_killed(mut self) {
        self.is_ours = false;
    }

    /// As if another process had it.
    pub(super) fn forget_in_this_process(&self) {
        IN_USE.lock().remove(&self.path);
    }
}
