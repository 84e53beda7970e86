//! A fault in one bucket is reported for that bucket, with the hash, and the others are imported.

use crate::support::{LegacyFixture, bytes, entry};
use crate::writer::{CHUNK, ERAS, Era, Writer};
use cairn_bucket::{Bucket, BucketConfig};
use cairn_engine::{Access, SharedResources};
use cairn_legacy_import::{LegacyError, LegacySource, LegacyStatus};
use cairn_primitives::{BucketId, H256};
use rocksdb::{DB, Options};

/// Two buckets. Only bucket 2 has the second content. Returns that content's data root and the
/// hash of its second chunk.
fn two_buckets(writer: &Writer) -> (H256, H256) {
    let shared = bytes(1, 3 * CHUNK);
    let own = bytes(2, 3 * CHUNK + 5);
    let shared = (writer.content(&shared), shared.len() as u64);
    let own_leaf = (writer.content(&own), own.len() as u64);
    writer.bucket(1, 0, 0, &[shared, shared]);
    writer.bucket(2, 0, 0, &[shared, own_leaf]);
    (own_leaf.0, writer.chunk(&own[CHUNK..2 * CHUNK]))
}

/// Asserts that bucket 2 is refused with all of `words`, and that bucket 1 is imported.
fn refused(fixture: &LegacyFixture, words: &[&str]) {
    let report = fixture.import();
    let refused = entry(&report, 2);
    assert_eq!(refused.status, LegacyStatus::Refused);
    let reason = refused.reason.as_deref().unwrap();
    for word in words {
        assert!(reason.contains(word), "no {word:?} in {reason:?}");
    }
    assert_eq!(entry(&report, 1).status, LegacyStatus::Imported);
    assert_eq!((report.summary.refused, report.summary.imported), (1, 1));
    assert!(report.has_findings());
    // It leaves no files.
    assert_eq!(fixture.bucket_folders(), ["0000000000000001"]);
    fixture.open(1, Access::ReadOnly);
}

#[test]
fn a_flipped_bit_in_a_node_refuses_its_buckets() {
    for era in ERAS {
        for what in ["chunk", "root"] {
            let mut names = (H256::zero(), H256::zero());
            let fixture = LegacyFixture::new(era, |writer| {
                names = two_buckets(writer);
                let node = if what == "chunk" { names.1 } else { names.0 };
                let mut value = writer.get("nodes", node.as_bytes()).unwrap();
                // Within the bytes of a chunk, or of a left child.
                value[20] ^= 1;
                writer.put("nodes", node.as_bytes(), &value);
            });
            let (root, chunk) = names;
            let at_fault = if what == "chunk" { chunk } else { root };
            let root = format!("{root:?}");
            let mut words = vec!["leaf 1 ", root.as_str()];
            let at_fault = format!("{at_fault:?}");
            words.push(&at_fault);
            // The older eras store a node's children twice, and the two differ now.
            if what == "chunk" || matches!(era, Era::C | Era::D) {
                words.push("does not hash to it");
            } else {
                words.push("its bytes differ from those of its two children");
            }
            refused(&fixture, &words);
        }
    }
}

#[test]
fn a_missing_chunk_or_node_refuses_the_bucket_by_its_hash() {
    for era in ERAS {
        let mut chunk = H256::zero();
        let fixture = LegacyFixture::new(era, |writer| {
            chunk = two_buckets(writer).1;
            writer.delete("nodes", chunk.as_bytes());
        });
        refused(&fixture, &["leaf 1 ", &format!("{chunk:?} is missing")]);
    }
}

#[test]
fn a_node_that_cannot_be_read_refuses_the_bucket() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            let (root, _) = two_buckets(writer);
            let mut value = writer.get("nodes", root.as_bytes()).unwrap();
            value.push(0);
            writer.put("nodes", root.as_bytes(), &value);
        });
        refused(&fixture, &["leaf 1 ", "has bytes after its last field"]);
    }
}

#[test]
fn a_root_that_does_not_match_refuses_the_bucket() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            two_buckets(writer);
            let shared = bytes(1, 3 * CHUNK);
            let leaf = (writer.content(&shared), shared.len() as u64);
            let mut state = writer.bucket(2, 0, 0, &[leaf, leaf]);
            state.leaves[0].total_size += 1;
            writer.state(2, &state);
        });
        refused(&fixture, &["its leaves give the root"]);
    }
}

#[test]
fn a_state_that_is_cut_short_refuses_the_bucket() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            two_buckets(writer);
            let key = 2u64.to_le_bytes();
            let mut value = writer.get("buckets", &key).unwrap();
            value.pop();
            writer.put("buckets", &key, &value);
            // The era must not be detected by the damaged bucket.
            writer.put("buckets", b"no id", &value);
        });
        refused(&fixture, &["its state cannot be read", "ends before"]);
        assert_eq!(fixture.import().summary.unreadable_keys, 1);
    }
}

#[test]
fn a_tree_past_the_end_of_sequences_refuses_the_bucket() {
    let fixture = LegacyFixture::new(Era::C, |writer| {
        two_buckets(writer);
        let leaf = (writer.content(b"x"), 1);
        writer.bucket(2, u64::MAX - 1, 0, &[leaf, leaf]);
    });
    refused(&fixture, &["more leaves than there are sequences"]);
}

/// A tree of 70 levels over one chunk.
#[test]
fn a_tree_that_is_too_deep_refuses_the_bucket() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            two_buckets(writer);
            let deep = (0..70).fold(writer.chunk(b"x"), |below, _| {
                writer.interior(H256::zero(), below)
            });
            writer.bucket(2, 0, 0, &[(deep, 1)]);
        });
        refused(&fixture, &["leaf 0 ", "more than 64 levels deep"]);
    }
}

#[test]
fn a_bucket_whose_id_is_taken_is_refused() {
    let fixture = LegacyFixture::new(Era::B, |writer| {
        two_buckets(writer);
    });
    let place = fixture.bucket_path(2);
    let shared = SharedResources::default();
    let bucket = Bucket::create(&place, BucketId(2), BucketConfig::default(), &shared).unwrap();
    bucket.close().unwrap();
    let before = crate::listing(&place);
    let report = fixture.import();
    assert_eq!(entry(&report, 2).status, LegacyStatus::Refused);
    let reason = entry(&report, 2).reason.clone().unwrap();
    assert!(reason.contains("holds another bucket"), "{reason}");
    assert_eq!(entry(&report, 1).status, LegacyStatus::Imported);
    assert!(before == crate::listing(&place));

    // A bucket that does not open is not replaced either.
    std::fs::remove_file(place.join("CURRENT")).unwrap();
    let before = crate::listing(&place);
    let reason = entry(&fixture.import(), 2).reason.clone().unwrap();
    assert!(reason.contains("does not open"), "{reason}");
    assert!(before == crate::listing(&place));
}

#[test]
fn another_programs_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = LegacySource::open(&folder.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("no file CURRENT"), "{error}");

    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    drop(DB::open_cf(&options, folder.path(), ["nodes"]).unwrap());
    let before = crate::listing(folder.path());
    let error = LegacySource::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("no column family buckets"),
        "{error}"
    );
    assert!(before == crate::listing(folder.path()));
}

#[test]
fn an_unknown_format_version_is_refused() {
    let fixture = LegacyFixture::new(Era::C, |writer| {
        writer.metadata("format_version", &3u32.to_le_bytes());
    });
    let error = LegacySource::open(&fixture.source()).unwrap_err();
    assert!(
        matches!(error, LegacyError::UnknownVersion { .. }),
        "{error}"
    );
    fixture.write(Era::C, |writer| writer.metadata("format_version", &[1]));
    let error = LegacySource::open(&fixture.source()).unwrap_err();
    assert!(
        error.to_string().contains("has format version 01"),
        "{error}"
    );
}

#[test]
fn buckets_in_an_unknown_encoding_are_refused() {
    let fixture = LegacyFixture::new(Era::B, |writer| {
        writer.put("buckets", &1u64.to_le_bytes(), b"something else");
    });
    let error = LegacySource::open(&fixture.source()).unwrap_err();
    assert!(
        matches!(error, LegacyError::UnknownEncoding { .. }),
        "{error}"
    );
}
