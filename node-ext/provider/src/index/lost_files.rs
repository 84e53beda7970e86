//! Any one file of the index is removed, emptied, cut, garbled or replaced by an older
//! one. The index then has all its rows, or says that it is new; and with a new one the
//! provider signs for no window that it may have signed for before.

use super::*;
use std::path::Path;

const WINDOW: &[u8] = b"window";
const NONCE: u64 = 9;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Creates an index with several tables and a log, and an older copy of it.
fn build_index(path: &Path, older: &Path) {
    for round in 0..3u8 {
        let index = Index::open(path).unwrap();
        let signed = (WINDOW.to_vec(), Some(vec![round]));
        index.write_duties(DutyKind::Window, &[signed]).unwrap();
        let of_round = (vec![round], Some(vec![1; 100]));
        index
            .write_duties(DutyKind::Challenge, &[of_round])
            .unwrap();
        index.advance_nonce(NONCE + u64::from(round) - 2).unwrap();
        if round == 1 {
            index.mark_fresh().unwrap();
        }
        let record = BucketRecord::unknown(BucketStatus::Sound);
        let changes = Vec::new();
        index
            .write(BucketId(round.into()), || Some(Note { record, changes }))
            .unwrap();
        if round == 2 {
            // Before the newest signature, in the same log.
            copy(path, older);
            let signed = (WINDOW.to_vec(), Some(vec![99]));
            index.write_duties(DutyKind::Window, &[signed]).unwrap();
        }
    }
}

#[test]
fn i6_l9_an_index_with_a_lost_file_is_complete_or_new() {
    let folder = tempfile::tempdir().unwrap();
    let (path, older) = (folder.path().join("whole"), folder.path().join("older"));
    build_index(&path, &older);
    let names = std::fs::read_dir(&path).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    let (mut rows, mut made_anew) = (0, 0);
    for name in &names {
        for how in 0..5 {
            let what = format!("{name:?} {how}");
            let at = folder.path().join(&what).join("index");
            copy(&path, &at);
            let file = at.join(name);
            let bytes = std::fs::read(&file).unwrap();
            let changed = match how {
                0 => None,
                1 => Some(vec![]),
                2 => Some(bytes[..bytes.len() / 2].to_vec()),
                3 => {
                    let mut garbled = bytes.clone();
                    let middle = garbled.len() / 2;
                    garbled
                        .iter_mut()
                        .skip(middle)
                        .take(3)
                        .for_each(|byte| *byte ^= 0x5a);
                    Some(garbled)
                }
                _ => std::fs::read(older.join(name)).ok().or(Some(bytes.clone())),
            };
            match changed {
                Some(changed) if changed == bytes => continue,
                Some(changed) => std::fs::write(&file, changed).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            rows += 1;
            let index = Index::open(&at).unwrap_or_else(|error| panic!("{what}: {error}"));
            let duty = |kind, name: &[u8]| index.duty(kind, name).unwrap();
            // Earlier signatures are unknown, so none of these windows is signed for.
            if duty(DutyKind::Window, WINDOWS_COMPLETE_SINCE).is_some() {
                made_anew += 1;
                assert_eq!(duty(DutyKind::Window, WINDOW), None, "{what}");
                // It may be lost, but not wrong.
                assert!(index.nonce().unwrap().is_none_or(|nonce| nonce <= NONCE));
                assert!(at.with_file_name("index.unusable-0").is_dir(), "{what}");
            } else {
                assert_eq!(duty(DutyKind::Window, WINDOW), Some(vec![99]), "{what}");
                assert_eq!(
                    duty(DutyKind::Window, WINDOWS_COMPLETE_SINCE),
                    None,
                    "{what}"
                );
                for round in 0..3 {
                    let known = duty(DutyKind::Challenge, &[round]);
                    assert_eq!(known, Some(vec![1; 100]), "{what}");
                }
                assert_eq!(index.nonce().unwrap(), Some(NONCE), "{what}");
                assert_eq!(index.page(None, 9).unwrap().len(), 3, "{what}");
            }
        }
    }
    assert!(rows > 40 && made_anew > 10, "{rows} {made_anew}");
}

#[test]
fn i6_an_index_opens_despite_a_bad_tail_of_its_log() {
    for kind in [5, 6, 7, 8, 11, 131] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        Index::open(&path).unwrap().advance_nonce(NONCE).unwrap();
        let logs = cairn_engine::log_hole::logs_in(&path).unwrap();
        let mut log = std::fs::read(&logs[0]).unwrap();
        log.extend([1, 2, 3, 4, 32, 0, kind]);
        log.extend([7; 64]);
        std::fs::write(&logs[0], log).unwrap();
        let index = Index::open(&path).unwrap();
        assert_eq!(index.nonce().unwrap(), Some(NONCE));
        assert!(!path.with_file_name("index.unusable-0").exists());
    }
}

#[test]
fn i6_an_index_opens_despite_a_bad_tail_of_its_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    Index::open(&path).unwrap().advance_nonce(NONCE).unwrap();
    let named = std::fs::read_to_string(path.join("CURRENT")).unwrap();
    let manifest = path.join(named.trim());
    let mut bytes = std::fs::read(&manifest).unwrap();
    bytes.extend([1, 2, 3, 4, 32, 0, 131]);
    bytes.extend([7; 64]);
    std::fs::write(&manifest, bytes).unwrap();
    // Opening for reading repairs nothing.
    assert!(cairn_engine::IndexDb::open_read_only(&path).is_err());
    let index = Index::open(&path).unwrap();
    assert_eq!(index.nonce().unwrap(), Some(NONCE));
    assert!(!path.with_file_name("index.unusable-0").exists());
}
