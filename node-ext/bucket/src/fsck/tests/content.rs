//! Lost content, restored from files that contain it.

use super::*;

fn file(fixture: &Fixture, name: &str, content: &[u8]) -> PathBuf {
    let path = fixture.folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn only_lost_content_is_restored_from_files() {
    for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
        let whole = Fixture::new(profile);
        let content = contents();
        let fixture = whole.copy();
        fixture.tamper(|batch| {
            let key = layout::chunk_key(&chunk(3, 1, profile));
            batch.put(Family::Content, key, &bytes(9, CHUNK_BYTES));
            for number in [0, 3] {
                let hash = chunk(4, number, profile);
                batch.delete(Family::Content, layout::chunk_key(&hash));
                batch.delete(Family::Content, layout::chunk_length_key(&hash));
            }
            batch.delete(Family::Content, layout::chunk_key(&whole.data_root(2)));
            // More of a tree than the search can find: its root and a node under it.
            let root = whole.data_root(4);
            batch.delete(Family::Content, layout::interior_key(&root));
            let child = whole.interior(&root).left;
            batch.delete(Family::Content, layout::interior_key(&child));
        });
        fixture.remove_second_copies();
        let alone = fixture.copy();
        assert!(!alone.repair().after.is_clean());

        let mut unrelated = content[3][..CHUNK_BYTES].to_vec();
        unrelated.extend(bytes(77, CHUNK_BYTES));
        let sources = [
            file(&fixture, "unrelated", &unrelated),
            file(&fixture, "empty", &[]),
            file(&fixture, "third", &content[3]),
            file(&fixture, "fourth", &content[4]),
        ];
        let useless = fixture.copy().repair_from(&sources[..1]);
        assert!(!useless.after.is_clean());
        let repaired = fixture.repair_from(&sources);
        assert!(repaired.after.is_clean(), "{:#?}", repaired.after);
        assert!(fixture.records() == fixture.whole);
        fixture.prove_all_signed();
    }
}

#[test]
fn files_without_lost_content_leave_no_backup() {
    let whole = Fixture::new(HashingProfile::Plain);
    whole.tamper(|batch| batch.delete(Family::Content, layout::chunk_key(&whole.data_root(0))));
    whole.remove_second_copies();
    let source = file(&whole, "other", b"something else");
    let repaired = whole.repair_from(&[source]);
    assert_eq!((repaired.records_written, &repaired.backup), (0, &None));
    assert_eq!(repaired.before, repaired.after);
    assert!(!whole.folder.path().join("bucket.before-repair").exists());
    let missing = whole.folder.path().join("nowhere");
    let path = whole.path();
    let refused = repair(
        &path,
        ID,
        &[missing],
        &SharedResources::default(),
        &mut |_| {},
    )
    .unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
}

#[test]
fn unreferenced_content_is_checked_and_rebuilt() {
    let whole = Fixture::new(HashingProfile::Plain);
    let bucket = Bucket::open(
        &whole.path(),
        Access::ReadWrite,
        &SharedResources::default(),
    )
    .unwrap();
    bucket.ingest(&bytes(40, 3 * CHUNK_BYTES)[..]).unwrap();
    let (lone, _) = (bytes(41, 10), bucket.ingest(&bytes(41, 10)[..]).unwrap());
    bucket.close().unwrap();
    let records = whole.records();
    let last = HashingProfile::Plain.chunk(&bytes(40, 3 * CHUNK_BYTES)[2 * CHUNK_BYTES..]);
    let padded = HashingProfile::Plain.node(&last, &H256::zero());
    whole.tamper(|batch| {
        batch.delete(
            Family::Content,
            layout::chunk_length_key(&HashingProfile::Plain.chunk(&lone)),
        );
        batch.delete(Family::Content, layout::interior_key(&padded));
    });
    let repaired = whole.repair();
    assert!(repaired.after.is_clean(), "{:#?}", repaired.after);
    assert!(whole.records() == records);
}

#[test]
fn a_check_continues_after_an_unreadable_part_of_a_file() {
    let whole = Fixture::new(HashingProfile::Plain);
    let bucket = Bucket::open(
        &whole.path(),
        Access::ReadWrite,
        &SharedResources::default(),
    )
    .unwrap();
    for number in 0..4000u32 {
        bucket.ingest(&number.to_be_bytes()[..]).unwrap();
    }
    bucket.close().unwrap();
    let clean = whole.check();
    assert!(clean.is_clean() && clean.records > 4000, "{clean:?}");

    let tables = std::fs::read_dir(whole.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_table = |path: &PathBuf| path.extension().is_some_and(|end| end == "sst");
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let largest = tables.filter(is_table).max_by_key(size).unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    // Among the lengths of chunks, after their small values.
    let at = bytes.len() * 6 / 10;
    bytes[at] ^= 1;
    std::fs::write(&largest, bytes).unwrap();

    let found = whole.check();
    let gap = found
        .findings
        .iter()
        .find(|found| found.place.starts_with("chunks from 0x"));
    let gap = gap.unwrap_or_else(|| panic!("{found:?}"));
    assert!(matches!(gap.remedy, Remedy::None { .. }), "{gap:?}");
    assert!(gap.place.contains("to 0x"), "{gap:?}");
    assert!(
        found.records < clean.records && found.records > clean.records * 9 / 10,
        "{found:?}"
    );
    // Content that cannot be counted is not recounted.
    assert_eq!(found.rebuildable(), 0, "{found:?}");
    // The seven leaves and all signed roots are as they were.
    assert_eq!((found.leaves, found.signed_roots), (7, 6));
}
