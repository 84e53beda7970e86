//! Sources that are altered, truncated, incomplete, or made to write elsewhere. None is
//! adopted, and nothing is left behind.

use super::*;
use crate::bucket::{Builder as BucketBuilder, KeepBytes};
use crate::error::SignAgainError;
use crate::transfer::manifest::ManifestFile;
use cairn_engine::layout::{FlagValue, NodeKind, ShapeDefect};
use cairn_primitives::{H256, MmrLeaf, Sequence};
use proptest::prelude::*;
use std::os::unix::fs::symlink;
use tar::{Builder, EntryType, Header};

/// Offsets in a file of this length: both ends, and some between.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let step = (length / 6).max(1);
    (0..length)
        .step_by(step)
        .chain(length.checked_sub(1))
        .chain(length.checked_sub(length / 50 + 1))
}

/// Checks that a bucket was rejected, or adopted without a fault.
#[track_caller]
fn assert_refused_or_harmless(
    fixture: &Fixture,
    came: Result<Imported, TransferError>,
    what: &str,
) {
    if let Err(error) = came {
        assert!(!error.to_string().is_empty());
        fixture.assert_nothing_there();
        return;
    }
    let adopted = fixture.adopted();
    assert_eq!(
        adopted.commitment(),
        fixture.bucket().commitment(),
        "{what}"
    );
    assert_eq!(
        signed_commitments(&adopted),
        signed_commitments(fixture.bucket()),
        "{what}"
    );
    assert!(fsck(&adopted, |_| {}).unwrap().is_clean(), "{what}");
    drop(adopted);
    fixture.remove_adopted();
}

#[test]
fn a_byte_flipped_in_any_file_of_an_export_is_refused() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let database = fixture.out().join(DATABASE_DIR);
    for (name, before) in contents(&database) {
        // A link would flip the byte in the bucket as well.
        std::fs::remove_file(database.join(&name)).unwrap();
        for place in places(before.len()) {
            let mut flipped = before.clone();
            flipped[place] ^= 0x10;
            std::fs::write(database.join(&name), flipped).unwrap();
            for check in [ImportCheck::Full, ImportCheck::Quick] {
                let refused = fixture.import_with(ImportSource::Path(&fixture.out()), check);
                assert!(
                    matches!(&refused, Err(TransferError::Altered { file, .. }) if *file == name),
                    "{name} {place}: {refused:?}"
                );
                fixture.assert_nothing_there();
            }
        }
        std::fs::write(database.join(&name), &before).unwrap();
    }
    fixture.import(&fixture.out()).unwrap();
}

#[test]
fn a_flipped_byte_under_a_matching_manifest_is_not_adopted() {
    let fixture = Fixture::new();
    let exported = fixture.export(ExportFormat::Folder).manifest;
    let database = fixture.out().join(DATABASE_DIR);
    let mut refused = 0;
    for (name, before) in contents(&database) {
        std::fs::remove_file(database.join(&name)).unwrap();
        for place in places(before.len()) {
            let mut flipped = before.clone();
            flipped[place] ^= 0x10;
            std::fs::write(database.join(&name), &flipped).unwrap();
            let json = forged(&exported, &name, &flipped);
            std::fs::write(fixture.out().join(MANIFEST_NAME), json).unwrap();
            let came = fixture.import(&fixture.out());
            refused += usize::from(came.is_err());
            assert_refused_or_harmless(&fixture, came, &format!("{name} {place}"));
        }
        std::fs::write(database.join(&name), &before).unwrap();
    }
    assert!(refused > 20, "{refused}");
}

/// Encodes the manifest with another hash for one file.
fn forged(exported: &Manifest, name: &str, bytes: &[u8]) -> String {
    let json = String::from_utf8(exported.to_json().unwrap()).unwrap();
    let file = exported.files().iter().find(|file| file.name() == name);
    let hash = |hash: &[u8]| hex::encode(hash);
    json.replace(
        &hash(file.unwrap().hash().as_bytes()),
        &hash(HashingProfile::Plain.chunk(bytes).as_bytes()),
    )
}

#[test]
fn a_flipped_byte_in_the_manifest_is_refused_or_harmless() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let path = fixture.out().join(MANIFEST_NAME);
    let before = std::fs::read(&path).unwrap();
    for place in (0..before.len()).step_by(5) {
        let mut flipped = before.clone();
        flipped[place] ^= 0x01;
        std::fs::write(&path, &flipped).unwrap();
        let came = fixture.import_with(ImportSource::Path(&fixture.out()), ImportCheck::Quick);
        assert_refused_or_harmless(&fixture, came, &String::from_utf8_lossy(&flipped));
    }
}

#[test]
fn a_manifest_of_another_bucket_or_commitment_is_rejected() {
    let fixture = Fixture::new();
    let exported = fixture.export(ExportFormat::Folder).manifest;
    let path = fixture.out().join(MANIFEST_NAME);
    let alter = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = exported.clone();
        change(&mut manifest);
        std::fs::write(&path, manifest.to_json().unwrap()).unwrap();
        let refused = fixture.import_with(ImportSource::Path(&fixture.out()), ImportCheck::Quick);
        fixture.assert_nothing_there();
        match refused {
            Err(TransferError::ManifestMismatch { what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(alter(&|m| m.bucket = BucketId(8)), "id");
    assert_eq!(
        alter(&|m| m.config.profile = HashingProfile::Tagged),
        "hashing"
    );
    assert_eq!(alter(&|m| m.config.max_bytes = u64::MAX), "quota");
    assert_eq!(alter(&|m| m.commitment.mmr_root.0[0] ^= 1), "root");
    assert_eq!(alter(&|m| m.commitment.start_seq.0 = 1), "first sequence");
    assert_eq!(
        alter(&|m| m.commitment.leaf_count = m.commitment.leaf_count.checked_add(1).unwrap()),
        "leaf count"
    );
    assert_eq!(alter(&|m| m.total_size += 1), "total size");
    assert_eq!(alter(&|m| m.used_bytes -= 1), "content in bytes");
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let fixture = Fixture::new();
    let archive = fixture.archive();
    let end = end_of_last_file(&archive);
    let near_blocks = (0..end).step_by(512).flat_map(|at| [at, at + 1, at + 511]);
    let step = near_blocks.clone().count() / 250 + 1;
    for length in near_blocks
        .step_by(step)
        .filter(|at| *at < end)
        .chain([end - 1])
    {
        let refused = fixture.import_archive(&archive[..length]);
        assert!(refused.is_err(), "{length} of {}", archive.len());
        fixture.assert_nothing_there();
    }
    // After the last file's block, only the end mark follows.
    let blocks = end.next_multiple_of(512);
    assert_eq!(archive.len(), blocks + 2 * 512);
    fixture.import_archive(&archive[..blocks]).unwrap();
}

/// Returns where the bytes of the last file end.
fn end_of_last_file(archive: &[u8]) -> usize {
    let mut archive = tar::Archive::new(archive);
    let ends = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        entry.raw_file_position() + entry.size()
    });
    ends.max().unwrap() as usize
}

/// An archive's entries: name, kind and bytes.
type Entries = Vec<(String, EntryType, Vec<u8>)>;

fn entries(archive: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (name, entry.header().entry_type(), bytes)
    });
    entries.collect()
}

/// Makes an archive of arbitrary entries and names.
fn packed(entries: &Entries) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, bytes) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            header.set_link_name("/etc/hostname").unwrap();
        }
        header.set_cksum();
        builder.append(&header, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn an_archive_made_again_by_another_writer_is_taken() {
    let fixture = Fixture::new();
    let mut entries = entries(&fixture.archive());
    entries.insert(1, ("bucket/".into(), EntryType::Directory, vec![]));
    entries[2..].reverse();
    fixture.import_archive(&packed(&entries)).unwrap();
}

#[test]
fn foreign_archive_entries_are_refused_and_write_nowhere() {
    let fixture = Fixture::new();
    let sound = entries(&fixture.archive());
    let file = |name: &str| (name.to_owned(), EntryType::Regular, b"x".to_vec());
    let of = |name: &str, kind| (name.to_owned(), kind, vec![]);
    let mut hostile: Vec<(Entries, &str)> = Vec::new();
    for (extra, why) in [
        (file("bucket/../../evil"), "evil"),
        (file("../evil"), "evil"),
        (file("/tmp/evil"), "evil"),
        (file("bucket/000099.sst"), "000099.sst"),
        (file("bucket/"), "more often"),
        (file("bucket"), "\"bucket\""),
        (file("manifest.json"), "manifest.json"),
        (file("readme"), "readme"),
        (
            of("bucket/CURRENT", EntryType::Symlink),
            "not a regular file",
        ),
        (of("bucket/CURRENT", EntryType::Link), "not a regular file"),
        (of("bucket/CURRENT", EntryType::Char), "not a regular file"),
        (of("bucket/CURRENT", EntryType::Block), "not a regular file"),
        (of("bucket/CURRENT", EntryType::Fifo), "not a regular file"),
        (
            of("bucket/CURRENT", EntryType::GNUSparse),
            "not a regular file",
        ),
        (
            of("bucket/CURRENT", EntryType::Directory),
            "not a regular file",
        ),
        (of("x", EntryType::GNULongName), "not a regular file"),
        (of("x", EntryType::XHeader), "not a regular file"),
        (of("x", EntryType::XGlobalHeader), "not a regular file"),
        (of("bucket/sub", EntryType::Directory), "not a regular file"),
    ] {
        for place in [1, sound.len()] {
            let mut entries = sound.clone();
            entries.insert(place, extra.clone());
            hostile.push((entries, why));
        }
    }
    let current = sound.iter().position(|(name, ..)| name == "bucket/CURRENT");
    let current = current.unwrap();
    let mut altered = |change: &dyn Fn(&mut Entries), why| {
        let mut entries = sound.clone();
        change(&mut entries);
        hostile.push((entries, why));
    };
    altered(&|e| e.push(e[current].clone()), "more often");
    altered(&|e| e[current].2.push(b'x'), "more than");
    altered(&|e| e[current].2.truncate(3), "ends after");
    altered(&|e| drop(e.remove(current)), "is missing");
    altered(&|e| e.swap(0, 1), "first file");
    altered(&|e| drop(e.remove(0)), "first file");
    altered(&|e| e[0].1 = EntryType::Symlink, "not a regular file");
    altered(&|e| e.clear(), "empty");
    for (entries, why) in hostile {
        let error = fixture.import_archive(&packed(&entries)).unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
        fixture.assert_nothing_there();
    }
    assert_eq!(names(fixture.folder.path()), ["here", "there"]);
    assert!(!Path::new("/tmp/evil").exists());
}

#[test]
fn links_and_surplus_files_in_an_exported_folder_are_refused() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    let database = fixture.out().join(DATABASE_DIR);
    let elsewhere = fixture.folder.path().join("elsewhere");
    for name in [
        DATABASE_DIR.to_owned() + "/CURRENT",
        MANIFEST_NAME.to_owned(),
    ] {
        let path = fixture.out().join(name);
        std::fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let refused = fixture.import(&fixture.out()).unwrap_err();
        assert!(refused.to_string().contains("it is a link"), "{refused}");
        fixture.assert_nothing_there();
        std::fs::rename(&elsewhere, &path).unwrap();
    }
    for surplus in [database.join("LOCK"), fixture.out().join("notes")] {
        std::fs::write(&surplus, "").unwrap();
        let refused = fixture.import(&fixture.out()).unwrap_err();
        assert!(matches!(refused, TransferError::NotAnExport { .. }));
        fixture.assert_nothing_there();
        std::fs::remove_file(&surplus).unwrap();
    }
    std::fs::remove_file(database.join("CURRENT")).unwrap();
    assert!(fixture.import(&fixture.out()).is_err());
    fixture.assert_nothing_there();
}

#[test]
fn a_bucket_larger_than_the_free_space_is_refused_first() {
    let fixture = Fixture::new();
    let exported = fixture.export(ExportFormat::Folder).manifest;
    let huge = ManifestFile::new("999999.sst", u64::MAX / 2, Default::default()).unwrap();
    let mut json = String::from_utf8(exported.to_json().unwrap()).unwrap();
    let entry = format!(
        r#""files": [{{"name": "{}", "size": {}, "blake2_256": "0x{}"}},"#,
        huge.name(),
        huge.size(),
        hex::encode(huge.hash())
    );
    json = json.replacen(r#""files": ["#, &entry, 1);
    std::fs::write(fixture.out().join(MANIFEST_NAME), json).unwrap();
    std::fs::write(fixture.out().join(DATABASE_DIR).join("999999.sst"), "").unwrap();
    let refused = fixture.import(&fixture.out()).unwrap_err();
    assert!(matches!(refused, TransferError::NoRoom { .. }), "{refused}");
    fixture.assert_nothing_there();
}

/// Makes a bucket as a malicious author may: one leaf of an invented root without content,
/// and a flag that gives the root this kind.
fn bucket_without_content(path: &Path, kind: NodeKind, data_size: u64) {
    let shared = SharedResources::default();
    let config = BucketConfig::default();
    let tree = Sequence(0);
    let keep = KeepBytes::Yes;
    let mut builder = BucketBuilder::begin(path, ID, config, tree, keep, &shared).unwrap();
    let leaf = MmrLeaf {
        data_root: H256::repeat_byte(7),
        data_size,
        total_size: data_size,
    };
    builder.append(&[leaf]).unwrap().unwrap();
    let defect = ShapeDefect::NotPadded;
    builder
        .flag(tree, FlagValue { root: kind, defect })
        .unwrap();
    builder.finish().unwrap();
}

#[test]
fn s3_a_bucket_with_flags_is_refused_unless_it_is_asked_for() {
    let fixture = Fixture::new();
    let path = fixture.folder.path().join("odd");
    bucket_without_content(&path, NodeKind::Padding, 700);
    for check in [ImportCheck::Full, ImportCheck::Quick] {
        // Without a manifest, only the full check is possible.
        let refused = fixture
            .import_with(ImportSource::Path(&path), check)
            .unwrap_err();
        match check {
            ImportCheck::Full => assert!(
                matches!(
                    refused,
                    TransferError::Unprovable {
                        leaves: 1,
                        nodes: 0,
                        ..
                    }
                ),
                "{refused}"
            ),
            ImportCheck::Quick => assert!(refused.to_string().contains("full check"), "{refused}"),
        }
        fixture.assert_nothing_there();
    }
}

#[test]
fn s3_a_flag_hides_no_content_that_is_missing() {
    let fixture = Fixture::new();
    for (number, kind) in [NodeKind::Padding, NodeKind::Chunk, NodeKind::Node]
        .into_iter()
        .enumerate()
    {
        for data_size in [0, 1, 700] {
            let path = fixture
                .folder
                .path()
                .join(format!("odd {number} {data_size}"));
            bucket_without_content(&path, kind, data_size);
            let rules = ImportRules {
                check: ImportCheck::Full,
                unprovable: UnprovablePolicy::Accept,
            };
            let shared = SharedResources::default();
            let source = ImportSource::Path(&path);
            let came = import_bucket(source, &fixture.there(), rules, &shared, &mut no_progress);
            let refused = came.unwrap_err();
            assert!(
                matches!(refused, TransferError::Findings { .. }),
                "{refused}"
            );
            fixture.assert_nothing_there();
        }
    }
}

#[test]
fn s13_roots_signed_with_another_key_are_not_signed_again() {
    let fixture = Fixture::new();
    fixture.export(ExportFormat::Folder);
    fixture.import(&fixture.out()).unwrap();
    let adopted = fixture.adopted();
    let commitments = signed_commitments(&adopted);
    assert_eq!(commitments, signed_commitments(fixture.bucket()));
    assert_proves(&adopted, &commitments);
    for commitment in commitments {
        let count = commitment.leaf_count;
        assert!(fixture.bucket().signed_commitment_at(count).is_ok());
        let refused = adopted.signed_commitment_at(count).unwrap_err();
        assert!(
            matches!(refused, SignAgainError::NotSigned { .. }),
            "{refused}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_as_an_archive_end_in_a_reason(archive in prop::collection::vec(any::<u8>(), 0..3000)) {
        let folder = tempfile::tempdir().unwrap();
        let source = ImportSource::Archive(&mut &archive[..]);
        let shared = SharedResources::default();
        let came = import_bucket(source, folder.path(), ImportCheck::Full, &shared, &mut no_progress);
        prop_assert!(came.is_err());
        prop_assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn an_archive_altered_at_random_is_never_adopted_wrong() {
    let fixture = Fixture::new();
    let sound = fixture.archive();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    runner
        .run(&changes, |changes| {
            let mut archive = sound.clone();
            for (place, byte) in changes {
                // Most of it is content; in half of the cases, alter a header.
                let length = if byte % 2 == 0 { archive.len() } else { 8_192 };
                archive[place.index(length)] = byte;
            }
            let came = fixture.import_archive(&archive);
            assert_refused_or_harmless(&fixture, came, "altered");
            Ok(())
        })
        .unwrap();
}
