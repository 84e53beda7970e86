//! The source of an import: a v0 provider's database, opened for reading and locked so
//! that no provider opens it meanwhile.

use super::copy_content::NodeSource;
use super::decode::{self, LegacyState};
use super::era::LegacyEra;
use super::error::{LegacyError, Refusal};
use cairn_engine::{EngineError, LegacyDb, LegacyFamily};
use cairn_fs::FileError;
use cairn_primitives::{BucketId, H256};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FORMAT_VERSION: &[u8] = b"format_version";
const NONCE_COUNTER: &[u8] = b"nonce_counter";

/// The database of a v0 provider, open for reading.
pub struct LegacySource {
    path: PathBuf,
    db: LegacyDb,
    era: LegacyEra,
    nonce_counter: Option<u64>,
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
            _lock: lock,
        })
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

    /// Lists the buckets.
    ///
    /// # Errors
    ///
    /// The database's error.
    pub fn buckets(&self) -> Result<LegacyBuckets, LegacyError> {
        Ok(buckets_of(&self.db)?)
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
