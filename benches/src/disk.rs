//! Files: putting them out of memory, so that a read comes from the disk, and
//! counting what they take.

use crate::Fallible;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// How the page cache was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// All of it, by the kernel.
    System,
    /// The files at hand, by advice that the kernel may disregard.
    ByAdvice,
}

impl Dropped {
    pub(crate) fn how(self) -> &'static str {
        match self {
            Self::System => "the page cache emptied through /proc/sys/vm/drop_caches",
            Self::ByAdvice => "the files put out of the page cache by posix_fadvise",
        }
    }
}

/// Puts all files under `path` out of memory.
pub(crate) fn forget(path: &Path) -> Fallible<Dropped> {
    // Only clean pages can be dropped.
    for_each_file(path, &mut |file| Ok(file.sync_all()?))?;
    if std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok() {
        return Ok(Dropped::System);
    }
    for_each_file(path, &mut |file| {
        Ok(fadvise(file, 0, None, Advice::DontNeed)?)
    })?;
    Ok(Dropped::ByAdvice)
}

/// Bytes that `path` takes with all below it, by allocation. What is removed
/// while it is counted is not counted.
pub(crate) fn allocated(path: &Path) -> Fallible<u64> {
    use std::os::unix::fs::MetadataExt;
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        metadata => metadata?,
    };
    let mut sum = metadata.blocks().saturating_mul(512);
    if metadata.is_dir() {
        let entries = match std::fs::read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        for entry in entries {
            sum = sum.saturating_add(allocated(&entry?.path())?);
        }
    }
    Ok(sum)
}

fn for_each_file(path: &Path, each: &mut impl FnMut(&File) -> Fallible<()>) -> Fallible<()> {
    if path.is_file() {
        return each(&File::open(path)?);
    }
    for entry in std::fs::read_dir(path)? {
        for_each_file(&entry?.path(), each)?;
    }
    Ok(())
}
