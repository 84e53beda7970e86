//! The archive: plain tar, with `manifest.json` first, then `bucket/<file>` for each file
//! in the order of the manifest. Written and read in bounded memory.
//!
//! An archive to read is untrusted. Of tar's many kinds of entries, only regular files
//! with these names are accepted, and the folder itself, which other writers add.

use super::error::TransferError;
use super::files::{HashingReader, open_regular};
use super::manifest::{MAX_BYTES, Manifest, ManifestError, ManifestFile};
use super::{DATABASE_DIR, MANIFEST_NAME, Meter};
use std::io::{self, BufWriter, Cursor, ErrorKind, Read, Write};
use std::path::Path;
use tar::{Builder, Entries, Entry, EntryType, Header};

/// Write buffer, in bytes.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// An archive being written.
pub(super) struct Writer<W: Write> {
    builder: Builder<BufWriter<W>>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            builder: Builder::new(BufWriter::with_capacity(WRITE_BUFFER_BYTES, sink)),
        }
    }

    pub(super) fn manifest(&mut self, json: Vec<u8>) -> Result<(), TransferError> {
        let length = u64::try_from(json.len()).unwrap_or(u64::MAX);
        let header = header(MANIFEST_NAME, length).map_err(TransferError::Sink)?;
        self.builder
            .append(&header, Cursor::new(json))
            .map_err(TransferError::Sink)
    }

    /// Adds a file from `path`. The inner error tells how it differs from the manifest; the
    /// archive is then unusable.
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
        let mut source = HashingReader::new(open_regular(path).map_err(&read_fault)?);
        let metered = MeteredReader {
            // A longer file would run into the next entry.
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

/// Makes a header without owner and time.
fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(0o600);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(header)
}

/// Counts the bytes read and keeps a read error: the tar writer does not tell which side
/// failed.
struct MeteredReader<'m, 'p, R> {
    inner: R,
    meter: &'m mut Meter<'p>,
    unread: &'m mut Option<io::Error>,
}

impl<R: Read> Read for MeteredReader<'_, '_, R> {
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
    /// Reads the manifest, which is the first entry.
    pub(super) fn open(
        archive: &'a mut tar::Archive<R>,
        origin: &'a str,
    ) -> Result<(Self, Manifest), TransferError> {
        let fault = |source| TransferError::Archive {
            origin: origin.into(),
            source,
        };
        // Raw, since the tar reader reads extension entries into memory whole, at any
        // length. No name here needs them.
        let entries = archive.entries().map_err(fault)?.raw(true);
        let mut reader = Self { entries, origin };
        let first = match reader.entries.next() {
            Some(entry) => entry.map_err(fault)?,
            None => return Err(reader.not_an_export("it is empty")),
        };
        if reader.file_name(&first)? != MANIFEST_NAME {
            let what = format!("its first file is not {MANIFEST_NAME}");
            return Err(reader.not_an_export(what));
        }
        let refused = |fault| TransferError::Manifest {
            origin: origin.into(),
            fault,
        };
        let size = first.size();
        if size > MAX_BYTES {
            return Err(refused(ManifestError::TooLong));
        }
        let mut json = Vec::new();
        first.take(size).read_to_end(&mut json).map_err(fault)?;
        if u64::try_from(json.len()) != Ok(size) {
            return Err(fault(io::ErrorKind::UnexpectedEof.into()));
        }
        let manifest = Manifest::parse(&json).map_err(refused)?;
        Ok((reader, manifest))
    }

    /// Returns the next file of the database; `None` at the end of the archive.
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
                let what =
                    format!("it contains {path:?}, which is not a file of a bucket's database");
                return Err(self.not_an_export(what));
            };
            return Ok(Some(ArchivedFile { name, bytes: entry }));
        }
    }

    /// Returns the name of an entry, which must be a regular file.
    fn file_name(&self, entry: &Entry<'_, R>) -> Result<String, TransferError> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() == EntryType::Regular {
            return Ok(name);
        }
        Err(self.not_an_export(format!("its entry {name:?} is not a regular file")))
    }

    fn not_an_export(&self, what: impl Into<String>) -> TransferError {
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
