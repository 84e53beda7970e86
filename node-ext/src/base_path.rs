//! The folder that a provider works in: who may work in it, which buckets are
//! there, and where its keys are.

use crate::bucket::{Bucket, BucketConfig};
use crate::engine::{Access, Shared};
use crate::error::{CreateError, OpenError};
use crate::folders::make_durably;
use crate::fsck::repair::RepairError;
use crate::keystore::KeyFolder;
use crate::layout::{BUCKETS_DIR, KEYSTORE_DIR, LOCK_FILE, bucket_dir_name, parse_bucket_dir_name};
use crate::space::DiskGuard;
use cairn_primitives::BucketId;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why a base path cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum BasePathError {
    /// It is not there.
    #[error("there is no base path {path}: make a bucket in it first, with `cairn bucket create`")]
    Missing {
        /// The base path.
        path: PathBuf,
    },
    /// Another process works in it.
    #[error("{path} is locked by another process: stop that one first, or wait for it to end")]
    Locked {
        /// The base path.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It was taken for reading.
    #[error("{path} was taken for reading only, so nothing can be made or changed in it")]
    ReadOnly {
        /// The base path.
        path: PathBuf,
    },
    /// There is no such bucket.
    #[error("there is no bucket {bucket} in {path}; `cairn bucket list` shows those that are")]
    NoSuchBucket {
        /// The bucket.
        bucket: BucketId,
        /// The base path.
        path: PathBuf,
    },
    /// The bucket is not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The bucket is not made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The bucket is not repaired.
    #[error(transparent)]
    Repair(#[from] RepairError),
}

/// A base path, held for as long as this lives: by one process that writes, or
/// by any number that read.
#[derive(Debug)]
pub struct BasePath {
    path: PathBuf,
    access: Access,
    /// Bytes of the disk that are kept from clients, where not the usual ones.
    reserve: Option<u64>,
    /// Holds the lock; absent on a disk that takes no writes, where nobody can
    /// change anything.
    _lock: Option<File>,
}

impl BasePath {
    /// Takes a base path for writing, making it where it is not there.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Locked`] while another process works in it.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, BasePathError> {
        let path = path.into();
        let buckets = path.join(BUCKETS_DIR);
        // What is made in them must be found after a loss of power.
        for folder in [&path, &buckets] {
            make_durably(folder).map_err(|source| io("make", folder, source))?;
        }
        Self::open(path, Access::ReadWrite)
    }

    /// Takes a base path that is there.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Missing`], or [`BasePathError::Locked`] while another
    /// process works in it: for reading, one that writes.
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
            Err(TryLockError::Error(source)) => Err(io("lock", &lock_path, source)),
        }
    }

    /// The same, with this many bytes of its disk kept from uploads;
    /// without a number the usual ones, see [`DiskGuard::of_path`].
    pub fn with_reserve(self, reserve: Option<u64>) -> Self {
        Self { reserve, ..self }
    }

    /// What buckets of this base path share, with its disk guarded.
    pub fn guarded(&self, shared: Shared) -> Shared {
        shared.guarded_by(DiskGuard::of_path(&self.path, self.reserve))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others of this machine may look into it, by its mode.
    pub fn is_open_to_others(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|path| path.mode() & 0o077 != 0)
    }

    /// The folder of all buckets.
    pub fn buckets_path(&self) -> PathBuf {
        self.path.join(BUCKETS_DIR)
    }

    /// The provider's keys.
    pub fn keys(&self) -> KeyFolder {
        Self::keys_in(&self.path)
    }

    /// The keys in a base path that another process may hold.
    pub fn keys_in(path: &Path) -> KeyFolder {
        KeyFolder::new(path.join(KEYSTORE_DIR))
    }

    /// The buckets whose folders are there, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`] when the folder cannot be read.
    pub fn buckets(&self) -> Result<Vec<BucketId>, BasePathError> {
        let folder = self.buckets_path();
        let entries = std::fs::read_dir(&folder).map_err(|source| io("read", &folder, source))?;
        let mut buckets = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| io("read", &folder, source))?;
            buckets.extend(entry.file_name().to_str().and_then(parse_bucket_dir_name));
        }
        buckets.sort_unstable();
        Ok(buckets)
    }

    /// Makes a bucket, and opens it for writing.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Create`].
    pub fn create_bucket(
        &self,
        bucket: BucketId,
        config: BucketConfig,
        shared: &Shared,
    ) -> Result<Bucket, BasePathError> {
        self.check_writable()?;
        Ok(Bucket::create(
            &self.bucket_path(bucket),
            bucket,
            config,
            shared,
        )?)
    }

    /// Opens a bucket, as the base path was opened.
    ///
    /// # Errors
    ///
    /// [`BasePathError::NoSuchBucket`], or [`BasePathError::Open`].
    pub fn open_bucket(&self, bucket: BucketId, shared: &Shared) -> Result<Bucket, BasePathError> {
        let path = self.existing_bucket_path(bucket)?;
        if self.access == Access::ReadWrite {
            // To open for writing removes files that the database does not know
            // of; not where it is the database that is behind.
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

    /// Fails unless the base path was taken for writing.
    pub(crate) fn check_writable(&self) -> Result<(), BasePathError> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(BasePathError::ReadOnly {
                path: self.path.clone(),
            }),
        }
    }

    /// How the base path was taken.
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

/// Opens the lock's file. There is none to open for reading where it is not
/// there and the disk takes no writes: then nobody can change anything.
fn open_lock(path: &Path, access: Access) -> Result<Option<File>, BasePathError> {
    if access == Access::ReadOnly {
        match File::open(path) {
            Ok(file) => return Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => return Err(io("open", path, source)),
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
        Err(source) => Err(io("open", path, source)),
    }
}

/// The first bytes of a file that has no more than some; `None` where there is none.
pub(crate) fn read_small(path: &Path, most: u64) -> Result<Option<Vec<u8>>, BasePathError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io("read", path, source)),
    }
}

pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> BasePathError {
    BasePathError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
