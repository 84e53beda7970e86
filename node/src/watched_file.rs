//! Reads a file and checks at its end that it did not change meanwhile. The content of a
//! file that was cut, grew, was written to or was replaced mixes several moments, so it is
//! an error.
//!
//! One change is not noticed: a write that keeps the length, in the same clock tick of the
//! file system as an earlier write.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The way in which a file changed while it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileChange {
    #[error(
        "it ended after {read} bytes, and had {length} when it was opened: store it again when \
         nobody writes to it"
    )]
    Cut { read: u64, length: u64 },
    #[error(
        "it grew from {length} bytes while it was read: store it again when nobody writes to it"
    )]
    Grown { length: u64 },
    #[error("it was written to while it was read: store it again when nobody writes to it")]
    Written,
    #[error("another file replaced it while it was read: store it again")]
    Replaced,
}

impl FileChange {
    /// Returns the change that an I/O error reports, if it reports one.
    pub(crate) fn from_io_error(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

/// The properties that distinguish two moments of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileState {
    length: u64,
    modified: (i64, i64),
}

impl FileState {
    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file that is watched while it is read.
#[derive(Debug)]
pub(crate) struct WatchedFile {
    file: File,
    path: PathBuf,
    /// The file's device and inode.
    identity: (u64, u64),
    at_start: FileState,
    read: u64,
}

impl WatchedFile {
    /// Wraps a file that was just opened at `path`.
    pub(crate) fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            identity: (metadata.dev(), metadata.ino()),
            at_start: FileState::from_metadata(&metadata),
            file,
            path,
            read: 0,
        })
    }

    /// Checks, at the end of the file, that it did not change.
    fn check(&self) -> io::Result<()> {
        let length = self.at_start.length;
        let now = FileState::from_metadata(&self.file.metadata()?);
        let changed = if self.read < length {
            let read = self.read;
            Some(FileChange::Cut { read, length })
        } else if self.read > length || now.length > length {
            Some(FileChange::Grown { length })
        } else if now != self.at_start {
            Some(FileChange::Written)
        } else {
            // A file that was removed was complete until then.
            let there = std::fs::metadata(&self.path);
            let is_another = there.is_ok_and(|there| (there.dev(), there.ino()) != self.identity);
            is_another.then_some(FileChange::Replaced)
        };
        changed.map_or(Ok(()), |changed| Err(io::Error::other(changed)))
    }
}

impl Read for WatchedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read = self
            .read
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        // A file that grows as fast as it is read never ends.
        if (read == 0 && !buffer.is_empty()) || self.read > self.at_start.length {
            self.check()?;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::Path;

    /// Reads a file of ten bytes, and calls `meddle` on it after four.
    fn read_while(meddle: impl FnOnce(&Path)) -> Result<Vec<u8>, FileChange> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        let mut file = WatchedFile::new(File::open(&path).unwrap(), path.clone()).unwrap();
        let mut content = vec![0; 4];
        file.read_exact(&mut content).unwrap();
        meddle(&path);
        match file.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(FileChange::from_io_error(&error).expect("a change")),
        }
    }

    #[test]
    fn put_an_unchanged_file_is_read_completely() {
        assert_eq!(read_while(|_| {}), Ok(b"0123456789".to_vec()));
        let removed = read_while(|path| std::fs::remove_file(path).unwrap());
        assert_eq!(removed, Ok(b"0123456789".to_vec()));
    }

    #[test]
    fn put_every_change_of_a_file_is_noticed() {
        let open = |path: &Path| OpenOptions::new().write(true).open(path).unwrap();
        let cut = read_while(|path| open(path).set_len(6).unwrap());
        assert_eq!(
            cut,
            Err(FileChange::Cut {
                read: 6,
                length: 10
            })
        );
        let cut_below = read_while(|path| open(path).set_len(2).unwrap());
        assert_eq!(
            cut_below,
            Err(FileChange::Cut {
                read: 4,
                length: 10
            })
        );
        let grown = read_while(|path| {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(b"more").unwrap();
        });
        assert_eq!(grown, Err(FileChange::Grown { length: 10 }));
        let written = read_while(|path| {
            let then = std::time::SystemTime::UNIX_EPOCH;
            open(path).set_modified(then).unwrap();
        });
        assert_eq!(written, Err(FileChange::Written));
        let replaced = read_while(|path| {
            std::fs::write(path.with_extension("new"), b"another 10").unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        });
        assert_eq!(replaced, Err(FileChange::Replaced));
    }
}
