//! Faulty buckets: put into quarantine, not signed for, and accepted by their operator.

use super::*;

#[test]
fn i7_a_damaged_bucket_is_quarantined_and_others_answer() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 3);
    let signed: Vec<_> = (1..=3).map(|id| put(&provider, id, b"the last")).collect();
    drop(provider);
    let current = folder_of(folder.path(), 2).join("CURRENT");
    let kept = std::fs::read(&current).unwrap();
    std::fs::remove_file(&current).unwrap();

    let provider = start(folder.path());
    let [(id, reason)] = &provider.quarantined()[..] else {
        panic!("{:?}", provider.quarantined());
    };
    assert!(*id == BucketId(2) && reason.contains("CURRENT"), "{reason}");
    let refused = provider
        .blocking_lease(BucketId(2), LeaseRequest::write())
        .unwrap_err();
    assert!(
        matches!(refused, ProviderError::Quarantined { .. }),
        "{refused}"
    );
    assert_answers(&provider, 1, &signed[0]);
    assert_answers(&provider, 3, &signed[2]);
    let listed = provider.page(None, 10).unwrap();
    assert!(matches!(&listed[1].1.status, BucketStatus::Quarantined(_)));
    assert_eq!(listed.len(), 3);
    drop(provider);

    // After its operator has repaired it, it stays in quarantine until it is accepted.
    std::fs::write(&current, kept).unwrap();
    let provider = start(folder.path());
    assert!(
        provider
            .blocking_lease(BucketId(2), LeaseRequest::write())
            .is_err()
    );
    provider.accept(BucketId(2), false).unwrap();
    assert_eq!(provider.quarantined(), []);
    put(&provider, 2, b"it goes on");
    assert_answers(&provider, 2, &signed[1]);
}

#[test]
fn i7_a_bucket_that_fails_in_use_is_quarantined_but_proves() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 2);
    let signed = put(&provider, 1, b"the last");
    let lease = provider
        .blocking_lease(BucketId(1), LeaseRequest::read())
        .unwrap();
    let damaged = lease.run(|bucket| {
        Err::<(), _>(cairn_bucket::ProveError::Damaged {
            bucket: bucket.id(),
            reason: "as the test has it".into(),
        })
    });
    assert!(damaged.is_err());
    // A request that cannot be answered does not indicate damage.
    let other = provider
        .blocking_lease(BucketId(2), LeaseRequest::read())
        .unwrap();
    let unknown = other.run(|bucket| bucket.view(StateRef::Root(H256::zero()))?.commitment());
    assert!(unknown.is_err());
    let proven = lease.run(|bucket| bucket.view(StateRef::Newest)?.mmr_proof(LeafIndex(0)));
    assert!(proven.is_ok());
    drop((lease, other));
    let quarantined: Vec<_> = provider
        .quarantined()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(quarantined, [BucketId(1)]);
    assert!(
        provider
            .blocking_lease(BucketId(1), LeaseRequest::write())
            .is_err()
    );
    assert_answers(&provider, 1, &signed);
}

#[test]
fn a_bucket_that_lacks_a_signed_root_must_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 2);
    drop(provider);
    let older = folder.path().join("older");
    copy(&folder_of(folder.path(), 1), &older);
    let provider = start(folder.path());
    put(&provider, 1, b"signed since then");
    drop(provider);
    std::fs::remove_dir_all(folder_of(folder.path(), 1)).unwrap();
    copy(&older, &folder_of(folder.path(), 1));

    let provider = start(folder.path());
    let refused = provider
        .blocking_lease(BucketId(1), LeaseRequest::write())
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("3 from sequence 0 were signed"),
        "{refused}"
    );
    let refused = provider
        .blocking_lease(BucketId(1), LeaseRequest::read())
        .unwrap_err();
    assert!(matches!(refused, ProviderError::Behind { .. }), "{refused}");
    let record = provider.accept(BucketId(1), true).unwrap();
    assert_eq!(record.commitment.leaf_count.get(), 2);
    put(&provider, 1, b"it goes on");
}

/// An older folder in a bucket's place still proves the roots that it has.
#[test]
fn l12_a_bucket_behind_its_signed_root_proves_older_roots() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let signed = put(&provider, 1, b"in both copies");
    drop(provider);
    let older = folder.path().join("older");
    copy(&folder_of(folder.path(), 1), &older);
    let provider = start(folder.path());
    let newer = put(&provider, 1, b"in the newer one alone");
    drop(provider);
    std::fs::remove_dir_all(folder_of(folder.path(), 1)).unwrap();
    copy(&older, &folder_of(folder.path(), 1));

    let provider = start(folder.path());
    for _ in 0..2 {
        assert_answers(&provider, 1, &signed);
        let at = StateRef::Root(newer.payload.commitment.mmr_root);
        let location = ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        };
        let refused = provider.answer(BucketId(1), at, location).unwrap_err();
        assert!(matches!(refused, ProviderError::Behind { .. }), "{refused}");
        let write = provider.blocking_lease(BucketId(1), LeaseRequest::write());
        assert!(write.is_err());
        assert_eq!(provider.quarantined().len(), 1);
    }
}

#[test]
fn a_bucket_that_does_not_open_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let signed = put(&provider, 1, b"the last");
    drop(provider);
    let current = folder_of(folder.path(), 1).join("CURRENT");
    std::fs::remove_file(current).unwrap();
    for _ in 0..2 {
        let provider = start(folder.path());
        assert!(provider.accept(BucketId(1), true).is_err());
        assert_eq!(provider.quarantined().len(), 1);
        let record = provider.summary(BucketId(1)).unwrap();
        assert!(matches!(record.status, BucketStatus::Quarantined(_)));
        assert_eq!(record.signed.unwrap().commitment, signed.payload.commitment);
    }
}

#[test]
fn a_lease_whose_task_ends_with_the_runtime_is_aborted() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let [ended, running] = [runtime, tokio::runtime::Builder::new_current_thread()]
        .map(|mut builder| builder.build().unwrap());
    let handle = ended.handle().clone();
    ended.shutdown_background();
    let leased = running.block_on(async {
        let mut lease = Box::pin(provider.lease(BucketId(1), LeaseRequest::read()));
        std::future::poll_fn(|context| {
            // Its task goes to the runtime that has ended.
            let _entered = handle.enter();
            lease.as_mut().poll(context)
        })
        .await
    });
    assert!(
        matches!(leased, Err(ProviderError::Aborted { bucket, .. }) if bucket == BucketId(1)),
        "{leased:?}"
    );
}
