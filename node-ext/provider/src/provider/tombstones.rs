//! Tombstone files: the signed roots of buckets that were deleted, or accepted without
//! them. Each is a file next to the buckets, since the bucket is gone and the index may
//! be lost.

use super::{Provider, ProviderError, io};
use cairn_bucket::{AuthorisedDeletion, Bucket, ProveError, now_ms};
use cairn_engine::layout::{Deletion, TOMBSTONES_DIR, parse_trash_dir_name, trash_dir_name};
use cairn_fs::replace_atomically;
use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};
use codec::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The version of the file format.
const VERSION: u8 = 1;
/// The most admins' deletions read from one file. Each takes about 200 bytes.
const MAX_DELETIONS: u32 = 1 << 16;

/// The content of a tombstone file.
#[derive(Debug, Default)]
pub(super) struct TombstoneFile {
    /// True if more may have been signed than could be read.
    pub(super) is_incomplete: bool,
    pub(super) deletions: Vec<AuthorisedDeletion>,
    pub(super) commitments: Vec<Commitment>,
}

impl TombstoneFile {
    /// Collects all signed roots and authorised deletions of a bucket.
    pub(super) fn from_bucket(bucket: &Bucket) -> Result<Self, ProveError> {
        Ok(Self {
            is_incomplete: false,
            deletions: bucket.deletions()?,
            commitments: bucket.all_signed_commitments()?,
        })
    }

    fn is_empty(&self) -> bool {
        !self.is_incomplete && self.deletions.is_empty() && self.commitments.is_empty()
    }
}

/// The tombstones of a bucket: signed roots that were given up on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketTombstones {
    /// For each tree, the number of roots and the highest leaf count among them.
    pub trees: BTreeMap<Sequence, (u64, LeafCount)>,
    /// The deletions that admins authorised, newest first.
    pub deletions: Vec<AuthorisedDeletion>,
    /// True if more may have been signed than is listed, since the bucket could not be
    /// read when it was deleted.
    pub is_incomplete: bool,
}

impl BucketTombstones {
    /// Returns whether there are any tombstones.
    pub fn has_any(&self) -> bool {
        !self.trees.is_empty() || self.is_incomplete
    }

    fn add(&mut self, commitment: &Commitment) {
        let (roots, most) = self.trees.entry(commitment.start_seq).or_default();
        *roots = roots.saturating_add(1);
        *most = (*most).max(commitment.leaf_count);
    }
}

fn tombstones_dir(base: &Path) -> PathBuf {
    base.join(TOMBSTONES_DIR)
}

/// Writes a tombstone file for a bucket, durably. Writes none if nothing was signed.
pub(super) fn write(
    base: &Path,
    bucket: BucketId,
    letting_go: &TombstoneFile,
) -> Result<(), ProviderError> {
    if letting_go.is_empty() {
        return Ok(());
    }
    let folder = tombstones_dir(base);
    std::fs::create_dir_all(&folder).map_err(io("make", &folder))?;
    File::open(base)
        .and_then(|base| base.sync_all())
        .map_err(io("sync", base))?;
    let row =
        |kept: &AuthorisedDeletion| (kept.new_start_seq, kept.new_root, kept.deletion.clone());
    let rows: Vec<_> = letting_go.deletions.iter().map(row).collect();
    let path = free_path(&folder, bucket);
    let written = replace_atomically(&path, |file| {
        let length = u64::try_from(letting_go.commitments.len()).unwrap_or(u64::MAX);
        let header = (VERSION, now_ms(), letting_go.is_incomplete, rows, length);
        file.write_all(&header.encode())?;
        let mut commitments = letting_go.commitments.iter();
        commitments.try_for_each(|commitment| file.write_all(&commitment.encode()))
    });
    written.map_err(io("write", &path))
}

fn free_path(folder: &Path, bucket: BucketId) -> PathBuf {
    let mut nonce = 0u32;
    loop {
        let path = folder.join(trash_dir_name(bucket, nonce));
        if !path.exists() {
            return path;
        }
        nonce = nonce.wrapping_add(1);
    }
}

/// Lists the tombstone files of a base path by bucket.
pub(super) fn files(base: &Path) -> Result<BTreeMap<BucketId, Vec<PathBuf>>, ProviderError> {
    let folder = tombstones_dir(base);
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        entries => entries.map_err(io("read", &folder))?,
    };
    for entry in entries {
        let path = entry.map_err(io("read", &folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some((id, _)) = name.and_then(parse_trash_dir_name) {
            found.entry(id).or_default().push(path);
        }
    }
    Ok(found)
}

/// Reads a file, and passes each of its commitments to `each`. Returns the deletions that
/// admins authorised, and whether there may be more. That is also true if the file cannot
/// be read to its end: it exists, so something was signed.
fn read(path: &Path, each: impl FnMut(Commitment)) -> (Vec<AuthorisedDeletion>, bool) {
    read_file(path, each).unwrap_or_else(|error| {
        tracing::error!(path = %path.display(), %error, "a tombstone cannot be read in full");
        (Vec::new(), true)
    })
}

fn read_file(
    path: &Path,
    mut each: impl FnMut(Commitment),
) -> Result<(Vec<AuthorisedDeletion>, bool), Box<dyn std::error::Error>> {
    let mut file = codec::IoReader(BufReader::new(File::open(path)?));
    let (version, _gone_ms, may_be_more) = <(u8, u64, bool)>::decode(&mut file)?;
    let length = codec::Compact::<u32>::decode(&mut file)?.0;
    if version != VERSION || length > MAX_DELETIONS {
        return Err("unknown version, or too many deletions".into());
    }
    let mut deletions = Vec::new();
    for _ in 0..length {
        let (new_start_seq, new_root, deletion) = <(Sequence, H256, Deletion)>::decode(&mut file)?;
        deletions.push(AuthorisedDeletion {
            new_start_seq,
            new_root,
            deletion,
        });
    }
    for _ in 0..u64::decode(&mut file)? {
        each(Commitment::decode(&mut file)?);
    }
    match file.0.read(&mut [0])? {
        0 => Ok((deletions, may_be_more)),
        _ => Err("trailing bytes".into()),
    }
}

impl Provider {
    /// Returns the tombstones of a bucket: for trees that were released, for the bucket
    /// if it was deleted, and for roots that it was accepted without. An agreement over
    /// such a bucket lets anybody challenge these roots.
    ///
    /// # Errors
    ///
    /// [`ProviderError`] if the folder of tombstones or the bucket's own records cannot
    /// be read.
    pub fn tombstones(&self, id: BucketId) -> Result<BucketTombstones, ProviderError> {
        let mut all = BucketTombstones::default();
        for path in files(self.path())?.remove(&id).unwrap_or_default() {
            let (deletions, may_be_more) = read(&path, |commitment| all.add(&commitment));
            all.deletions.extend(deletions);
            all.is_incomplete |= may_be_more;
        }
        match self.blocking_lease(id, crate::pool::LeaseRequest::read()) {
            Ok(lease) => lease.run(|bucket| {
                for tombstone in bucket.tombstones()? {
                    all.add(&tombstone?.commitment);
                }
                Ok::<_, ProveError>(())
            })?,
            Err(
                ProviderError::NoSuchBucket { .. }
                | ProviderError::Lost { .. }
                | ProviderError::Behind { .. }
                | ProviderError::Open { .. },
            ) => {}
            Err(error) => return Err(error),
        }
        all.deletions
            .sort_by_key(|deletion| std::cmp::Reverse(deletion.new_start_seq));
        Ok(all)
    }

    /// Returns the buckets with tombstone files: they were deleted, or accepted without
    /// some signed roots.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Io`] if the folder of tombstones cannot be read.
    pub fn buckets_with_tombstones(&self) -> Result<BTreeSet<BucketId>, ProviderError> {
        Ok(files(self.path())?.into_keys().collect())
    }
}

/// Returns whether the tombstone files of a bucket have a root of a tree.
pub(super) fn has_root(
    base: &Path,
    bucket: BucketId,
    tree: Sequence,
    root: &H256,
) -> Result<bool, ProviderError> {
    let mut found = false;
    for path in files(base)?.remove(&bucket).unwrap_or_default() {
        read(&path, |gone| {
            found |= gone.start_seq == tree && gone.mmr_root == *root;
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
