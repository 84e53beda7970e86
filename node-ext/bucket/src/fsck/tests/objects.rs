//! Records of objects, which are put, replaced and deleted in any order: a repair leaves each as
//! its last change did.

use super::files::copy_without_links;
use super::*;
use crate::error::CommitError;
use crate::fsck::second_copy::restore_records;
use cairn_engine::JournalReader;
use proptest::option;
use proptest::sample::Index;
use std::collections::BTreeMap;
use std::path::Path;

/// A change of a name: its new value, or none.
type NameChange = (u8, Option<u8>);
type Records = BTreeMap<Vec<u8>, Vec<u8>>;

const SPACE: u8 = b'k';

fn key_of(name: u8) -> Vec<u8> {
    layout::object_key(SPACE, &[name])
}

fn change(bucket: &Bucket, changes: &[NameChange]) {
    let changed = bucket.change_objects(|to| {
        for (name, value) in changes {
            match value {
                Some(value) => to.put(SPACE, &[*name], vec![*value]),
                None => to.delete(SPACE, &[*name]),
            }
        }
        Ok::<_, CommitError>(())
    });
    changed.unwrap();
}

fn apply(records: &mut Records, changes: &[NameChange]) {
    for (name, value) in changes {
        match value {
            Some(value) => records.insert(key_of(*name), vec![*value]),
            None => records.remove(&key_of(*name)),
        };
    }
}

fn records_of(engine: &Engine) -> Records {
    let entries = engine.scan(Family::Tree, layout::OBJECTS).unwrap();
    let entries = entries.map(|entry| entry.unwrap());
    entries
        .map(|(key, value)| (key.into_vec(), value.into_vec()))
        .collect()
}

/// The records after each write, and the length of the journal then; with a copy of the
/// database as it was after one of the writes, with the whole journal.
struct History {
    folder: TempDir,
    records: Vec<Records>,
    lengths: Vec<usize>,
}

impl History {
    fn new(writes: &[Vec<NameChange>], copied_after: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let copy = folder.path().join("copy");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, ID, BucketConfig::default(), &shared).unwrap();
        let (mut records, mut lengths) = (vec![], vec![]);
        let mut current = Records::new();
        for at in 0..=writes.len() {
            lengths.push(std::fs::read(path.join(JOURNAL_FILE)).unwrap().len());
            records.push(current.clone());
            if at == copied_after {
                std::fs::create_dir(&copy).unwrap();
                copy_without_links(&path, &copy);
            }
            if let Some(changes) = writes.get(at) {
                change(&bucket, changes);
                apply(&mut current, changes);
            }
        }
        std::fs::copy(path.join(JOURNAL_FILE), copy.join(JOURNAL_FILE)).unwrap();
        Self {
            folder,
            records,
            lengths,
        }
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    fn change_journal(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.copy().join(JOURNAL_FILE);
        let mut journal = std::fs::read(&path).unwrap();
        change(&mut journal);
        std::fs::write(&path, journal).unwrap();
    }
}

fn opened(path: &Path) -> Engine {
    let shared = SharedResources::default();
    Engine::open(path, Access::ReadWrite, &shared, DamagedLog::Refuse).unwrap()
}

fn changes(number: std::ops::Range<usize>) -> impl Strategy<Value = Vec<NameChange>> {
    proptest::collection::vec((0u8..4, option::of(any::<u8>())), number)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The database is at any write, the journal at any other, and the database has lost some
    /// records and has older ones in place of others.
    #[test]
    fn a_restored_record_is_as_its_last_change_left_it(
        writes in proptest::collection::vec(
            changes(1..4),
            1..14,
        ),
        database in any::<Index>(),
        journal in any::<Index>(),
        lost in changes(0..5),
    ) {
        let places = writes.len() + 1;
        let (database, journal) = (database.index(places), journal.index(places));
        let history = History::new(&writes, database);
        history.change_journal(|bytes| bytes.truncate(history.lengths[journal]));
        // What was never written cannot come up again.
        let written = writes[..journal].concat();
        let mut lost = lost;
        lost.retain(|(name, _)| written.iter().any(|(of, _)| of == name));

        let engine = opened(&history.copy());
        let mut damaged = history.records[database].clone();
        apply(&mut damaged, &lost);
        let mut batch = engine.batch();
        for (name, value) in &lost {
            match value {
                Some(value) => batch.put(Family::Tree, key_of(*name), &[*value]),
                None => batch.delete(Family::Tree, key_of(*name)),
            }
        }
        engine.write(batch, Durability::Synced).unwrap();
        prop_assert_eq!(records_of(&engine), damaged.clone());

        restore_records(&engine, &history.copy(), ID, false).unwrap();
        let expected = if journal >= database {
            &history.records[journal]
        } else {
            // What was changed since is not known.
            &damaged
        };
        prop_assert_eq!(records_of(&engine), expected.clone());
        // Again, as after an interruption.
        restore_records(&engine, &history.copy(), ID, false).unwrap();
        prop_assert_eq!(records_of(&engine), expected.clone());
    }
}

/// The last change that a damaged journal still has may be followed by another.
#[test]
fn a_damaged_journal_changes_no_record_of_a_database_that_has_lost_nothing() {
    let writes = [
        vec![(1, Some(1)), (2, Some(1))],
        vec![(1, None)],
        vec![(1, Some(2)), (2, None)],
        vec![(3, Some(1))],
    ];
    let history = History::new(&writes, 4);
    let third = (history.lengths[2] + history.lengths[3]) / 2;
    history.change_journal(|bytes| bytes[third] ^= 1);
    let engine = opened(&history.copy());
    restore_records(&engine, &history.copy(), ID, false).unwrap();
    assert_eq!(records_of(&engine), history.records[4]);
    // If files were lost, a record that is missing may be one of them.
    restore_records(&engine, &history.copy(), ID, true).unwrap();
    let mut with_older = history.records[4].clone();
    apply(&mut with_older, &[(2, Some(1))]);
    assert_eq!(records_of(&engine), with_older);
}

/// A rewritten journal does not have deletions that came before.
#[test]
fn a_name_that_was_deleted_before_a_rewrite_of_the_journal_stays_deleted() {
    let (_folder, path) = named_bucket(&[(1, Some(1)), (2, Some(1))]);
    let older = path.with_file_name("older");
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    std::fs::create_dir(&older).unwrap();
    copy_without_links(&path, &older);
    change(&bucket, &[(1, None)]);
    bucket.engine().rewrite_journal().unwrap();
    change(&bucket, &[(3, Some(3))]);
    let newest = records_of(bucket.engine());
    drop(bucket);
    std::fs::copy(path.join(JOURNAL_FILE), older.join(JOURNAL_FILE)).unwrap();
    let engine = opened(&older);
    restore_records(&engine, &older, ID, false).unwrap();
    assert_eq!(records_of(&engine), newest);

    // It comes up again if the table with its deletion is lost.
    let engine = opened(&path);
    let mut batch = engine.batch();
    batch.put(Family::Tree, key_of(1), &[1]);
    engine.write(batch, Durability::Synced).unwrap();
    let with_deleted = records_of(&engine);
    assert_ne!(with_deleted, newest);
    // An earlier version's journal may lack names that are there.
    let journal = std::fs::read(path.join(JOURNAL_FILE)).unwrap();
    std::fs::write(path.join(JOURNAL_FILE), without_mark(&journal)).unwrap();
    restore_records(&engine, &path, ID, true).unwrap();
    assert_eq!(records_of(&engine), with_deleted);
    std::fs::write(path.join(JOURNAL_FILE), journal).unwrap();
    restore_records(&engine, &path, ID, true).unwrap();
    assert_eq!(records_of(&engine), newest);
}

/// A closed bucket with names.
fn named_bucket(changes: &[NameChange]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let shared = SharedResources::default();
    let bucket = Bucket::create(&path, ID, BucketConfig::default(), &shared).unwrap();
    if !changes.is_empty() {
        change(&bucket, changes);
    }
    bucket.close().unwrap();
    (folder, path)
}

/// A journal as an earlier version has written it: without its first record.
fn without_mark(journal: &[u8]) -> Vec<u8> {
    assert!(has_mark(journal));
    [&journal[..32], &journal[76..]].concat()
}

fn has_mark(journal: &[u8]) -> bool {
    let first = JournalReader::new(journal).unwrap().next_record().unwrap();
    first.is_some_and(|first| first.rewritten_length().is_some())
}

#[test]
fn a_journal_that_may_lack_names_is_rewritten_when_the_bucket_is_opened() {
    for (changes, is_rewritten) in [(&[(1, Some(1))][..], true), (&[][..], false)] {
        let (_folder, path) = named_bucket(changes);
        let whole = std::fs::read(path.join(JOURNAL_FILE)).unwrap();
        let earlier = without_mark(&whole);
        std::fs::write(path.join(JOURNAL_FILE), &earlier).unwrap();
        drop(Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap());
        let after = std::fs::read(path.join(JOURNAL_FILE)).unwrap();
        assert_eq!(has_mark(&after), is_rewritten);
        assert_eq!(after != earlier, is_rewritten);
    }
}

/// While the journal cannot be opened, names change without it.
#[test]
fn a_journal_that_missed_writes_brings_no_older_value_back() {
    let (_folder, path) = named_bucket(&[(1, Some(1)), (2, Some(1))]);
    let journal = path.join(JOURNAL_FILE);
    let before = std::fs::read(&journal).unwrap();
    std::fs::remove_file(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    change(&bucket, &[(1, Some(2)), (2, None)]);
    let newest = records_of(bucket.engine());
    bucket.close().unwrap();
    std::fs::remove_dir(&journal).unwrap();
    std::fs::write(&journal, before).unwrap();
    let engine = opened(&path);
    restore_records(&engine, &path, ID, false).unwrap();
    assert_eq!(records_of(&engine), newest);
}

/// The table with the names is damaged in the middle.
#[test]
fn a_repair_of_the_files_keeps_the_names_of_objects() {
    for has_journal in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, ID, BucketConfig::default(), &shared).unwrap();
        let ingested = bucket.ingest(&bytes(1, 20)[..]).unwrap();
        let leaf = NewLeaf {
            data_root: ingested.data_root,
            data_size: ingested.data_size,
        };
        bucket.commit_signed(&[leaf], &signer()).unwrap();
        let put = bucket.change_objects(|to| {
            for number in 0..400u32 {
                to.put(SPACE, format!("{number:04}").as_bytes(), vec![7; 200]);
            }
            Ok::<_, CommitError>(())
        });
        put.unwrap();
        bucket.close().unwrap();
        let whole = records_of(&opened(&path));
        if !has_journal {
            std::fs::remove_file(path.join(JOURNAL_FILE)).unwrap();
        }
        let entries = std::fs::read_dir(&path).unwrap();
        let tables = entries.map(|entry| entry.unwrap().path());
        let tables = tables.filter(|path| path.extension().is_some_and(|of| of == "sst"));
        let largest = tables.max_by_key(|path| std::fs::metadata(path).unwrap().len());
        let largest = largest.unwrap();
        let mut table = std::fs::read(&largest).unwrap();
        let middle = table.len() / 2;
        table[middle] ^= 1;
        std::fs::write(&largest, table).unwrap();

        let repaired = repair(&path, ID, &[], &shared, &mut |_| {}).unwrap();
        let mut findings = repaired.before.findings.iter();
        assert!(findings.any(|found| found.place == "names of objects"));
        assert!(repaired.after.is_clean(), "{:#?}", repaired.after);
        let kept = records_of(&opened(&path));
        if has_journal {
            assert_eq!(kept, whole);
        } else {
            assert!(kept.len() > 300 && kept.len() < 400, "{}", kept.len());
            assert!(
                kept.iter()
                    .all(|(key, value)| whole.get(key) == Some(value))
            );
        }
    }
}
