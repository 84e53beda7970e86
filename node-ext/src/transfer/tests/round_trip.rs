//! Out and in again, in each form.

use super::*;
use std::os::unix::fs::MetadataExt;

/// What both sides must agree on.
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
    assert_eq!(promised(&adopted), promised(bucket));
    proves(&adopted, &promised(bucket));
    assert!(fsck(&adopted, |_| {}).unwrap().is_clean());
    // It goes on where it was.
    let leaf = stored(&adopted, b"one more");
    adopted.commit_signed(&[leaf], &signer()).unwrap();
}

#[test]
fn a_bucket_arrives_as_it_was_in_both_forms_and_with_both_checks() {
    for form in [Form::Folder, Form::Archive] {
        for check in [Check::Full, Check::Quick] {
            let fixture = Fixture::new();
            let exported = fixture.export(form);
            assert_eq!(exported.manifest.commitment, fixture.bucket().commitment());
            let imported = fixture
                .import_with(Source::Path(&fixture.out()), check)
                .unwrap();
            assert_eq!(imported.bytes, exported.manifest.bytes());
            let leaves = imported.report.as_ref().map(|report| report.leaves);
            assert_eq!(leaves, (check == Check::Full).then_some(3));
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
    fixture.forget();
    let leaf = stored(fixture.bucket(), &bytes(4, 3 * CHUNK_BYTES));
    fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
    let imported = fixture.import_archive(&fixture.archive()).unwrap();
    check_arrived(&fixture, &imported);
}

#[test]
fn the_plain_folder_of_a_closed_bucket_arrives_and_is_left_as_it_was() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    // Not closed in order: the log has all of it.
    fixture.bucket = None;
    let before = contents(&path);
    assert!(before.keys().any(|name| name.ends_with(".log")));
    let imported = fixture.import(&path).unwrap();
    assert_eq!(contents(&path), before);
    let reopened = Bucket::open(&path, Access::ReadWrite, &Shared::default());
    fixture.bucket = Some(reopened.unwrap());
    check_arrived(&fixture, &imported);
}

#[test]
fn a_plain_folder_is_adopted_under_the_id_that_it_holds_whatever_its_name() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    fixture.bucket = None;
    std::fs::rename(&path, fixture.out()).unwrap();
    let imported = fixture.import(&fixture.out()).unwrap();
    assert_eq!(imported.path, fixture.there().join(bucket_dir_name(ID)));
    let again = fixture.import(&fixture.out()).unwrap_err();
    assert!(matches!(again, TransferError::Taken { bucket: ID, .. }));
    assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
}

#[test]
fn a_plain_folder_is_not_adopted_unchecked_nor_with_a_file_lost_or_too_many() {
    let mut fixture = Fixture::new();
    let path = fixture.bucket().path().to_owned();
    fixture.bucket.take().unwrap().close().unwrap();
    let quick = fixture.import_with(Source::Path(&path), Check::Quick);
    assert!(matches!(quick, Err(TransferError::NothingToCompare { .. })));
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let surplus = fixture.import(&path).unwrap_err();
    assert!(surplus.to_string().contains("notes.txt"), "{surplus}");
    std::fs::remove_file(path.join("notes.txt")).unwrap();
    let needed = names(&path)
        .into_iter()
        .filter(|name| name.ends_with(".sst") || name.ends_with(".blob"));
    for name in needed {
        let (kept, aside) = (path.join(&name), fixture.folder.path().join("aside"));
        std::fs::rename(&kept, &aside).unwrap();
        let lost = fixture.import(&path).unwrap_err();
        assert!(lost.is_refusal(), "{name}: {lost}");
        fixture.nothing_is_there();
        std::fs::rename(&aside, &kept).unwrap();
    }
    fixture.import(&path).unwrap();
}

#[test]
fn a_bucket_of_this_very_provider_is_no_source() {
    let fixture = Fixture::new();
    let shared = Shared::default();
    let refused = import_bucket(
        Source::Path(fixture.bucket().path()),
        &fixture.here(),
        Check::Full,
        &shared,
        &mut no_progress,
    );
    assert!(matches!(refused, Err(TransferError::NotAnExport { .. })));
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
}

#[test]
fn a_taken_id_is_refused_and_what_has_it_stays_as_it_was() {
    let fixture = Fixture::new();
    fixture.export(Form::Folder);
    let config = BucketConfig::default();
    let path = fixture.there().join(bucket_dir_name(ID));
    let existing = Bucket::create(&path, ID, config, &Shared::default()).unwrap();
    existing.close().unwrap();
    let before = contents(&path);
    for check in [Check::Full, Check::Quick] {
        let refused = fixture.import_with(Source::Path(&fixture.out()), check);
        assert!(matches!(
            refused,
            Err(TransferError::Taken { bucket: ID, .. })
        ));
    }
    assert_eq!(contents(&path), before);
    assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
}

#[test]
fn an_id_that_is_taken_while_the_import_goes_on_is_refused_at_the_last_step() {
    for holds in [None, Some("CURRENT")] {
        let fixture = Fixture::new();
        fixture.export(Form::Folder);
        let path = fixture.there().join(bucket_dir_name(ID));
        let mut take = |progress: Progress| {
            if progress.step == Step::Checking && !path.exists() {
                std::fs::create_dir(&path).unwrap();
                if let Some(file) = holds {
                    std::fs::write(path.join(file), "somebody else's").unwrap();
                }
            }
        };
        let source = Source::Path(&fixture.folder.path().join("out"));
        let shared = Shared::default();
        let refused = import_bucket(source, &fixture.there(), Check::Full, &shared, &mut take);
        assert!(matches!(
            refused,
            Err(TransferError::Taken { bucket: ID, .. })
        ));
        assert_eq!(
            names(&path),
            holds.map(str::to_owned).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
    }
}

#[test]
fn an_export_shares_large_files_and_an_import_shares_nothing() {
    let fixture = Fixture::new();
    let exported = fixture.export(Form::Folder);
    let links = |folder: &Path| -> Vec<(String, u64)> {
        let of = |name: String| {
            let links = folder.join(&name).metadata().unwrap().nlink();
            (name, links)
        };
        names(folder).into_iter().map(of).collect()
    };
    let out = links(&fixture.out().join(DATABASE_DIR));
    let shared = out.iter().filter(|(_, links)| *links == 2).count();
    assert!(shared > 0 && shared == exported.linked_files, "{out:?}");
    for (name, links) in &out {
        assert!(manifest::is_immutable(name) || *links == 1, "{name}");
    }
    let imported = fixture.import(&fixture.out()).unwrap();
    for (name, links) in links(&imported.path) {
        assert_eq!(links, 1, "{name}");
    }
}

#[test]
fn on_another_file_system_files_are_copied() {
    let fixture = Fixture::new();
    let other = tempfile::tempdir_in("/dev/shm").unwrap();
    let device = |path: &Path| path.metadata().unwrap().dev();
    let is_another = device(other.path()) != device(fixture.folder.path());
    for form in [Form::Folder, Form::Archive] {
        let out = other.path().join(format!("{form:?}"));
        let shared = Shared::default();
        let exported = fixture
            .bucket()
            .export_to(&out, form, &shared, &mut no_progress)
            .unwrap();
        let copied = is_another || form == Form::Archive;
        assert_eq!(exported.linked_files == 0, copied);
        let imported = fixture.import(&out).unwrap();
        check_arrived(&fixture, &imported);
        fixture.forget();
    }
    assert_eq!(names(other.path()), ["Archive", "Folder"]);
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
}

#[test]
fn what_is_at_the_destination_stays() {
    let fixture = Fixture::new();
    std::fs::write(fixture.out(), "mine").unwrap();
    for form in [Form::Folder, Form::Archive] {
        let shared = Shared::default();
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
    let shared = Shared::default();
    let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
    let refused = bucket.export_to(&fixture.out(), Form::Folder, &shared, &mut no_progress);
    assert!(matches!(refused, Err(TransferError::Unusable(_))));
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
    assert!(!fixture.out().exists());
}
