//! A provider that starts on a disk that cannot be written: it answers challenges and
//! reads, and does nothing else.

use super::*;
use cairn_engine::layout::INDEX_DIR;

const AT_LEAST: ProviderOptions = ProviderOptions {
    budget: BudgetRequest {
        max_open: None,
        memory_bytes: None,
        connections: 0,
    },
    on_copy: OnCopy::Refuse,
    on_demand: false,
    answer_at_least: true,
    scrub: None,
};

fn answers(provider: &Provider, id: u64, signed: &SignedCommitment) {
    let commitment = signed.payload.commitment;
    let at = At::RootOf {
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

fn writes_nothing(provider: &Provider) {
    assert!(provider.writes_nothing().is_some());
    let refused = |refused: Result<(), ProviderError>| {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, ProviderError::WritesNothing { .. }),
            "{error}"
        );
    };
    refused(provider.lease(BucketId(1), Wanted::write()).map(drop));
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
fn without_its_lock(path: &Path, work: impl FnOnce()) {
    let lock = path.join(INDEX_DIR).join("LOCK");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    work();
    std::fs::remove_dir(&lock).unwrap();
}

#[test]
fn s10_restart_a_provider_whose_index_cannot_be_written_answers_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let provider = start(path);
    fill(&provider, 3);
    let signed = put(&provider, 1, b"the last");
    let before = records(&provider);
    drop(provider);
    without_its_lock(path, || {
        let base = BasePath::create(path).unwrap();
        let refused = Provider::open_within(base, BUDGET, ProviderOptions::default());
        assert!(refused.is_err(), "by default it does not start");

        let provider = start_with(path, AT_LEAST);
        answers(&provider, 1, &signed);
        assert_eq!(
            provider.summary(BucketId(1)).unwrap().commitment,
            signed.payload.commitment
        );
        assert_eq!(provider.page(None, 9).unwrap().len(), 3);
        writes_nothing(&provider);
        provider.write_index();
    });
    // With free space, everything works as before.
    let provider = start_with(path, AT_LEAST);
    provider.wait_until_known();
    assert_eq!(provider.writes_nothing(), None);
    assert_eq!(records(&provider), before);
    put(&provider, 1, b"it goes on");
}

#[test]
fn s10_restart_a_provider_without_any_index_answers_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let provider = start(path);
    fill(&provider, 2);
    let signed = put(&provider, 2, b"the last");
    drop(provider);
    let index = path.join(INDEX_DIR);
    std::fs::rename(&index, path.join("backup")).unwrap();
    std::fs::write(&index, b"no folder").unwrap();
    let provider = start_with(path, AT_LEAST);
    answers(&provider, 2, &signed);
    let known = provider.summary(BucketId(2)).unwrap();
    assert_eq!(known.commitment.leaf_count.get(), 3);
    writes_nothing(&provider);
    drop(provider);
    std::fs::remove_file(&index).unwrap();
    std::fs::rename(path.join("backup"), &index).unwrap();
    put(&start(path), 2, b"it goes on");
}
