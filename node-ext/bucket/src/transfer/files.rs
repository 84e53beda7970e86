//! File operations for transfers: opening without following links, hashing while reading,
//! and writing durably.

use super::error::TransferError;
use super::manifest::ManifestFile;
use cairn_engine::SharedResources;
use cairn_fs::DiskReserved;
use cairn_primitives::H256;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Read buffer, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// A reader that hashes and counts the bytes read through it.
pub(super) struct HashingReader<R> {
    inner: R,
    state: blake2b_simd::State,
    length: u64,
}

impl<R: Read> HashingReader<R> {
    pub(super) fn new(inner: R) -> Self {
        let state = blake2b_simd::Params::new().hash_length(32).to_state();
        Self {
            inner,
            state,
            length: 0,
        }
    }

    /// Returns the length and hash of the bytes read.
    pub(super) fn finish(self) -> (u64, H256) {
        let mut hash = H256::zero();
        let digest = self.state.finalize();
        for (to, from) in hash.as_bytes_mut().iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        (self.length, hash)
    }

    /// Compares the bytes read with a file of the manifest. The error tells the difference.
    pub(super) fn check(self, file: &ManifestFile) -> Result<(), String> {
        let (length, hash) = self.finish();
        if length > file.size() {
            return Err(format!("it has more than {} bytes", file.size()));
        }
        if length < file.size() {
            return Err(format!("it ends after {length} bytes of {}", file.size()));
        }
        if hash != file.hash() {
            return Err("its hash differs".into());
        }
        Ok(())
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.state.update(buffer.get(..read).unwrap_or_default());
        let more = u64::try_from(read).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
        Ok(read)
    }
}

/// Copies from `source` to `sink` in bounded memory, and counts the bytes. The two sides
/// have separate errors.
pub(super) fn copy_counted(
    source: &mut impl Read,
    mut sink: impl FnMut(&[u8]) -> Result<(), TransferError>,
    read_fault: impl Fn(io::Error) -> TransferError,
    mut poured: impl FnMut(u64),
) -> Result<(), TransferError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_fault(error)),
        };
        sink(buffer.get(..read).unwrap_or_default())?;
        poured(u64::try_from(read).unwrap_or(u64::MAX));
    }
}

/// Writes a new file from `source`, durably, as long as the disk has space.
pub(super) fn write_new(
    path: &Path,
    source: &mut impl Read,
    room: DestinationSpace<'_>,
    read_fault: impl Fn(io::Error) -> TransferError,
    poured: impl FnMut(u64),
) -> Result<(), TransferError> {
    let fault = TransferError::io("write", path);
    let mut file = create_new(path)?;
    let sink = |bytes: &[u8]| {
        room.admit(bytes.len())?;
        file.write_all(bytes).map_err(&fault)
    };
    copy_counted(source, sink, read_fault, poured)?;
    file.sync_all().map_err(&fault)
}

/// Creates a file that only its owner may read, since it holds clients' data.
pub(super) fn create_new(path: &Path) -> Result<File, TransferError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let created = options.open(path);
    created.map_err(TransferError::io("make", path))
}

/// Creates a folder that only its owner may read.
pub(super) fn create_folder(path: &Path) -> Result<(), TransferError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(TransferError::io("make", path))
}

/// Makes a reflink copy of a file, if the file system supports it. Returns whether it does.
pub(super) fn reflink(from: &Path, to: &Path) -> Result<bool, TransferError> {
    let fault = TransferError::io("read", from);
    let source = open_regular(from).map_err(fault)?;
    let file = create_new(to)?;
    if rustix::fs::ioctl_ficlone(&file, &source).is_err() {
        drop(file);
        std::fs::remove_file(to).map_err(TransferError::io("remove", to))?;
        return Ok(false);
    }
    file.sync_all().map_err(TransferError::io("write", to))?;
    Ok(true)
}

/// The space that copied files may use on the destination's disk.
#[derive(Clone, Copy)]
pub(super) struct DestinationSpace<'s> {
    /// The base path's disk guard; `None` on another disk, which has no reserve.
    shared: Option<&'s SharedResources>,
}

impl<'s> DestinationSpace<'s> {
    /// Space on the disk of the base path.
    pub(super) const fn in_base_path(shared: &'s SharedResources) -> Self {
        let shared = Some(shared);
        Self { shared }
    }

    /// Space for a file next to `to`, for a base path that contains `bucket`.
    pub(super) fn next_to(to: &Path, bucket: &Path, shared: &'s SharedResources) -> Self {
        let disk = |path: &Path| std::fs::metadata(path).map(|path| path.dev());
        let is_another = match (disk(&parent(to)), disk(bucket)) {
            (Ok(to), Ok(bucket)) => to != bucket,
            // If a path cannot be found, the write to it fails too.
            _ => false,
        };
        let shared = (!is_another).then_some(shared);
        Self { shared }
    }

    fn admit(self, bytes: usize) -> Result<(), DiskReserved> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.shared.map_or(Ok(()), |shared| shared.admit(bytes))
    }

    /// Checks that all of it would fit.
    pub(super) fn check_fits(self, bytes: u64) -> Result<(), DiskReserved> {
        self.shared
            .map_or(Ok(()), |shared| shared.check_fits(bytes))
    }
}

/// A file that is written as long as the disk has space.
pub(super) struct SpaceCheckedFile<'s> {
    file: File,
    space: DestinationSpace<'s>,
}

impl<'s> SpaceCheckedFile<'s> {
    pub(super) const fn new(file: File, space: DestinationSpace<'s>) -> Self {
        Self { file, space }
    }

    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for SpaceCheckedFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.space.admit(bytes.len()).map_err(io::Error::other)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Returns the lack of space that stopped a [`SpaceCheckedFile`], if that was the error.
pub(super) fn space_error(error: &io::Error) -> Option<DiskReserved> {
    error.get_ref()?.downcast_ref().copied()
}

/// Opens a regular file. Rejects links, and pipes, which may never end.
pub(super) fn open_regular(path: &Path) -> Result<File, io::Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::LOOP => io::Error::new(ErrorKind::InvalidInput, "it is a link"),
        other => other.into(),
    })?;
    let file = File::from(opened);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ))
    }
}

/// Returns the parent folder, `.` for a bare name.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => ".".into(),
    }
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), TransferError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(TransferError::io("sync", path))
}

/// Renames, unless the new name is taken.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not all file systems support it. A plain rename does not replace a non-empty folder
        // either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            if std::fs::symlink_metadata(to).is_ok() {
                return Err(ErrorKind::AlreadyExists.into());
            }
            std::fs::rename(from, to)
        }
        renamed => renamed.map_err(io::Error::from),
    }
}
