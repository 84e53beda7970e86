//! Exports a consistent copy of a bucket in use.
//!
//! 1. The database makes a checkpoint in `<bucket>.exporting` next to it, with hard links
//!    to immutable files. Nothing large is copied while uploads wait.
//! 2. The files are hashed. The copy is opened, which verifies it and gives its
//!    commitment. This makes the manifest.
//! 3. The export is written to a folder `<destination>.exporting`, made durable, and renamed
//!    to its final name as the last step.

use super::error::TransferError;
use super::files::{
    self, DestinationSpace, HashingReader, SpaceCheckedFile, copy_counted, open_regular, parent,
    space_error,
};
use super::manifest::{MAX_BYTES, Manifest, ManifestError, ManifestFile, is_immutable};
use super::staging::Staging;
use super::{DATABASE_DIR, MANIFEST_NAME, Meter, TransferProgress, TransferStep, archive};
use crate::bucket::Bucket;
use cairn_engine::{Access, SharedResources};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A folder with the manifest and the bucket's folder.
    Folder,
    /// A tar archive, with the manifest first.
    Archive,
}

/// The result of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The manifest of the export.
    pub manifest: Manifest,
    /// Files that share their blocks with the bucket's own until either is written to, on a
    /// file system with reflinks.
    pub shared_files: usize,
}

impl Bucket {
    /// Exports the bucket while it stays in use: everything committed and stored before this
    /// call, and possibly some of what is added meanwhile. Uploads and commits wait while
    /// files are linked.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; the destination does not exist then.
    pub fn export_to(
        &self,
        destination: &Path,
        form: ExportFormat,
        shared: &SharedResources,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Exported, TransferError> {
        if std::fs::symlink_metadata(destination).is_ok() {
            return Err(TransferError::Exists {
                path: destination.to_owned(),
            });
        }
        let staging = Staging::outgoing(destination)?;
        let copy = ExportCopy::new(self, shared, progress)?;
        let room = DestinationSpace::next_to(destination, self.path(), shared);
        let shared_files = match form {
            ExportFormat::Folder => copy.to_folder(staging.work_path(), room, progress)?,
            ExportFormat::Archive => {
                copy.to_archive_file(staging.work_path(), room, progress)?;
                0
            }
        };
        staging.publish(destination)?;
        Ok(Exported {
            manifest: copy.manifest,
            shared_files,
        })
    }

    /// Exports the bucket like [`Bucket::export_to`], as an archive into `sink`. An import
    /// rejects a truncated archive.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; the archive is then incomplete.
    pub fn export_into(
        &self,
        sink: &mut dyn Write,
        shared: &SharedResources,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Exported, TransferError> {
        let copy = ExportCopy::new(self, shared, progress)?;
        copy.to_archive(sink, progress)?;
        Ok(Exported {
            manifest: copy.manifest,
            shared_files: 0,
        })
    }
}

/// A consistent copy of the bucket, removed on drop.
struct ExportCopy {
    staging: Staging,
    manifest: Manifest,
}

impl ExportCopy {
    fn new(
        bucket: &Bucket,
        shared: &SharedResources,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<Self, TransferError> {
        bucket.check_writable()?;
        let staging = Staging::for_checkpoint(bucket.path())?;
        let path = staging.work_path().join(DATABASE_DIR);
        bucket.copy_to(&path)?;
        let origin = || path.display().to_string();
        let files = hashed_files(&path, progress)?;
        let copied = Bucket::open(&path, Access::ReadOnly, shared).map_err(|fault| {
            TransferError::DoesNotOpen {
                origin: origin(),
                fault,
            }
        })?;
        let manifest = Manifest::new(&copied, files).map_err(|fault| TransferError::Manifest {
            origin: origin(),
            fault,
        })?;
        Ok(Self { staging, manifest })
    }

    fn path_of(&self, file: &ManifestFile) -> PathBuf {
        self.staging
            .work_path()
            .join(DATABASE_DIR)
            .join(file.name())
    }

    /// Encodes the manifest, if an import will accept its size.
    fn manifest_json(&self) -> Result<Vec<u8>, TransferError> {
        let fault = TransferError::io("write", Path::new(MANIFEST_NAME));
        let json = self
            .manifest
            .to_json()
            .map_err(|error| fault(error.into()))?;
        if u64::try_from(json.len()).is_ok_and(|length| length <= MAX_BYTES) {
            return Ok(json);
        }
        Err(TransferError::Manifest {
            origin: self.staging.work_path().display().to_string(),
            fault: ManifestError::TooLong,
        })
    }

    /// Writes a folder with the manifest and the database. Returns how many files share
    /// their blocks with the bucket's.
    ///
    /// It contains no hard links to the bucket's files, since a change to such a copy would
    /// change the bucket.
    fn to_folder(
        &self,
        folder: &Path,
        room: DestinationSpace<'_>,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<usize, TransferError> {
        let database = folder.join(DATABASE_DIR);
        for made in [folder, &database] {
            files::create_folder(made)?;
        }
        let mut meter = Meter::new(TransferStep::Copying, self.manifest.bytes(), progress);
        let mut shared = 0usize;
        let mut left = self.manifest.bytes();
        for file in self.manifest.files() {
            let (from, to) = (self.path_of(file), database.join(file.name()));
            if is_immutable(file.name()) && files::reflink(&from, &to)? {
                shared = shared.saturating_add(1);
                meter.add(file.size());
            } else {
                // Check before using up space that uploads need.
                room.check_fits(left)?;
                self.copy_file(file, &from, &to, room, |more| meter.add(more))?;
            }
            left = left.saturating_sub(file.size());
        }
        let manifest = folder.join(MANIFEST_NAME);
        let mut json = Cursor::new(self.manifest_json()?);
        files::write_new(
            &manifest,
            &mut json,
            room,
            TransferError::io("write", &manifest),
            |_| {},
        )?;
        files::sync_folder(&database)?;
        files::sync_folder(folder)?;
        Ok(shared)
    }

    fn copy_file(
        &self,
        file: &ManifestFile,
        from: &Path,
        to: &Path,
        room: DestinationSpace<'_>,
        copied: impl FnMut(u64),
    ) -> Result<(), TransferError> {
        let fault = TransferError::io("read", from);
        let mut source = HashingReader::new(open_regular(from).map_err(&fault)?);
        files::write_new(to, &mut source, room, &fault, copied)?;
        source
            .check(file)
            .map_err(|what| self.altered_error(file, what))
    }

    fn to_archive_file(
        &self,
        path: &Path,
        room: DestinationSpace<'_>,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<(), TransferError> {
        room.check_fits(self.manifest.bytes())?;
        let mut file = SpaceCheckedFile::new(files::create_new(path)?, room);
        let written = self.to_archive(&mut file, progress);
        written.map_err(|error| match error {
            TransferError::Sink(sink) => {
                space_error(&sink).map_or(TransferError::Sink(sink), TransferError::Reserved)
            }
            other => other,
        })?;
        file.sync_all().map_err(TransferError::io("write", path))
    }

    fn to_archive(
        &self,
        sink: &mut dyn Write,
        progress: &mut dyn FnMut(TransferProgress),
    ) -> Result<(), TransferError> {
        let mut meter = Meter::new(TransferStep::Copying, self.manifest.bytes(), progress);
        let mut archive = archive::Writer::new(sink);
        archive.manifest(self.manifest_json()?)?;
        for file in self.manifest.files() {
            archive
                .file(file, &self.path_of(file), &mut meter)?
                .map_err(|what| self.altered_error(file, what))?;
        }
        archive.finish()
    }

    fn altered_error(&self, file: &ManifestFile, what: String) -> TransferError {
        TransferError::Altered {
            origin: self.staging.work_path().display().to_string(),
            file: file.name().to_owned(),
            what,
        }
    }
}

/// Hashes every file of the copy, in the order of names.
fn hashed_files(
    folder: &Path,
    progress: &mut dyn FnMut(TransferProgress),
) -> Result<Vec<ManifestFile>, TransferError> {
    let fault = TransferError::io("read", folder);
    let mut names = Vec::new();
    let mut bytes = 0u64;
    for entry in std::fs::read_dir(folder).map_err(&fault)? {
        let entry = entry.map_err(&fault)?;
        bytes = bytes.saturating_add(entry.metadata().map_err(&fault)?.len());
        names.push(entry.file_name());
    }
    names.sort_unstable();
    let mut meter = Meter::new(TransferStep::Hashing, bytes, progress);
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = folder.join(&name);
        let fault = TransferError::io("read", &path);
        let mut source = HashingReader::new(open_regular(&path).map_err(&fault)?);
        copy_counted(&mut source, |_| Ok(()), &fault, |more| meter.add(more))?;
        let (size, hash) = source.finish();
        let file = ManifestFile::new(&name.to_string_lossy(), size, hash);
        files.push(file.map_err(|fault| TransferError::Manifest {
            origin: parent(&path).display().to_string(),
            fault,
        })?);
    }
    Ok(files)
}
