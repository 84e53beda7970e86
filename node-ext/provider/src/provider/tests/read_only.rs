//! A provider that starts on a disk that cannot be written: it answers challenges and
//! reads, and does nothing else.

use super::*;
use cairn_engine::layout::INDEX_DIR;

const READ_ONLY_OPTIONS: ProviderOptions = ProviderOptions {
    budget: BudgetRequest {
        max_open: None,
        memory_bytes: None,
        connections: 0,
    },
    on_copy: OnCopy::Refuse,
    reindex_on_demand: false,
    allow_read_only: true,
    scrub: None,
};

fn assert_answers(provider: &Provider, id: u64, signed: &SignedCommitment) {
    let commitment = signed.payload.commitment;
    let at = StateRef::RootOf {
        root: commitment.mmr_root,
        tree: commitment.start_seq,
    };
    let location = ChunkLocation {
        leaf_index: LeafIndex(0),
        chunk_index: ChunkIndex(0),
    };
    let answer = provider.answer(BucketId(id), at, location).unwrap();
    assert_eq!(answer.commitment(), commitment);
}

fn assert_read_only(provider: &Provider) {
    assert!(provider.read_only_reason().is_some());
    let refused = |refused: Result<(), ProviderError>| {
        let error = refused.unwrap_err();
        assert!(matches!(error, ProviderError::ReadOnly { .. }), "{error}");
    };
    refused(
        provider
            .blocking_lease(BucketId(1), LeaseRequest::write())
            .map(drop),
    );
    refused(provider.create_bucket(BucketId(9), BucketConfig::default()));
    refused(provider.delete_bucket(BucketId(1)));
    refused(
        provider
            .commit_signed(BucketId(1), &[], &signer())
            .map(drop),
    );
}

/// Makes RocksDB refuse to open a database for writing, as on a full disk, but not for
/// reading.
fn with_lock_blocked(path: &Path, work: impl FnOnce()) {
    let lock = path.join(INDEX_DIR).join("LOCK");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    work();
    std::fs::remove_dir(&lock).unwrap();
}

#[test]
fn s10_restart_with_an_unwritable_index_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let provider = start(path);
    fill(&provider, 3);
    let signed = put(&provider, 1, b"the last");
    let before = records(&provider);
    drop(provider);
    with_lock_blocked(path, || {
        let base = BasePath::create(path).unwrap();
        let refused = Provider::open_with_budget(base, BUDGET, ProviderOptions::default());
        assert!(refused.is_err(), "by default it does not start");

        let provider = start_with(path, READ_ONLY_OPTIONS);
        assert_answers(&provider, 1, &signed);
        assert_eq!(
            provider.summary(BucketId(1)).unwrap().commitment,
            signed.payload.commitment
        );
        assert_eq!(provider.page(None, 9).unwrap().len(), 3);
        assert_read_only(&provider);
        provider.write_index();
    });
    // With free space, everything works as before.
    let provider = start_with(path, READ_ONLY_OPTIONS);
    provider.wait_until_indexed();
    assert_eq!(provider.read_only_reason(), None);
    assert_eq!(records(&provider), before);
    put(&provider, 1, b"it goes on");
}

#[test]
fn s10_restart_without_an_index_is_read_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let provider = start(path);
    fill(&provider, 2);
    let signed = put(&provider, 2, b"the last");
    drop(provider);
    let index = path.join(INDEX_DIR);
    std::fs::rename(&index, path.join("backup")).unwrap();
    std::fs::write(&index, b"no folder").unwrap();
    let provider = start_with(path, READ_ONLY_OPTIONS);
    assert_answers(&provider, 2, &signed);
    let known = provider.summary(BucketId(2)).unwrap();
    assert_eq!(known.commitment.leaf_count.get(), 3);
    assert_read_only(&provider);
    drop(provider);
    std::fs::remove_file(&index).unwrap();
    std::fs::rename(path.join("backup"), &index).unwrap();
    put(&start(path), 2, b"it goes on");
}
