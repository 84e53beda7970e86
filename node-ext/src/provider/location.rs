//! Whether a base path is where it was made, or a copy of it.
//!
//! A copy may be older than what was signed since, and no chain shows all of
//! that: a signature may be in a client's hands alone. So a copy answers for all
//! that it has, and signs nothing until its operator has said that it is the
//! newest one and the only one at work.
//!
//! Two small files, one in the base path and one in the index's folder, say when
//! the file system created them. A copy has another time, since nobody can choose
//! that; what is renamed or mounted elsewhere keeps it. A disk that is set back
//! as a whole, as a snapshot of a virtual machine does, cannot be noticed so.

use super::ProviderError;
use crate::base_path::{io, read_small};
use crate::index::{Index, LOCATION_KEY};
use crate::layout::{INDEX_DIR, LOCATION_FILE};
use crate::provider::own_chain::replace_by;
use codec::{Decode, DecodeAll, Encode};
use std::fs::Metadata;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The version of what the files hold.
const VERSION: u8 = 1;
/// More than a file can have, in bytes.
const MAX_BYTES: u64 = 64;
/// What is said to clients and operators as long as a copy is not accepted.
const REASON: &str = "this is a copy of a provider's data, which may lack what was signed since it was \
     made: see that it is the newest one and that nothing else signs with its key, then start it \
     once with `cairn run --accept-copy`";

/// What to do with a base path that is a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnCopy {
    /// Sign nothing, and answer for what it has.
    #[default]
    Refuse,
    /// Sign from now on as the original did: it is the newest copy, and the only one
    /// at work. What was signed for windows is taken to be unknown.
    Accept,
}

/// When the file system created a file, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
struct Origin {
    /// Nanoseconds since 1970, if the file system keeps them.
    created: Option<u64>,
    inode: u64,
}

impl Origin {
    fn of(metadata: &Metadata) -> Self {
        let created = metadata.created().ok();
        let since = created.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Self {
            created: since.and_then(|since| u64::try_from(since.as_nanos()).ok()),
            inode: metadata.ino(),
        }
    }

    /// Whether a file that was written as `self` is the one that is found. The
    /// number alone is given to another file once it is free, and some file systems
    /// give a new one at each mount.
    fn is_still(&self, found: &Self) -> bool {
        match (self.created, found.created) {
            (Some(written), Some(found)) => written == found,
            (Some(_), None) => false,
            (None, _) => self.inode == found.inode,
        }
    }
}

/// Whether a file is still where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Here,
    Elsewhere,
    Nothing,
}

fn read(path: &Path) -> Result<Said, ProviderError> {
    let Some(bytes) = read_small(path, MAX_BYTES)? else {
        return Ok(Said::Nothing);
    };
    let metadata = path
        .metadata()
        .map_err(|source| io("look at", path, source))?;
    let is_here = parse(&bytes).is_some_and(|written| written.is_still(&Origin::of(&metadata)));
    Ok(if is_here { Said::Here } else { Said::Elsewhere })
}

fn parse(bytes: &[u8]) -> Option<Origin> {
    let (version, origin) = <(u8, Origin)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(origin)
}

/// Whether what both files say is that of a copy. Base paths of older versions
/// have neither, and no row in the index; one of them may be missing where the
/// first start was broken off, or the index was made anew.
fn is_copy(in_base: Said, in_index: Said, were_written: bool) -> bool {
    let is_missing = [in_base, in_index].contains(&Said::Nothing);
    [in_base, in_index].contains(&Said::Elsewhere) || (were_written && is_missing)
}

/// The two files of a base path.
fn files(base: &Path) -> [PathBuf; 2] {
    [
        base.join(INDEX_DIR).join(LOCATION_FILE),
        base.join(LOCATION_FILE),
    ]
}

/// Why nothing is signed, where the base path is a copy that is not accepted.
/// Otherwise writes down where it is.
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
        return Ok(Some(REASON));
    }
    if is_copy {
        tracing::warn!(path = %base.display(), "the copy is taken as the newest one, and signs from now on");
        index.forget_windows()?;
    }
    if is_copy || !were_written || said != (Said::Here, Said::Here) {
        // The row comes last: until then, one file alone is that of a first start.
        let written = [of_index, of_base].iter().try_for_each(|path| write(path));
        let written = written.and_then(|()| Ok(index.keep_meta(LOCATION_KEY, &[VERSION])?));
        match written {
            Err(error) if is_copy => return Err(error),
            // A full disk keeps nobody from answering a challenge.
            Err(error) => tracing::error!(%error, "a copy of the base path would not be noticed"),
            Ok(()) => {}
        }
    }
    Ok(None)
}

fn write(path: &Path) -> Result<(), ProviderError> {
    let written = replace_by(path, |file| {
        let origin = Origin::of(&file.get_ref().metadata()?);
        file.write_all(&(VERSION, origin).encode())
    });
    Ok(written.map_err(|source| io("note where the base path is in", path, source))?)
}

#[cfg(test)]
mod tests;
