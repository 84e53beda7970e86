//! Detects that a base path is a copy.
//!
//! A copy may lack roots that were signed after it was made. No chain shows all of them,
//! since a client may be the only one to hold a signature. So a copy answers challenges
//! and signs nothing until its operator confirms that it is the newest one and the only
//! one in use.
//!
//! Two small files, one in the base path and one in the index's folder, record the time
//! at which the file system created them. A copied file gets a new time, which no
//! program can set; a renamed or remounted one keeps it. A disk that is reset as a whole,
//! as by restoring a virtual machine's snapshot, is not detected.

use super::ProviderError;
use crate::index::{Index, LOCATION_KEY};
use cairn_bucket::read_bounded;
use cairn_engine::layout::{INDEX_DIR, LOCATION_FILE};
use cairn_fs::{FileError, replace_atomically};
use codec::{Decode, DecodeAll, Encode};
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The version of the files' format.
const VERSION: u8 = 1;
/// A bound on the size of a file, in bytes.
const MAX_BYTES: u64 = 64;
/// The reason given to clients and operators while a copy is not accepted.
const COPY_REASON: &str = "this is a copy of a provider's data, which may lack roots signed after it was \
     made: it signs once its operator accepts it as the newest copy and the only one in use";

/// The policy for a base path that is a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCopy {
    /// Sign nothing, and answer challenges.
    #[default]
    Refuse,
    /// Sign as the original did: it is the newest copy, and the only one in use. Earlier
    /// signatures for windows count as unknown, and no bucket is made for an agreement that it
    /// does not know.
    Accept,
}

/// The time at which the file system created a file, and its inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Origin {
    /// Nanoseconds since 1970, if the file system keeps them.
    created: Option<u64>,
    inode: u64,
}

impl Origin {
    fn from_metadata(metadata: &Metadata) -> Self {
        let created = metadata.created().ok();
        let since = created.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            created: since.and_then(|since| u64::try_from(since.as_nanos()).ok()),
            inode: metadata.ino(),
        }
    }

    /// Returns whether `found` is the file that was written as `self`. Inode numbers
    /// alone are weak: they are reused, and some file systems assign new ones at each
    /// mount.
    fn is_same_file(&self, found: &Self) -> bool {
        match (self.created, found.created) {
            (Some(written), Some(found)) => written == found,
            (Some(_), None) => false,
            (None, _) => self.inode == found.inode,
        }
    }
}

/// The result of checking one location file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LocationCheck {
    Here,
    Elsewhere,
    Absent,
}

fn read(path: &Path) -> Result<LocationCheck, ProviderError> {
    let Some(bytes) = read_bounded(path, MAX_BYTES)? else {
        return Ok(LocationCheck::Absent);
    };
    let metadata = path.metadata().map_err(FileError::wrap("look at", path))?;
    let is_here = parse(&bytes)
        .is_some_and(|written| written.is_same_file(&Origin::from_metadata(&metadata)));
    Ok(if is_here {
        LocationCheck::Here
    } else {
        LocationCheck::Elsewhere
    })
}

fn parse(bytes: &[u8]) -> Option<Origin> {
    let (version, origin) = <(u8, Origin)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(origin)
}

/// Returns whether the two files indicate a copy. Base paths of older versions have
/// neither file and no row in the index. One file may be missing if the first start was
/// interrupted or the index was created again.
fn is_copy(in_base: LocationCheck, in_index: LocationCheck, were_written: bool) -> bool {
    let is_missing = [in_base, in_index].contains(&LocationCheck::Absent);
    [in_base, in_index].contains(&LocationCheck::Elsewhere) || (were_written && is_missing)
}

/// Returns the paths of the two location files: the index's, then the base path's.
fn files(base: &Path) -> [PathBuf; 2] {
    [
        base.join(INDEX_DIR).join(LOCATION_FILE),
        base.join(LOCATION_FILE),
    ]
}

/// Returns the reason for signing nothing if the base path is a copy that is not
/// accepted. Otherwise writes the location files if needed.
pub(super) fn check(
    base: &Path,
    index: &Index,
    on_copy: OnCopy,
) -> Result<Option<&'static str>, ProviderError> {
    let [of_index, of_base] = files(base);
    let were_written = index.meta(LOCATION_KEY)?.is_some();
    let said = (read(&of_base)?, read(&of_index)?);
    let is_copy = is_copy(said.0, said.1, were_written);
    if is_copy && on_copy == OnCopy::Refuse {
        return Ok(Some(COPY_REASON));
    }
    if is_copy {
        tracing::warn!(path = %base.display(), "the copy is accepted as the newest one and signs from now on");
        index.mark_windows_unknown()?;
        index.mark_agreements_unknown()?;
    }
    if is_copy || !were_written || said != (LocationCheck::Here, LocationCheck::Here) {
        // The row comes last: without it, a single file means an interrupted first start.
        let written = [of_index, of_base].iter().try_for_each(|path| write(path));
        let written = written.and_then(|()| Ok(index.set_meta(LOCATION_KEY, &[VERSION])?));
        match written {
            Err(error) if is_copy => return Err(error),
            // A full disk must not prevent answers to challenges.
            Err(error) => tracing::error!(%error, "a copy of the base path would not be detected"),
            Ok(()) => {}
        }
    }
    Ok(None)
}

fn write(path: &Path) -> Result<(), ProviderError> {
    let written = replace_atomically(path, |file| {
        let origin = Origin::from_metadata(&file.get_ref().metadata()?);
        file.write_all(&(VERSION, origin).encode())
    });
    Ok(written.map_err(FileError::wrap("write", path))?)
}

#[cfg(test)]
mod tests;
