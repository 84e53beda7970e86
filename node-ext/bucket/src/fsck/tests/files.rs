//! Any one file of a bucket's folder lost, emptied, cut, garbled, or replaced by an older
//! one: nothing incomplete passes for complete, and after one repair all signed roots can
//! be proven, except for chunks that no other file has.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

/// A bucket of several tables and blob files, with a retired tree and with leaves that
/// are only in the log; left as by a killed process.
struct IntactBucket {
    folder: TempDir,
    /// All signed commitments, with the leaves of each tree.
    signed: Vec<Commitment>,
    leaves: Vec<MmrLeaf>,
    newest: Commitment,
}

/// Sequences of leaves whose content is only in the log and in no small chunk.
const LOGGED_ONLY: u64 = 9;

impl IntactBucket {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        let config = BucketConfig::default();
        let bucket = Bucket::create(&path, ID, config, &SharedResources::default()).unwrap();
        let (mut signed, mut leaves) = (vec![], vec![]);
        let mut put = |bucket: &Bucket, content: &[u8]| {
            let ingested = bucket.ingest(content).unwrap();
            let leaf = NewLeaf {
                data_root: ingested.data_root,
                data_size: ingested.data_size,
            };
            let (committed, signed_root) = bucket.commit_signed(&[leaf], &signer()).unwrap();
            leaves.push(bucket.leaf(committed.first_leaf).unwrap());
            signed.push(signed_root.payload.commitment);
        };
        put(&bucket, &bytes(1, 20));
        put(&bucket, &bytes(2, 2 * CHUNK_BYTES + 700));
        bucket.flush().unwrap();
        put(&bucket, &bytes(3, 5000));
        put(&bucket, &bytes(4, 5 * CHUNK_BYTES));
        bucket.flush().unwrap();
        put(&bucket, &bytes(5, 900));
        let older = folder.path().join("older");
        std::fs::create_dir(&older).unwrap();
        copy_without_links(&path, &older);
        bucket.prune(Sequence(2), None).unwrap();
        put(&bucket, &bytes(6, 3 * CHUNK_BYTES + 1));
        bucket.flush().unwrap();
        put(&bucket, &bytes(7, 64));
        put(&bucket, &[]);
        put(&bucket, &bytes(8, 333));
        put(&bucket, &bytes(9, 5001));
        put(&bucket, &bytes(10, 1));
        let newest = bucket.commitment();
        drop(bucket);
        Self {
            folder,
            signed,
            leaves,
            newest,
        }
    }

    fn copy(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bucket");
        std::fs::create_dir(&path).unwrap();
        copy_without_links(&self.folder.path().join("bucket"), &path);
        (folder, path)
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("bucket")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    }

    /// Returns the sequences of leaves with a signed part that cannot be proven. The proof of
    /// a leaf itself must always succeed.
    fn unprovable_leaves(&self, path: &Path, what: &str) -> BTreeSet<u64> {
        let bucket = Bucket::open(path, Access::ReadOnly, &SharedResources::default())
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut unanswered = BTreeSet::new();
        for commitment in &self.signed {
            let view = bucket
                .view(StateRef::Root(commitment.mmr_root))
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(view.commitment().unwrap(), *commitment, "{what}");
            for index in 0..commitment.leaf_count.get() {
                let leaf_index = LeafIndex(index);
                let sequence = commitment.start_seq.0 + index;
                view.mmr_proof(leaf_index)
                    .unwrap_or_else(|error| panic!("{what}: leaf {index}: {error}"));
                for chunk in 0..chunk_count(self.leaves[sequence as usize].data_size) {
                    let chunk_index = ChunkIndex(chunk);
                    let location = ChunkLocation {
                        leaf_index,
                        chunk_index,
                    };
                    if view.answer(location).is_err() {
                        unanswered.insert(sequence);
                    }
                }
            }
        }
        unanswered
    }
}

/// Copies without links, so that damage to one copy does not affect the other.
pub(super) fn copy_without_links(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    Lost,
    Emptied,
    Cut,
    Garbled,
    Older,
}

/// Damages a file, if this kind of damage is possible.
fn damage(whole: &IntactBucket, path: &Path, name: &str, how: Damage) -> bool {
    let file = path.join(name);
    let bytes = std::fs::read(&file).unwrap();
    let changed = match how {
        Damage::Lost => {
            std::fs::remove_file(&file).unwrap();
            return true;
        }
        Damage::Emptied => vec![],
        Damage::Cut => bytes[..bytes.len() / 2].to_vec(),
        Damage::Garbled => {
            let mut garbled = bytes.clone();
            let length = garbled.len();
            for place in [length / 3, length / 2, length / 2 + 1] {
                if let Some(byte) = garbled.get_mut(place) {
                    *byte ^= 0xa5;
                }
            }
            garbled
        }
        Damage::Older => match std::fs::read(whole.folder.path().join("older").join(name)) {
            Ok(older) => older,
            Err(_) => return false,
        },
    };
    std::fs::write(&file, &changed).unwrap();
    changed != bytes
}

const ALL: [Damage; 5] = [
    Damage::Lost,
    Damage::Emptied,
    Damage::Cut,
    Damage::Garbled,
    Damage::Older,
];

/// Opens a bucket for writing, like a base path does.
fn opened(path: &Path) -> Result<Bucket, OpenError> {
    let shared = SharedResources::default();
    Bucket::open(path, Access::ReadOnly, &shared)?.check_journal()?;
    Bucket::open(path, Access::ReadWrite, &shared)
}

#[test]
fn l9_one_damaged_file_costs_only_the_chunks_that_it_alone_had() {
    let whole = IntactBucket::new();
    let (_folder, path) = whole.copy();
    assert_eq!(whole.unprovable_leaves(&path, "whole"), BTreeSet::new());
    let mut rows = 0;
    for name in whole.files() {
        for how in ALL {
            let what = format!("{name} {how:?}");
            let (_folder, path) = whole.copy();
            if !damage(&whole, &path, &name, how) {
                continue;
            }
            rows += 1;
            // It never opens with less than was signed.
            let (_other, untouched) = whole.copy();
            damage(&whole, &untouched, &name, how);
            if let Ok(bucket) = opened(&untouched) {
                assert_eq!(bucket.commitment(), whole.newest, "{what}");
                drop(bucket);
            }
            let repaired = repair(&path, ID, &[], &SharedResources::default(), &mut |_| {})
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            let unanswered = whole.unprovable_leaves(&path, &what);
            let findings = &repaired.after.findings;
            let is_named = |leaf: &u64| {
                // By its index in its tree.
                let places = [
                    format!("leaf {leaf}"),
                    format!("leaf {}", leaf.wrapping_sub(2)),
                ];
                findings.iter().any(|found| places.contains(&found.place))
            };
            assert!(unanswered.iter().all(is_named), "{what}: {findings:#?}");
            match name.rsplit('.').next() {
                Some("blob") => {}
                Some("log") => assert!(
                    unanswered.iter().all(|leaf| *leaf == LOGGED_ONLY),
                    "{what}: {unanswered:?}"
                ),
                _ => {
                    assert_eq!(unanswered, BTreeSet::new(), "{what}: {findings:#?}");
                    assert!(repaired.after.is_clean(), "{what}: {findings:#?}");
                }
            }
            let bucket = opened(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(bucket.commitment(), whole.newest, "{what}");
            // The bucket continues, and all that it adds is sound.
            let ingested = bucket.ingest(&b"more"[..]).unwrap();
            let leaf = NewLeaf {
                data_root: ingested.data_root,
                data_size: ingested.data_size,
            };
            bucket.commit_signed(&[leaf], &signer()).unwrap();
            bucket.close().unwrap();
            assert_eq!(whole.unprovable_leaves(&path, &what), unanswered, "{what}");
        }
    }
    assert!(rows > 50, "{rows}");
}

/// A repair of the file list copies no chunks: a large bucket would lack the space and
/// the time.
#[test]
fn a_repair_relists_blob_files_without_copying_them() {
    let whole = IntactBucket::new();
    let blobs = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.ends_with(".blob"))
            .collect::<BTreeSet<_>>()
    };
    for lost in ["MANIFEST", "CURRENT"] {
        let (_folder, path) = whole.copy();
        let before = blobs(&path);
        assert!(before.len() > 1);
        let mut name = whole.files().into_iter();
        let name = name.rfind(|name| name.starts_with(lost)).unwrap();
        std::fs::remove_file(path.join(name)).unwrap();
        let repaired = repair(&path, ID, &[], &SharedResources::default(), &mut |_| {}).unwrap();
        assert!(repaired.after.is_clean(), "{lost}: {:#?}", repaired.after);
        // The writes of the file list and of the rebuilt tree.
        assert!(
            repaired.records_written <= 2,
            "{lost}: {}",
            repaired.records_written
        );
        assert!(before.is_subset(&blobs(&path)), "{lost}");
    }
}

/// To rewrite the journal takes as long as reading all of its records.
#[test]
fn the_journal_of_a_closed_bucket_is_not_rewritten() {
    use std::os::unix::fs::MetadataExt;
    let whole = IntactBucket::new();
    let (_folder, path) = whole.copy();
    let journal = || std::fs::metadata(path.join(JOURNAL_FILE)).unwrap();
    // Left as by a killed process, and closed.
    let before = journal();
    for content in [bytes(20, 5000), bytes(21, 5), bytes(22, 3 * CHUNK_BYTES)] {
        let bucket = opened(&path).unwrap();
        let ingested = bucket.ingest(&content[..]).unwrap();
        let leaf = NewLeaf {
            data_root: ingested.data_root,
            data_size: ingested.data_size,
        };
        bucket.commit(&[leaf], Durability::Buffered).unwrap();
        bucket.ingest(&bytes(23, 6000 + content.len())[..]).unwrap();
        bucket.close().unwrap();
    }
    opened(&path).unwrap().close().unwrap();
    assert_eq!(journal().ino(), before.ino());
    assert!(journal().len() > before.len());
    // A damaged journal is rewritten.
    std::fs::write(path.join(JOURNAL_FILE), "").unwrap();
    drop(opened(&path).unwrap());
    assert_ne!(journal().ino(), before.ino());
    assert!(journal().len() > 0);
}

/// Also for a caller that does not check first: the journal would be rewritten without the
/// writes that it alone has.
#[test]
fn l9_a_database_behind_its_journal_is_not_opened() {
    let whole = IntactBucket::new();
    let (_folder, path) = whole.copy();
    let journal = std::fs::read(path.join(JOURNAL_FILE)).unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    copy_without_links(&whole.folder.path().join("older"), &path);
    std::fs::write(path.join(JOURNAL_FILE), &journal).unwrap();
    let refused = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap_err();
    assert!(refused.to_string().contains("journal"), "{refused}");
    assert!(opened(&path).is_err());
    assert_eq!(std::fs::read(path.join(JOURNAL_FILE)).unwrap(), journal);
    // With the journal, only content that it does not keep is lost.
    repair(&path, ID, &[], &SharedResources::default(), &mut |_| {}).unwrap();
    assert_eq!(opened(&path).unwrap().commitment(), whole.newest);
}

/// Records after a torn end would be unreadable.
#[test]
fn l9_a_torn_end_of_a_journal_is_cut_before_more_is_written() {
    let whole = IntactBucket::new();
    let (_folder, path) = whole.copy();
    let journal = || std::fs::read(path.join(JOURNAL_FILE)).unwrap();
    opened(&path).unwrap().close().unwrap();
    let before = journal();
    std::fs::write(
        path.join(JOURNAL_FILE),
        [&before[..], b"jRec, torn"].concat(),
    )
    .unwrap();
    let bucket = opened(&path).unwrap();
    let ingested = bucket.ingest(&b"more"[..]).unwrap();
    let leaf = NewLeaf {
        data_root: ingested.data_root,
        data_size: ingested.data_size,
    };
    bucket.commit_signed(&[leaf], &signer()).unwrap();
    bucket.close().unwrap();
    let after = journal();
    assert!(after.starts_with(&before) && after.len() > before.len());
    assert!(after[before.len()..].starts_with(b"jRec"));
    assert!(!after.windows(6).any(|bytes| bytes == b", torn"));
    let bucket = opened(&path).unwrap();
    assert!(fsck(&bucket, |_| {}).unwrap().is_clean());
}

/// A test that needs the backup for inspection.
#[test]
fn the_files_are_kept_as_they_were_before_a_repair() {
    let whole = IntactBucket::new();
    let (folder, path) = whole.copy();
    std::fs::write(path.join("CURRENT"), "").unwrap();
    let names = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<BTreeSet<_>>()
    };
    let before = names(&path);
    let repaired = repair(&path, ID, &[], &SharedResources::default(), &mut |_| {}).unwrap();
    assert_eq!(names(&repaired.backup.unwrap()), before);
    let left: Vec<_> = names(folder.path()).into_iter().collect();
    assert_eq!(left, ["bucket", "bucket.before-repair"]);
}
