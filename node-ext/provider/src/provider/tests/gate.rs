//! Each rule of the signing gate over real buckets, for every caller and across restarts.

use super::*;
use cairn_bucket::{Builder, Check, CommitError, Form, KeepBytes, ProveError, SignAgainError};
use cairn_engine::layout::{FlagValue, Flaw, Kind};
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
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    let promises = || lease.run(|bucket| Ok::<_, ProveError>(bucket.promises()?.count()));
    let before = (lease.commitment(), promises().unwrap());
    let leaf = leaf_of(&lease, b"never signed");
    let refused = match lease.commit_signed(&[leaf], &signer()) {
        Err(CommitError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    };
    assert_eq!(lease.signing_refused(), Some(refused.clone()));
    let count = before.0.leaf_count;
    match lease.sign_again(count, &signer()) {
        Err(SignAgainError::Refused(again)) => assert_eq!(again, refused),
        other => panic!("{other:?}"),
    }
    // Nothing was committed or recorded as signed on the way.
    assert_eq!((lease.commitment(), promises().unwrap()), before);
    drop(lease);
    match provider.sign_again(ID, &signer()) {
        Err(ProviderError::Signing(again)) => assert_eq!(again, refused),
        other => panic!("{other:?}"),
    }
    let record = provider.summary(ID).unwrap();
    assert_eq!(provider.signing_refused(ID, &record), Some(refused.clone()));
    refused
}

/// Checks that the last signature is repeated for any caller.
#[track_caller]
fn again(provider: &Provider, signed: &SignedCommitment) {
    let again = provider.sign_again(ID, &signer()).unwrap().unwrap();
    assert_eq!(again.payload, signed.payload);
    assert!(again.is_valid());
}

/// Creates an imported bucket: three leaves of one chunk each, the second one flagged.
fn flagged(path: &Path) {
    let (config, tree) = (BucketConfig::default(), Sequence(0));
    let (folder, shared) = (folder_of(path, ID.0), Shared::new(BUDGET.resources));
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
        root: Kind::Chunk,
        flaw: Flaw::NotPadded,
    };
    builder.flag(Sequence(1), flag).unwrap();
    builder.finish().unwrap();
}

#[test]
fn s3_a_tree_with_a_flagged_leaf_is_not_signed_until_the_operator_says_so_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    flagged(path);
    let provider = start(path);
    assert_eq!(provider.summary(ID).unwrap().unprovable_leaves(), Some(1));
    let refused = refusal(&provider);
    assert!(matches!(
        refused,
        SigningRefused::Unprovable { leaves: 1, .. }
    ));

    assert_eq!(provider.sign_unprovable(ID, true).unwrap(), 1);
    put(&provider, ID.0, b"signed in spite of it");
    provider.close();
    // A restart keeps the exception, and its withdrawal.
    let provider = start(path);
    let signed = put(&provider, ID.0, b"once more");
    again(&provider, &signed);
    provider.sign_unprovable(ID, false).unwrap();
    refusal(&provider);
    provider.close();
    let provider = start(path);
    refusal(&provider);

    // It holds for this bucket, not for another one under its id.
    provider.sign_unprovable(ID, true).unwrap();
    provider.delete_bucket(ID).unwrap();
    provider.wait_until_trash_is_empty();
    provider.close();
    flagged(path);
    refusal(&start(path));
}

#[test]
fn s3_a_tree_without_the_flagged_leaf_is_signed_again() {
    let folder = tempfile::tempdir().unwrap();
    flagged(folder.path());
    let provider = start(folder.path());
    refusal(&provider);
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(2), None)).unwrap();
    drop(lease);
    put(&provider, ID.0, b"all of it can be proven");
    let record = provider.summary(ID).unwrap();
    assert_eq!(record.unprovable_leaves(), Some(0));
}

#[test]
fn s4_a_bucket_that_hashes_otherwise_than_the_chain_is_neither_made_nor_signed() {
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
    assert_eq!(provider.assume_chain_hashing(Tagged).unwrap(), Tagged);
    provider.create_bucket(ID, config(Tagged)).unwrap();
    let signed = put(&provider, ID.0, b"one");
    let refused = provider
        .create_bucket(BucketId(2), config(Plain))
        .unwrap_err();
    assert!(matches!(refused, ProviderError::Signing(_)), "{refused}");
    provider.close();

    // The chain's own limits override the operator's statement.
    let provider = start(folder.path());
    again(&provider, &signed);
    provider.chain_says(&limits(Plain, CHUNK_BYTES));
    assert_eq!(provider.assume_chain_hashing(Tagged).unwrap(), Plain);
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
    provider.chain_says(&limits(Tagged, CHUNK_BYTES));
    put(&provider, ID.0, b"two");
}

#[test]
fn s4_nothing_is_signed_for_a_chain_that_takes_smaller_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    provider.chain_says(&limits(HashingProfile::Plain, CHUNK_BYTES - 1));
    let refused = refusal(&provider);
    assert!(matches!(
        refused,
        SigningRefused::ChunkLimit { chain: 262_143, .. }
    ));
    provider.chain_says(&limits(HashingProfile::Plain, 1 << 20));
    put(&provider, ID.0, b"a chain may take longer ones");
}

#[test]
fn s2_nothing_is_signed_while_any_part_has_turned_signing_off() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    provider.stop_signing("one", "it is another chain");
    provider.stop_signing("two", "and something else");
    let off = refusal(&provider).to_string();
    assert_eq!(off, "signing is off: it is another chain");
    assert_eq!(provider.signing_off().unwrap(), "it is another chain");
    provider.resume_signing("one");
    assert_eq!(
        refusal(&provider).to_string(),
        "signing is off: and something else"
    );
    provider.resume_signing("two");
    assert_eq!(provider.signing_off(), None);
    put(&provider, ID.0, b"on again");
}

#[test]
fn s6b_whoever_has_a_bucket_open_gets_no_signature_once_it_is_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    let leaf = leaf_of(&lease, b"stored before");
    let damaged = lease.run(|bucket| {
        Err::<(), _>(ProveError::Unsound {
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
fn forked(path: &Path, more: u64) -> SignedCommitment {
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
fn s6d_a_copy_that_went_another_way_signs_nothing_however_long_it_is() {
    for more in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let signed = forked(folder.path(), more);
        // Twice: the copy's own roots do not replace the index's last signed root.
        for _ in 0..2 {
            let provider = start(folder.path());
            assert!(provider.lease(ID, Wanted::write()).is_err(), "{more}");
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
fn s6d_a_longer_copy_that_has_what_was_signed_is_taken() {
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
    answers(&provider, ID.0, &later);
    put(&provider, ID.0, b"and on");
}

#[test]
fn s6d_a_tree_that_was_pruned_and_released_is_no_fork() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    drop(provider);
    let provider = start(folder.path());
    assert_eq!(provider.quarantined(), []);
    let lease = provider.lease(ID, Wanted::write()).unwrap();
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
fn s13_the_first_signature_of_a_state_is_a_writers() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(folder.path());
    fill(&provider, 1);
    assert!(provider.sign_again(ID, &signer()).unwrap().is_some());
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    // Nothing was signed for the new tree after the prune.
    assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None);
    let lease = provider.lease(ID, Wanted::write()).unwrap();
    let (_, signed) = lease.commit_signed(&[], &signer()).unwrap();
    drop(lease);
    again(&provider, &signed);
}

#[test]
fn s13_what_came_with_an_import_is_not_signed_for_a_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let out = folder.path().join("out");
    let provider = start(&here);
    fill(&provider, 1);
    let export = provider.export_bucket(ID, &out, Form::Folder, &mut |_| {});
    export.unwrap();
    drop(provider);
    for check in [Check::Full, Check::Quick] {
        let provider = start(&there);
        let source = cairn_bucket::Source::Path(&out);
        provider.import_bucket(source, check, &mut |_| {}).unwrap();
        let strangers = |provider: &Provider| {
            assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None);
            let lease = provider.lease(ID, Wanted::read()).unwrap();
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
        again(&provider, &signed);
        provider.delete_bucket(ID).unwrap();
        provider.wait_until_trash_is_empty();
    }
}

/// Rewrites the index as an earlier version wrote it: records without flagged leaves.
#[test]
fn a_bucket_whose_flagged_leaves_were_never_counted_is_learned_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    flagged(path);
    let provider = start(path);
    let record = provider.summary(ID).unwrap();
    provider.close();
    let index = Index::open(&path.join(INDEX_DIR)).unwrap();
    let written = index.record(ID).unwrap().unwrap();
    assert!(written.files.is_some());
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
fn quarantine(provider: &Provider) -> String {
    match provider.lease(ID, Wanted::write()) {
        Err(ProviderError::Quarantined { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn s6b_a_bucket_that_the_chain_knows_is_not_begun_anew_before_the_next_look() {
    let folder = tempfile::tempdir().unwrap();
    let provider = start(&folder.path().join("one"));
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let older = put(&provider, ID.0, b"first").payload.commitment;
    let out = folder.path().join("older");
    provider
        .export_bucket(ID, &out, Form::Folder, &mut |_| {})
        .unwrap();
    let newer = put(&provider, ID.0, b"second").payload.commitment;
    // The disk was not mounted while the chain was read.
    for (number, on_chain, is_known) in [(2, newer, true), (3, older, false)] {
        let provider = start(&folder.path().join(number.to_string()));
        provider.keep_on_chain(ID, &[on_chain]).unwrap();
        provider
            .import_bucket(cairn_bucket::Source::Path(&out), Check::Full, &mut |_| {})
            .unwrap();
        match is_known {
            true => assert!(quarantine(&provider).contains("which is missing here")),
            false => drop(put(&provider, ID.0, b"another second")),
        }
    }
    let provider = start(&folder.path().join("4"));
    provider.keep_on_chain(ID, &[newer]).unwrap();
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    assert!(quarantine(&provider).contains("which is missing here"));
}
