//! The index cannot be written while a bucket is removed: the reported result holds, also
//! after a restart.

use super::*;

const SECOND: BucketId = BucketId(2);

fn listed(provider: &Provider) -> Vec<(u64, BucketStatus)> {
    let listed = provider.page(None, 10).unwrap();
    let listed = listed.into_iter().map(|(id, record)| (id.0, record.status));
    listed.collect()
}

/// Opens a provider with two buckets that are in the index.
fn two_buckets(path: &Path) -> Provider {
    let provider = start(path);
    fill(&provider, 2);
    provider.write_index();
    provider
}

#[test]
fn i9_an_unrecorded_deletion_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two_buckets(folder.path());
    provider.index().fail_writes(true);
    provider.delete_bucket(SECOND).unwrap();
    assert_eq!(listed(&provider), [(1, BucketStatus::Sound)]);
    // After a power loss it would be mistaken for the deleted one.
    let config = BucketConfig::default();
    let refused = provider.create_bucket(SECOND, config).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    provider.wait_until_trash_is_empty();
    let trash = folder.path().join(TRASH_DIR);
    let left: Vec<_> = std::fs::read_dir(&trash).unwrap().collect();
    let left = left[0].as_ref().unwrap().path();
    let within = std::fs::read_dir(&left).unwrap().count();
    assert_eq!(within, 0, "its files are removed");
    drop(provider);

    let provider = start(folder.path());
    assert_eq!(listed(&provider), [(1, BucketStatus::Sound)]);
    assert_eq!(provider.dedup().chunks, 2);
    assert!(!left.exists());
    provider.create_bucket(SECOND, config).unwrap();
}

#[test]
fn i9_an_unrecorded_deletion_is_recorded_later() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two_buckets(folder.path());
    provider.index().fail_writes(true);
    provider.delete_bucket(SECOND).unwrap();
    assert!(provider.index().record(SECOND).unwrap().is_some());
    provider.index().fail_writes(false);
    provider.write_index();
    assert_eq!(provider.index().record(SECOND).unwrap(), None);
    let config = BucketConfig::default();
    provider.create_bucket(SECOND, config).unwrap();
    put(&provider, 2, b"another");
    provider.write_index();
    assert!(provider.index().record(SECOND).unwrap().is_some());
}

#[test]
fn i9_deleting_a_lost_bucket_needs_the_index() {
    let folder = tempfile::tempdir().unwrap();
    drop(two_buckets(folder.path()));
    std::fs::remove_dir_all(folder_of(folder.path(), 2)).unwrap();
    let lost = [(1, BucketStatus::Sound), (2, BucketStatus::Lost)];
    let provider = start(folder.path());
    provider.index().fail_writes(true);
    let refused = provider.delete_bucket(SECOND).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    assert_eq!(listed(&provider), lost);
    provider.index().fail_writes(false);
    provider.write_index();
    assert_eq!(listed(&provider), lost);
    provider.delete_bucket(SECOND).unwrap();
    assert_eq!(listed(&provider), [(1, BucketStatus::Sound)]);
    drop(provider);
    assert_eq!(listed(&start(folder.path())), [(1, BucketStatus::Sound)]);
}

#[test]
fn i9_accepting_a_bucket_needs_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two_buckets(folder.path());
    drop(provider);
    let older = folder.path().join("older");
    copy(&folder_of(folder.path(), 2), &older);
    let provider = start(folder.path());
    put(&provider, 2, b"newer");
    drop(provider);
    std::fs::remove_dir_all(folder_of(folder.path(), 2)).unwrap();
    std::fs::rename(&older, folder_of(folder.path(), 2)).unwrap();

    let provider = start(folder.path());
    provider.write_index();
    let before = listed(&provider);
    assert!(
        matches!(before[1].1, BucketStatus::Quarantined(_)),
        "{before:?}"
    );
    provider.index().fail_writes(true);
    let refused = provider.accept(SECOND, true).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    assert_eq!(listed(&provider), before);
    provider.index().fail_writes(false);
    provider.accept(SECOND, true).unwrap();
    drop(provider);
    let provider = start(folder.path());
    assert_eq!(provider.quarantined(), []);
    put(&provider, 2, b"it goes on");
}
