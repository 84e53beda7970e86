//! How far scrubs have come, kept in the base path: a small file for each bucket
//! that a round is under way in. One that is lost costs a round from the start.

use super::ScrubPoint;
use crate::base_path::{BasePath, BasePathError, io};
use crate::layout::{SCRUB_DIR, bucket_dir_name};
use cairn_primitives::BucketId;
use codec::{DecodeAll, Encode};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The version of what such a file holds.
const VERSION: u8 = 1;
/// More than such a file can have, in bytes.
const MAX_BYTES: u64 = 256;
/// What a file ends with that is not finished.
const UNFINISHED: &str = "new";

impl BasePath {
    /// Where the scrub of a bucket was stopped, if it was.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`]; a file that cannot be made sense of is none.
    pub fn scrub_point(&self, bucket: BucketId) -> Result<Option<ScrubPoint>, BasePathError> {
        let path = self.point_path(bucket);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io("read", &path, source)),
        }
        let point = parse(&bytes);
        if point.is_none() {
            tracing::warn!(path = %path.display(), "not a point of a scrub; it begins anew");
        }
        Ok(point)
    }

    /// Keeps where the scrub of a bucket has come to, or forgets it when the
    /// round is over.
    ///
    /// # Errors
    ///
    /// [`BasePathError::Io`]; the point that was kept before is kept still.
    pub fn keep_scrub_point(
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
        kept.map_err(|source| io("keep", &path, source))
    }

    fn point_path(&self, bucket: BucketId) -> PathBuf {
        self.path().join(SCRUB_DIR).join(bucket_dir_name(bucket))
    }
}

fn parse(bytes: &[u8]) -> Option<ScrubPoint> {
    let (version, point) = <(u8, ScrubPoint)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(point)
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let Some(folder) = path.parent() else {
        return Err(ErrorKind::NotFound.into());
    };
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension(UNFINISHED);
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Access;
    use crate::scrub::{Place, START};
    use cairn_primitives::{H256, Sequence};
    use proptest::prelude::*;

    #[test]
    fn a_point_is_kept_until_the_round_is_over() {
        let folder = tempfile::tempdir().unwrap();
        drop(BasePath::create(folder.path()).unwrap());
        let base = BasePath::open(folder.path(), Access::ReadOnly).unwrap();
        let id = BucketId(3);
        assert_eq!(base.scrub_point(id).unwrap(), None);
        for next in [
            Place::Chunk(H256::repeat_byte(1)),
            Place::Node(H256::zero()),
            Place::Leaf(Sequence(9)),
        ] {
            let point = ScrubPoint { next, ..START };
            base.keep_scrub_point(id, Some(&point)).unwrap();
            assert_eq!(base.scrub_point(id).unwrap(), Some(point));
        }
        assert_eq!(base.scrub_point(BucketId(4)).unwrap(), None);
        base.keep_scrub_point(id, None).unwrap();
        base.keep_scrub_point(id, None).unwrap();
        assert_eq!(base.scrub_point(id).unwrap(), None);

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

    /// Pinned, so that a change of format cannot pass unnoticed.
    #[test]
    fn a_point_stands_as_the_format_says() {
        let point = ScrubPoint {
            next: Place::Node(H256::repeat_byte(0xab)),
            records: 1,
            bytes: 2,
            findings: 3,
        };
        let numbers = "010000000000000002000000000000000300000000000000";
        let expected = format!("0101{}{numbers}", "ab".repeat(32));
        assert_eq!(hex::encode((VERSION, point).encode()), expected);
    }

    proptest! {
        #[test]
        fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(point) = parse(&bytes) {
                prop_assert_eq!((VERSION, point).encode(), bytes);
            }
        }
    }
}
