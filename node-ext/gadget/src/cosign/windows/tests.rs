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

fn turn(window: u64, current: u64) -> Turn {
    Turn {
        window,
        current,
        interval: INTERVAL,
    }
}

/// An index that knows all that was ever signed: nothing.
fn index_without_past() -> (TempDir, Index) {
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(&folder.path().join("index")).unwrap();
    index.has_no_past().unwrap();
    (folder, index)
}

#[test]
fn i4_a_window_is_taken_once_and_stays_so_over_a_restart() {
    let (folder, index) = index_without_past();
    let windows = Windows::open(&index).unwrap();
    let take = |windows: &Windows, index: &Index, count, at| {
        windows.take(index, (ID, commitment(count)), at).unwrap()
    };
    assert_eq!(take(&windows, &index, 3, turn(5, 5)), Ok(()));
    assert_eq!(take(&windows, &index, 3, turn(5, 5)), Ok(()));
    let taken = Refusal::WindowTaken {
        signed: commitment(3),
    };
    assert_eq!(take(&windows, &index, 4, turn(5, 5)), Err(taken));
    assert_eq!(take(&windows, &index, 4, turn(6, 5)), Ok(()));
    drop(index);

    let index = Index::open(&folder.path().join("index")).unwrap();
    let windows = Windows::open(&index).unwrap();
    assert_eq!(take(&windows, &index, 4, turn(5, 5)), Err(taken));
    assert_eq!(take(&windows, &index, 3, turn(5, 5)), Ok(()));
    let taken = Refusal::WindowTaken {
        signed: commitment(4),
    };
    assert_eq!(take(&windows, &index, 5, turn(6, 6)), Err(taken));
    let signed = |window| windows.signed(&index, ID, window).unwrap();
    assert_eq!(signed(6), Some(commitment(4)));
    assert_eq!(signed(7), None);
    // Another bucket has windows of its own.
    let other = windows.take(&index, (BucketId(8), commitment(5)), turn(6, 6));
    assert_eq!(other.unwrap(), Ok(()));
}

#[test]
fn i4_a_window_that_is_over_is_never_signed_for_though_the_chain_seems_to_go_back() {
    let (_folder, index) = index_without_past();
    let windows = Windows::open(&index).unwrap();
    for window in 5..8 {
        let taken = windows.take(&index, (ID, commitment(window)), turn(window, window));
        assert_eq!(taken.unwrap(), Ok(()));
    }
    // A node that restarts from an old state shows an old block as final.
    let again = windows.take(&index, (ID, commitment(9)), turn(5, 5));
    assert_eq!(again.unwrap(), Err(Refusal::OtherWindow { current: 7 }));
}

#[test]
fn i4_an_index_that_was_made_anew_signs_from_the_second_window_after_the_first_seen_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let index = Index::open(&path).unwrap();
    let windows = Windows::open(&index).unwrap();
    let take = |windows: &Windows, index: &Index, at| {
        windows.take(index, (ID, commitment(1)), at).unwrap()
    };
    assert_eq!(take(&windows, &index, turn(5, 5)), Err(Refusal::NotReady));
    windows.saw(&index, 57).unwrap();
    drop(index);

    let index = Index::open(&path).unwrap();
    let windows = Windows::open(&index).unwrap();
    windows.saw(&index, 71).unwrap();
    let unknown = Refusal::UnknownPast { from: 7 };
    assert_eq!(take(&windows, &index, turn(5, 5)), Err(unknown));
    assert_eq!(take(&windows, &index, turn(6, 6)), Err(unknown));
    assert_eq!(take(&windows, &index, turn(7, 6)), Ok(()));
}

#[test]
fn what_cannot_be_read_is_no_leave_to_sign() {
    let (_folder, index) = index_without_past();
    let windows = Windows::open(&index).unwrap();
    let spoilt = (name_of(ID), Some(vec![1, 2, 3]));
    index.write_duties(DutyKind::Window, &[spoilt]).unwrap();
    let taken = windows.take(&index, (ID, commitment(1)), turn(5, 5));
    assert!(matches!(taken, Err(IndexError::Damaged { .. })));
}
