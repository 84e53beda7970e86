//! The source of an import: a v0 provider's database, opened for reading and locked so
//! that no provider opens it meanwhile.

use super::copy_content::NodeSource;
use super::decode::{self, LegacyState};
use super::era::LegacyEra;
use super::error::{LegacyError, Refusal};
use super::index_file::{self, LegacyIndex};
use cairn_engine::{EngineError, LegacyDb, LegacyFamily};
use cairn_fs::FileError;
use cairn_objects::Space;
use cairn_primitives::{BucketId, H256};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FORMAT_VERSION: &[u8] = b"format_version";
const NONCE_COUNTER: &[u8] = b"nonce_counter";

/// Upper bound on index files of no bucket that are listed.
const MAX_UNMATCHED_INDEXES: usize = 1000;

/// The database of a v0 provider, open for reading.
pub struct LegacySource {
    path: PathBuf,
    db: LegacyDb,
    era: LegacyEra,
    nonce_counter: Option<u64>,
    /// The folder that holds the indexes of objects and files.
    indexes: Option<PathBuf>,
    /// Locked while this value lives; `None` if the database has no lock file.
    _lock: Option<File>,
}

impl std::fmt::Debug for LegacySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegacySource")
            .field("path", &self.path)
            .field("era", &self.era)
            .finish_non_exhaustive()
    }
}

/// The buckets of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LegacyBuckets {
    /// Buckets whose keys are ids, in ascending order.
    pub ids: Vec<BucketId>,
    /// Number of other keys, which are skipped.
    pub unreadable_keys: u64,
    /// Index files of objects or files of no bucket, in order: the first 1,000.
    pub unmatched_indexes: Vec<String>,
    /// Number of further such files.
    pub more_unmatched_indexes: u64,
}

impl LegacySource {
    /// Opens the database in `path` without changing it.
    ///
    /// # Errors
    ///
    /// [`LegacyError::InUse`] while its provider runs;
    /// [`LegacyError::NotALegacyDatabase`], or an error for an unknown era.
    pub fn open(path: &Path) -> Result<Self, LegacyError> {
        let not_legacy = |what: &str| LegacyError::NotALegacyDatabase {
            path: path.to_owned(),
            what: what.into(),
        };
        if !path.join("CURRENT").is_file() {
            return Err(not_legacy("it has no file CURRENT"));
        }
        let lock = lock_shared(path)?;
        let db = LegacyDb::open(path)?;
        for family in [LegacyFamily::Nodes, LegacyFamily::Buckets] {
            if !db.has_family(family) {
                let what = format!("it has no column family {}", family.name());
                return Err(not_legacy(&what));
            }
        }
        let era = era_of(path, &db)?;
        let nonce = metadata(&db, NONCE_COUNTER)?;
        let nonce = nonce.map(|value| {
            let bytes = <[u8; 8]>::try_from(value);
            bytes.map_err(|_| not_legacy("its nonce_counter is not a number of 8 bytes"))
        });
        Ok(Self {
            path: path.to_owned(),
            db,
            era,
            nonce_counter: nonce.transpose()?.map(u64::from_le_bytes),
            // The provider keeps them in a folder of its own, which often is one of these.
            indexes: [path.to_owned(), path.join("..")]
                .into_iter()
                .find(|path| has_indexes(path)),
            _lock: lock,
        })
    }

    /// Takes the indexes of objects and files from another folder than that of the database, or the
    /// one above it.
    ///
    /// # Errors
    ///
    /// [`LegacyError::NoIndexes`] if there are none.
    pub fn with_indexes(self, path: &Path) -> Result<Self, LegacyError> {
        let path = path.to_owned();
        match has_indexes(&path) {
            true => Ok(Self {
                indexes: Some(path),
                ..self
            }),
            false => Err(LegacyError::NoIndexes { path }),
        }
    }

    /// Returns the folder with the indexes of objects and files, if there is one.
    pub fn indexes(&self) -> Option<&Path> {
        self.indexes.as_deref()
    }

    /// Reads the index of a bucket's objects or files, if there is one.
    pub(super) fn index(&self, bucket: BucketId, space: Space) -> Option<LegacyIndex> {
        let folder = self.indexes()?.join(index_file::folder(space));
        index_file::read(&folder.join(index_file::file_name(space, bucket)), space)
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the era of the database.
    pub fn era(&self) -> LegacyEra {
        self.era
    }

    /// Returns the last nonce that the provider used, if it recorded one.
    pub fn nonce_counter(&self) -> Option<u64> {
        self.nonce_counter
    }

    /// Lists the buckets, and the index files of no bucket.
    ///
    /// # Errors
    ///
    /// The database's error, or that of listing a folder.
    pub fn buckets(&self) -> Result<LegacyBuckets, LegacyError> {
        let mut buckets = buckets_of(&self.db)?;
        let mut unmatched = Vec::new();
        for space in [Space::Keys, Space::Paths] {
            let Some(folder) = self.indexes() else {
                continue;
            };
            let names = json_files(&folder.join(index_file::folder(space)))?;
            unmatched.extend(names.into_iter().filter(|name| {
                let bucket = index_file::bucket_of(space, name);
                bucket.is_none_or(|id| buckets.ids.binary_search(&id).is_err())
            }));
        }
        unmatched.sort_unstable();
        let more = unmatched.len().saturating_sub(MAX_UNMATCHED_INDEXES);
        unmatched.truncate(MAX_UNMATCHED_INDEXES);
        buckets.unmatched_indexes = unmatched;
        buckets.more_unmatched_indexes = u64::try_from(more).unwrap_or(u64::MAX);
        Ok(buckets)
    }

    pub(super) fn state(&self, id: BucketId) -> Result<LegacyState, Refusal> {
        let value = self.db.get(LegacyFamily::Buckets, &id.0.to_le_bytes());
        let value = value.map_err(|error| Refusal::State(error.to_string()))?;
        let value = value.ok_or(Refusal::Absent)?;
        decode::state(self.era, &value).map_err(|error| Refusal::State(error.to_string()))
    }
}

impl NodeSource for LegacySource {
    fn node(&self, hash: &H256) -> Result<Option<Vec<u8>>, EngineError> {
        self.db.get(LegacyFamily::Nodes, hash.as_bytes())
    }
}

/// Takes a shared lock on the database's lock file. This fails while a provider holds it,
/// and keeps one from starting. It writes nothing.
fn lock_shared(path: &Path) -> Result<Option<File>, LegacyError> {
    let lock_path = path.join("LOCK");
    let lock = match File::open(&lock_path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FileError::wrap("open", &lock_path)(source).into()),
    };
    match fcntl_lock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(Some(lock)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(LegacyError::InUse {
            path: path.to_owned(),
        }),
        Err(errno) => Err(FileError::wrap("lock", &lock_path)(errno.into()).into()),
    }
}

/// Returns whether a folder holds indexes of objects or files.
fn has_indexes(path: &Path) -> bool {
    let folders = [Space::Keys, Space::Paths].map(index_file::folder);
    folders.iter().any(|folder| path.join(folder).is_dir())
}

/// Returns the names of the JSON files in a folder, which need not exist.
fn json_files(folder: &Path) -> Result<Vec<String>, FileError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FileError::wrap("list", folder)(source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(FileError::wrap("list", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            names.push(name);
        }
    }
    Ok(names)
}

fn metadata(db: &LegacyDb, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
    if db.has_family(LegacyFamily::Metadata) {
        db.get(LegacyFamily::Metadata, key)
    } else {
        Ok(None)
    }
}

fn era_of(path: &Path, db: &LegacyDb) -> Result<LegacyEra, LegacyError> {
    let path = || path.to_owned();
    if let Some(value) = metadata(db, FORMAT_VERSION)? {
        let version = <[u8; 4]>::try_from(&value[..]).map(u32::from_le_bytes);
        let era = version.ok().and_then(LegacyEra::from_version);
        return era.ok_or_else(|| LegacyError::UnknownVersion {
            path: path(),
            found: version.map_or_else(|_| hex::encode(&value), |version| version.to_string()),
        });
    }
    let ids = buckets_of(db)?.ids;
    for id in &ids {
        let value = db.get(LegacyFamily::Buckets, &id.0.to_le_bytes())?;
        if let Some(era) = value.and_then(|value| decode::era_of_state(&value)) {
            return Ok(era);
        }
    }
    if ids.is_empty() {
        // There is nothing to decode.
        return Ok(LegacyEra::B);
    }
    Err(LegacyError::UnknownEncoding { path: path() })
}

fn buckets_of(db: &LegacyDb) -> Result<LegacyBuckets, EngineError> {
    let mut buckets = LegacyBuckets::default();
    db.for_each_key(LegacyFamily::Buckets, |key| match key.try_into() {
        Ok(id) => buckets.ids.push(BucketId(u64::from_le_bytes(id))),
        Err(_) => buckets.unreadable_keys = buckets.unreadable_keys.saturating_add(1),
    })?;
    buckets.ids.sort_unstable();
    Ok(buckets)
}
