//! Buckets that are created and removed, by the provider and by others.

use super::*;

#[test]
fn a_deletion_frees_the_id_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 3);
    provider.delete_bucket(BucketId(2)).unwrap();
    assert!(!folder_of(folder.path(), 2).exists());
    let gone = provider.summary(BucketId(2)).unwrap_err();
    assert!(matches!(gone, ProviderError::NoSuchBucket { .. }), "{gone}");
    provider
        .create_bucket(BucketId(2), BucketConfig::default())
        .unwrap();
    put(&provider, 2, b"another");
    provider.wait_until_trash_is_empty();
    provider.write_index();
    let dedup = provider.dedup();
    assert_eq!((dedup.chunks, dedup.distinct_chunks), (5, 4));
    let trash = std::fs::read_dir(folder.path().join(TRASH_DIR)).unwrap();
    assert_eq!(trash.count(), 0);
    assert_eq!(
        provider
            .holders(&HashingProfile::Plain.chunk(b"shared by all"))
            .unwrap(),
        2
    );
    provider.delete_bucket(BucketId(2)).unwrap();
    let gone = provider.delete_bucket(BucketId(2)).unwrap_err();
    assert!(matches!(gone, ProviderError::NoSuchBucket { .. }), "{gone}");
}

/// A deletion has two steps on disk. After a crash before the first it has not happened;
/// after a crash between them, the next start finishes it.
#[test]
fn an_interrupted_deletion_is_finished_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 3);
    provider.write_index();
    drop(provider);
    let trash = folder.path().join(TRASH_DIR);
    let discarded = trash.join("0000000000000002-00000000");
    std::fs::rename(folder_of(folder.path(), 2), &discarded).unwrap();
    // Another one has lost some of its files already.
    let halfway = trash.join("0000000000000003-00000007");
    copy(&discarded, &halfway);
    std::fs::remove_file(halfway.join("CURRENT")).unwrap();
    let strange = trash.join("notes.txt");
    std::fs::write(&strange, b"the operator's").unwrap();

    let provider = start(folder.path());
    assert!(!discarded.exists() && !halfway.exists());
    assert!(strange.exists(), "it is not ours");
    assert_eq!(
        provider.dedup().chunks,
        4,
        "what bucket 2 held is forgotten"
    );
    let listed: Vec<_> = records(&provider).into_iter().map(|(id, _)| id.0).collect();
    assert_eq!(listed, [1, 3]);
}

#[test]
fn a_copied_folder_is_adopted_unfinished_ones_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let provider = start(&one);
    fill(&provider, 2);
    let signed = put(&provider, 2, b"it moves");
    drop(provider);
    let provider = start(&other);
    fill(&provider, 1);
    drop(provider);
    copy(&folder_of(&one, 2), &folder_of(&other, 2));
    let unfinished = folder_of(&other, 2).with_extension("importing");
    copy(&folder_of(&one, 2), &unfinished);
    // Under another bucket's name.
    copy(&folder_of(&one, 1), &folder_of(&other, 77));

    let provider = start(&other);
    assert!(!unfinished.exists());
    assert_answers(&provider, 2, &signed);
    let record = provider.summary(BucketId(2)).unwrap();
    assert_eq!(record.signed.unwrap().commitment, signed.payload.commitment);
    let [(id, reason)] = &provider.quarantined()[..] else {
        panic!("{:?}", provider.quarantined());
    };
    assert!(
        *id == BucketId(77) && reason.contains("was it renamed"),
        "{reason}"
    );
    assert!(folder_of(&other, 77).exists(), "never removed");
}

#[test]
fn a_missing_folder_is_reported_until_the_bucket_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 2);
    drop(provider);
    std::fs::remove_dir_all(folder_of(folder.path(), 1)).unwrap();
    for _ in 0..2 {
        let provider = start(folder.path());
        let all = records(&provider);
        assert_eq!(all[0].1.status, BucketStatus::Lost);
        assert!(
            all[0].1.signed.is_some(),
            "its last signed root is still known"
        );
        assert!(
            provider
                .blocking_lease(BucketId(1), LeaseRequest::read())
                .is_err()
        );
        // The record of its signed root cannot be overwritten by accident.
        let refused = provider
            .create_bucket(BucketId(1), BucketConfig::default())
            .unwrap_err();
        assert!(matches!(refused, ProviderError::Lost { .. }), "{refused}");
        assert!(provider.accept(BucketId(1), true).is_err());
    }
    let provider = start(folder.path());
    provider.delete_bucket(BucketId(1)).unwrap();
    assert_eq!(records(&provider).len(), 1);
    provider
        .create_bucket(BucketId(1), BucketConfig::default())
        .unwrap();
}

#[test]
fn a_folder_that_is_put_back_is_sound_again() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 2);
    let before = records(&provider);
    drop(provider);
    let (place, backup) = (folder_of(folder.path(), 1), folder.path().join("backup"));
    std::fs::rename(&place, &backup).unwrap();
    assert_eq!(
        records(&start(folder.path()))[0].1.status,
        BucketStatus::Lost
    );
    std::fs::rename(&backup, &place).unwrap();
    assert_eq!(records(&start(folder.path())), before);
}

#[test]
fn concurrent_creations_create_a_bucket_once() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    let made = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| provider.create_bucket(BucketId(1), BucketConfig::default())))
            .collect();
        let made = makers
            .into_iter()
            .map(|maker| maker.join().unwrap().is_ok());
        made.filter(|made| *made).count()
    });
    assert_eq!(made, 1);
    put(&provider, 1, b"and it works");
}
