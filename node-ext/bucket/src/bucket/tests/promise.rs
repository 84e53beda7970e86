//! Recording commitments as signed, without a new leaf.

use super::*;
use crate::error::PromiseError;

/// The bucket as a process killed now would leave it.
fn killed(fixture: &Fixture) -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    std::fs::create_dir(&path).unwrap();
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
        }
    }
    let bucket = Bucket::open(&path, Access::ReadWrite, &Shared::default()).unwrap();
    (folder, bucket)
}

#[test]
fn i4_what_is_promised_at_an_older_leaf_count_is_durable_and_proven_after_a_kill() {
    for profile in PROFILES {
        let mut fixture = Fixture::of_profile(profile);
        // Leaves that no sync of their own has made durable.
        fixture.commit(6);
        let (older, newest) = (fixture.replayed(5), fixture.replayed(6));
        let (writes, synced) = fixture.bucket().engine.probe.counts();
        fixture.bucket().promise(older).unwrap();
        let counts = fixture.bucket().engine.probe.counts();
        assert_eq!(counts, (writes + 1, synced + 1));
        let (_folder, killed) = killed(&fixture);
        assert_eq!(killed.commitment(), newest);
        let promised: Vec<_> = killed.promises().unwrap().map(Result::unwrap).collect();
        assert_eq!(promised.len(), 1);
        assert_eq!(promised[0].commitment, older);
        let view = killed.view(At::Root(older.mmr_root)).unwrap();
        assert_eq!(view.commitment().unwrap(), older);
        assert_eq!(view.answer(at(4, 0)).unwrap().commitment(), older);
    }
}

#[test]
fn what_the_tree_has_not_had_is_not_promised() {
    let mut fixture = Fixture::of_profile(HashingProfile::Plain);
    fixture.commit(3);
    let (bucket, held) = (fixture.bucket(), fixture.replayed(3));
    let refused = |commitment| bucket.promise(commitment).unwrap_err();
    let longer = Commitment {
        leaf_count: count(4),
        ..held
    };
    assert!(matches!(refused(longer), PromiseError::Behind { have, .. } if have == count(3)));
    let other_root = Commitment {
        mmr_root: fixture.replayed(2).mmr_root,
        ..held
    };
    assert!(matches!(
        refused(other_root),
        PromiseError::OtherRoot { .. }
    ));
    let other_tree = Commitment {
        start_seq: Sequence(1),
        ..held
    };
    assert!(matches!(
        refused(other_tree),
        PromiseError::OtherTree { .. }
    ));
    let empty = Commitment {
        mmr_root: H256::zero(),
        leaf_count: LeafCount::ZERO,
        ..held
    };
    assert!(matches!(refused(empty), PromiseError::Empty { .. }));
    assert_eq!(bucket.promises().unwrap().count(), 0);
    // A retired tree may be released at any time.
    bucket.prune(Sequence(1), None).unwrap();
    assert!(matches!(refused(held), PromiseError::OtherTree { .. }));
    assert_eq!(bucket.promises().unwrap().count(), 0);
}

#[test]
fn a_promise_of_less_does_not_hide_one_of_more() {
    let mut fixture = Fixture::of_profile(HashingProfile::Plain);
    fixture.commit(2);
    let newest = fixture.bucket().commit_signed(&[], &signer()).unwrap().1;
    fixture.bucket().promise(fixture.replayed(1)).unwrap();
    let last = fixture.bucket().last_promised().unwrap();
    assert_eq!(last.commitment, newest.payload.commitment);
}

#[test]
fn a_bucket_that_is_open_for_reading_promises_nothing() {
    let mut fixture = Fixture::of_profile(HashingProfile::Plain);
    fixture.commit(2);
    let path = fixture.path();
    drop(fixture.bucket.take());
    let bucket = Bucket::open(&path, Access::ReadOnly, &Shared::default()).unwrap();
    let refused = bucket.promise(fixture.replayed(2)).unwrap_err();
    assert!(matches!(refused, PromiseError::Unusable(_)), "{refused}");
}

#[test]
fn i9_a_promise_that_fails_to_be_written_poisons_the_bucket() {
    let mut fixture = Fixture::of_profile(HashingProfile::Plain);
    fixture.commit(2);
    let probe = &fixture.bucket().engine.probe;
    probe.fail_after(0);
    let refused = fixture.bucket().promise(fixture.replayed(2)).unwrap_err();
    assert!(matches!(refused, PromiseError::Engine(_)), "{refused}");
    probe.heal();
    let refused = fixture.bucket().promise(fixture.replayed(2)).unwrap_err();
    assert!(matches!(refused, PromiseError::Unusable(_)), "{refused}");
    fixture.reopen();
    assert_eq!(fixture.bucket().promises().unwrap().count(), 0);
}
