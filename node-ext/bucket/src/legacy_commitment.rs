//! The last commitment of a legacy provider to a bucket, in a file next to the buckets.
//!
//! That provider signed its newest commitment for anybody who asked, until its database was
//! imported. Its signature may be in anybody's hands, so another one over the same commitment
//! promises nothing new. The file is no part of the bucket: an export does not have it, and it says
//! nothing of a copy that another provider imports.

use crate::bucket::now_ms;
use cairn_engine::layout::{LEGACY_COMMITMENTS_DIR, bucket_dir_name};
use cairn_fs::{FileError, create_dir_durably, replace_atomically, sync_name};
use cairn_primitives::{BucketId, Commitment};
use codec::{DecodeAll, Encode};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u8 = 1;
/// More bytes than a file has.
const MAX_BYTES: u64 = 128;

/// The version, the commitment, and the time at which it was recorded, in milliseconds since the
/// Unix epoch.
type Fields = (u8, Commitment, u64);

fn path_of(base: &Path, bucket: BucketId) -> PathBuf {
    base.join(LEGACY_COMMITMENTS_DIR)
        .join(bucket_dir_name(bucket))
}

/// Records durably, in a base path, the commitment that a legacy provider had to a bucket when its
/// database was imported. Changes nothing if it is recorded already.
///
/// # Errors
///
/// [`FileError`] if it cannot be written.
pub fn write_legacy_commitment(
    base: &Path,
    bucket: BucketId,
    commitment: &Commitment,
) -> Result<(), FileError> {
    if legacy_commitment(base, bucket)? == Some(*commitment) {
        return Ok(());
    }
    let folder = base.join(LEGACY_COMMITMENTS_DIR);
    create_dir_durably(&folder).map_err(FileError::wrap("make", &folder))?;
    let path = path_of(base, bucket);
    let fields: Fields = (VERSION, *commitment, now_ms());
    let bytes = fields.encode();
    replace_atomically(&path, |file| file.write_all(&bytes))
        .map_err(FileError::wrap("write", &path))
}

/// Returns the commitment that a legacy provider had to a bucket when its database was imported;
/// `None` if there is none, or its file has another format.
///
/// # Errors
///
/// [`FileError`] if the file cannot be read.
pub fn legacy_commitment(base: &Path, bucket: BucketId) -> Result<Option<Commitment>, FileError> {
    let path = path_of(base, bucket);
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::wrap("read", &path)(error)),
    }
    match Fields::decode_all(&mut bytes.as_slice()) {
        Ok((VERSION, commitment, _recorded_ms)) => Ok(Some(commitment)),
        Ok(_) | Err(_) => {
            tracing::error!(
                path = %path.display(),
                "the last commitment of a legacy provider has an unknown format"
            );
            Ok(None)
        }
    }
}

/// Removes, durably, what is recorded of a legacy provider's commitment to a bucket.
///
/// # Errors
///
/// [`FileError`] if the file cannot be removed.
pub fn remove_legacy_commitment(base: &Path, bucket: BucketId) -> Result<(), FileError> {
    let path = path_of(base, bucket);
    match std::fs::remove_file(&path) {
        Ok(()) => sync_name(&path).map_err(FileError::wrap("sync", &path)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::wrap("remove", &path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::{H256, LeafCount, Sequence};
    use proptest::prelude::*;
    use std::os::unix::fs::MetadataExt;

    const ID: BucketId = BucketId(7);

    fn commitment(root: [u8; 32], start: u64, count: u64) -> Commitment {
        Commitment {
            mmr_root: H256(root),
            start_seq: Sequence(start),
            leaf_count: LeafCount::new(count).unwrap(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn each_commitment_is_read_as_it_was_written(
            root: [u8; 32],
            start: u64,
            count in 0u64..=1 << 62,
        ) {
            let base = tempfile::tempdir().unwrap();
            let written = commitment(root, start, count);
            write_legacy_commitment(base.path(), ID, &written).unwrap();
            prop_assert_eq!(legacy_commitment(base.path(), ID).unwrap(), Some(written));
            prop_assert_eq!(legacy_commitment(base.path(), BucketId(8)).unwrap(), None);
        }

        #[test]
        fn any_bytes_are_a_commitment_or_none(
            version in 0u8..4,
            rest in proptest::collection::vec(any::<u8>(), 50..62),
        ) {
            let bytes = [&[version][..], &rest].concat();
            let base = tempfile::tempdir().unwrap();
            let path = path_of(base.path(), ID);
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
            let whole = Fields::decode_all(&mut bytes.as_slice()).ok();
            let expected = whole.filter(|(version, _, _)| *version == VERSION);
            let expected = expected.map(|(_, commitment, _)| commitment);
            prop_assert_eq!(legacy_commitment(base.path(), ID).unwrap(), expected);
        }
    }

    #[test]
    fn the_bytes_on_disk_stay_as_they_are() {
        let base = tempfile::tempdir().unwrap();
        write_legacy_commitment(base.path(), ID, &commitment([9; 32], 2, 3)).unwrap();
        let path = base.path().join("legacy-commitments/0000000000000007");
        let bytes = std::fs::read(path).unwrap();
        let numbers = [2u64.to_le_bytes(), 3u64.to_le_bytes()].concat();
        assert_eq!(bytes[..49], [&[1][..], &[9; 32], &numbers].concat());
        assert_eq!(bytes.len(), 57);
    }

    #[test]
    fn a_repeated_write_changes_no_file() {
        let base = tempfile::tempdir().unwrap();
        let path = path_of(base.path(), ID);
        write_legacy_commitment(base.path(), ID, &commitment([9; 32], 2, 3)).unwrap();
        let before = std::fs::read(&path).unwrap();
        // A file that is written again is another one.
        let kept = File::open(&path).unwrap();
        write_legacy_commitment(base.path(), ID, &commitment([9; 32], 2, 3)).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let (old, new) = (kept.metadata().unwrap(), path.metadata().unwrap());
        assert_eq!(old.ino(), new.ino());
        write_legacy_commitment(base.path(), ID, &commitment([8; 32], 2, 4)).unwrap();
        let newer = legacy_commitment(base.path(), ID).unwrap();
        assert_eq!(newer, Some(commitment([8; 32], 2, 4)));
    }

    #[test]
    fn a_removed_commitment_is_none_and_removing_none_is_no_error() {
        let base = tempfile::tempdir().unwrap();
        remove_legacy_commitment(base.path(), ID).unwrap();
        write_legacy_commitment(base.path(), ID, &commitment([9; 32], 2, 3)).unwrap();
        remove_legacy_commitment(base.path(), ID).unwrap();
        assert_eq!(legacy_commitment(base.path(), ID).unwrap(), None);
    }
}
