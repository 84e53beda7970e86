//! A quota that changes while the bucket is in use.

use super::*;
use crate::bucket::charge::{LEAF_CHARGE, TREE_LEAF_CHARGE};
use crate::quota_for_content;

fn with_quota(max_bytes: u64) -> Fixture {
    Fixture::new(BucketConfig {
        max_bytes,
        ..Default::default()
    })
}

#[test]
fn a_quota_is_raised_and_survives_a_restart() {
    let mut fixture = with_quota(0);
    assert!(fixture.bucket().ingest(&b"too much"[..]).is_err());
    assert_eq!(fixture.bucket().set_quota(1 << 20).unwrap(), 1 << 20);
    assert_eq!(fixture.bucket().config().max_bytes, 1 << 20);
    fixture.commit(3);
    fixture.reopen();
    assert_eq!(fixture.bucket().config().max_bytes, 1 << 20);
    fixture.check_newest();
    // The state that a commit writes has the new quota too.
    fixture.bucket().set_quota(2 << 20).unwrap();
    fixture.commit(1);
    fixture.reopen();
    assert_eq!(fixture.bucket().config().max_bytes, 2 << 20);
    fixture.check_newest();
}

#[test]
fn a_quota_is_never_below_what_is_stored() {
    let mut fixture = with_quota(1 << 20);
    fixture.commit(3);
    let charged = fixture.bucket().charged_bytes();
    assert_eq!(fixture.bucket().set_quota(5).unwrap(), charged);
    fixture.reopen();
    let bucket = fixture.bucket();
    assert_eq!(bucket.config().max_bytes, charged);
    // Nothing is added, and everything is still proven and signed.
    let refused = bucket.ingest(&b"more"[..]).unwrap_err();
    assert!(matches!(refused, IngestError::Quota { .. }), "{refused}");
    let again = fixture.next_known();
    let refused = bucket.commit(&[again], Durability::Buffered).unwrap_err();
    assert!(matches!(refused, CommitError::Quota { .. }), "{refused}");
    let (_, signed) = bucket.commit_signed(&[], &signer()).unwrap();
    assert_eq!(signed.payload.commitment, bucket.commitment());
    let root = StateRef::Root(bucket.commitment().mmr_root);
    let location = ChunkLocation {
        leaf_index: LeafIndex(1),
        chunk_index: ChunkIndex(0),
    };
    bucket.view(root).unwrap().answer(location).unwrap();
    fixture.check_newest();
}

#[test]
fn content_of_the_agreed_size_fits_into_its_quota() {
    let full = CHUNK_BYTES;
    for size in [0, 1, full, full + 1, 3 * full, 5 * full + 77] {
        let mut fixture = with_quota(quota_for_content(size as u64));
        let bytes: Vec<u8> = (0..size).map(|at| (at / full) as u8).collect();
        let leaf = fixture.ingest(&bytes);
        let bucket = fixture.bucket();
        bucket.commit(&[leaf], Durability::Buffered).unwrap();
        bucket.commit_signed(&[], &signer()).unwrap();
        fixture.reopen();
    }
    // The overhead is below one percent and a fixed part for records.
    let fixed = 256 * (LEAF_CHARGE + TREE_LEAF_CHARGE);
    let agreed = 1u64 << 40;
    let overhead = quota_for_content(agreed) - agreed;
    assert!(overhead - fixed < agreed / 100, "{overhead}");
    assert_eq!(quota_for_content(u64::MAX), u64::MAX);
}

#[test]
fn commits_and_changes_of_the_quota_do_not_undo_each_other() {
    let mut fixture = with_quota(1 << 20);
    for round in 1..=40 {
        let leaves = fixture.next(1);
        let quota = (1 << 20) + round;
        let start = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let bucket = fixture.bucket();
            scope.spawn(|| {
                start.wait();
                bucket.commit(&leaves, Durability::Buffered).unwrap();
            });
            start.wait();
            bucket.set_quota(quota).unwrap();
        });
        fixture.expect(&leaves);
        // Both are on disk, in whatever order they came.
        fixture.reopen();
        fixture.check_newest();
        assert_eq!(fixture.bucket().config().max_bytes, quota, "round {round}");
    }
}

impl Fixture {
    /// Content that is stored and committed already.
    fn next_known(&self) -> NewLeaf {
        let leaf = &self.leaves[0];
        NewLeaf {
            data_root: leaf.data_root,
            data_size: leaf.data_size,
        }
    }
}
