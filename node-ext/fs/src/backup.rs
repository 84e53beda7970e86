//! Backup copies of a bucket's folder, made before an operation that might turn
//! out to be wrong.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Suffix of a backup folder while it is being filled.
const COPYING_SUFFIX: &str = ".copying";

/// Copies a closed bucket's folder to a sibling whose name ends with `ending`, and
/// with a number if that name is taken. Only the operator removes it. Tables and
/// blob files never change once they are written, and are hard-linked.
pub fn back_up(bucket: &Path, ending: &str) -> Result<PathBuf> {
    let kept = free_name(bucket, ending)?;
    // A folder under its final name is complete; an unfinished one is made again.
    let unfinished = with_ending(&kept, COPYING_SUFFIX);
    match std::fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => std::fs::create_dir(&unfinished)?,
    }
    copy_files(bucket, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, &kept)?;
    if let Some(parent) = kept.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(kept)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Returns the first name that is free.
fn free_name(bucket: &Path, ending: &str) -> Result<PathBuf> {
    let numbered = (2..u32::MAX).map(|number| format!("{ending}-{number}"));
    std::iter::once(ending.to_owned())
        .chain(numbered)
        .map(|ending| with_ending(bucket, &ending))
        .find(|name| !name.exists())
        .ok_or_else(|| ErrorKind::AlreadyExists.into())
}

/// Copies the files of a folder into another one, durably. Hard-links tables and
/// blob files, since these never change once they are written.
pub fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        // The next repair does not need the files that RocksDB's own repair set aside.
        if entry.file_type()?.is_dir() {
            continue;
        }
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_immutable = |end: &std::ffi::OsStr| end == "sst" || end == "blob";
        if source.extension().is_some_and(is_immutable) {
            std::fs::hard_link(&source, &target)?;
        } else {
            std::fs::copy(&source, &target)?;
            File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_complete_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let bucket = folder.path().join("bucket");
        std::fs::create_dir(&bucket).unwrap();
        std::fs::write(bucket.join("CURRENT"), "first").unwrap();
        // As left by a process that was killed during the copy.
        let unfinished = folder.path().join("bucket.before.copying");
        std::fs::create_dir(&unfinished).unwrap();
        std::fs::write(unfinished.join("half"), "").unwrap();

        let first = back_up(&bucket, ".before").unwrap();
        assert_eq!(first, folder.path().join("bucket.before"));
        assert!(!first.join("half").exists() && !unfinished.exists());
        std::fs::write(bucket.join("CURRENT"), "second").unwrap();
        let second = back_up(&bucket, ".before").unwrap();
        assert_eq!(second, folder.path().join("bucket.before-2"));
        let read = |kept: &Path| std::fs::read_to_string(kept.join("CURRENT")).unwrap();
        assert_eq!(
            (read(&first), read(&second)),
            ("first".into(), "second".into())
        );
    }
}
