//! One commitment for each window, whatever happens in between.

use super::*;
use cairn_primitives::{H256, LeafCount, Sequence};
use tempfile::TempDir;

const ID: BucketId = BucketId(7);
const INTERVAL: u32 = 10;

fn commitment(count: u64) -> Commitment {
    Commitment {
        mmr_root: H256::from_low_u64_be(count),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(count).unwrap(),
    }
}

fn signing_window(window: u64, current: u64) -> SigningWindow {
    SigningWindow {
        window,
        current,
        interval: INTERVAL,
    }
}

/// An index that knows all that was ever signed: nothing.
fn fresh_index() -> (TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("index")).unwrap();
    index.mark_fresh().unwrap();
    (folder, index)
}

#[test]
fn i4_a_window_is_reserved_once_across_restarts() {
    let (folder, index) = fresh_index();
    let windows = WindowRecords::open(&index).unwrap();
    let take = |windows: &WindowRecords, index: &Index, count, at| {
        windows.reserve(index, (ID, commitment(count)), at).unwrap()
    };
    assert_eq!(take(&windows, &index, 3, signing_window(5, 5)), Ok(()));
    assert_eq!(take(&windows, &index, 3, signing_window(5, 5)), Ok(()));
    let taken = Refusal::WindowTaken {
        signed: commitment(3),
    };
    assert_eq!(take(&windows, &index, 4, signing_window(5, 5)), Err(taken));
    assert_eq!(take(&windows, &index, 4, signing_window(6, 5)), Ok(()));
    drop(index);

    let index = Index::open(&folder.path().join("index")).unwrap();
    let windows = WindowRecords::open(&index).unwrap();
    assert_eq!(take(&windows, &index, 4, signing_window(5, 5)), Err(taken));
    assert_eq!(take(&windows, &index, 3, signing_window(5, 5)), Ok(()));
    let taken = Refusal::WindowTaken {
        signed: commitment(4),
    };
    assert_eq!(take(&windows, &index, 5, signing_window(6, 6)), Err(taken));
    let signed = |window| windows.signed(&index, ID, window).unwrap();
    assert_eq!(signed(6), Some(commitment(4)));
    assert_eq!(signed(7), None);
    // Another bucket has windows of its own.
    let other = windows.reserve(&index, (BucketId(8), commitment(5)), signing_window(6, 6));
    assert_eq!(other.unwrap(), Ok(()));
}

#[test]
fn i4_an_ended_window_is_never_signed_again() {
    let (_folder, index) = fresh_index();
    let windows = WindowRecords::open(&index).unwrap();
    for window in 5..8 {
        let taken = windows.reserve(
            &index,
            (ID, commitment(window)),
            signing_window(window, window),
        );
        assert_eq!(taken.unwrap(), Ok(()));
    }
    // A node that restarts from an old state shows an old block as final.
    let again = windows.reserve(&index, (ID, commitment(9)), signing_window(5, 5));
    assert_eq!(again.unwrap(), Err(Refusal::OtherWindow { current: 7 }));
}

#[test]
fn i4_a_new_index_skips_two_windows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = Index::open(&path).unwrap();
    let windows = WindowRecords::open(&index).unwrap();
    let take = |windows: &WindowRecords, index: &Index, at| {
        windows.reserve(index, (ID, commitment(1)), at).unwrap()
    };
    assert_eq!(
        take(&windows, &index, signing_window(5, 5)),
        Err(Refusal::NotReady)
    );
    windows.on_finalized_head(&index, 57).unwrap();
    drop(index);

    let index = Index::open(&path).unwrap();
    let windows = WindowRecords::open(&index).unwrap();
    windows.on_finalized_head(&index, 71).unwrap();
    let unknown = Refusal::UnknownPast { from: 7 };
    assert_eq!(take(&windows, &index, signing_window(5, 5)), Err(unknown));
    assert_eq!(take(&windows, &index, signing_window(6, 6)), Err(unknown));
    assert_eq!(take(&windows, &index, signing_window(7, 6)), Ok(()));
}

#[test]
fn unreadable_rows_prevent_signing() {
    let (_folder, index) = fresh_index();
    let windows = WindowRecords::open(&index).unwrap();
    let spoilt = (row_key(ID), Some(vec![1, 2, 3]));
    index.write_duties(DutyKind::Window, &[spoilt]).unwrap();
    let taken = windows.reserve(&index, (ID, commitment(1)), signing_window(5, 5));
    assert!(matches!(taken, Err(IndexError::Damaged { .. })));
}
