//! The names of objects and files: they come with their content, and the root over them is that of
//! the legacy provider. A name whose content is not there, or that no object may have, is reported,
//! and costs no other.

use crate::named::{Named, file, key, object, root_text, write_index};
use crate::support::{LegacyFixture, bytes, entry};
use crate::writer::{ERAS, Era};
use cairn_engine::{Access, SharedResources};
use cairn_legacy_import::{
    LegacyImport, LegacyMode, LegacyNameFault, LegacyNames, LegacySource, LegacyStatus,
};
use cairn_objects::{Condition, Index, ObjectName, ObjectRecord, Space};
use cairn_primitives::{H256, Sequence};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn faults(names: &LegacyNames) -> Vec<(&str, LegacyNameFault)> {
    let faults = names.not_imported.iter();
    faults
        .map(|fault| (fault.name.as_str(), fault.reason))
        .collect()
}

#[test]
fn every_era_is_imported_with_its_names_and_the_root_over_them() {
    for era in ERAS {
        let named = Named::new(era);
        let report = named.import();
        assert!(!report.has_findings(), "{report:?}");
        let bucket = entry(&report, 7);
        assert_eq!((bucket.objects.imported, bucket.files.imported), (6, 9));
        assert_eq!(report.summary.names, 15);
        named.check();
        // The bucket takes changes as before.
        let bucket = named.fixture.open(7, Access::ReadWrite);
        let keys = Index::new(&bucket, Space::Keys);
        assert!(keys.delete(&key(1)).unwrap().is_some());
    }
}

#[test]
fn indexes_are_found_next_to_the_database_or_where_the_operator_says() {
    let named = Named::new(Era::C);
    let source = named.fixture.source();
    for folder in ["s3_indices", "fs_indices"] {
        std::fs::remove_dir_all(source.join(folder)).unwrap();
    }
    let open = || LegacySource::open(&source).unwrap();
    assert_eq!(open().indexes(), None);
    let dry = named.fixture.run(LegacyMode::DryRun);
    assert_eq!((dry.summary.indexes, dry.summary.names), (None, 0));
    let elsewhere = tempfile::tempdir().unwrap();
    let refused = open().with_indexes(elsewhere.path()).unwrap_err();
    assert!(refused.to_string().contains("neither"), "{refused}");
    named.write(elsewhere.path());
    let given = open().with_indexes(elsewhere.path()).unwrap();
    assert_eq!(given.indexes(), Some(elsewhere.path()));
    drop(given);
    named.write(source.parent().unwrap());
    assert!(!named.import().has_findings());
    named.check();
}

#[test]
fn a_name_without_its_content_is_reported_and_the_others_are_imported() {
    for era in ERAS {
        let named = Named::new(era);
        let good = named.objects[key(1)].clone();
        let with = |field: &str, value: Value| {
            let mut entry = good.clone();
            entry[field] = value;
            entry
        };
        let absent = json!(root_text(H256::repeat_byte(5)));
        let long = "k".repeat(1_025);
        let size = named.objects[key(5)]["size"].as_u64().unwrap();
        let mut wrong_size = named.objects[key(5)].clone();
        wrong_size["size"] = json!(size - 1);
        let mut many = Vec::new();
        many.resize(3, json!(["n", "v".repeat(1_000)]));
        let faulty = [
            ("", good.clone(), LegacyNameFault::Name),
            (long.as_str(), good.clone(), LegacyNameFault::Name),
            ("absent", with("data_root", absent), LegacyNameFault::NoLeaf),
            ("larger", with("size", json!(18)), LegacyNameFault::Content),
            (
                "huge",
                with("size", json!(u64::MAX)),
                LegacyNameFault::Content,
            ),
            ("smaller", wrong_size, LegacyNameFault::Content),
            (
                "metadata",
                with("user_metadata", json!(many)),
                LegacyNameFault::Attributes,
            ),
            (
                "type",
                with("content_type", json!("t".repeat(256))),
                LegacyNameFault::Attributes,
            ),
            ("no entry", json!(7), LegacyNameFault::Unreadable),
        ];
        let mut objects = named.objects.clone();
        for (name, entry, _) in &faulty {
            objects[*name] = entry.clone();
        }
        write_index(&named.fixture.source(), Space::Keys, 7, &objects);
        let mut files = named.files.clone();
        files["relative"] = files["/d/1"].clone();
        files["/content"] = file("directory", H256::zero(), 1);
        files["/pipe"] = file("pipe", H256::zero(), 0);
        write_index(&named.fixture.source(), Space::Paths, 7, &files);

        let dry = named.fixture.run(LegacyMode::DryRun);
        let report = named.import();
        assert!(report.has_findings());
        assert_eq!(dry.summary.names_refused, 12);
        let bucket = entry(&report, 7);
        assert_eq!(bucket.status, LegacyStatus::Imported);
        let mut found = faults(&bucket.objects);
        let cut = format!("{}…", "k".repeat(200));
        let mut expected: Vec<_> = faulty
            .iter()
            .map(|(name, _, fault)| {
                if *name == long {
                    (&*cut, *fault)
                } else {
                    (*name, *fault)
                }
            })
            .collect();
        found.sort_by_key(|fault| fault.0);
        expected.sort_by_key(|fault| fault.0);
        assert_eq!(found, expected);
        let expected = ["/content", "/pipe"].map(|path| (path, LegacyNameFault::Unreadable));
        let relative = ("relative", LegacyNameFault::Name);
        assert_eq!(faults(&bucket.files), [&expected[..], &[relative]].concat());
        named.check();
        // Once more: nothing is added, and the same is reported.
        let again = named.import();
        let bucket = entry(&again, 7);
        assert_eq!(
            (bucket.objects.imported, bucket.objects.already_there),
            (0, 6)
        );
        assert_eq!(again.summary.names_refused, 12);
    }
}

#[test]
fn an_index_that_breaks_off_gives_what_it_has() {
    let named = Named::new(Era::D);
    let path = named
        .fixture
        .source()
        .join("s3_indices/bucket_7_index.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let end = text.find("\"a/key\"").unwrap();
    std::fs::write(&path, &text[..end + 20]).unwrap();
    let report = named.import();
    let bucket = entry(&report, 7);
    assert_eq!(bucket.status, LegacyStatus::Imported);
    assert!(bucket.objects.index_fault.is_some());
    assert!(report.has_findings());
    assert_eq!(
        (report.summary.faulty_indexes, bucket.files.imported),
        (1, 9)
    );
    let before = bucket.objects.imported;
    assert!(before < 6);
    // The next import has the rest, once the file is whole again.
    named.write(&named.fixture.source());
    let report = named.import();
    let bucket = entry(&report, 7);
    assert_eq!(bucket.status, LegacyStatus::AlreadyThere);
    assert_eq!(bucket.objects.already_there, before);
    assert_eq!(bucket.objects.imported, 6 - before);
    assert!(!report.has_findings());
    named.check();
}

#[test]
fn the_index_of_a_bucket_that_is_not_there_is_reported() {
    let named = Named::new(Era::B);
    let source = named.fixture.source();
    write_index(&source, Space::Keys, 8, &named.objects);
    write_index(&source, Space::Paths, 9, &json!({}));
    std::fs::write(source.join("s3_indices/notes.json"), "{}").unwrap();
    std::fs::write(source.join("s3_indices/bucket_7_index.json.tmp"), "{").unwrap();
    let report = named.import();
    let expected = ["bucket_8_index.json", "drive_9_index.json", "notes.json"];
    assert_eq!(report.summary.unmatched_indexes, expected);
    assert!(report.has_findings());
    named.check();
}

/// Only new names were put since, so the names that are missing were never there.
#[test]
fn a_bucket_of_an_import_without_names_gets_them() {
    let named = Named::new(Era::C);
    let indexes = named.fixture.source().join("s3_indices");
    let hidden = named.fixture.base().join("hidden");
    std::fs::rename(&indexes, &hidden).unwrap();
    assert_eq!(entry(&named.import(), 7).objects, LegacyNames::default());
    // A client has used one of the names since.
    let bucket = named.fixture.open(7, Access::ReadWrite);
    let mine = ObjectName::key(key(2)).unwrap();
    let record = ObjectRecord::directory();
    let keys = Index::new(&bucket, Space::Keys);
    keys.put(&mine, &record, Condition::Any).unwrap();
    drop(bucket);
    std::fs::rename(&hidden, &indexes).unwrap();
    let dry = named.fixture.run(LegacyMode::DryRun);
    let report = named.import();
    for report in [dry, report] {
        let bucket = entry(&report, 7);
        assert_eq!(
            (bucket.objects.imported, bucket.objects.already_there),
            (5, 1)
        );
        assert_eq!((bucket.files.imported, bucket.files.already_there), (0, 9));
    }
    let bucket = named.open();
    let keys = Index::new(&bucket, Space::Keys);
    assert_eq!(keys.get(mine.as_str()).unwrap(), Some(record));
    assert_eq!(keys.stats().unwrap().files, 5);
}

#[test]
fn a_name_that_a_client_has_removed_does_not_come_back() {
    let named = Named::new(Era::C);
    named.import();
    let bucket = named.fixture.open(7, Access::ReadWrite);
    let keys = Index::new(&bucket, Space::Keys);
    keys.delete(&key(1)).unwrap().unwrap();
    // Their number is as it was.
    let mine = ObjectName::key("mine").unwrap();
    keys.put(&mine, &ObjectRecord::directory(), Condition::Any)
        .unwrap();
    drop(bucket);
    for _ in 0..2 {
        let report = named.import();
        let bucket = entry(&report, 7);
        assert_eq!(
            (bucket.objects.imported, bucket.objects.already_there),
            (0, 5)
        );
        assert_eq!(bucket.objects.perhaps_removed, 1);
        assert!(!report.has_findings());
    }
    let bucket = named.open();
    let keys = Index::new(&bucket, Space::Keys);
    assert_eq!(keys.get(&key(1)).unwrap(), None);
}

/// Runs an import that panics at its `stop`-th step. Returns true if it came that far.
fn panics_at(fixture: &LegacyFixture, stop: usize) -> bool {
    let source = LegacySource::open(&fixture.source()).unwrap();
    let import = LegacyImport::new(&source, &fixture.base(), LegacyMode::Import);
    let mut steps = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        import.import_all(&SharedResources::default(), |_, _| {
            assert_ne!(steps, stop, "as the test wants it");
            steps += 1;
        })
    }));
    ended.is_err()
}

#[test]
fn an_import_that_ends_at_any_step_is_finished_by_the_next() {
    let mut stop = 0;
    loop {
        let named = Named::new(Era::C);
        let interrupted = panics_at(&named.fixture, stop);
        // A bucket is there with all of its names, or not at all.
        if named.fixture.bucket_path(7).exists() {
            named.check();
        }
        assert!(!named.import().has_findings());
        named.check();
        if !interrupted {
            break;
        }
        stop += 1;
    }
    // Six leaves, the tree, two indexes, the end.
    assert!(stop >= 10, "{stop}");
}

#[test]
fn names_that_an_import_adds_to_a_bucket_are_finished_by_the_next() {
    let named = Named::new(Era::C);
    let source = named.fixture.source();
    for folder in ["s3_indices", "fs_indices"] {
        std::fs::remove_dir_all(source.join(folder)).unwrap();
    }
    named.import();
    named.write(&source);
    // Keys are put first.
    assert!(panics_at(&named.fixture, 1));
    let report = named.import();
    let bucket = entry(&report, 7);
    assert_eq!(bucket.status, LegacyStatus::AlreadyThere);
    assert_eq!(
        (bucket.objects.imported, bucket.objects.already_there),
        (0, 6)
    );
    assert_eq!((bucket.files.imported, bucket.files.already_there), (9, 0));
    named.check();
}

/// The index of a leaf in an entry is that of before the deletion.
#[test]
fn a_leaf_is_found_though_leaves_before_it_were_deleted() {
    let contents: Vec<Vec<u8>> = (0..20u64).map(|seed| bytes(seed, 9)).collect();
    let mut objects = json!({});
    let mut roots = Vec::new();
    let fixture = LegacyFixture::new(Era::B, |writer| {
        let kept: Vec<_> = contents[5..]
            .iter()
            .map(|content| (writer.content(content), 9))
            .collect();
        writer.bucket(7, 5, 45, &kept);
        let all = contents.iter().map(|content| writer.content(content));
        roots = all.collect();
    });
    for (number, root) in roots.into_iter().enumerate() {
        objects[number.to_string()] = object(root, 9, number);
    }
    write_index(&fixture.source(), Space::Keys, 7, &objects);
    let report = fixture.import();
    let names = &entry(&report, 7).objects;
    assert_eq!(names.imported, 15);
    let gone = ["0", "1", "2", "3", "4"].map(|name| (name, LegacyNameFault::NoLeaf));
    assert_eq!(faults(names), gone);
    let bucket = fixture.open(7, Access::ReadOnly);
    let keys = Index::new(&bucket, Space::Keys);
    for number in 5..20u64 {
        let record = keys.get(&number.to_string()).unwrap().unwrap();
        assert_eq!(record.first_leaf, Sequence(number));
    }
}
