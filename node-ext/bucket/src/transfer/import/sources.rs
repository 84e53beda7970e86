//! The three kinds of sources: an archive, an exported folder, and the plain folder of a
//! closed bucket.

use super::{Import, ImportCheck, Imported};
use crate::transfer::archive::Reader;
use crate::transfer::error::TransferError;
use crate::transfer::files::{self, DestinationSpace, HashingReader, open_regular};
use crate::transfer::manifest::{
    MAX_BYTES, Manifest, ManifestError, ManifestFile, is_database_file,
};
use crate::transfer::staging::Staging;
use crate::transfer::{DATABASE_DIR, MANIFEST_NAME, Meter, TransferStep};
use cairn_engine::JOURNAL_FILE;
use cairn_engine::layout::parse_bucket_dir_name;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

/// Read-ahead buffer for an archive, in bytes.
const READ_AHEAD_BYTES: usize = 256 << 10;
/// The file that RocksDB locks while a database is open for writing.
const DATABASE_LOCK: &str = "LOCK";

impl Import<'_> {
    pub(super) fn import_path(&mut self, path: &Path) -> Result<Imported, TransferError> {
        let there = std::fs::metadata(path).map_err(TransferError::io("read", path))?;
        if !there.is_dir() {
            let file = File::open(path).map_err(TransferError::io("read", path))?;
            return self.import_archive(file);
        }
        self.refuse_own(path)?;
        match open_regular(&path.join(MANIFEST_NAME)) {
            Ok(manifest) => self.import_exported_folder(path, manifest),
            Err(error) if error.kind() == ErrorKind::NotFound => self.import_bare_folder(path),
            Err(error) => Err(TransferError::io("read", &path.join(MANIFEST_NAME))(error)),
        }
    }

    /// Rejects a folder of this provider's own buckets: it is here already, and may be open.
    fn refuse_own(&self, source: &Path) -> Result<(), TransferError> {
        let fault = TransferError::io("read", source);
        let source = source.canonicalize().map_err(&fault)?;
        let buckets = self.buckets.canonicalize().map_err(&fault)?;
        if source.starts_with(&buckets) {
            return Err(self.not_an_export("it is in this provider's own folder of buckets"));
        }
        Ok(())
    }

    pub(super) fn import_archive(&mut self, archive: impl Read) -> Result<Imported, TransferError> {
        let mut archive = tar::Archive::new(BufReader::with_capacity(READ_AHEAD_BYTES, archive));
        let origin = self.origin.clone();
        let (mut reader, manifest) = Reader::open(&mut archive, &origin)?;
        let staging = self.stage(Some(manifest.bucket), manifest.bytes())?;
        let mut missing: BTreeMap<_, _> = manifest
            .files()
            .iter()
            .map(|file| (file.name(), file))
            .collect();
        let mut meter = Meter::new(TransferStep::Copying, manifest.bytes(), self.progress);
        while let Some(mut archived) = reader.next_file()? {
            let name = archived.name;
            let file = missing.remove(name.as_str()).ok_or_else(|| {
                let what = format!("it contains {name:?} more often than its manifest lists it");
                TransferError::NotAnExport {
                    origin: origin.clone(),
                    what,
                }
            })?;
            let fault = |source| TransferError::Archive {
                origin: origin.clone(),
                source,
            };
            copy_file(
                &origin,
                file,
                &mut archived.bytes,
                fault,
                &staging,
                DestinationSpace::in_base_path(self.shared),
                &mut meter,
            )?;
        }
        if let Some(name) = missing.keys().next() {
            return Err(TransferError::Altered {
                origin,
                file: (*name).into(),
                what: "it is missing".into(),
            });
        }
        self.adopt(staging, Some(&manifest), manifest.bytes())
    }

    fn import_exported_folder(
        &mut self,
        path: &Path,
        json: File,
    ) -> Result<Imported, TransferError> {
        let mut bytes = Vec::new();
        json.take(MAX_BYTES.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(TransferError::io("read", &path.join(MANIFEST_NAME)))?;
        let manifest = Manifest::parse(&bytes).map_err(|fault| self.manifest_fault(fault))?;
        let database = path.join(DATABASE_DIR);
        self.refuse_unlisted(path, |name| name == MANIFEST_NAME || name == DATABASE_DIR)?;
        let listed: BTreeSet<_> = manifest.files().iter().map(ManifestFile::name).collect();
        self.refuse_unlisted(&database, |name| listed.contains(name))?;
        let staging = self.stage(Some(manifest.bucket), manifest.bytes())?;
        let mut meter = Meter::new(TransferStep::Copying, manifest.bytes(), self.progress);
        for file in manifest.files() {
            let from = database.join(file.name());
            let fault = TransferError::io("read", &from);
            let mut source = open_regular(&from).map_err(&fault)?;
            copy_file(
                &self.origin,
                file,
                &mut source,
                &fault,
                &staging,
                DestinationSpace::in_base_path(self.shared),
                &mut meter,
            )?;
        }
        self.adopt(staging, Some(&manifest), manifest.bytes())
    }

    fn refuse_unlisted(
        &self,
        folder: &Path,
        listed: impl Fn(&str) -> bool,
    ) -> Result<(), TransferError> {
        let fault = TransferError::io("read", folder);
        for entry in std::fs::read_dir(folder).map_err(&fault)? {
            let name = entry.map_err(&fault)?.file_name();
            if !name.to_str().is_some_and(&listed) {
                let what = format!(
                    "{} contains {name:?}, which its manifest does not list; if the bucket was \
                     opened there, import {DATABASE_DIR} by itself",
                    folder.display()
                );
                return Err(self.not_an_export(what));
            }
        }
        Ok(())
    }

    /// Imports the plain folder of a bucket that no process has open.
    fn import_bare_folder(&mut self, path: &Path) -> Result<Imported, TransferError> {
        if !path.join("CURRENT").is_file() {
            let what = format!("it has neither {MANIFEST_NAME} nor a bucket's database");
            return Err(self.not_an_export(what));
        }
        if self.rules.check == ImportCheck::Quick {
            return Err(TransferError::NoManifest {
                origin: self.origin.clone(),
            });
        }
        // Held until all is copied, so that no process opens it for writing meanwhile.
        let held = lock_closed(path)?;
        let (files, bytes) = self.bare_files(path)?;
        let named = path.file_name().and_then(|name| name.to_str());
        let staging = self.stage(named.and_then(parse_bucket_dir_name), bytes)?;
        let mut meter = Meter::new(TransferStep::Copying, bytes, self.progress);
        for name in files {
            let from = path.join(&name);
            let fault = TransferError::io("read", &from);
            let mut source = open_regular(&from).map_err(&fault)?;
            let to = staging.work_path().join(&name);
            let room = DestinationSpace::in_base_path(self.shared);
            files::write_new(&to, &mut source, room, &fault, |more| meter.add(more))?;
        }
        drop(held);
        self.adopt(staging, None, bytes)
    }

    /// Lists the files of the database, with their total size in bytes.
    fn bare_files(&self, path: &Path) -> Result<(Vec<String>, u64), TransferError> {
        let fault = TransferError::io("read", path);
        let (mut files, mut bytes) = (Vec::new(), 0u64);
        for entry in std::fs::read_dir(path).map_err(&fault)? {
            let entry = entry.map_err(&fault)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_database_file(&name) || name == JOURNAL_FILE {
                bytes = bytes.saturating_add(entry.metadata().map_err(&fault)?.len());
                files.push(name);
            } else if !is_recreated(&name) {
                let what =
                    format!("it contains {name:?}, which is not a file of a bucket's database");
                return Err(self.not_an_export(what));
            }
        }
        Ok((files, bytes))
    }

    fn manifest_fault(&self, fault: ManifestError) -> TransferError {
        TransferError::Manifest {
            origin: self.origin.clone(),
            fault,
        }
    }

    fn not_an_export(&self, what: impl Into<String>) -> TransferError {
        TransferError::NotAnExport {
            origin: self.origin.clone(),
            what: what.into(),
        }
    }
}

/// Copies one file, which must match the manifest.
fn copy_file(
    origin: &str,
    file: &ManifestFile,
    source: &mut impl Read,
    read_fault: impl Fn(std::io::Error) -> TransferError,
    staging: &Staging,
    room: DestinationSpace<'_>,
    meter: &mut Meter<'_>,
) -> Result<(), TransferError> {
    // One more byte would reveal a longer file.
    let mut source = HashingReader::new(source.take(file.size().saturating_add(1)));
    let to = staging.work_path().join(file.name());
    files::write_new(&to, &mut source, room, read_fault, |more| meter.add(more))?;
    source.check(file).map_err(|what| TransferError::Altered {
        origin: origin.into(),
        file: file.name().into(),
        what,
    })
}

/// Returns whether RocksDB creates this file when it is missing, or left it unfinished.
fn is_recreated(name: &str) -> bool {
    name == DATABASE_LOCK
        || name == "LOG"
        || name.starts_with("LOG.old.")
        || name.ends_with(".dbtmp")
        || name.starts_with("JOURNAL.")
}

/// Keeps other processes from opening a database for writing; fails if one has it open.
///
/// The lock belongs to the process, so it does not reveal what this process itself has open.
/// That is only in its own folder of buckets.
fn lock_closed(database: &Path) -> Result<Option<File>, TransferError> {
    let path = database.join(DATABASE_LOCK);
    let fault = TransferError::io("lock", &path);
    let lock = match open_regular(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    match rustix::fs::fcntl_lock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(TransferError::SourceInUse {
            path: database.to_owned(),
        }),
        Err(errno) => Err(fault(errno.into())),
    }
}
