//! Signatures over the last commitment of a legacy provider, and over nothing else that an import
//! brings.

use super::*;
use cairn_bucket::{
    Builder, ExportFormat, ImportCheck, KeepBytes, ProveError, legacy_commitment,
    write_legacy_commitment,
};
use cairn_engine::Durability;
use cairn_engine::layout::{FlagValue, NodeKind, ShapeDefect};
use cairn_keys::SigningRefused;
use cairn_primitives::{Commitment, LeafCount, MmrLeaf, Sequence};

const ID: BucketId = BucketId(1);

/// Makes a bucket of three leaves as `import-legacy` does, without the record of the last
/// commitment.
fn build(path: &Path, flagged: Option<Sequence>) {
    let (config, tree) = (BucketConfig::default(), Sequence(0));
    let shared = SharedResources::new(BUDGET.resources);
    let folder = folder_of(path, ID.0);
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let mut builder = Builder::begin(&folder, ID, config, tree, KeepBytes::Yes, &shared).unwrap();
    let mut leaves = Vec::new();
    for content in [&b"one"[..], b"two", b"three"] {
        let data_root = config.profile.chunk(content);
        builder.chunk(&data_root, content).unwrap();
        let before = leaves.last().map_or(0, |leaf: &MmrLeaf| leaf.total_size);
        let data_size = content.len() as u64;
        leaves.push(MmrLeaf {
            data_root,
            data_size,
            total_size: before + data_size,
        });
    }
    builder.append(&leaves).unwrap().unwrap();
    if let Some(leaf) = flagged {
        let flag = FlagValue {
            root: NodeKind::Chunk,
            defect: ShapeDefect::NotPadded,
        };
        builder.flag(leaf, flag).unwrap();
    }
    builder.finish().unwrap();
}

fn lease(provider: &Provider) -> Lease {
    provider.blocking_lease(ID, LeaseRequest::write()).unwrap()
}

fn newest(provider: &Provider) -> Commitment {
    provider.summary(ID).unwrap().commitment
}

/// A base path with an imported bucket, and the commitment that the legacy provider had last.
fn imported(path: &Path) -> (Provider, Commitment) {
    build(path, None);
    let provider = start(path);
    let last = newest(&provider);
    write_legacy_commitment(path, ID, &last).unwrap();
    (provider, last)
}

fn signed_here(provider: &Provider) -> usize {
    let roots: Result<Vec<SignedRoot>, ProveError> =
        lease(provider).run(|bucket| bucket.signed_roots()?.collect());
    let is_here = |root: &&SignedRoot| root.signed_ms != 0;
    roots.unwrap().iter().filter(is_here).count()
}

#[test]
fn i4_a_legacy_providers_last_commitment_is_recorded_and_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, last) = imported(folder.path());
    assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None);
    assert_eq!(provider.legacy_newest(ID).unwrap(), Some(last));
    assert_eq!(signed_here(&provider), 0, "asking for it signs nothing");
    let signed = lease(&provider).sign_legacy(last, &signer()).unwrap();
    let signed = signed.unwrap();
    assert!(signed.is_valid());
    assert_eq!(signed.payload.commitment, last);
    assert_eq!(signed_here(&provider), 1, "older roots stay as they are");
    // From now on it is one that was signed here, also after a kill.
    let killed = tempfile::tempdir().unwrap();
    copy(folder.path(), killed.path());
    drop(provider);
    for path in [folder.path(), killed.path()] {
        let provider = start(path);
        let again = provider.sign_again(ID, &signer()).unwrap().unwrap();
        assert_eq!(again.payload, signed.payload);
    }
}

#[test]
fn s13_without_a_record_nothing_imported_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), None);
    let provider = start(folder.path());
    assert_eq!(provider.legacy_newest(ID).unwrap(), None);
    // A file that was cut short says nothing.
    write_legacy_commitment(folder.path(), ID, &newest(&provider)).unwrap();
    let path = folder.path().join("legacy-commitments");
    let path = path.join(format!("{:016x}", ID.0));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..56]).unwrap();
    assert_eq!(provider.legacy_newest(ID).unwrap(), None);
    std::fs::write(&path, &bytes).unwrap();
    assert!(provider.legacy_newest(ID).unwrap().is_some());
}

#[test]
fn s13_an_older_imported_root_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, last) = imported(folder.path());
    let lease = lease(&provider);
    let at = StateRef::LeafCount(LeafCount::new(2).unwrap());
    let older = lease.run(|bucket| bucket.view(at)?.commitment()).unwrap();
    assert_eq!(lease.sign_legacy(older, &signer()).unwrap(), None);
    drop(lease);
    write_legacy_commitment(folder.path(), ID, &older).unwrap();
    assert_eq!(provider.legacy_newest(ID).unwrap(), None);
    assert_eq!(signed_here(&provider), 0);
    write_legacy_commitment(folder.path(), ID, &last).unwrap();
    assert_eq!(provider.legacy_newest(ID).unwrap(), Some(last));
}

#[test]
fn s13_nothing_is_signed_once_leaves_were_added_or_dropped() {
    for drops in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (provider, last) = imported(folder.path());
        let lease = lease(&provider);
        if drops {
            lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
        } else {
            let more = lease.run(|bucket| bucket.ingest(&b"more"[..])).unwrap();
            let leaf = NewLeaf {
                data_root: more.data_root,
                data_size: more.data_size,
            };
            let added = lease.run(|bucket| bucket.commit(&[leaf], Durability::Synced));
            added.unwrap();
        }
        // Also for a request that had asked before.
        assert_eq!(lease.sign_legacy(last, &signer()).unwrap(), None, "{drops}");
        drop(lease);
        assert_eq!(provider.legacy_newest(ID).unwrap(), None, "{drops}");
        assert_eq!(provider.sign_again(ID, &signer()).unwrap(), None, "{drops}");
        assert_eq!(signed_here(&provider), 0, "{drops}");
    }
}

#[test]
fn s3_an_exception_of_the_operator_signs_no_flagged_import() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), Some(Sequence(1)));
    let provider = start(folder.path());
    write_legacy_commitment(folder.path(), ID, &newest(&provider)).unwrap();
    assert_eq!(provider.legacy_newest(ID).unwrap(), None);
    assert_eq!(provider.allow_unprovable(ID, true).unwrap(), 1);
    assert_eq!(provider.legacy_newest(ID).unwrap(), None);
}

/// Repeated signatures do not wait for the comparison with the chain. This one is the first here.
#[test]
fn s2_an_imported_root_waits_for_the_comparison_with_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, last) = imported(folder.path());
    let is_refused = |provider: &Provider| {
        let asked = provider.legacy_newest(ID);
        assert!(matches!(asked, Err(ProviderError::Signing(_))), "{asked:?}");
        let signed = lease(provider).sign_legacy(last, &signer());
        assert!(
            matches!(
                signed,
                Err(ProviderError::Signing(SigningRefused::Off { .. }))
            ),
            "{signed:?}"
        );
        assert_eq!(signed_here(provider), 0);
    };
    provider.defer_signing_until_compared();
    is_refused(&provider);
    provider.mark_compared();
    provider.set_uncompared_buckets([ID].into());
    is_refused(&provider);
    provider.set_uncompared_buckets([].into());
    provider.stop_signing("copy", "it is a copy");
    is_refused(&provider);
    provider.resume_signing("copy");
    assert_eq!(provider.legacy_newest(ID).unwrap(), Some(last));
}

#[test]
fn s6b_nothing_imported_is_signed_in_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let (provider, last) = imported(folder.path());
    let lease = lease(&provider);
    provider.quarantine(ID, "as the test has it".into());
    let asked = provider.legacy_newest(ID);
    assert!(matches!(asked, Err(ProviderError::Signing(_))), "{asked:?}");
    let signed = lease.sign_legacy(last, &signer());
    assert!(
        matches!(signed, Err(ProviderError::Signing(_))),
        "{signed:?}"
    );
}

#[test]
fn s13_what_another_provider_exported_is_not_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let (provider, last) = imported(&here);
    let out = folder.path().join("out");
    let exported = provider.export_bucket(ID, &out, ExportFormat::Folder, &mut |_| {});
    exported.unwrap();
    // An export does not have the record.
    let import = |provider: &Provider| {
        let source = cairn_bucket::ImportSource::Path(&out);
        let imported = provider.import_bucket(source, ImportCheck::Full, &mut |_| {});
        assert_eq!(imported.unwrap().commitment, last);
        assert_eq!(provider.legacy_newest(ID).unwrap(), None);
    };
    import(&start(&there));
    // A deletion removes it.
    provider.delete_bucket(ID).unwrap();
    provider.wait_until_trash_is_empty();
    assert_eq!(legacy_commitment(&here, ID).unwrap(), None);
    import(&provider);
    provider.delete_bucket(ID).unwrap();
    provider.wait_until_trash_is_empty();
    // So does an import, if an earlier version has left it.
    write_legacy_commitment(&here, ID, &last).unwrap();
    import(&provider);
    assert_eq!(legacy_commitment(&here, ID).unwrap(), None);
}
