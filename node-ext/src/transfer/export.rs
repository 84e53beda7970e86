//! Export: a copy of one moment of a bucket that goes on working.
//!
//! 1. The database copies itself to `<bucket>.exporting` beside it, by links to
//!    the files that never change: nothing large is copied while uploads wait.
//! 2. Its files are hashed, and it is opened, which proves that it can be, and
//!    says its commitment: that is the manifest.
//! 3. What was asked for is made in a folder `<destination>.exporting`, made durable,
//!    and gets its name as the last step.

use super::error::TransferError;
use super::files::{self, Hashed, Room, Roomy, open_regular, pour, want_of_room};
use super::manifest::{MAX_BYTES, Manifest, ManifestFault, ManifestFile, is_immutable};
use super::staging::{Staging, parent};
use super::{DATABASE_DIR, MANIFEST_NAME, Meter, Progress, Step, archive};
use crate::bucket::Bucket;
use crate::engine::{Access, Shared};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

/// What an export is made as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A folder with the manifest and the bucket's folder.
    Folder,
    /// A tar archive, the manifest first.
    Archive,
}

/// What an export came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// What was exported.
    pub manifest: Manifest,
    /// Files that share their bytes with the bucket's own until either is written
    /// to, on a file system that has such copies.
    pub shared_files: usize,
}

impl Bucket {
    /// Exports the bucket as it is now, while it goes on being used: all that
    /// was committed and stored before this call, and a beginning of what comes
    /// meanwhile. Uploads and commits wait while files are linked.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; then nothing is at the destination.
    pub fn export_to(
        &self,
        destination: &Path,
        form: Form,
        shared: &Shared,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, TransferError> {
        if std::fs::symlink_metadata(destination).is_ok() {
            return Err(TransferError::Exists {
                path: destination.to_owned(),
            });
        }
        let staging = Staging::outgoing(destination)?;
        let copy = Copy::of(self, shared, progress)?;
        let room = Room::at(destination, self.path(), shared);
        let shared_files = match form {
            Form::Folder => copy.to_folder(staging.work_path(), room, progress)?,
            Form::Archive => {
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

    /// Exports the bucket, as [`Bucket::export_to`] does, as an archive into
    /// `sink`. An archive that was cut short is refused by whoever imports it.
    ///
    /// # Errors
    ///
    /// [`TransferError`]; the archive is then not whole.
    pub fn export_into(
        &self,
        sink: &mut dyn Write,
        shared: &Shared,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Exported, TransferError> {
        let copy = Copy::of(self, shared, progress)?;
        copy.to_archive(sink, progress)?;
        Ok(Exported {
            manifest: copy.manifest,
            shared_files: 0,
        })
    }
}

/// A copy of one moment, which goes when this does.
struct Copy {
    staging: Staging,
    manifest: Manifest,
}

impl Copy {
    fn of(
        bucket: &Bucket,
        shared: &Shared,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, TransferError> {
        bucket.usable()?;
        let staging = Staging::beside(bucket.path())?;
        let path = staging.work_path().join(DATABASE_DIR);
        bucket.checkpoint(&path)?;
        let origin = || path.display().to_string();
        let files = hashed_files(&path, progress)?;
        let copied = Bucket::open(&path, Access::ReadOnly, shared).map_err(|fault| {
            TransferError::Unsound {
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

    /// The manifest, if whoever imports it will read so much.
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
            fault: ManifestFault::TooLong,
        })
    }

    /// Makes a folder of the manifest and the database. Gives how many files
    /// share their bytes with the bucket's.
    ///
    /// Nothing in it is a link to a file of the bucket: anyone who edits the copy
    /// would edit the bucket.
    fn to_folder(
        &self,
        folder: &Path,
        room: Room<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<usize, TransferError> {
        let database = folder.join(DATABASE_DIR);
        for made in [folder, &database] {
            files::create_folder(made)?;
        }
        let mut meter = Meter::new(Step::Copying, self.manifest.bytes(), progress);
        let mut shared = 0usize;
        let mut left = self.manifest.bytes();
        for file in self.manifest.files() {
            let (from, to) = (self.path_of(file), database.join(file.name()));
            if is_immutable(file.name()) && files::share(&from, &to)? {
                shared = shared.saturating_add(1);
                meter.add(file.size());
            } else {
                // Before much of the room is taken that uploads need.
                room.would_fit(left)?;
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
        room: Room<'_>,
        copied: impl FnMut(u64),
    ) -> Result<(), TransferError> {
        let fault = TransferError::io("read", from);
        let mut source = Hashed::new(open_regular(from).map_err(&fault)?);
        files::write_new(to, &mut source, room, &fault, copied)?;
        source.check(file).map_err(|what| self.altered(file, what))
    }

    fn to_archive_file(
        &self,
        path: &Path,
        room: Room<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), TransferError> {
        room.would_fit(self.manifest.bytes())?;
        let mut file = Roomy::new(files::create_new(path)?, room);
        let written = self.to_archive(&mut file, progress);
        written.map_err(|error| match error {
            TransferError::Sink(sink) => {
                want_of_room(&sink).map_or(TransferError::Sink(sink), TransferError::Reserved)
            }
            other => other,
        })?;
        file.sync_all().map_err(TransferError::io("write", path))
    }

    fn to_archive(
        &self,
        sink: &mut dyn Write,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), TransferError> {
        let mut meter = Meter::new(Step::Copying, self.manifest.bytes(), progress);
        let mut archive = archive::Writer::new(sink);
        archive.manifest(self.manifest_json()?)?;
        for file in self.manifest.files() {
            archive
                .file(file, &self.path_of(file), &mut meter)?
                .map_err(|what| self.altered(file, what))?;
        }
        archive.finish()
    }

    fn altered(&self, file: &ManifestFile, what: String) -> TransferError {
        TransferError::Altered {
            origin: self.staging.work_path().display().to_string(),
            file: file.name().to_owned(),
            what,
        }
    }
}

/// Every file of the copy, by name.
fn hashed_files(
    folder: &Path,
    progress: &mut dyn FnMut(Progress),
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
    let mut meter = Meter::new(Step::Hashing, bytes, progress);
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = folder.join(&name);
        let fault = TransferError::io("read", &path);
        let mut source = Hashed::new(open_regular(&path).map_err(&fault)?);
        pour(&mut source, |_| Ok(()), &fault, |more| meter.add(more))?;
        let (size, hash) = source.finish();
        let file = ManifestFile::new(&name.to_string_lossy(), size, hash);
        files.push(file.map_err(|fault| TransferError::Manifest {
            origin: parent(&path).display().to_string(),
            fault,
        })?);
    }
    Ok(files)
}
