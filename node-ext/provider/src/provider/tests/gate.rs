//! Each rule of the signing gate over real buckets, for every caller and across restarts.

use super::*;
use cairn_bucket::{
    Builder, CommitError, ExportFormat, ImportCheck, KeepBytes, ProveError, SignAgainError,
};
use cairn_engine::layout::{FlagValue, NodeKind, ShapeDefect};
use cairn_keys::SigningRefused;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::onchain::Limits;
use cairn_primitives::{LeafCount, MmrLeaf, Sequence};

const ID: BucketId = BucketId(1);

fn limits(profile: HashingProfile, chunk_bytes: usize) -> Limits {
    Limits {
        chunk_bytes: chunk_bytes as u32,
        profile,
        ..cairn_testing::LIMITS
    }
}

fn leaf_of(lease: &Lease, content: &[u8]) -> NewLeaf {
    let stored = lease.run(|bucket| bucket.ingest(content)).unwrap();
    NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    }
}

/// Checks that neither a writer nor a stranger gets a signature, and returns the reason.
#[track_caller]
fn refusal(provider: &Provider) -> SigningRefused {
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let signed_roots = || lease.run(|bucket| Ok::<_, ProveError>(bucket.signed_roots()?.count()));
    let before = (lease.commitment(), signed_roots().unwrap());
    let leaf = leaf_of(&lease, b"never signed");
    let refused = match lease.commit_signed(&[leaf], &signer()) {
        Err(CommitError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!(lease.signing_refusal(), Some(refused.clone()));
    let count = before.0.leaf_count;
    match lease.sign_again(count, &signer()) {
        Err(SignAgainError::Refused(again)) => assert_eq!(again, refused),
        other => panic!("{other:?}"),
    }
    // Nothing was committed or recorded as signed on the way.
    assert_eq!((lease.commitment(), signed_roots().unwrap()), before);
    drop(lease);
    match provider.sign_again(ID, &signer()) {
        Err(ProviderError::Signing(again)) => assert_eq!(again, refused),
        other => panic!("{other:?}"),
    }
    let record = provider.summary(ID).unwrap();
    assert_eq!(provider.signing_refusal(ID, &record), Some(refused.clone()));
    refused
}

/// Checks that the last signature is repeated for any caller.
#[track_caller]
fn assert_repeats(provider: &Provider, signed: &SignedCommitment) {
    let again = provider.sign_again(ID, &signer()).unwrap().unwrap();
    assert_eq!(again.payload, signed.payload);
    assert!(again.is_valid());
}

/// Creates an imported bucket: three leaves of one chunk each, the second one flagged.
fn create_flagged_bucket(path: &Path) {
    let (config, tree) = (BucketConfig::default(), Sequence(0));
    let (folder, shared) = (
        folder_of(path, ID.0),
        SharedResources::new(BUDGET.resources),
    );
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let keep = KeepBytes::Yes;
    let mut builder = Builder::begin(&folder, ID, config, tree, keep, &shared).unwrap();
    let mut leaves = Vec::new();
    for content in [&b"one"[..], b"two", b"three"] {
        let hash = config.profile.chunk(content);
        builder.chunk(&hash, content).unwrap();
        let data_size = content.len() as u64;
        let before = leaves.last().map_or(0, |leaf: &MmrLeaf| leaf.total_size);
        leaves.push(MmrLeaf {
            data_root: hash,
            data_size,
            total_size: before + data_size,
        });
    }
    builder.append(&leaves).unwrap().unwrap();
    let flag = FlagValue {
        root: NodeKind::Chunk,
        defect: ShapeDefect::NotPadded,
    };
    builder.flag(Sequence(1), flag).unwrap();
    builder.finish().unwrap();
}

#[test]
fn s3_a_flagged_leaf_needs_the_operators_exception() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    create_flagged_bucket(path);
    let provider = start(path);
    assert_eq!(provider.summary(ID).unwrap().unprovable_leaves(), Some(1));
    let refused = refusal(&provider);
    assert!(matches!(
        refused,
        SigningRefused::Unprovable { leaves: 1, .. }
    ));

    assert_eq!(provider.allow_unprovable(ID, true).unwrap(), 1);
    put(&provider, ID.0, b"signed in spite of it");
    provider.close();
    // A restart keeps the exception, and its withdrawal.
    let provider = start(path);
    let signed = put(&provider, ID.0, b"once more");
    assert_repeats(&provider, &signed);
    provider.allow_unprovable(ID, false).unwrap();
    refusal(&provider);
    provider.close();
    let provider = start(path);
    refusal(&provider);

    // It holds for this bucket, not for another one under its id.
    provider.allow_unprovable(ID, true).unwrap();
    provider.delete_bucket(ID).unwrap();
    provider.wait_until_trash_is_empty();
    provider.close();
    create_flagged_bucket(path);
    refusal(&start(path));
}

#[test]
fn s3_a_tree_is_signed_once_its_flagged_leaf_is_pruned() {
    let folder = tempfile::tempdir().unwrap();
    create_flagged_bucket(folder.path());
    let provider = start(folder.path());
    refusal(&provider);
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(2), None)).unwrap();
    drop(lease);
    put(&provider, ID.0, b"all of it can be proven");
    let record = provider.summary(ID).unwrap();
    assert_eq!(record.unprovable_leaves(), Some(0));
}

#[test]
fn s4_another_hashing_than_the_chains_is_refused() {
    use HashingProfile::{Plain, Tagged};
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    let config = |profile| BucketConfig {
        profile,
        ..BucketConfig::default()
    };
    // The chain's hashing is not known yet, so plain hashing is assumed.
    let refused = provider.create_bucket(ID, config(Tagged)).unwrap_err();
    let reason = "does not yet know how its chain hashes";
    assert!(refused.to_string().contains(reason), "{refused}");
    provider.assume_chain_hashing(Tagged).unwrap();
    provider.create_bucket(ID, config(Tagged)).unwrap();
    let signed = put(&provider, ID.0, b"one");
    let refused = provider
        .create_bucket(BucketId(2), config(Plain))
        .unwrap_err();
    assert!(matches!(refused, ProviderError::Signing(_)), "{refused}");
    provider.close();

    // Another statement comes with the chain's limits.
    let provider = start(folder.path());
    assert_repeats(&provider, &signed);
    provider.set_chain_limits(&limits(Plain, CHUNK_BYTES), 1);
    assert_eq!(provider.chain_hashing(), Plain);
    let is_other = |refused| matches!(refused, SigningRefused::OtherHashing { chain: Plain, .. });
    assert!(is_other(refusal(&provider)));
    let refused = provider
        .create_bucket(BucketId(3), config(Tagged))
        .unwrap_err();
    assert!(matches!(refused, ProviderError::Signing(_)), "{refused}");
    provider.create_bucket(BucketId(2), config(Plain)).unwrap();
    provider.close();
    // After a restart they are known before the chain is reached.
    let provider = start(folder.path());
    assert!(is_other(refusal(&provider)));
    provider.assume_chain_hashing(Tagged).unwrap();
    put(&provider, ID.0, b"two");
    provider.close();
    assert_eq!(start(folder.path()).chain_hashing(), Tagged);
}

#[test]
fn s4_nothing_is_signed_for_a_chain_with_smaller_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    provider.set_chain_limits(&limits(HashingProfile::Plain, CHUNK_BYTES - 1), 1);
    let refused = refusal(&provider);
    assert!(matches!(
        refused,
        SigningRefused::ChunkLimit { chain: 262_143, .. }
    ));
    provider.set_chain_limits(&limits(HashingProfile::Plain, 1 << 20), 1);
    put(&provider, ID.0, b"a chain may take longer ones");
}

#[test]
fn s2_nothing_is_signed_while_any_cause_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    provider.stop_signing("one", "it is another chain");
    provider.stop_signing("two", "and something else");
    let off = refusal(&provider).to_string();
    assert_eq!(off, "signing is off: it is another chain");
    assert_eq!(
        provider.signing_off_reason().unwrap(),
        "it is another chain"
    );
    provider.resume_signing("one");
    assert_eq!(
        refusal(&provider).to_string(),
        "signing is off: and something else"
    );
    provider.resume_signing("two");
    assert_eq!(provider.signing_off_reason(), None);
    put(&provider, ID.0, b"on again");
}

#[test]
fn s6b_an_open_lease_gets_no_signature_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let leaf = leaf_of(&lease, b"stored before");
    let damaged = lease.run(|bucket| {
        Err::<(), _>(ProveError::Damaged {
            bucket: bucket.id(),
            reason: "as the test has it".into(),
        })
    });
    assert!(damaged.is_err());
    let is_apart = |error: &CommitError| {
        matches!(
            error,
            CommitError::Refused(SigningRefused::Quarantined { .. })
        )
    };
    let refused = lease.commit_signed(&[leaf], &signer()).unwrap_err();
    assert!(is_apart(&refused), "{refused}");
    let again = lease.sign_again(LeafCount::new(1).unwrap(), &signer());
    assert!(
        matches!(again, Err(SignAgainError::Refused(_))),
        "{again:?}"
    );
    drop(lease);
    let again = provider.sign_again(ID, &signer());
    assert!(matches!(again, Err(ProviderError::Signing(_))), "{again:?}");
}

/// Creates a base path with a diverged bucket: its folder is copied after one leaf, then
/// another leaf is signed. The copy gets other leaves, each signed, as by another primary
/// provider.
fn create_diverged_bucket(path: &Path, more: u64) -> SignedCommitment {
    let provider = start(path);
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    put(&provider, ID.0, b"a");
    drop(provider);
    let elsewhere = tempfile::tempdir().unwrap();
    copy(path, elsewhere.path());
    let provider = start(path);
    let signed = put(&provider, ID.0, b"b");
    drop(provider);
    let provider = start(elsewhere.path());
    for number in 0..more {
        put(&provider, ID.0, format!("other {number}").as_bytes());
    }
    drop(provider);
    std::fs::remove_dir_all(folder_of(path, ID.0)).unwrap();
    copy(&folder_of(elsewhere.path(), ID.0), &folder_of(path, ID.0));
    signed
}

#[test]
fn s6d_a_diverged_copy_signs_nothing() {
    for more in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let signed = create_diverged_bucket(folder.path(), more);
        // Twice: the copy's own roots do not replace the index's last signed root.
        for _ in 0..2 {
            let provider = start(folder.path());
            assert!(
                provider.blocking_lease(ID, LeaseRequest::write()).is_err(),
                "{more}"
            );
            let [(id, reason)] = &provider.quarantined()[..] else {
                panic!("{more}: {:?}", provider.quarantined());
            };
            assert_eq!(*id, ID);
            assert!(reason.contains("signed"), "{reason}");
            let again = provider.sign_again(ID, &signer());
            assert!(again.is_err(), "{more}: {again:?}");
            let record = provider.summary(ID).unwrap();
            assert_eq!(record.signed.unwrap().commitment, signed.payload.commitment);
        }
    }
}

#[test]
fn s6d_a_longer_copy_with_the_signed_root_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (here, elsewhere) = (folder.path().join("here"), folder.path().join("elsewhere"));
    let provider = start(&here);
    fill(&provider, 1);
    drop(provider);
    copy(&here, &elsewhere);
    let provider = start(&elsewhere);
    let later = put(&provider, ID.0, b"later");
    drop(provider);
    std::fs::remove_dir_all(folder_of(&here, ID.0)).unwrap();
    copy(&folder_of(&elsewhere, ID.0), &folder_of(&here, ID.0));
    let provider = start(&here);
    assert_eq!(provider.quarantined(), []);
    assert_answers(&provider, ID.0, &later);
    put(&provider, ID.0, b"and on");
}

#[test]
fn s6d_a_released_tree_is_no_fork() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    drop(provider);
    let provider = start(folder.path());
    assert_eq!(provider.quarantined(), []);
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.release(Sequence(0))).unwrap();
    drop(lease);
    drop(provider);
    for _ in 0..2 {
        let provider = start(folder.path());
        assert_eq!(provider.quarantined(), []);
        put(&provider, ID.0, b"it goes on");
    }
}

#[test]
fn s13_only_a_writer_makes_the_first_signature() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    assert!(provider.sign_again(ID, &signer()).unwrap().is_some());
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    // Nothing was signed for the new tree after the prune.
    assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None);
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let (_, signed) = lease.commit_signed(&[], &signer()).unwrap();
    drop(lease);
    assert_repeats(&provider, &signed);
}

#[test]
fn s13_an_imported_root_is_not_signed_for_a_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let out = folder.path().join("out");
    let provider = start(&here);
    fill(&provider, 1);
    let export = provider.export_bucket(ID, &out, ExportFormat::Folder, &mut |_| {});
    export.unwrap();
    drop(provider);
    for check in [ImportCheck::Full, ImportCheck::Quick] {
        let provider = start(&there);
        let source = cairn_bucket::ImportSource::Path(&out);
        provider.import_bucket(source, check, &mut |_| {}).unwrap();
        let strangers = |provider: &Provider| {
            assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None);
            let lease = provider.blocking_lease(ID, LeaseRequest::read()).unwrap();
            for count in 1..=2 {
                let again = lease.sign_again(LeafCount::new(count).unwrap(), &signer());
                assert!(
                    matches!(again, Err(SignAgainError::NotSigned { .. })),
                    "{again:?}"
                );
            }
        };
        strangers(&provider);
        drop(provider);
        let provider = start(&there);
        strangers(&provider);
        let signed = put(&provider, ID.0, b"ours");
        assert_repeats(&provider, &signed);
        provider.delete_bucket(ID).unwrap();
        provider.wait_until_trash_is_empty();
    }
}

/// Rewrites the index as an earlier version wrote it: records without flagged leaves.
#[test]
fn a_bucket_without_a_flag_count_is_reindexed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    create_flagged_bucket(path);
    let provider = start(path);
    let record = provider.summary(ID).unwrap();
    provider.close();
    let index = Index::open(&path.join(INDEX_DIR)).unwrap();
    let written = index.record(ID).unwrap().unwrap();
    assert!(written.fingerprint.is_some());
    let old = BucketRecord {
        flagged: None,
        ..written
    };
    let note = crate::index::Note {
        record: old,
        changes: Vec::new(),
    };
    index.write(ID, || Some(note)).unwrap();
    drop(index);
    let provider = start(path);
    let learned = provider.summary(ID).unwrap();
    assert_eq!(learned.unprovable_leaves(), record.unprovable_leaves());
}

/// Returns the reason of the bucket's quarantine.
fn quarantine_reason(provider: &Provider) -> String {
    match provider.blocking_lease(ID, LeaseRequest::write()) {
        Err(ProviderError::Quarantined { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s6b_a_new_bucket_is_compared_with_the_chain_first() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(&folder.path().join("one"));
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let older = put(&provider, ID.0, b"first").payload.commitment;
    let out = folder.path().join("older");
    provider
        .export_bucket(ID, &out, ExportFormat::Folder, &mut |_| {})
        .unwrap();
    let newer = put(&provider, ID.0, b"second").payload.commitment;
    // The disk was not mounted while the chain was read.
    for (number, on_chain, is_known) in [(2, newer, true), (3, older, false)] {
        let provider = start(&folder.path().join(number.to_string()));
        provider.record_on_chain(ID, &[on_chain]).unwrap();
        provider
            .import_bucket(
                cairn_bucket::ImportSource::Path(&out),
                ImportCheck::Full,
                &mut |_| {},
            )
            .unwrap();
        match is_known {
            true => assert!(quarantine_reason(&provider).contains("which is missing here")),
            false => drop(put(&provider, ID.0, b"another second")),
        }
    }
    let provider = start(&folder.path().join("4"));
    provider.record_on_chain(ID, &[newer]).unwrap();
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    assert!(quarantine_reason(&provider).contains("which is missing here"));
}
