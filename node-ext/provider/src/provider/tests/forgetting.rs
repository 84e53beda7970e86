//! The index cannot be written while a bucket is removed: the reported result holds, also
//! after a restart.

use super::*;

const TWO: BucketId = BucketId(2);

fn listed(provider: &Provider) -> Vec<(u64, Standing)> {
    let listed = provider.page(None, 10).unwrap();
    let listed = listed
        .into_iter()
        .map(|(id, record)| (id.0, record.standing));
    listed.collect()
}

/// Opens a provider with two buckets that are in the index.
fn two(path: &Path) -> Provider {
    let provider = start(path);
    fill(&provider, 2);
    provider.write_index();
    provider
}

#[test]
fn i9_a_deletion_that_the_index_did_not_note_is_finished_by_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two(folder.path());
    provider.index().fail_writes(true);
    provider.delete_bucket(TWO).unwrap();
    assert_eq!(listed(&provider), [(1, Standing::Sound)]);
    // After a power loss it would be mistaken for the deleted one.
    let config = BucketConfig::default();
    let refused = provider.create_bucket(TWO, config).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    provider.wait_until_trash_is_empty();
    let trash = folder.path().join(TRASH_DIR);
    let left: Vec<_> = std::fs::read_dir(&trash).unwrap().collect();
    let left = left[0].as_ref().unwrap().path();
    let within = std::fs::read_dir(&left).unwrap().count();
    assert_eq!(within, 0, "its files are removed");
    drop(provider);

    let provider = start(folder.path());
    assert_eq!(listed(&provider), [(1, Standing::Sound)]);
    assert_eq!(provider.dedup().chunks, 2);
    assert!(!left.exists());
    provider.create_bucket(TWO, config).unwrap();
}

#[test]
fn i9_a_deletion_that_the_index_did_not_note_is_noted_once_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two(folder.path());
    provider.index().fail_writes(true);
    provider.delete_bucket(TWO).unwrap();
    assert!(provider.index().record(TWO).unwrap().is_some());
    provider.index().fail_writes(false);
    provider.write_index();
    assert_eq!(provider.index().record(TWO).unwrap(), None);
    let config = BucketConfig::default();
    provider.create_bucket(TWO, config).unwrap();
    put(&provider, 2, b"another");
    provider.write_index();
    assert!(provider.index().record(TWO).unwrap().is_some());
}

#[test]
fn i9_a_lost_bucket_is_not_said_to_be_deleted_before_the_index_says_so() {
    let folder = tempfile::tempdir().unwrap();
    drop(two(folder.path()));
    std::fs::remove_dir_all(folder_of(folder.path(), 2)).unwrap();
    let lost = [(1, Standing::Sound), (2, Standing::Lost)];
    let provider = start(folder.path());
    provider.index().fail_writes(true);
    let refused = provider.delete_bucket(TWO).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    assert_eq!(listed(&provider), lost);
    provider.index().fail_writes(false);
    provider.write_index();
    assert_eq!(listed(&provider), lost);
    provider.delete_bucket(TWO).unwrap();
    assert_eq!(listed(&provider), [(1, Standing::Sound)]);
    drop(provider);
    assert_eq!(listed(&start(folder.path())), [(1, Standing::Sound)]);
}

#[test]
fn i9_a_bucket_is_not_said_to_be_accepted_before_the_index_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let provider = two(folder.path());
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
        matches!(before[1].1, Standing::Quarantined(_)),
        "{before:?}"
    );
    provider.index().fail_writes(true);
    let refused = provider.accept(TWO, true).unwrap_err();
    assert!(matches!(refused, ProviderError::Index(_)), "{refused}");
    assert_eq!(listed(&provider), before);
    provider.index().fail_writes(false);
    provider.accept(TWO, true).unwrap();
    drop(provider);
    let provider = start(folder.path());
    assert_eq!(provider.quarantined(), []);
    put(&provider, 2, b"it goes on");
}
