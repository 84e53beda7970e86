//! The archive: plain tar, `manifest.json` first, then `bucket/<file>` for each
//! file in the manifest's order. Written and read in bounded memory.
//!
//! What is read comes from anywhere: of tar's many kinds of entries, files with
//! these very names are taken, and the folder itself, which other writers add.

use super::error::TransferError;
use super::files::{Hashed, open_regular};
use super::manifest::{MAX_BYTES, Manifest, ManifestFault, ManifestFile};
use super::{DATABASE_DIR, MANIFEST_NAME, Meter};
use std::io::{self, BufWriter, Cursor, ErrorKind, Read, Write};
use std::path::Path;
use tar::{Builder, Entries, Entry, EntryType, Header};

/// Bytes that are gathered before they are written.
const WRITE_AT_ONCE: usize = 256 << 10;

/// An archive being written.
pub(super) struct Writer<W: Write> {
    builder: Builder<BufWriter<W>>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            builder: Builder::new(BufWriter::with_capacity(WRITE_AT_ONCE, sink)),
        }
    }

    pub(super) fn manifest(&mut self, json: Vec<u8>) -> Result<(), TransferError> {
        let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
        let header = header(MANIFEST_NAME, length).map_err(TransferError::Sink)?;
        self.builder
            .append(&header, Cursor::new(json))
            .map_err(TransferError::Sink)
    }

    /// Adds a file from `path`. Within, what differs if it is not the one that
    /// the manifest has; the archive is then spoilt.
    pub(super) fn file(
        &mut self,
        file: &ManifestFile,
        path: &Path,
        meter: &mut Meter<'_>,
    ) -> Result<Result<(), String>, TransferError> {
        let name = format!("{DATABASE_DIR}/{}", file.name());
        let header = header(&name, file.size()).map_err(TransferError::Sink)?;
        let read_fault = TransferError::io("read", path);
        let mut unread = None;
        let mut source = Hashed::new(open_regular(path).map_err(&read_fault)?);
        let metered = Metered {
            // More than the header says would be read as the next entry.
            inner: Read::by_ref(&mut source).take(file.size()),
            meter,
            unread: &mut unread,
        };
        let appended = self.builder.append(&header, metered);
        match (unread, appended) {
            (Some(error), _) => Err(read_fault(error)),
            (None, Err(error)) => Err(TransferError::Sink(error)),
            (None, Ok(())) => Ok(source.check(file)),
        }
    }

    pub(super) fn finish(self) -> Result<(), TransferError> {
        let mut sink = self.builder.into_inner().map_err(TransferError::Sink)?;
        sink.flush().map_err(TransferError::Sink)
    }
}

/// A header that says nothing of who made the archive, and when.
fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Counts what is read, and keeps the reason when it cannot be: whoever writes
/// the archive does not say which side failed.
struct Metered<'m, 'p, R> {
    inner: R,
    meter: &'m mut Meter<'p>,
    unread: &'m mut Option<io::Error>,
}

impl<R: Read> Read for Metered<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer) {
            Ok(read) => {
                self.meter.add(u64::try_from(read).unwrap_or(u64::MAX));
                Ok(read)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                *self.unread = Some(error);
                Err(kind.into())
            }
        }
    }
}

/// An archive being read.
pub(super) struct Reader<'a, R: Read> {
    entries: Entries<'a, R>,
    origin: &'a str,
}

/// One file of the database in an archive.
pub(super) struct ArchivedFile<'a, R: Read> {
    pub(super) name: String,
    pub(super) bytes: Entry<'a, R>,
}

impl<'a, R: Read> Reader<'a, R> {
    /// Reads the manifest, which comes first.
    pub(super) fn open(
        archive: &'a mut tar::Archive<R>,
        origin: &'a str,
    ) -> Result<(Self, Manifest), TransferError> {
        let fault = |source| TransferError::Archive {
            origin: origin.into(),
            source,
        };
        // Raw, since tar's extensions are entries that are read into memory
        // whole, however long they are; no name here needs them.
        let entries = archive.entries().map_err(fault)?.raw(true);
        let mut reader = Self { entries, origin };
        let first = match reader.entries.next() {
            Some(entry) => entry.map_err(fault)?,
            None => return Err(reader.surprise("it is empty")),
        };
        if reader.file_name(&first)? != MANIFEST_NAME {
            let what = format!("its first file is not {MANIFEST_NAME}");
            return Err(reader.surprise(what));
        }
        let refused = |fault| TransferError::Manifest {
            origin: origin.into(),
            fault,
        };
        let size = first.size();
        if size > MAX_BYTES {
            return Err(refused(ManifestFault::TooLong));
        }
        let mut json = Vec::new();
        first.take(size).read_to_end(&mut json).map_err(fault)?;
        if u64::try_from(json.len()) != Ok(size) {
            return Err(fault(io::ErrorKind::UnexpectedEof.into()));
        }
        let manifest = Manifest::parse(&json).map_err(refused)?;
        Ok((reader, manifest))
    }

    /// The next file of the database; `None` at the archive's end.
    pub(super) fn next_file(&mut self) -> Result<Option<ArchivedFile<'a, R>>, TransferError> {
        loop {
            let Some(entry) = self.entries.next() else {
                return Ok(None);
            };
            let entry = entry.map_err(|source| TransferError::Archive {
                origin: self.origin.into(),
                source,
            })?;
            if is_database_folder(&entry) {
                continue;
            }
            let path = self.file_name(&entry)?;
            let name = path
                .strip_prefix(DATABASE_DIR)
                .and_then(|rest| rest.strip_prefix('/'))
                .map(str::to_owned);
            let Some(name) = name else {
                let what = format!("it has {path:?}, which is no file of a bucket's database");
                return Err(self.surprise(what));
            };
            return Ok(Some(ArchivedFile { name, bytes: entry }));
        }
    }

    /// The name of an entry that is a plain file.
    fn file_name(&self, entry: &Entry<'_, R>) -> Result<String, TransferError> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() == EntryType::Regular {
            return Ok(name);
        }
        Err(self.surprise(format!("its entry {name:?} is no plain file")))
    }

    fn surprise(&self, what: impl Into<String>) -> TransferError {
        TransferError::NotAnExport {
            origin: self.origin.into(),
            what: what.into(),
        }
    }
}

fn is_database_folder<R: Read>(entry: &Entry<'_, R>) -> bool {
    let name = entry.path_bytes();
    let name = name.strip_suffix(b"/").unwrap_or(&name);
    entry.header().entry_type() == EntryType::Directory
        && name == DATABASE_DIR.as_bytes()
        && entry.size() == 0
}
