//! Recording commitments as signed, without a new leaf.

use super::*;
use crate::error::RecordRootError;

/// The bucket as a process killed now would leave it.
fn copy_as_killed(fixture: &Fixture) -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    std::fs::create_dir(&path).unwrap();
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
    }
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    (folder, bucket)
}

#[test]
fn i4_a_root_signed_at_an_older_count_survives_a_kill() {
    for profile in PROFILES {
        let mut fixture = Fixture::with_profile(profile);
        // Leaves that no sync of their own has made durable.
        fixture.commit(6);
        let (older, newest) = (fixture.replayed(5), fixture.replayed(6));
        let (writes, synced) = fixture.bucket().engine.probe.counts();
        fixture.bucket().record_signed_root(older).unwrap();
        let counts = fixture.bucket().engine.probe.counts();
        assert_eq!(counts, (writes + 1, synced + 1));
        let (_folder, killed) = copy_as_killed(&fixture);
        assert_eq!(killed.commitment(), newest);
        let signed_roots: Vec<_> = killed.signed_roots().unwrap().map(Result::unwrap).collect();
        assert_eq!(signed_roots.len(), 1);
        assert_eq!(signed_roots[0].commitment, older);
        let view = killed.view(StateRef::Root(older.mmr_root)).unwrap();
        assert_eq!(view.commitment().unwrap(), older);
        assert_eq!(view.answer(at(4, 0)).unwrap().commitment(), older);
    }
}

#[test]
fn a_commitment_that_the_tree_never_had_is_not_signed() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(3);
    let (bucket, held) = (fixture.bucket(), fixture.replayed(3));
    let refused = |commitment| bucket.record_signed_root(commitment).unwrap_err();
    let longer = Commitment {
        leaf_count: count(4),
        ..held
    };
    assert!(matches!(refused(longer), RecordRootError::Behind { have, .. } if have == count(3)));
    let other_root = Commitment {
        mmr_root: fixture.replayed(2).mmr_root,
        ..held
    };
    assert!(matches!(
        refused(other_root),
        RecordRootError::OtherRoot { .. }
    ));
    let other_tree = Commitment {
        start_seq: Sequence(1),
        ..held
    };
    assert!(matches!(
        refused(other_tree),
        RecordRootError::OtherTree { .. }
    ));
    let empty = Commitment {
        mmr_root: H256::zero(),
        leaf_count: LeafCount::ZERO,
        ..held
    };
    assert!(matches!(refused(empty), RecordRootError::Empty { .. }));
    assert_eq!(bucket.signed_roots().unwrap().count(), 0);
    // A retired tree may be released at any time.
    bucket.prune(Sequence(1), None).unwrap();
    assert!(matches!(refused(held), RecordRootError::OtherTree { .. }));
    assert_eq!(bucket.signed_roots().unwrap().count(), 0);
}

#[test]
fn a_smaller_signed_root_does_not_hide_a_larger_one() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(2);
    let newest = fixture.bucket().commit_signed(&[], &signer()).unwrap().1;
    fixture
        .bucket()
        .record_signed_root(fixture.replayed(1))
        .unwrap();
    let last = fixture.bucket().last_signed_root().unwrap();
    assert_eq!(last.commitment, newest.payload.commitment);
}

#[test]
fn a_read_only_bucket_records_no_signed_root() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(2);
    let path = fixture.path();
    drop(fixture.bucket.take());
    let bucket = Bucket::open(&path, Access::ReadOnly, &SharedResources::default()).unwrap();
    let refused = bucket.record_signed_root(fixture.replayed(2)).unwrap_err();
    assert!(
        matches!(refused, RecordRootError::NotWritable(_)),
        "{refused}"
    );
}

#[test]
fn i9_a_failed_record_of_a_signed_root_poisons_the_bucket() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(2);
    let probe = &fixture.bucket().engine.probe;
    probe.fail_after(0);
    let refused = fixture
        .bucket()
        .record_signed_root(fixture.replayed(2))
        .unwrap_err();
    assert!(matches!(refused, RecordRootError::Engine(_)), "{refused}");
    probe.stop_failing();
    let refused = fixture
        .bucket()
        .record_signed_root(fixture.replayed(2))
        .unwrap_err();
    assert!(
        matches!(refused, RecordRootError::NotWritable(_)),
        "{refused}"
    );
    fixture.reopen();
    assert_eq!(fixture.bucket().signed_roots().unwrap().count(), 0);
}
