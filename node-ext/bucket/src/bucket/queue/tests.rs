//! How a turn may end.

use super::*;
use crate::bucket::BucketConfig;
use cairn_engine::Shared;
use cairn_primitives::BucketId;

fn bucket(folder: &tempfile::TempDir) -> Bucket {
    let path = folder.path().join("bucket");
    Bucket::create(
        &path,
        BucketId(7),
        BucketConfig::default(),
        &Shared::default(),
    )
    .unwrap()
}

/// A ticket without an outcome: not given one yet, or already taken from it.
fn ticket() -> Arc<Ticket> {
    let request = Request {
        leaves: vec![],
        durability: Durability::Synced,
        promise_at: None,
    };
    Arc::new(Ticket {
        request,
        outcome: Mutex::new(None),
    })
}

#[test]
fn who_took_its_outcome_before_the_turn_ended_is_no_sign_of_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = bucket(&folder);
    let taken = ticket();
    drop(Turn {
        bucket: &bucket,
        group: vec![taken.clone()],
        ended: true,
    });
    assert!(taken.outcome.lock().is_none());
    bucket.usable().unwrap();
}

#[test]
fn a_writer_that_panics_poisons_the_bucket_and_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = bucket(&folder);
    bucket.commits.state.lock().writing = true;
    let waiting = ticket();
    drop(Turn {
        bucket: &bucket,
        group: vec![waiting.clone()],
        ended: false,
    });
    assert!(matches!(
        *waiting.outcome.lock(),
        Some(Err(GroupError::Poisoned(_)))
    ));
    assert!(!bucket.commits.state.lock().writing);
    bucket.usable().unwrap_err();
}
