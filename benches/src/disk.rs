//! Files: putting them out of memory, so that a read comes from the disk, and
//! counting what they take.

use crate::Fallible;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
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

/// Bytes that the files under `path` take, by allocation.
pub(crate) fn allocated(path: &Path) -> Fallible<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0_u64;
    for_each_file(path, &mut |file| {
        sum = sum.saturating_add(file.metadata()?.blocks().saturating_mul(512));
        Ok(())
    })?;
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
