//! Leftovers of interrupted processes and of failures.

use super::super::staging::Staging;
use super::*;
use std::io::Write;

fn left_behind(path: &Path) {
    std::fs::create_dir_all(path.join(DATABASE_DIR)).unwrap();
    std::fs::write(path.join(DATABASE_DIR).join("000009.sst"), "half").unwrap();
}

#[test]
fn leftovers_of_an_export_are_removed_by_the_next() {
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let fixture = Fixture::new();
        // As left by a killed process, whose lock is gone.
        let left = Staging::outgoing(&fixture.out()).unwrap();
        left_behind(left.work_path());
        left.leave_as_killed();
        assert!(fixture.folder.path().join("out.exporting").is_dir());
        let temporary = format!("{}.exporting", bucket_dir_name(ID));
        left_behind(&fixture.here().join(&temporary));
        fixture.export(form);
        assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
        assert_eq!(names(fixture.folder.path()), ["here", "out", "there"]);
        fixture.import(&fixture.out()).unwrap();
    }
}

/// Checks that an export does not remove a foreign folder in the place of its own.
fn assert_stays_in_the_way(put: impl Fn(&Path)) {
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let fixture = Fixture::new();
        let theirs = fixture.folder.path().join("out.exporting");
        put(&theirs);
        let shared = SharedResources::default();
        let bucket = fixture.bucket();
        let refused = bucket.export_to(&fixture.out(), form, &shared, &mut no_progress);
        let named = matches!(&refused, Err(TransferError::Exists { path }) if *path == theirs);
        assert!(named, "{refused:?}");
        assert!(std::fs::symlink_metadata(&theirs).is_ok(), "it is gone");
        assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
    }
}

#[test]
fn l7_nothing_is_removed_for_an_export_that_no_export_has_made() {
    assert_stays_in_the_way(|path| std::fs::write(path, "a user's own notes").unwrap());
    assert_stays_in_the_way(|path| std::fs::create_dir(path).unwrap());
    assert_stays_in_the_way(|path| std::os::unix::fs::symlink("/nowhere", path).unwrap());
    // With the names that an export uses, or an empty mark.
    assert_stays_in_the_way(left_behind);
    assert_stays_in_the_way(|path| {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("cairn-unfinished-export"), "").unwrap();
    });
}

#[test]
fn l7_another_processs_export_is_not_removed() {
    let fixture = Fixture::new();
    let theirs = Staging::outgoing(&fixture.out()).unwrap();
    left_behind(theirs.work_path());
    theirs.forget_in_this_process();
    let shared = SharedResources::default();
    let bucket = fixture.bucket();
    let refused = bucket.export_to(
        &fixture.out(),
        ExportFormat::Folder,
        &shared,
        &mut no_progress,
    );
    assert!(
        matches!(refused, Err(TransferError::Exists { .. })),
        "{refused:?}"
    );
    assert!(theirs.work_path().is_dir());
}

#[test]
fn l7_at_the_start_only_folders_that_are_named_for_a_bucket_go() {
    let fixture = Fixture::new();
    for name in [
        "notes.exporting",
        "7.importing",
        "backup.creating",
        "0000000000000007.txt.exporting",
    ] {
        left_behind(&fixture.here().join(name));
    }
    assert_eq!(
        remove_unfinished(&fixture.here()).unwrap(),
        [] as [PathBuf; 0]
    );
}

#[test]
fn s7b_an_export_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Archive);
    assert_eq!(mode(&fixture.out()), 0o600);
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    assert_eq!(mode(&fixture.out()), 0o700);
    assert_eq!(mode(&fixture.out().join(MANIFEST_NAME)), 0o600);
}

#[test]
fn somebody_elses_folder_is_not_taken_for_a_leftover() {
    let fixture = Fixture::new();
    let theirs = fixture.folder.path().join("out.exporting");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("letters"), "mine").unwrap();
    let shared = SharedResources::default();
    let refused = fixture.bucket().export_to(
        &fixture.out(),
        ExportFormat::Folder,
        &shared,
        &mut no_progress,
    );
    assert!(matches!(refused, Err(TransferError::Exists { .. })));
    assert_eq!(names(&theirs), ["letters"]);
}

#[test]
fn leftovers_of_an_import_are_removed_by_the_next() {
    let fixture = Fixture::new();
    let left = fixture
        .there()
        .join(format!("{}.importing", bucket_dir_name(ID)));
    left_behind(&left);
    fixture.import_archive(&fixture.archive()).unwrap();
    assert_eq!(names(&fixture.there()), [bucket_dir_name(ID)]);
    assert!(!names(fixture.adopted().path()).contains(&DATABASE_DIR.to_owned()));
}

#[test]
fn only_unfinished_folders_are_removed_at_the_start() {
    let fixture = Fixture::new();
    let id = bucket_dir_name(ID);
    for unfinished in [
        format!("{id}.exporting"),
        format!("{id}.importing"),
        "unnamed.importing".into(),
    ] {
        left_behind(&fixture.here().join(unfinished));
    }
    left_behind(&fixture.here().join(format!("{id}.before-salvage")));
    let removed = remove_unfinished(&fixture.here()).unwrap();
    assert_eq!(removed.len(), 3);
    assert_eq!(
        names(&fixture.here()),
        [id.clone(), format!("{id}.before-salvage")]
    );
    assert_eq!(
        remove_unfinished(&fixture.here()).unwrap(),
        [] as [PathBuf; 0]
    );
}

#[test]
fn concurrent_transfers_do_not_meet_nor_are_swept() {
    let fixture = Fixture::new();
    let (out, shared) = (fixture.out(), SharedResources::default());
    let other = fixture.folder.path().join("other");
    let mut seen = 0;
    let mut meet = |progress: TransferProgress| {
        if progress.step == TransferStep::Hashing && progress.done == 0 {
            let second =
                fixture
                    .bucket()
                    .export_to(&other, ExportFormat::Folder, &shared, &mut no_progress);
            assert!(matches!(second, Err(TransferError::Busy { .. })));
            assert_eq!(remove_unfinished(&fixture.here()).unwrap().len(), 0);
            seen += 1;
        }
    };
    fixture
        .bucket()
        .export_to(&out, ExportFormat::Folder, &shared, &mut meet)
        .unwrap();
    let mut meet = |progress: TransferProgress| {
        if progress.step == TransferStep::Checking && progress.done == 0 {
            assert!(matches!(
                fixture.import(&out),
                Err(TransferError::Busy { .. })
            ));
            assert_eq!(remove_unfinished(&fixture.there()).unwrap().len(), 0);
            seen += 1;
        }
    };
    let source = ImportSource::Path(&out);
    import_bucket(
        source,
        &fixture.there(),
        ImportCheck::Full,
        &shared,
        &mut meet,
    )
    .unwrap();
    assert_eq!(seen, 2);
    assert_eq!(names(fixture.folder.path()), ["here", "out", "there"]);
}

/// A sink that takes a given number of bytes and then fails.
struct Full {
    left: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let fixture = Fixture::new();
    let length = fixture.archive().len();
    for left in [0, 1, 511, 5_000, length - 1] {
        let mut sink = Full { left };
        let failed =
            fixture
                .bucket()
                .export_into(&mut sink, &SharedResources::default(), &mut no_progress);
        assert!(matches!(failed, Err(TransferError::Sink(_))), "{left}");
    }
    let nowhere = fixture.folder.path().join("no/such/folder/out");
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let failed = fixture.bucket().export_to(
            &nowhere,
            form,
            &SharedResources::default(),
            &mut no_progress,
        );
        assert!(matches!(failed, Err(TransferError::Io(_))));
    }
    assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
    assert_eq!(names(fixture.folder.path()), ["here", "there"]);
    // The bucket stays usable.
    let leaf = stored(fixture.bucket(), b"more");
    fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
}

#[test]
fn a_file_changed_after_hashing_is_not_exported() {
    for form in [ExportFormat::Folder, ExportFormat::Archive] {
        let fixture = Fixture::new();
        let copy = fixture
            .here()
            .join(format!("{}.exporting", bucket_dir_name(ID)))
            .join(DATABASE_DIR)
            .join("CURRENT");
        let mut change = |progress: TransferProgress| {
            if progress.step == TransferStep::Copying && progress.done == 0 {
                std::fs::write(&copy, "MANIFEST-000099\n").unwrap();
            }
        };
        let shared = SharedResources::default();
        let failed = fixture
            .bucket()
            .export_to(&fixture.out(), form, &shared, &mut change);
        assert!(
            matches!(&failed, Err(TransferError::Altered { file, .. }) if file == "CURRENT"),
            "{failed:?}"
        );
        assert_eq!(names(&fixture.here()), [bucket_dir_name(ID)]);
        assert_eq!(names(fixture.folder.path()), ["here", "there"]);
    }
}
