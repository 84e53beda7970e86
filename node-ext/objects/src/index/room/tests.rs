//! The room for names and uploads: it is known before content is stored, and ends.

use super::*;
use crate::index::tests::{bucket, key, record};
use crate::record::Attributes;
use crate::{Condition, NewUpload, ObjectName, Stats, Uploads};
use cairn_bucket::BucketConfig;
use cairn_engine::SharedResources;
use cairn_primitives::{BucketId, H256};
use tempfile::TempDir;

/// A bucket without a quota's share, whose keys take all the room but for some bytes.
fn full_bucket(left: u64) -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let config = BucketConfig {
        max_bytes: 0,
        ..BucketConfig::default()
    };
    let shared = SharedResources::default();
    let bucket = Bucket::create(&path, BucketId(1), config, &shared).unwrap();
    let index = Index::new(&bucket, Space::Keys);
    index.put(&key("old"), &record(1), Condition::Any).unwrap();
    let filled = bucket.change_objects(|changes| {
        let stats = index.stats()?;
        let index_bytes = (64 << 20) - left;
        index.put_stats(
            changes,
            Stats {
                index_bytes,
                ..stats
            },
        );
        Ok::<_, ObjectError>(())
    });
    filled.unwrap();
    (folder, bucket)
}

#[test]
fn names_may_not_fill_the_disk() {
    let (_folder, bucket) = full_bucket(0);
    let (keys, paths) = (
        Index::new(&bucket, Space::Keys),
        Index::new(&bucket, Space::Paths),
    );
    let is_full = |refused: ObjectError| matches!(refused, ObjectError::IndexFull { .. });
    let refused = keys.put(&key("new"), &record(1), Condition::Any);
    assert!(is_full(refused.unwrap_err()));
    // Both indexes have the same room, and open uploads take of it too.
    let path = ObjectName::path("/new").unwrap();
    let refused = paths.put(&path, &record(1), Condition::Any);
    assert!(is_full(refused.unwrap_err()));
    assert!(is_full(paths.make_directory(&path).unwrap_err()));
    let upload = NewUpload {
        name: key("new"),
        attributes: Attributes::default(),
    };
    let uploads = Uploads::new(&bucket);
    assert!(is_full(uploads.begin([1; 16], &upload).unwrap_err()));
    assert!(is_full(keys.check_room("new", 100).unwrap_err()));
    assert_eq!(keys.stats().unwrap().files, 1);
    // What takes no more is not refused.
    keys.put(&key("old"), &record(2), Condition::Any).unwrap();
    keys.delete("old").unwrap().unwrap();
}

#[test]
fn room_for_a_record_is_known_before_its_content_is_stored() {
    let bytes = record(1).to_bytes().len() as u64;
    // The name, its record and one of the whole content.
    let needed = 3 + bytes + 128 + CONTENT_RECORD_BYTES;
    let (_folder, bucket) = full_bucket(needed);
    let index = Index::new(&bucket, Space::Keys);
    index.check_room("new", bytes).unwrap();
    assert!(index.check_room("new", bytes + 1).is_err());
    assert!(index.check_room("longer", bytes).is_err());
    index.check_room("old", bytes + 1).unwrap();
    let of_several_leaves = ObjectRecord {
        size: 3 << 18,
        leaves: vec![H256::zero(), H256::zero()],
        ..record(1)
    };
    let bytes = of_several_leaves.to_bytes().len() as u64;
    let refused = index.put(&key("new"), &of_several_leaves, Condition::Any);
    assert!(refused.is_err(), "it has another leaf than was asked for");
    assert!(index.check_room("new", bytes).is_err());
}

#[test]
fn records_of_uploads_and_of_content_are_counted_until_they_go() {
    let (_folder, bucket) = bucket();
    let uploads = Uploads::new(&bucket);
    let counted = || uploads_bytes(&bucket).unwrap();
    let content_records = || bucket.object_content_records().unwrap().bytes();
    let new = NewUpload {
        name: key("big"),
        attributes: Attributes::default(),
    };
    let upload = uploads.begin([1; 16], &new).unwrap();
    let begun = counted();
    assert!(begun > 128 + 32);
    let stored = |bytes: &[u8]| bucket.ingest(bytes).unwrap();
    uploads.put_part(&upload, 1, &stored(b"one")).unwrap();
    let of_a_part = counted() - begun;
    assert!(of_a_part > 128 + 34);
    // Replacing a part takes no more, but the replaced content is to be released.
    uploads.put_part(&upload, 1, &stored(b"other")).unwrap();
    uploads.put_part(&upload, 1, &stored(b"other")).unwrap();
    assert_eq!(counted(), begun + of_a_part);
    let one = CONTENT_RECORD_BYTES;
    assert_eq!(content_records(), one);
    uploads.put_part(&upload, 2, &stored(b"other")).unwrap();
    uploads.put_part(&upload, 3, &stored(b"third")).unwrap();
    uploads.abort(&upload).unwrap();
    assert_eq!((counted(), content_records()), (0, 3 * one));
    let index = Index::new(&bucket, Space::Keys);
    index.forget_content(&stored(b"third")).unwrap();
    assert_eq!(content_records(), 3 * one, "it was known already");
}
