//! The positions of scrubs, in files of the base path: one for each bucket that is
//! being read, and one for the pass over all buckets. Losing one only costs time.

use super::{ScrubPass, ScrubPoint};
use crate::base_path::{BasePath, BasePathError, read_bounded};
use cairn_engine::layout::{SCRUB_DIR, SCRUB_PASS_FILE, bucket_dir_name};
use cairn_fs::FileError;
use cairn_primitives::BucketId;
use codec::{Decode, DecodeAll, Encode};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Version of these files.
const VERSION: u8 = 2;
/// Upper bound on the size of such a file, in bytes.
const MAX_BYTES: u64 = 256;
/// Extension of a file that is not complete yet.
const UNFINISHED_EXTENSION: &str = "new";

impl BasePath {
    /// Returns the position at which the scrub of a bucket was stopped, if it was.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`]. An unreadable file counts as absent.
    pub fn scrub_point(&self, bucket: BucketId) -> Result<Option<ScrubPoint>, BasePathError> {
        read(&self.point_path(bucket))
    }

    /// Saves the position of a bucket's scrub, or removes it when the round is complete.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`]. The position saved before is kept then.
    pub fn save_scrub_point(
        &self,
        bucket: BucketId,
        point: Option<&ScrubPoint>,
    ) -> Result<(), BasePathError> {
        let path = self.point_path(bucket);
        let kept = match point {
            Some(point) => replace(&path, &(VERSION, point).encode()),
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        };
        Ok(kept.map_err(FileError::wrap("keep", &path))?)
    }

    /// Returns the progress of the last pass over all buckets, if it is known.
    pub fn scrub_pass(&self) -> Result<Option<ScrubPass>, BasePathError> {
        read(&self.pass_path())
    }

    /// Saves the progress of a pass over all buckets.
    pub fn save_scrub_pass(&self, round: &ScrubPass) -> Result<(), BasePathError> {
        let path = self.pass_path();
        let kept = replace(&path, &(VERSION, round).encode());
        Ok(kept.map_err(FileError::wrap("keep", &path))?)
    }

    fn pass_path(&self) -> PathBuf {
        self.path().join(SCRUB_DIR).join(SCRUB_PASS_FILE)
    }

    fn point_path(&self, bucket: BucketId) -> PathBuf {
        self.path().join(SCRUB_DIR).join(bucket_dir_name(bucket))
    }
}

fn read<K: Decode>(path: &Path) -> Result<Option<K>, BasePathError> {
    let Some(bytes) = read_bounded(path, MAX_BYTES)? else {
        return Ok(None);
    };
    let kept = parse(&bytes);
    if kept.is_none() {
        tracing::warn!(path = %path.display(), "a scrub's saved position is unreadable");
    }
    Ok(kept)
}

fn parse<K: Decode>(bytes: &[u8]) -> Option<K> {
    let (version, kept) = <(u8, K)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(kept)
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(folder) = path.parent() else {
        return Err(ErrorKind::NotFound.into());
    };
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension(UNFINISHED_EXTENSION);
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scrub::{Cursor, START};
    use cairn_engine::Access;
    use cairn_primitives::{H256, LeafIndex, Sequence};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_point_is_saved_until_the_round_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        drop(BasePath::create(folder.path()).unwrap());
        let base = BasePath::open(folder.path(), Access::ReadOnly).unwrap();
        let id = BucketId(3);
        assert_eq!(base.scrub_point(id).unwrap(), None);
        for next in [
            Cursor::Chunk(H256::repeat_byte(1)),
            Cursor::Node(H256::zero()),
            Cursor::Leaf(Sequence(9), LeafIndex(7)),
        ] {
            let point = ScrubPoint { next, ..START };
            base.save_scrub_point(id, Some(&point)).unwrap();
            assert_eq!(base.scrub_point(id).unwrap(), Some(point));
        }
        assert_eq!(base.scrub_point(BucketId(4)).unwrap(), None);
        base.save_scrub_point(id, None).unwrap();
        base.save_scrub_point(id, None).unwrap();
        assert_eq!(base.scrub_point(id).unwrap(), None);

        assert_eq!(base.scrub_pass().unwrap(), None);
        let mut round = ScrubPass::starting_at(Duration::from_secs(9));
        round.mark_read(id);
        base.save_scrub_pass(&round).unwrap();
        assert_eq!(base.scrub_pass().unwrap(), Some(round));

        let path = base.point_path(id);
        let whole = (VERSION, START).encode();
        for junk in [
            &b""[..],
            &whole[1..],
            &[&whole[..], b"x"].concat(),
            &[2; 60],
        ] {
            std::fs::write(&path, junk).unwrap();
            assert_eq!(base.scrub_point(id).unwrap(), None, "{junk:?}");
        }
    }

    /// Pinned, so that a change of format does not go unnoticed.
    #[test]
    fn a_point_matches_the_documented_format() {
        let point = ScrubPoint {
            next: Cursor::Node(H256::repeat_byte(0xab)),
            records: 1,
            bytes: 2,
            findings: 3,
        };
        let numbers = "010000000000000002000000000000000300000000000000";
        let expected = format!("0201{}{numbers}", "ab".repeat(32));
        assert_eq!(hex::encode((VERSION, point).encode()), expected);
        let mut round = ScrubPass::starting_at(Duration::from_millis(0x0102));
        let expected = "020201000000000000010000000000000000";
        assert_eq!(hex::encode((VERSION, round).encode()), expected);
        round.end();
        assert_eq!(
            hex::encode((VERSION, round).encode()),
            "02020100000000000000"
        );
    }

    proptest! {
        #[test]
        fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(point) = parse::<ScrubPoint>(&bytes) {
                prop_assert_eq!((VERSION, point).encode(), &bytes[..]);
            }
            if let Some(round) = parse::<ScrubPass>(&bytes) {
                prop_assert_eq!((VERSION, round).encode(), bytes);
            }
        }
    }
}
