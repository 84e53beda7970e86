//! Commands without a running provider sign nothing that a running provider would not sign.

use crate::support::{FAILED, Provider, REFUSED, USAGE, bytes, text_field};
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
    text_field(&provider.put("7", &file)[0], "mmr_root")
}

/// A provider whose bucket 7 was copied after one leaf, and which has signed another one since;
/// with the copy, and the last signed root.
fn back_up() -> (Provider, PathBuf, String) {
    let provider = Provider::with_bucket("7");
    put(&provider, 1);
    let backup = provider.base_path().with_file_name("backup");
    copy(&folder(&provider), &backup);
    let signed = put(&provider, 2);
    (provider, backup, signed)
}

fn restore(provider: &Provider, copied: &Path) {
    std::fs::remove_dir_all(folder(provider)).unwrap();
    copy(copied, &folder(provider));
}

#[test]
fn s6b_no_command_writes_to_a_bucket_behind_its_signed_root() {
    let (provider, backup, _) = back_up();
    restore(&provider, &backup);
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
    let output = provider.run(["status"]);
    assert_eq!(output.code, Some(REFUSED), "{output:?}");
    assert!(
        output.text().contains("1 leaves from sequence 0, but 2"),
        "{output:?}"
    );
    // Existing content can be read anyway.
    provider.run(["get", "7", "--leaf", "0"]).succeeds();
}

#[test]
fn s6d_a_longer_diverged_copy_is_not_signed_for() {
    let (provider, backup, signed) = back_up();
    // Like a co-primary that commits in another order, with the same first leaf.
    let other = Provider::new();
    other.run(["bucket", "create", "1"]).succeeds();
    copy(&backup, &folder(&other));
    for seed in 5..8 {
        put(&other, seed);
    }
    restore(&provider, &folder(&other));
    let file = provider.file("file", &bytes(3, 1000));
    for _ in 0..2 {
        let refused = provider.run(["put", "7", file.to_str().unwrap()]);
        refused.fails(FAILED, &["bucket 7", &signed, "a copy that has diverged"]);
    }
    let output = provider.run(["status"]);
    assert_eq!(output.code, Some(REFUSED), "{output:?}");
    assert!(output.text().contains(&signed), "{output:?}");
}

#[test]
fn s6b_put_does_not_sign_for_a_quarantined_bucket() {
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
fn s4_a_bucket_with_another_hashing_than_the_chain_is_refused() {
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
    let output = provider.run(["status"]);
    assert_eq!(output.code, Some(REFUSED), "{output:?}");
    assert!(
        output.text().contains("nothing is signed for bucket 7"),
        "{output:?}"
    );
}

#[test]
fn s6b_an_import_older_than_a_signed_root_is_quarantined() {
    let (provider, backup, _) = back_up();
    std::fs::remove_dir_all(folder(&provider)).unwrap();
    let import = ["bucket", "import", backup.to_str().unwrap()];
    provider
        .run(import)
        .fails(FAILED, &["bucket 7", "were signed"]);
    let file = provider.file("file", &bytes(3, 1000));
    let refused = provider.run(["put", "7", file.to_str().unwrap()]);
    refused.fails(FAILED, &["bucket 7 is in quarantine"]);
}
