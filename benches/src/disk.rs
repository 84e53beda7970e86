//! Files: drops them from the page cache, so that reads come from the disk, and counts their
//! space.

use crate::Fallible;
use rustix::fs::{Advice, fadvise};
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

/// The way in which the page cache was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheDrop {
    /// Completely, by the kernel.
    System,
    /// For the given files, by advice that the kernel may ignore.
    ByAdvice,
}

impl CacheDrop {
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::System => "the page cache emptied through /proc/sys/vm/drop_caches",
            Self::ByAdvice => "the files dropped from the page cache by posix_fadvise",
        }
    }
}

/// Drops all files under `path` from the page cache.
pub(crate) fn drop_from_cache(path: &Path) -> Fallible<CacheDrop> {
    // Only clean pages can be dropped.
    for_each_file(path, &mut |file| Ok(file.sync_all()?))?;
    if std::fs::write("/proc/sys/vm/drop_caches", "1").is_ok() {
        return Ok(CacheDrop::System);
    }
    for_each_file(path, &mut |file| {
        Ok(fadvise(file, 0, None, Advice::DontNeed)?)
    })?;
    Ok(CacheDrop::ByAdvice)
}

/// Returns the allocated bytes of `path` and everything below it. Files that are removed during
/// the count are not included.
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
