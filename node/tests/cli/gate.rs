//! Commands without a running provider sign nothing that a running provider would not sign.

use crate::support::{FAILED, Provider, REFUSED, USAGE, bytes, text_of};
use std::path::{Path, PathBuf};

/// The folder of bucket 7.
fn folder(provider: &Provider) -> PathBuf {
    provider.base_path().join("buckets/0000000000000007")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn put(provider: &Provider, seed: u64) -> String {
    let file = provider.file("file", &bytes(seed, 1000));
    text_of(&provider.put("7", &file)[0], "mmr_root")
}

/// A provider whose bucket 7 was copied after one leaf, and which has signed another one since;
/// with the copy, and the last signed root.
fn put_aside() -> (Provider, PathBuf, String) {
    let provider = Provider::with_bucket("7");
    put(&provider, 1);
    let backup = provider.base_path().with_file_name("backup");
    copy(&folder(&provider), &backup);
    let signed = put(&provider, 2);
    (provider, backup, signed)
}

fn put_back(provider: &Provider, copied: &Path) {
    std::fs::remove_dir_all(folder(provider)).unwrap();
    copy(copied, &folder(provider));
}

#[test]
fn s6b_a_bucket_behind_what_was_signed_is_not_written_to_by_any_command() {
    let (provider, backup, _) = put_aside();
    put_back(&provider, &backup);
    let file = provider.file("file", &bytes(3, 1000));
    let file = file.to_str().unwrap();
    // Without a `status` before: the signature itself recorded the root.
    for _ in 0..2 {
        for args in [
            &["put", "7", file][..],
            &["bucket", "prune", "7", "--before", "1", "--unsigned"],
            &["bucket", "release", "7", "--tree", "0"],
        ] {
            provider.run(args).fails(FAILED, &["bucket 7", "2"]);
        }
    }
    let told = provider.run(["status"]);
    assert_eq!(told.code, Some(REFUSED), "{told:?}");
    assert!(
        told.text().contains("1 leaves from sequence 0, but 2"),
        "{told:?}"
    );
    // Existing content can be read anyway.
    provider.run(["get", "7", "--leaf", "0"]).succeeds();
}

#[test]
fn s6d_a_longer_copy_that_went_another_way_is_not_signed_for() {
    let (provider, backup, signed) = put_aside();
    // Like a co-primary that commits in another order, with the same first leaf.
    let other = Provider::new();
    other.run(["bucket", "create", "1"]).succeeds();
    copy(&backup, &folder(&other));
    for seed in 5..8 {
        put(&other, seed);
    }
    put_back(&provider, &folder(&other));
    let file = provider.file("file", &bytes(3, 1000));
    for _ in 0..2 {
        let refused = provider.run(["put", "7", file.to_str().unwrap()]);
        refused.fails(FAILED, &["bucket 7", &signed, "a copy that has diverged"]);
    }
    let told = provider.run(["status"]);
    assert_eq!(told.code, Some(REFUSED), "{told:?}");
    assert!(told.text().contains(&signed), "{told:?}");
}

#[test]
fn s6b_what_a_check_has_set_apart_is_not_signed_for_by_a_put() {
    let provider = Provider::with_bucket("7");
    put(&provider, 1);
    let current = folder(&provider).join("CURRENT");
    let kept = std::fs::read(&current).unwrap();
    std::fs::remove_file(&current).unwrap();
    assert_eq!(provider.run(["status"]).code, Some(REFUSED));
    std::fs::write(&current, kept).unwrap();
    let file = provider.file("file", &bytes(2, 1000));
    let refused = provider.run(["put", "7", file.to_str().unwrap()]);
    refused.fails(FAILED, &["bucket 7 is in quarantine", "cairn fsck 7"]);
    provider.run(["bucket", "accept", "7"]).succeeds();
    put(&provider, 2);
}

#[test]
fn s4_a_bucket_that_hashes_otherwise_than_its_chain_is_not_made() {
    let provider = Provider::new();
    let create = |args: &[&str]| provider.run([&["bucket", "create"], args].concat());
    create(&["7", "--hashing", "tagged"]).fails(REFUSED, &["hashes tagged", "--chain-hashing"]);
    create(&["7", "--chain-hashing", "tagged"]).fails(REFUSED, &["hashes plain", "tagged hashing"]);
    // The setting is kept from now on.
    create(&["7", "--hashing", "tagged"]).succeeds();
    put(&provider, 1);
    create(&["8"]).fails(REFUSED, &["hashes plain", "tagged hashing alone"]);
    create(&["8", "--chain-hashing", "other"]).fails(USAGE, &["other"]);
    // It can be changed while no chain has been seen; the first bucket is then not signed for.
    create(&["8", "--chain-hashing", "plain"]).succeeds();
    let file = provider.file("file", &bytes(2, 1000));
    let refused = provider.run(["put", "7", file.to_str().unwrap()]);
    refused.fails(
        REFUSED,
        &["nothing is signed for bucket 7", "plain hashing alone"],
    );
    let told = provider.run(["status"]);
    assert_eq!(told.code, Some(REFUSED), "{told:?}");
    assert!(
        told.text().contains("nothing is signed for bucket 7"),
        "{told:?}"
    );
}

#[test]
fn s6b_a_bucket_that_is_imported_over_a_later_signature_is_set_apart() {
    let (provider, backup, _) = put_aside();
    std::fs::remove_dir_all(folder(&provider)).unwrap();
    let import = ["bucket", "import", backup.to_str().unwrap()];
    provider
        .run(import)
        .fails(FAILED, &["bucket 7", "were signed"]);
    let file = provider.file("file", &bytes(3, 1000));
    let refused = provider.run(["put", "7", file.to_str().unwrap()]);
    refused.fails(FAILED, &["bucket 7 is in quarantine"]);
}
