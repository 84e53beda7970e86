//! The record of the commitment that the legacy provider signed for anybody: of which buckets there
//! is one, and when an import makes it.

use crate::support::{LegacyFixture, bytes};
use crate::writer::{CHUNK, ERAS, Era, Writer};
use cairn_bucket::{NewLeaf, legacy_commitment};
use cairn_engine::{Access, Durability};
use cairn_legacy_import::{LegacyMode, LegacyStatus};
use cairn_primitives::{BucketId, Commitment};

/// The bucket with leaves.
const FULL: u64 = 3;
/// The bucket without any.
const EMPTY: u64 = 4;
/// The bucket with a leaf that the chain cannot verify.
const FLAGGED: u64 = 5;

fn write(writer: &Writer) {
    let sizes = [1, CHUNK, 3 * CHUNK + 9];
    let leaves = sizes.map(|size| (writer.content(&bytes(1, size)), size as u64));
    writer.bucket(FULL, 41, 0, &leaves);
    writer.bucket(EMPTY, 0, 0, &[]);
    // The tree has another size than its leaf says.
    let (root, size) = leaves[0];
    writer.bucket(FLAGGED, 0, 0, &[leaves[1], (root, size + 1)]);
}

fn recorded(fixture: &LegacyFixture, bucket: u64) -> Option<Commitment> {
    legacy_commitment(&fixture.base(), BucketId(bucket)).unwrap()
}

fn newest(fixture: &LegacyFixture, bucket: u64) -> Commitment {
    fixture.open(bucket, Access::ReadOnly).commitment()
}

/// Removes the records, as of a base path that an earlier version has imported into.
fn remove_records(fixture: &LegacyFixture) {
    std::fs::remove_dir_all(fixture.base().join("legacy-commitments")).unwrap();
}

#[test]
fn s13_only_a_provable_bucket_with_leaves_gets_a_record() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, write);
        fixture.run(LegacyMode::DryRun);
        assert_eq!(recorded(&fixture, FULL), None, "{era:?}");
        fixture.import();
        let last = newest(&fixture, FULL);
        assert_eq!(last.leaf_count.get(), 3);
        assert_eq!(recorded(&fixture, FULL), Some(last), "{era:?}");
        assert_eq!(recorded(&fixture, EMPTY), None, "{era:?}");
        assert_eq!(newest(&fixture, FLAGGED).leaf_count.get(), 2);
        assert_eq!(recorded(&fixture, FLAGGED), None, "{era:?}");
    }
}

/// So the operator of such a base path runs it once more.
#[test]
fn an_import_over_an_earlier_one_makes_the_record() {
    let fixture = LegacyFixture::new(Era::C, write);
    fixture.import();
    remove_records(&fixture);
    fixture.run(LegacyMode::DryRun);
    assert_eq!(recorded(&fixture, FULL), None);
    let again = fixture.import();
    let is_there = |status| status == LegacyStatus::AlreadyThere;
    assert!(again.buckets.iter().all(|bucket| is_there(bucket.status)));
    assert_eq!(recorded(&fixture, FULL), Some(newest(&fixture, FULL)));
    assert_eq!(recorded(&fixture, EMPTY), None);
    assert_eq!(recorded(&fixture, FLAGGED), None);
}

#[test]
fn s13_a_bucket_that_has_changed_since_gets_no_record() {
    for drops in [false, true] {
        let fixture = LegacyFixture::new(Era::D, write);
        fixture.import();
        remove_records(&fixture);
        let bucket = fixture.open(FULL, Access::ReadWrite);
        if drops {
            bucket.prune(cairn_primitives::Sequence(42), None).unwrap();
        } else {
            let more = bucket.ingest(&b"more"[..]).unwrap();
            let leaf = NewLeaf {
                data_root: more.data_root,
                data_size: more.data_size,
            };
            bucket.commit(&[leaf], Durability::Synced).unwrap();
        }
        drop(bucket);
        fixture.import();
        assert_eq!(recorded(&fixture, FULL), None, "{drops}");
    }
}
