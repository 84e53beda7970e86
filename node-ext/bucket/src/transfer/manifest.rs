//! The manifest of an export: bucket, commitment, and the size and hash of every file. It
//! is untrusted, and is read within bounds.

use crate::bucket::{Bucket, BucketConfig};
use cairn_primitives::{BucketId, Commitment, H256, HashingProfile, LeafCount, Sequence};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Value of `format` in every manifest.
const FORMAT: &str = "cairn-bucket";
/// Version of the fields below.
const VERSION: u32 = 1;
/// The largest manifest that is read, in bytes. A file takes some 140 bytes, and a blob
/// file holds 8 MiB and comes with a table: enough for a bucket of 1.8 TiB.
pub(super) const MAX_BYTES: u64 = 64 << 20;
/// The longest name of a file: `MANIFEST-` and a `u64`.
const MAX_NAME_BYTES: usize = 9 + 20;
/// A warning to people who read the manifest.
const NOTICE: &str = "Only one provider may go on signing for this bucket: two that do \
    promise different things, and are slashed for it.";

/// The reasons why a manifest is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or has other fields.
    #[error("{0}")]
    Unreadable(String),
    /// It is too long.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLong,
    /// It is of another format.
    #[error("its format is {0:?}, where {FORMAT:?} was expected")]
    Format(String),
    /// A later version of Cairn wrote it.
    #[error("it has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// A file name that does not occur in a bucket's database, such as one with a path.
    #[error("{0:?} is not the name of a file of a bucket's database")]
    Name(String),
    /// A file is listed twice.
    #[error("it lists {0} twice")]
    Twice(String),
    /// More leaves than a tree can have.
    #[error("it has {0} leaves, more than a tree can have")]
    LeafCount(u64),
    /// The total size of the files overflows.
    #[error("the total size of its files is too large")]
    Size,
}

/// A file of the database, as exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    name: String,
    size: u64,
    hash: H256,
}

impl ManifestFile {
    /// Makes a file, if its name can occur in a database.
    pub(super) fn new(name: &str, size: u64, hash: H256) -> Result<Self, ManifestError> {
        if !is_database_file(name) {
            return Err(ManifestError::Name(
                name.chars().take(2 * MAX_NAME_BYTES).collect(),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            size,
            hash,
        })
    }

    /// Returns its name, which contains no path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its length, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns its `blake2_256`.
    pub fn hash(&self) -> H256 {
        self.hash
    }
}

/// Returns whether RocksDB gives this name to a file with stored data.
pub(super) fn is_database_file(name: &str) -> bool {
    let is_number = |text: &str| {
        !text.is_empty()
            && name.len() <= MAX_NAME_BYTES
            && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let numbered = ["MANIFEST-", "OPTIONS-"]
        .iter()
        .filter_map(|prefix| name.strip_prefix(prefix))
        .chain(
            [".sst", ".blob", ".log"]
                .iter()
                .filter_map(|suffix| name.strip_suffix(suffix)),
        );
    matches!(name, "CURRENT" | "IDENTITY") || numbered.into_iter().any(is_number)
}

/// Returns whether such a file never changes, so that it may be shared.
pub(super) fn is_immutable(name: &str) -> bool {
    name.ends_with(".sst") || name.ends_with(".blob")
}

/// The manifest of an export. The names and sizes of its files are plausible; reading the
/// files shows whether they are true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The bucket.
    pub bucket: BucketId,
    /// Its configuration.
    pub config: BucketConfig,
    /// Its newest commitment.
    pub commitment: Commitment,
    /// `data_size` summed over all leaves ever committed.
    pub total_size: u64,
    /// Storage used by its content, in bytes.
    pub used_bytes: u64,
    files: Vec<ManifestFile>,
    bytes: u64,
}

impl Manifest {
    pub(super) fn new(bucket: &Bucket, files: Vec<ManifestFile>) -> Result<Self, ManifestError> {
        Self {
            bucket: bucket.id(),
            config: bucket.config(),
            commitment: bucket.commitment(),
            total_size: bucket.total_size(),
            used_bytes: bucket.usage().bytes,
            files,
            bytes: 0,
        }
        .validated()
    }

    /// Checks that no file is listed twice, and sums up the sizes.
    fn validated(mut self) -> Result<Self, ManifestError> {
        let mut names = BTreeSet::new();
        self.bytes = 0;
        for file in &self.files {
            if !names.insert(file.name.as_str()) {
                return Err(ManifestError::Twice(file.name.clone()));
            }
            let bytes = self.bytes.checked_add(file.size);
            self.bytes = bytes.ok_or(ManifestError::Size)?;
        }
        Ok(self)
    }

    /// Returns the files, in the order of the archive.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// Returns the total size of the files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Parses a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`], unless it is a manifest of this version whose files could be those
    /// of a database.
    pub fn parse(json: &[u8]) -> Result<Self, ManifestError> {
        if u64::try_from(json.len()).is_ok_and(|length| length > MAX_BYTES) {
            return Err(ManifestError::TooLong);
        }
        let unreadable = |error: serde_json::Error| ManifestError::Unreadable(error.to_string());
        // Another version may have other fields.
        let kind: ManifestHeader = serde_json::from_slice(json).map_err(unreadable)?;
        if kind.format != FORMAT {
            let start = kind.format.chars().take(FORMAT.len()).collect();
            return Err(ManifestError::Format(start));
        }
        if kind.version != VERSION {
            return Err(ManifestError::Version(kind.version));
        }
        let fields: Fields = serde_json::from_slice(json).map_err(unreadable)?;
        fields.into_manifest()
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(&Fields::from_manifest(self))?;
        json.push(b'\n');
        Ok(json)
    }
}

/// The fields that all versions have.
#[derive(Deserialize)]
struct ManifestHeader {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: String,
    version: u32,
    notice: String,
    bucket: u64,
    hashing: Hashing,
    commitment: CommitmentFields,
    total_size: u64,
    used_bytes: u64,
    quota_bytes: Option<u64>,
    files: Vec<FileFields>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommitmentFields {
    mmr_root: HexHash,
    start_seq: u64,
    leaf_count: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFields {
    name: String,
    size: u64,
    blake2_256: HexHash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Hashing {
    Plain,
    Tagged,
}

/// 32 bytes as `0x` and 64 hex digits.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone, Copy)]
struct HexHash(H256);

impl TryFrom<String> for HexHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut hash = H256::zero();
        let digits = text.strip_prefix("0x").ok_or("a hash lacks its 0x")?;
        hex::decode_to_slice(digits, hash.as_bytes_mut())
            .map_err(|_| "a hash is not of 64 hex digits")?;
        Ok(Self(hash))
    }
}

impl From<HexHash> for String {
    fn from(hash: HexHash) -> Self {
        format!("0x{}", hex::encode(hash.0))
    }
}

impl Fields {
    fn from_manifest(manifest: &Manifest) -> Self {
        let Commitment {
            mmr_root,
            start_seq,
            leaf_count,
        } = manifest.commitment;
        let BucketConfig { profile, max_bytes } = manifest.config;
        let file = |file: &ManifestFile| FileFields {
            name: file.name.clone(),
            size: file.size,
            blake2_256: HexHash(file.hash),
        };
        Self {
            format: FORMAT.into(),
            version: VERSION,
            notice: NOTICE.into(),
            bucket: manifest.bucket.0,
            hashing: match profile {
                HashingProfile::Plain => Hashing::Plain,
                HashingProfile::Tagged => Hashing::Tagged,
            },
            commitment: CommitmentFields {
                mmr_root: HexHash(mmr_root),
                start_seq: start_seq.0,
                leaf_count: leaf_count.get(),
            },
            total_size: manifest.total_size,
            used_bytes: manifest.used_bytes,
            quota_bytes: (max_bytes != u64::MAX).then_some(max_bytes),
            files: manifest.files.iter().map(file).collect(),
        }
    }

    fn into_manifest(self) -> Result<Manifest, ManifestError> {
        let files = self
            .files
            .iter()
            .map(|file| ManifestFile::new(&file.name, file.size, file.blake2_256.0));
        let leaf_count = self.commitment.leaf_count;
        let manifest = Manifest {
            bucket: BucketId(self.bucket),
            config: BucketConfig {
                profile: match self.hashing {
                    Hashing::Plain => HashingProfile::Plain,
                    Hashing::Tagged => HashingProfile::Tagged,
                },
                max_bytes: self.quota_bytes.unwrap_or(u64::MAX),
            },
            commitment: Commitment {
                mmr_root: self.commitment.mmr_root.0,
                start_seq: Sequence(self.commitment.start_seq),
                leaf_count: LeafCount::new(leaf_count)
                    .ok_or(ManifestError::LeafCount(leaf_count))?,
            },
            total_size: self.total_size,
            used_bytes: self.used_bytes,
            files: files.collect::<Result<_, _>>()?,
            bytes: 0,
        };
        manifest.validated()
    }
}

#[cfg(test)]
mod tests;
