//! Copies of base paths, and the promised data that each holds.

use crate::signature_log::{KnownSignature, RootKey, root_key};
use cairn_primitives::BucketId;
use codec::Encode;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The folder of the buckets in a base path.
pub(crate) const BUCKETS_DIR: &str = "buckets";
/// The folder of the index in a base path.
pub(crate) const INDEX_DIR: &str = "index";
/// The file that tells a base path or an index from a copy.
const LOCATION_FILE: &str = "location";

/// The contents of one bucket's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BucketContents {
    /// The signed roots of which it holds all data.
    pub(crate) signed_roots: BTreeSet<RootKey>,
    /// True if one of its files was damaged, so that nothing is certain.
    pub(crate) damaged: bool,
}

/// The contents of a base path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BasePathContents {
    pub(crate) buckets: BTreeMap<BucketId, BucketContents>,
    /// The newest signed root of each bucket, as recorded in the index.
    pub(crate) newest_signed: BTreeMap<BucketId, RootKey>,
    /// The signed windows that the index has recorded.
    pub(crate) windows: BTreeSet<(BucketId, u64, RootKey)>,
}

impl BasePathContents {
    pub(crate) fn holds(&self, bucket: BucketId, key: &RootKey) -> bool {
        let shelf = self.buckets.get(&bucket);
        shelf.is_some_and(|shelf| !shelf.damaged && shelf.signed_roots.contains(key))
    }

    /// Records a durable signature.
    pub(crate) fn record_signature(&mut self, signed: &KnownSignature) {
        let key = root_key(&signed.commitment);
        let shelf = self.buckets.entry(signed.bucket).or_default();
        shelf.signed_roots.insert(key);
        self.newest_signed.insert(signed.bucket, key);
        if let Some(window) = signed.window {
            self.windows.insert((signed.bucket, window, key));
        }
    }

    /// Records that the index is rebuilt from the buckets.
    pub(crate) fn forget_index(&mut self) {
        self.newest_signed.clear();
        self.windows.clear();
    }
}

/// A copy of a base path.
#[derive(Clone, Debug)]
pub(crate) struct BasePathCopy {
    pub(crate) path: PathBuf,
    pub(crate) contents: BasePathContents,
}

/// A bucket's folder that the operator moved away.
#[derive(Clone, Debug)]
pub(crate) struct MovedBucket {
    pub(crate) path: PathBuf,
    pub(crate) contents: BucketContents,
}

/// Returns the folder of a bucket in a base path.
pub(crate) fn bucket_folder(base: &Path, bucket: BucketId) -> PathBuf {
    base.join(BUCKETS_DIR).join(format!("{:016x}", bucket.0))
}

/// Copies a folder recursively.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&path, &target);
        } else if let Err(error) = fs::copy(&path, &target) {
            // RocksDB may remove obsolete files meanwhile.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{path:?}");
        }
    }
}

/// Makes a copy of a base path look like the original: after a crash the game copies files that a
/// real process would leave in place.
pub(crate) fn make_original(base: &Path) {
    for file in [
        base.join(INDEX_DIR).join(LOCATION_FILE),
        base.join(LOCATION_FILE),
    ] {
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        let created = metadata.created().ok();
        let since = created.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let created = since.map(|since| u64::try_from(since.as_nanos()).unwrap());
        // Written in place, so that the inode stays the same.
        fs::write(file, (1u8, created, metadata.ino()).encode()).unwrap();
    }
}

/// Replaces a folder by a copy.
pub(crate) fn replace(place: &Path, copy_of: &Path) {
    remove(place);
    if copy_of.exists() {
        copy(copy_of, place);
    }
}

/// Removes a folder if it exists.
pub(crate) fn remove(path: &Path) {
    if path.exists() {
        fs::remove_dir_all(path).unwrap();
    }
}

/// How a file is damaged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    Lost,
    Emptied,
    Truncated,
    Corrupted,
}

/// Damages one file of a folder: `choice` selects among the kinds of files. Returns a description.
pub(crate) fn damage(folder: &Path, choice: u8, how: Damage) -> Option<String> {
    let mut files: Vec<_> = fs::read_dir(folder).ok()?.flatten().collect();
    files.retain(|file| file.file_type().is_ok_and(|kind| kind.is_file()));
    files.sort_by_key(fs::DirEntry::file_name);
    // File numbers differ from run to run, but the kinds do not.
    let kind_of = |name: &str| match name.rsplit_once('.') {
        Some((_, ending)) => ending.to_owned(),
        None => name.chars().take_while(char::is_ascii_uppercase).collect(),
    };
    let mut kinds = BTreeMap::new();
    for file in files {
        let name = file.file_name().into_string().ok()?;
        kinds.insert(kind_of(&name), file.path());
    }
    kinds.remove("LOCK");
    kinds.remove("LOG");
    let (kind, path) = kinds.iter().nth(usize::from(choice) % kinds.len().max(1))?;
    let mut bytes = fs::read(path).ok()?;
    match how {
        Damage::Lost => fs::remove_file(path).ok()?,
        Damage::Emptied => fs::write(path, []).ok()?,
        Damage::Truncated => fs::write(path, &bytes[..bytes.len() / 2]).ok()?,
        Damage::Corrupted => {
            let middle = bytes.len() / 2;
            for byte in bytes.iter_mut().skip(middle).take(16) {
                *byte ^= 0x5a;
            }
            fs::write(path, bytes).ok()?;
        }
    }
    Some(format!("a {kind} file: {how:?}"))
}
