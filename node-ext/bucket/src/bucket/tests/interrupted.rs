//! Interruptions: of uploads, of the removal of failed uploads, and of logs, by a power
//! loss or by damage.

use super::*;
use crate::error::OpenError;
use crate::fsck::fsck;
use std::io::{Cursor, Read};
use std::path::PathBuf;

/// A source that runs a function at its end, and then fails.
struct RunAtEnd<F: FnMut()> {
    bytes: Cursor<Vec<u8>>,
    then: F,
}

impl<F: FnMut()> Read for RunAtEnd<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.bytes.read(buffer)? {
            0 => {
                (self.then)();
                Err(std::io::Error::other("broken"))
            }
            length => Ok(length),
        }
    }
}

fn chunk(filling: u8) -> Vec<u8> {
    vec![filling; CHUNK_BYTES]
}

fn wait_for_nodes(bucket: &Bucket, number: u64) {
    while bucket.usage().interior_nodes < number {
        std::thread::yield_now();
    }
}

#[test]
fn i1_an_interrupted_rollback_leaves_complete_subtrees() {
    // In the second content, the first chunk repeats after a node above it is stored.
    for chunks in [vec![1, 2], vec![1, 2, 1, 3]] {
        let nodes = chunks.len() as u64 - 1;
        for writes in 0..9 {
            let mut fixture = Fixture::with_profile(HashingProfile::Plain);
            let content: Vec<u8> = chunks.iter().flat_map(|filling| chunk(*filling)).collect();
            let bucket = fixture.bucket();
            let then = || {
                wait_for_nodes(bucket, nodes);
                bucket.engine.probe.fail_after(writes);
            };
            let source = RunAtEnd {
                bytes: Cursor::new(content.clone()),
                then,
            };
            bucket.ingest(source).unwrap_err();
            fixture.reopen();
            let report = fsck(fixture.bucket(), |_| {}).unwrap();
            assert!(
                report.is_clean(),
                "after {writes} writes: {:?}",
                report.findings
            );
            // The same content, uploaded again, is complete.
            let leaf = fixture.ingest(&content);
            fixture
                .bucket()
                .commit(&[leaf], Durability::Synced)
                .unwrap();
            let view = fixture.bucket().view(StateRef::Newest).unwrap();
            for k in 0..chunks.len() as u64 {
                view.answer(at(0, k)).unwrap();
            }
        }
    }
}

#[test]
fn a_node_sent_by_a_client_outlives_a_failed_upload() {
    let profile = HashingProfile::Plain;
    let fixture = Fixture::with_profile(profile);
    let bucket = fixture.bucket();
    let (a, b) = (profile.chunk(&chunk(1)), profile.chunk(&chunk(2)));
    let root = profile.node(&a, &b);
    let leaf = NewLeaf {
        data_root: root,
        data_size: 2 * CHUNK_BYTES as u64,
    };
    let then = || {
        wait_for_nodes(bucket, 1);
        bucket.put_chunk(a, &chunk(1)).unwrap();
        assert!(
            bucket.put_node(root, a, b).is_err(),
            "b may still be taken back"
        );
        bucket.put_chunk(b, &chunk(2)).unwrap();
        bucket.put_node(root, a, b).unwrap();
        bucket.commit(&[leaf], Durability::Synced).unwrap();
    };
    let source = RunAtEnd {
        bytes: Cursor::new([chunk(1), chunk(2)].concat()),
        then,
    };
    bucket.ingest(source).unwrap_err();
    bucket
        .view(StateRef::Newest)
        .unwrap()
        .answer(at(0, 1))
        .unwrap();
    assert!(fsck(bucket, |_| {}).unwrap().is_clean());
}

#[test]
fn a_reader_that_panics_leaves_nothing_behind() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let before = fixture.records();
    let panics = || panic!("a reader made by a test");
    let source = RunAtEnd {
        bytes: Cursor::new(chunk(1).repeat(3)),
        then: panics,
    };
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(bucket.ingest(source))));
    outcome.unwrap_err();
    assert_eq!(fixture.records(), before);
}

#[test]
fn unlogged_content_is_durable_before_its_leaf() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let bucket = fixture.bucket();
    let (large, killed) = (
        (0..30).flat_map(chunk).collect(),
        fixture.folder.path().join("killed"),
    );
    // While a large upload is not logged, a small one ends and is committed.
    let then = || {
        wait_for_nodes(bucket, 26);
        let small = fixture.ingest(b"small");
        bucket.commit(&[small], Durability::Synced).unwrap();
        // A kill would leave the files as they are now.
        copy_folder(bucket.path(), &killed);
    };
    bucket
        .ingest(RunAtEnd {
            bytes: Cursor::new(large),
            then,
        })
        .unwrap_err();
    let left = Bucket::open(&killed, Access::ReadWrite, &SharedResources::default()).unwrap();
    let view = left.view(StateRef::Newest).unwrap();
    assert_eq!(view.answer(at(0, 0)).unwrap().chunk_data(), b"small");
    assert!(fsck(&left, |_| {}).unwrap().is_clean());
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The log of a closed bucket.
pub(super) fn log_of(path: &std::path::Path) -> PathBuf {
    let files = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_log = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "log") && path.metadata().unwrap().len() > 100
    };
    files.into_iter().find(is_log).unwrap()
}

/// A closed bucket with five signed leaves in a log that was never flushed.
fn signed_in_the_log() -> (Fixture, PathBuf) {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    for _ in 0..5 {
        let new = fixture.next(1);
        fixture.bucket().commit_signed(&new, &signer()).unwrap();
        fixture.expect(&new);
    }
    fixture.bucket = None;
    let log = log_of(&fixture.path());
    (fixture, log)
}

#[test]
fn i11_a_log_damaged_before_its_end_is_refused() {
    let (mut fixture, log) = signed_in_the_log();
    let whole = std::fs::read(&log).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0xff;
    std::fs::write(&log, &damaged).unwrap();
    for access in [Access::ReadWrite, Access::ReadOnly] {
        match Bucket::open(&fixture.path(), access, &SharedResources::default()) {
            Err(OpenError::Engine(error)) => assert_eq!(error.kind, FaultKind::Corrupt, "{error}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        std::fs::read(&log).unwrap(),
        damaged,
        "the log is left as it was"
    );
    // With its bytes restored, the log has all leaves.
    std::fs::write(&log, &whole).unwrap();
    fixture.reopen();
    fixture.check_newest();
    fixture.bucket = None;
}

#[test]
fn a_damaged_log_opens_up_to_the_damage_on_request() {
    let (fixture, log) = signed_in_the_log();
    let mut bytes = std::fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&log, bytes).unwrap();
    let bucket = Bucket::open_up_to_damage(&fixture.path(), &SharedResources::default()).unwrap();
    let left = bucket.commitment().leaf_count.get();
    assert!(left < 5);
    assert_eq!(bucket.commitment(), fixture.replayed(left));
}

#[test]
fn a_log_cut_in_its_last_record_loses_only_that_record() {
    let (fixture, log) = signed_in_the_log();
    let bytes = std::fs::read(&log).unwrap();
    std::fs::write(&log, &bytes[..bytes.len() - 40]).unwrap();
    // The journal is written after the log, so a log with less has lost records.
    let open = || {
        Bucket::open(
            &fixture.path(),
            Access::ReadWrite,
            &SharedResources::default(),
        )
    };
    let refused = open().unwrap_err().to_string();
    assert!(refused.contains("the newest writes are gone"), "{refused}");
    // If the journal has lost its end too, the loss cannot be noticed.
    std::fs::remove_file(fixture.path().join(cairn_engine::JOURNAL_FILE)).unwrap();
    assert_eq!(open().unwrap().commitment(), fixture.replayed(4));
}

#[test]
fn a_closed_bucket_has_nothing_to_replay() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(40);
    let path = fixture.path();
    fixture.bucket.take().unwrap().close().unwrap();
    for entry in std::fs::read_dir(&path).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|end| end == "log") {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    fixture.reopen();
    fixture.check_newest();
}

#[test]
fn a_bucket_without_its_manifest_or_current_is_damaged() {
    for lost in ["MANIFEST", "CURRENT"] {
        let mut fixture = Fixture::with_profile(HashingProfile::Plain);
        fixture.commit(3);
        let path = fixture.path();
        fixture.bucket.take().unwrap().close().unwrap();
        for entry in std::fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(lost) {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        let error =
            Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap_err();
        assert!(
            matches!(error, OpenError::Damaged { .. }),
            "{lost}: {error}"
        );
    }
}

#[test]
fn fsck_finds_wrong_padding_and_continues_past_a_lost_leaf() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    let content = [chunk(1), chunk(2), chunk(3)].concat();
    let leaf = fixture.ingest(&content);
    fixture
        .bucket()
        .commit(&[leaf], Durability::Buffered)
        .unwrap();
    fixture.expect(&[leaf]);
    fixture.commit(7);
    fixture.bucket().commit_signed(&[], &signer()).unwrap();
    let c = HashingProfile::Plain.chunk(&chunk(3));
    let key = layout::interior_key(&HashingProfile::Plain.node(&c, &H256::zero()));
    let engine = &fixture.bucket().engine;
    let mut value = engine.get(Family::Content, &key).unwrap().unwrap();
    value[40] = 1;
    let mut batch = engine.batch();
    batch.put(Family::Content, key, &value);
    batch.delete(Family::Tree, layout::leaf_key(Sequence(2)));
    engine.write(batch, Durability::Synced).unwrap();

    let report = fsck(fixture.bucket(), |_| {}).unwrap();
    let places = places(&report);
    assert!(
        places.iter().any(|place| place.contains("of a chunk tree")),
        "{places:?}"
    );
    assert!(places.contains(&"leaf 2"), "{places:?}");
    assert!(
        !places.iter().any(|place| place.contains("root")),
        "{places:?}"
    );
    assert_eq!((report.leaves, report.signed_roots), (8, 1));
}

#[test]
fn a_read_only_base_path_creates_no_bucket() {
    let folder = tempfile::tempdir().unwrap();
    drop(crate::base_path::BasePath::create(folder.path()).unwrap());
    let base = crate::base_path::BasePath::open(folder.path(), Access::ReadOnly).unwrap();
    let config = BucketConfig::default();
    let refused = base.create_bucket(BucketId(1), config, &SharedResources::default());
    assert!(
        matches!(
            refused,
            Err(crate::base_path::BasePathError::ReadOnly { .. })
        ),
        "{refused:?}"
    );
}

#[test]
fn i1_content_is_locked_during_a_copy_of_the_bucket() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let (bucket, path) = (fixture.bucket(), fixture.folder.path().join("copy"));
    let barrier = Arc::new(std::sync::Barrier::new(2));
    bucket.engine.probe.hold_copies(&barrier);
    let is_held = std::thread::scope(|scope| {
        let copying = scope.spawn(|| bucket.copy_to(&path));
        barrier.wait();
        let is_held = bucket.content.try_lock().is_none();
        barrier.wait();
        copying.join().unwrap().unwrap();
        is_held
    });
    // Otherwise, about one in a hundred copies has a leaf in its log whose content was
    // written unlogged after the files were listed.
    assert!(is_held, "an upload could go on");
    assert!(bucket.content.try_lock().is_some());
}
