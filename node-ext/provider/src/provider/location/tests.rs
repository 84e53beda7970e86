//! A copy signs nothing until its operator accepts it as the newest one.

use super::*;
use crate::provider::{Provider, ProviderOptions};
use cairn_bucket::BasePath;
use cairn_engine::layout::BUCKETS_DIR;
use proptest::prelude::*;
use std::fs;
use tempfile::TempDir;

fn options(on_copy: OnCopy) -> ProviderOptions {
    ProviderOptions {
        on_copy,
        ..ProviderOptions::default()
    }
}

/// Opens a base path, and returns the reason why it signs nothing, if there is one.
fn open_reason(path: &Path, on_copy: OnCopy) -> Option<String> {
    let base = BasePath::create(path).unwrap();
    let provider = Provider::open(base, options(on_copy)).unwrap();
    provider.signing_off_reason()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn base_path() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    for _ in 0..2 {
        assert_eq!(open_reason(&base, OnCopy::Refuse), None);
    }
    (folder, base)
}

#[test]
fn s6_a_copy_of_a_base_path_signs_nothing_until_it_is_accepted() {
    let (folder, base) = base_path();
    let copied = folder.path().join("copied");
    copy(&base, &copied);
    for _ in 0..2 {
        let reason = open_reason(&copied, OnCopy::Refuse).unwrap();
        assert!(reason.contains("this is a copy"), "{reason}");
    }
    assert_eq!(open_reason(&copied, OnCopy::Accept), None);
    assert_eq!(open_reason(&copied, OnCopy::Refuse), None);
    assert_eq!(open_reason(&base, OnCopy::Refuse), None);
}

#[test]
fn s6_a_copy_in_the_originals_place_is_detected() {
    let (folder, base) = base_path();
    let backup = folder.path().join("backup");
    copy(&base, &backup);
    fs::remove_dir_all(&base).unwrap();
    copy(&backup, &base);
    assert!(open_reason(&base, OnCopy::Refuse).is_some());
}

#[test]
fn a_renamed_base_path_is_no_copy() {
    let (folder, base) = base_path();
    let moved = folder.path().join("moved");
    fs::rename(&base, &moved).unwrap();
    assert_eq!(open_reason(&moved, OnCopy::Refuse), None);
}

#[test]
fn s6_an_index_from_a_backup_is_detected_as_a_copy() {
    let (folder, base) = base_path();
    let backup = folder.path().join("backup");
    copy(&base.join(INDEX_DIR), &backup);
    fs::remove_dir_all(base.join(INDEX_DIR)).unwrap();
    assert_eq!(open_reason(&base, OnCopy::Refuse), None);
    fs::remove_dir_all(base.join(INDEX_DIR)).unwrap();
    copy(&backup, &base.join(INDEX_DIR));
    assert!(open_reason(&base, OnCopy::Refuse).is_some());
}

#[test]
fn s6_a_copy_without_location_files_is_detected() {
    let (folder, base) = base_path();
    for left_out in files(&base) {
        let copied = folder.path().join("copied");
        fs::rename(&base, &copied).unwrap();
        let left_out = copied.join(left_out.strip_prefix(&base).unwrap());
        let kept = folder.path().join("kept");
        fs::rename(&left_out, &kept).unwrap();
        assert!(open_reason(&copied, OnCopy::Refuse).is_some());
        fs::rename(&kept, &left_out).unwrap();
        fs::rename(&copied, &base).unwrap();
        assert_eq!(open_reason(&base, OnCopy::Refuse), None);
    }
}

#[test]
fn an_accepted_copy_treats_its_windows_as_unknown() {
    use crate::index::{DutyKind, WINDOWS_COMPLETE_SINCE};
    let (folder, base) = base_path();
    let past = |path: &Path| {
        let base = BasePath::create(path).unwrap();
        let provider = Provider::open(base, options(OnCopy::Accept)).unwrap();
        let index = provider.index();
        let past = index
            .duty(DutyKind::Window, WINDOWS_COMPLETE_SINCE)
            .unwrap();
        index.mark_fresh().unwrap();
        past
    };
    past(&base);
    assert_eq!(past(&base), None);
    let copied = folder.path().join("copied");
    copy(&base, &copied);
    assert!(past(&copied).is_some());
    assert_eq!(past(&copied), None);
}

#[test]
fn a_base_path_of_an_older_version_is_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base");
    fs::create_dir_all(base.join(BUCKETS_DIR)).unwrap();
    assert_eq!(open_reason(&base, OnCopy::Refuse), None);
    assert!(files(&base).iter().all(|file| file.exists()));
}

fn location_checks() -> impl Strategy<Value = LocationCheck> {
    prop_oneof![
        Just(LocationCheck::Here),
        Just(LocationCheck::Elsewhere),
        Just(LocationCheck::Absent)
    ]
}

proptest! {
    /// An interrupted first start never looks like a copy, since the files are written in
    /// this order; and a file from elsewhere is always noticed.
    #[test]
    fn an_interrupted_first_start_is_no_copy(of_base in location_checks(), of_index in location_checks(), row: bool) {
        let found_copy = is_copy(of_base, of_index, row);
        if of_base == LocationCheck::Elsewhere || of_index == LocationCheck::Elsewhere {
            prop_assert!(found_copy);
        }
        if !row && of_base != LocationCheck::Elsewhere && of_index != LocationCheck::Elsewhere {
            prop_assert!(!found_copy);
        }
        if row && (of_base, of_index) == (LocationCheck::Here, LocationCheck::Here) {
            prop_assert!(!found_copy);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse(&bytes);
    }

    /// Files are compared by creation time, and by inode number only if the file system
    /// does not keep that time.
    #[test]
    fn a_file_is_recognised_by_its_origin(
        created in proptest::option::of(0u64..4),
        inode in 0u64..4,
        other_created in proptest::option::of(0u64..4),
        other_inode in 0u64..4,
    ) {
        let written = Origin { created, inode };
        let found = Origin { created: other_created, inode: other_inode };
        prop_assert!(written.is_same_file(&written));
        let same = match created {
            Some(_) => created == other_created,
            None => inode == other_inode,
        };
        prop_assert_eq!(written.is_same_file(&found), same);
        prop_assert_eq!(parse(&(VERSION, written).encode()), Some(written));
    }
}
