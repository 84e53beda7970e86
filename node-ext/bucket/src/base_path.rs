//! The base path: the folder of one provider, with its lock, its buckets and its
//! keys.

use crate::bucket::{Bucket, BucketConfig};
use crate::error::{CreateError, OpenError};
use cairn_engine::layout::{
    BUCKETS_DIR, KEYSTORE_DIR, LOCK_FILE, bucket_dir_name, parse_bucket_dir_name,
};
use cairn_engine::{Access, SharedResources};
use cairn_fs::{DiskGuard, FileError, create_dir_durably};
use cairn_keys::KeyFolder;
use cairn_primitives::BucketId;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Errors of using a base path.
#[derive(Debug, thiserror::Error)]
pub enum BasePathError {
    /// The base path does not exist.
    #[error("there is no base path {path}")]
    Missing {
        /// The base path.
        path: PathBuf,
    },
    /// Another process holds the lock of the base path.
    #[error("{path} is locked by another process")]
    Locked {
        /// The base path.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error(transparent)]
    Io(#[from] FileError),
    /// The base path was opened for reading only.
    #[error("{path} was opened for reading only, so nothing in it can be changed")]
    ReadOnly {
        /// The base path.
        path: PathBuf,
    },
    /// The base path has no such bucket.
    #[error("there is no bucket {bucket} in {path}")]
    NoSuchBucket {
        /// The bucket.
        bucket: BucketId,
        /// The base path.
        path: PathBuf,
    },
    /// The bucket could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bucket could not be created.
    #[error(transparent)]
    Create(#[from] CreateError),
}

/// A base path, locked while this value lives: by one process that writes, or by
/// any number of processes that read.
#[derive(Debug)]
pub struct BasePath {
    path: PathBuf,
    access: Access,
    /// Bytes of the disk that clients cannot use; `None` for the default.
    reserve: Option<u64>,
    /// Holds the lock. `None` on a read-only file system, where nobody can change
    /// anything.
    _lock: Option<File>,
}

impl BasePath {
    /// Opens a base path for writing, and creates it if it does not exist.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Locked`] while another process holds its lock.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, BasePathError> {
        let path = path.into();
        let buckets = path.join(BUCKETS_DIR);
        // Entries made in these folders must survive a loss of power.
        for folder in [&path, &buckets] {
            create_dir_durably(folder).map_err(FileError::wrap("make", folder))?;
        }
        Self::open(path, Access::ReadWrite)
    }

    /// Opens an existing base path.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Missing`]; [`BasePathError::Locked`] while another process
    /// writes in it, or, to open it for writing, while any other process uses it.
    pub fn open(path: impl Into<PathBuf>, access: Access) -> Result<Self, BasePathError> {
        let path = path.into();
        if !path.join(BUCKETS_DIR).is_dir() {
            return Err(BasePathError::Missing { path });
        }
        let lock_path = path.join(LOCK_FILE);
        let lock = open_lock(&lock_path, access)?;
        let locked = lock.as_ref().map_or(Ok(()), |file| match access {
            Access::ReadWrite => file.try_lock(),
            Access::ReadOnly => file.try_lock_shared(),
        });
        match locked {
            Ok(()) => Ok(Self {
                path,
                access,
                reserve: None,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(BasePathError::Locked { path }),
            Err(TryLockError::Error(source)) => {
                Err(FileError::wrap("lock", &lock_path)(source).into())
            }
        }
    }

    /// Keeps this many bytes of the disk from uploads. `None` selects the default, see
    /// [`DiskGuard::for_path`].
    pub fn with_reserve(self, reserve: Option<u64>) -> Self {
        Self { reserve, ..self }
    }

    /// Adds this base path's disk guard to the resources that its buckets share.
    pub fn with_disk_guard(&self, shared: SharedResources) -> SharedResources {
        shared.with_disk_guard(DiskGuard::for_path(&self.path, self.reserve))
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the folder's mode gives other users of this machine any access.
    pub fn is_accessible_to_others(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|path| path.mode() & 0o077 != 0)
    }

    /// Returns the folder of all buckets.
    pub fn buckets_path(&self) -> PathBuf {
        self.path.join(BUCKETS_DIR)
    }

    /// Returns the provider's keys.
    pub fn keys(&self) -> KeyFolder {
        Self::keys_in(&self.path)
    }

    /// Returns the keys in a base path that another process may have locked.
    pub fn keys_in(path: &Path) -> KeyFolder {
        KeyFolder::new(path.join(KEYSTORE_DIR))
    }

    /// Lists the buckets that have a folder, in ascending order of their ids.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`] when the folder cannot be read.
    pub fn buckets(&self) -> Result<Vec<BucketId>, BasePathError> {
        let folder = self.buckets_path();
        let entries = std::fs::read_dir(&folder).map_err(FileError::wrap("read", &folder))?;
        let mut buckets = Vec::new();
        for entry in entries {
            let entry = entry.map_err(FileError::wrap("read", &folder))?;
            buckets.extend(entry.file_name().to_str().and_then(parse_bucket_dir_name));
        }
        buckets.sort_unstable();
        Ok(buckets)
    }

    /// Creates a bucket and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Create`].
    pub fn create_bucket(
        &self,
        bucket: BucketId,
        config: BucketConfig,
        shared: &SharedResources,
    ) -> Result<Bucket, BasePathError> {
        self.check_writable()?;
        Ok(Bucket::create(
            &self.bucket_path(bucket),
            bucket,
            config,
            shared,
        )?)
    }

    /// Opens a bucket with the access that the base path was opened with.
    ///
    /// # Errors
    ///
    /// [`BasePathError::NoSuchBucket`], or [`BasePathError::Open`].
    pub fn open_bucket(
        &self,
        bucket: BucketId,
        shared: &SharedResources,
    ) -> Result<Bucket, BasePathError> {
        let path = self.existing_bucket_path(bucket)?;
        if self.access == Access::ReadWrite {
            // Opening for writing removes files that the database does not list. If
            // the database lags behind its journal, those files may be needed.
            Bucket::open(&path, Access::ReadOnly, shared)?.check_journal()?;
        }
        let opened = Bucket::open(&path, self.access, shared)?;
        if opened.id() != bucket {
            let found = opened.id();
            return Err(OpenError::AnotherBucket {
                path,
                expected: bucket,
                found,
            }
            .into());
        }
        Ok(opened)
    }

    /// Returns an error unless the base path was opened for writing.
    pub fn check_writable(&self) -> Result<(), BasePathError> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(BasePathError::ReadOnly {
                path: self.path.clone(),
            }),
        }
    }

    /// Returns the access that the base path was opened with.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    pub(crate) fn existing_bucket_path(&self, bucket: BucketId) -> Result<PathBuf, BasePathError> {
        let path = self.bucket_path(bucket);
        if path.exists() {
            Ok(path)
        } else {
            let path = self.path.clone();
            Err(BasePathError::NoSuchBucket { bucket, path })
        }
    }

    fn bucket_path(&self, bucket: BucketId) -> PathBuf {
        self.buckets_path().join(bucket_dir_name(bucket))
    }
}

/// Opens the lock file. Returns `None` if the file is absent and the disk is
/// read-only: nobody can change anything then.
fn open_lock(path: &Path, access: Access) -> Result<Option<File>, BasePathError> {
    if access == Access::ReadOnly {
        match File::open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(FileError::wrap("open", path)(source).into()),
        }
    }
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    match made {
        Ok(file) => Ok(Some(file)),
        Err(error)
            if access == Access::ReadOnly && error.kind() == ErrorKind::ReadOnlyFilesystem =>
        {
            Ok(None)
        }
        Err(source) => Err(FileError::wrap("open", path)(source).into()),
    }
}

/// Reads at most the first `max_bytes` bytes of a file; `None` if there is no such file.
pub fn read_bounded(path: &Path, max_bytes: u64) -> Result<Option<Vec<u8>>, BasePathError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(max_bytes).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::wrap("read", path)(source).into()),
    }
}
