//! Output files, which are written completely or not at all.

use crate::escaped_path::escaped;
use crate::failure::Failure;
use cairn_fs::free_at;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A temporary file next to its target, which it replaces when it is complete.
pub(crate) struct OutFile {
    target: PathBuf,
    sink: Sink,
}

enum Sink {
    Temporary(NamedTempFile),
    /// A pipe or a device, which cannot be replaced.
    Direct(File),
}

impl OutFile {
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let fault = |source| Failure::file("write", path, source);
        // A link stays, and the file that it leads to is replaced.
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Ok(there) = std::fs::metadata(&target) {
            if there.is_dir() {
                return Err(fault(io::ErrorKind::IsADirectory.into()));
            }
            if !there.is_file() {
                let sink = OpenOptions::new().write(true).open(&target);
                let sink = Sink::Direct(sink.map_err(fault)?);
                return Ok(Self { target, sink });
            }
        }
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".cairn-")
            // The umask applies to this mode as to that of any new file.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(fault)?;
        Ok(Self {
            target,
            sink: Sink::Temporary(temporary),
        })
    }

    /// Creates a file for content of a known length, which must fit on the disk: a leaf may
    /// claim more than any disk holds, and writing it would fill the disk for others.
    pub(crate) fn create_for(path: &Path, length: u64) -> Result<Self, Failure> {
        let file = Self::create(path)?;
        if let Sink::Temporary(_) = &file.sink {
            let folder = file
                .target
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let free = free_at(folder.unwrap_or(Path::new(".")));
            let free = free
                .map_err(|source| Failure::file("write", path, source))?
                .free;
            if length > free {
                return Err(Failure::Failed(format!(
                    "cannot write {}: it needs {length} bytes, and {free} are free on its disk",
                    escaped(path)
                )));
            }
        }
        Ok(file)
    }

    /// Syncs the file to disk and renames it to its target.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let target = self.target;
        let fault = |source| Failure::file("write", &target, source);
        match self.sink {
            Sink::Direct(_) => Ok(()),
            Sink::Temporary(temporary) => {
                temporary.as_file().sync_all().map_err(fault)?;
                let kept = temporary.persist(&target);
                kept.map(drop).map_err(|error| fault(error.error))
            }
        }
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Temporary(file) => file.write(bytes),
            Sink::Direct(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Temporary(file) => file.flush(),
            Sink::Direct(file) => file.flush(),
        }
    }
}
