//! Export and import, in each format.

use super::*;
use cairn_fs::{DiskFree, DiskGuard};
use std::os::unix::fs::MetadataExt;

/// Checks that source and destination agree.
fn check_arrived(fixture: &Fixture, imported: &Imported) {
    let adopted = fixture.adopted();
    let bucket = fixture.bucket();
    assert_eq!(
        (imported.bucket, imported.commitment),
        (ID, bucket.commitment())
    );
    assert_eq!(adopted.commitment(), bucket.commitment());
    assert_eq!(adopted.peaks(), bucket.peaks());
    assert_eq!(adopted.config(), bucket.config());
    assert_eq!(adopted.usage(), bucket.usage());
    assert_eq!(adopted.total_size(), bucket.total_size());
    assert_eq!(signed_commitments(&adopted), signed_commitments(bucket));
    assert_proves(&adopted, &signed_commitments(bucket));
    assert!(fsck(&adopted, |_| {}).unwrap().is_clean());
    // The bucket continues where it was.
    let leaf = stored(&adopted, b"one more");
    adopted.commit_signed(&[leaf], &signer()).unwrap();
}

#[test]
fn a_bucket_arrives_unchanged_in_each_format_and_check() {
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        for check in [ImportCheck::Full, ImportCheck::Quick] {
            let fixture = Fixture::new();
            let exported = fixture.export(form);
            assert_eq!(exported.manifest.commitment, fixture.bucket().commitment());
            let imported = fixture
                .import_with(ImportSource::Path(&fixture.out()), check)
                .unwrap();
            assert_eq!(imported.bytes, exported.manifest.bytes());
            let leaves = imported.report.as_ref().map(|report| report.leaves);
            assert_eq!(leaves, (check == ImportCheck::Full).then_some(3));
            check_arrived(&fixture, &imported);
            assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
            assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
        }
    }
}

#[test]
fn an_empty_bucket_and_one_of_tagged_hashing_arrive_too() {
    let fixture = Fixture::empty(HashingProfile::Tagged);
    fixture.import_archive(&fixture.archive()).unwrap();
    assert_eq!(
        fixture.adopted().commitment(),
        fixture.bucket().commitment()
    );
    fixture.remove_adopted();
    let leaf = stored(fixture.bucket(), &bytes(4, 3 * CHUNK_BYTES));
    fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
    let imported = fixture.import_archive(&fixture.archive()).unwrap();
    check_arrived(&fixture, &imported);
}

#[test]
fn a_closed_buckets_folder_is_imported_and_not_changed() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    // Not closed: the log has all of it.
    fixture.bucket = None;
    let before = contents(&path);
    assert!(before.keys().any(|name| name.ends_with(".log")));
    let imported = fixture.import(&path).unwrap();
    assert_eq!(contents(&path), before);
    let reopened = Bucket::open(&path, Access::ReadWrite, &SharedResources::default());
    fixture.bucket = Some(reopened.unwrap());
    check_arrived(&fixture, &imported);
}

#[test]
fn a_plain_folder_is_adopted_under_its_own_id() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    fixture.bucket = None;
    std::fs::rename(&path, fixture.out()).unwrap();
    let imported = fixture.import(&fixture.out()).unwrap();
    assert_eq!(imported.path, fixture.there().join(bucket_dir_name(ID)));
    let again = fixture.import(&fixture.out()).unwrap_err();
    assert!(matches!(
        again,
        TransferError::BucketExists { bucket: ID, .. }
    ));
    assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
}

#[test]
fn a_plain_folder_needs_the_full_check_and_exactly_its_files() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    fixture.bucket.take().unwrap().close().unwrap();
    let quick = fixture.import_with(ImportSource::Path(&path), ImportCheck::Quick);
    assert!(matches!(quick, Err(TransferError::NoManifest { .. })));
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let surplus = fixture.import(&path).unwrap_err();
    assert!(surplus.to_string().contains("notes.txt"), "{surplus}");
    std::fs::remove_file(path.join("notes.txt")).unwrap();
    let needed = names(&path)
        .into_iter()
        .filter(|name| name.ends_with(".sst") || name.ends_with(".blob"));
    for name in needed {
        let (kept, elsewhere) = (path.join(&name), fixture.folder.path().join("elsewhere"));
        std::fs::rename(&kept, &elsewhere).unwrap();
        let lost = fixture.import(&path).unwrap_err();
        assert!(lost.is_refusal(), "{name}: {lost}");
        fixture.assert_nothing_there();
        std::fs::rename(&elsewhere, &kept).unwrap();
    }
    fixture.import(&path).unwrap();
}

#[test]
fn a_bucket_of_this_very_provider_is_no_source() {
    let fixture = Fixture::new();
    let shared = SharedResources::default();
    let refused = import_bucket(
        ImportSource::Path(fixture.bucket().path()),
        &fixture.here(),
        ImportCheck::Full,
        &shared,
        &mut no_progress,
    );
    assert!(matches!(refused, Err(TransferError::NotAnExport { .. })));
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
}

#[test]
fn a_taken_id_is_refused_and_its_bucket_not_changed() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let config = BucketConfig::default();
    let path = fixture.there().join(bucket_dir_name(ID));
    let existing = Bucket::create(&path, ID, config, &SharedResources::default()).unwrap();
    existing.close().unwrap();
    let before = contents(&path);
    for check in [ImportCheck::Full, ImportCheck::Quick] {
        let refused = fixture.import_with(ImportSource::Path(&fixture.out()), check);
        assert!(matches!(
            refused,
            Err(TransferError::BucketExists { bucket: ID, .. })
        ));
    }
    assert_eq!(contents(&path), before);
    assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
}

#[test]
fn an_id_taken_during_an_import_is_refused_at_the_end() {
    for holds in [None, Some("CURRENT")] {
        let fixture = Fixture::new();
        fixture.export(ExportFormat::Folder);
        let path = fixture.there().join(bucket_dir_name(ID));
        let mut take = |progress: TransferProgress| {
            if progress.step == TransferStep::Checking && !path.exists() {
                std::fs::create_dir(&path).unwrap();
                if let Some(file) = holds {
                    std::fs::write(path.join(file), "somebody else's").unwrap();
                }
            }
        };
        let source = ImportSource::Path(&fixture.folder.path().join("out"));
        let shared = SharedResources::default();
        let refused = import_bucket(
            source,
            &fixture.there(),
            ImportCheck::Full,
            &shared,
            &mut take,
        );
        assert!(matches!(
            refused,
            Err(TransferError::BucketExists { bucket: ID, .. })
        ));
        assert_eq!(
            names(&path),
            holds.map(str::to_owned).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
    }
}

#[test]
fn l8_edits_of_an_exported_folder_do_not_affect_the_bucket() {
    let mut fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let copy = fixture.out().join(DATABASE_DIR);
    let mut written = 0;
    for name in names(&copy) {
        let path = copy.join(&name);
        assert_eq!(path.metadata().unwrap().nlink(), 1, "{name}");
        let length = std::fs::read(&path).unwrap().len();
        std::fs::write(&path, vec![0; length]).unwrap();
        written += usize::from(manifest::is_immutable(&name));
    }
    assert!(written > 0);
    let path = fixture.bucket().path().to_owned();
    fixture.bucket = None;
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    assert!(fsck(&bucket, |_| {}).unwrap().is_clean());
    fixture.bucket = Some(bucket);
}

#[test]
fn an_import_shares_nothing_with_its_source() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let imported = fixture.import(&fixture.out()).unwrap();
    for name in names(&imported.path) {
        let links = imported.path.join(&name).metadata().unwrap().nlink();
        assert_eq!(links, 1, "{name}");
    }
}

#[test]
fn l5_exports_and_imports_are_readable_by_their_owner_only() {
    let fixture = Fixture::new();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        fixture.export(form);
        let out = fixture.out();
        let mut to_visit = vec![out.clone()];
        while let Some(path) = to_visit.pop() {
            let is_folder = path.is_dir();
            assert_eq!(
                mode(&path),
                if is_folder { 0o700 } else { 0o600 },
                "{path:?}"
            );
            if is_folder {
                to_visit.extend(names(&path).iter().map(|name| path.join(name)));
            }
        }
        let imported = fixture.import(&out).unwrap();
        assert_eq!(mode(&imported.path), 0o700);
        fixture.remove_adopted();
        match form {
            ExportFormat::Folder => std::fs::remove_dir_all(&out).unwrap(),
            ExportFormat::Archive => std::fs::remove_file(&out).unwrap(),
        }
    }
}

#[test]
fn s10_below_the_reserve_nothing_is_exported_or_imported() {
    let fixture = Fixture::new();
    let short = |reserve| {
        let ask = || {
            Ok(DiskFree {
                free: 1 << 20,
                total: 1 << 30,
            })
        };
        SharedResources::default().with_disk_guard(DiskGuard::with_query(ask, Some(reserve)))
    };
    let full = short(1 << 20);
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let out = fixture.out();
        let ended = fixture
            .bucket()
            .export_to(&out, form, &full, &mut no_progress);
        match ended {
            Err(TransferError::Reserved(_)) => {}
            // A file system with reflinks has used no space for them.
            Ok(exported) => assert!(form == ExportFormat::Folder && exported.shared_files > 0),
            Err(other) => panic!("{other}"),
        }
        if out.exists() {
            std::fs::remove_dir_all(&out).unwrap();
        }
    }
    assert_eq!(names(fixture.folder.path()), ["here", "there"]);

    let archive = fixture.archive();
    let import = |shared: &SharedResources| {
        let source = ImportSource::Archive(&mut &archive[..]);
        import_bucket(
            source,
            &fixture.there(),
            ImportCheck::Full,
            shared,
            &mut no_progress,
        )
    };
    let refused = import(&full).unwrap_err();
    assert!(matches!(refused, TransferError::Reserved(_)), "{refused}");
    assert_eq!(names(&fixture.there()), Vec::<String>::new());
    import(&short(1 << 10)).unwrap();
}

#[test]
fn on_another_file_system_files_are_copied() {
    let fixture = Fixture::new();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| path.metadata().unwrap().dev();
    let is_another = device(other.path()) != device(fixture.folder.path());
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let out = other.path().join(format!("{form:?}"));
        let shared = SharedResources::default();
        let exported = fixture
            .bucket()
            .export_to(&out, form, &shared, &mut no_progress)
            .unwrap();
        let copied = is_another || form == ExportFormat::Archive;
        assert!(exported.shared_files == 0 || !copied);
        let imported = fixture.import(&out).unwrap();
        check_arrived(&fixture, &imported);
        fixture.remove_adopted();
    }
    assert_eq!(names(other.path()), ["Archive", "Folder"]);
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
}

#[test]
fn an_existing_destination_is_not_changed() {
    let fixture = Fixture::new();
    std::fs::write(fixture.out(), "mine").unwrap();
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let shared = SharedResources::default();
        let refused = fixture
            .bucket()
            .export_to(&fixture.out(), form, &shared, &mut no_progress);
        assert!(matches!(refused, Err(TransferError::Exists { .. })));
    }
    assert_eq!(std::fs::read(fixture.out()).unwrap(), b"mine");
}

#[test]
fn a_bucket_that_takes_no_writes_is_not_exported() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    fixture.bucket = None;
    let shared = SharedResources::default();
    let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
    let refused = bucket.export_to(
        &fixture.out(),
        ExportFormat::Folder,
        &shared,
        &mut no_progress,
    );
    assert!(matches!(refused, Err(TransferError::NotWritable(_))));
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
    assert!(!fixture.out().exists());
}

#[test]
fn names_of_objects_arrive_with_their_second_copy() {
    let fixture = Fixture::new();
    let put = fixture.bucket().change_objects(|changes| {
        changes.put(b'k', b"name", b"value".to_vec());
        Ok::<_, crate::error::CommitError>(())
    });
    put.unwrap();
    fixture.import_archive(&fixture.archive()).unwrap();
    let adopted = fixture.adopted();
    let value = adopted.object_record(b'k', b"name").unwrap();
    assert_eq!(value.as_deref(), Some(&b"value"[..]));
    let journal = std::fs::read(adopted.path().join(cairn_engine::JOURNAL_FILE)).unwrap();
    assert!(journal.windows(6).any(|bytes| bytes == b"okname"));
}
