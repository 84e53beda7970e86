//! `bucket list` without a running provider: it reads the index, opens no bucket, and says
//! which of its lines may be out of date.

use crate::support::{FAILED, Provider, REFUSED};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Creates a provider with a leaf in bucket 1, and bucket 2 empty.
fn provider() -> Provider {
    let provider = Provider::with_bucket("1");
    provider.run(["bucket", "create", "2"]).succeeds();
    provider.put("1", &provider.file("file", b"content"));
    provider
}

fn folder(provider: &Provider, bucket: u64) -> PathBuf {
    provider.base_path().join(format!("buckets/{bucket:016x}"))
}

fn index(provider: &Provider) -> PathBuf {
    provider.base_path().join("index")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(std::fs::copy(&path, to).unwrap()),
        }
    }
}

fn standings(listed: &[Value]) -> Vec<&Value> {
    listed.iter().map(|bucket| &bucket["standing"]).collect()
}

#[test]
fn buckets_that_cannot_be_opened_are_listed() {
    let provider = provider();
    let before = provider.json(["bucket", "list"]);
    assert_eq!(standings(&before), ["sound", "sound"]);
    assert_eq!(before[0]["leaf_count"], 1);
    for bucket in [1, 2] {
        std::fs::remove_file(folder(&provider, bucket).join("CURRENT")).unwrap();
    }
    let mut listed = provider.json(["bucket", "list"]);
    assert_eq!(standings(&listed), ["learning", "learning"]);
    for bucket in &mut listed {
        bucket["standing"] = "sound".into();
    }
    assert_eq!(listed, before);
    let told = provider.run(["bucket", "list"]).succeeds().text();
    assert_eq!(told.matches("its files changed").count(), 2, "{told}");
    provider
        .run(["bucket", "info", "1"])
        .fails(FAILED, &["CURRENT"]);
}

#[test]
fn status_opens_only_buckets_whose_files_changed() {
    let provider = provider();
    let before = provider.run(["status"]).succeeds().text();
    let current = folder(&provider, 1).join("CURRENT");
    let length = std::fs::read(&current).unwrap().len();
    // It cannot be opened any more, and looks unchanged.
    std::fs::write(&current, vec![b'x'; length]).unwrap();
    let listed = provider.json(["bucket", "list"]);
    assert_eq!(standings(&listed), ["sound", "sound"]);
    // Free space changes by itself.
    let lasting = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with("disk"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let after = provider.run(["status"]).succeeds().text();
    assert_eq!(lasting(&after), lasting(&before));
    provider.run(["bucket", "info", "1"]).fails(FAILED, &[]);
}

#[test]
fn a_record_that_is_behind_its_bucket_is_marked() {
    let provider = provider();
    let older = provider.base_path().join("older");
    copy(&index(&provider), &older);
    provider.put("1", &provider.file("more", b"more content"));
    let newest = provider.json(["bucket", "list"]);
    assert_eq!(newest[0]["leaf_count"], 2);
    std::fs::remove_dir_all(index(&provider)).unwrap();
    copy(&older, &index(&provider));
    let listed = provider.json(["bucket", "list"]);
    assert_eq!(standings(&listed), ["learning", "sound"]);
    assert_eq!(listed[0]["leaf_count"], 1);
    // It indexes the bucket, and signs nothing: a folder that was copied may be an old copy.
    provider.run(["status"]).fails(REFUSED, &["2 of 2"]);
    assert_eq!(provider.json(["bucket", "list"]), newest);
}

#[test]
fn buckets_without_a_record_or_a_folder_are_named() {
    let provider = provider();
    let other = Provider::with_bucket("5");
    copy(&folder(&other, 5), &folder(&provider, 5));
    let listed = provider.run(["bucket", "list"]);
    let told = listed.text();
    assert!(told.contains("5  it is not in the index"), "{told}");
    listed.fails(FAILED, &["1 of 3", "cairn status"]);
    provider.run(["status"]).succeeds();
    assert_eq!(provider.json(["bucket", "list"]).len(), 3);
    std::fs::remove_dir_all(folder(&provider, 2)).unwrap();
    let listed = provider.run(["bucket", "list"]);
    let told = listed.text();
    assert!(told.contains("2  its folder is gone"), "{told}");
    listed.fails(FAILED, &["1 of 3"]);
}

#[test]
fn without_a_usable_index_each_bucket_is_opened() {
    let provider = provider();
    let before = provider.json(["bucket", "list"]);
    std::fs::write(index(&provider).join("CURRENT"), "damage").unwrap();
    let told = provider.run(["bucket", "list"]).succeeds().text();
    assert!(told.contains("the index cannot be read"), "{told}");
    std::fs::remove_dir_all(index(&provider)).unwrap();
    let listed = provider.json(["bucket", "list"]);
    assert!(standings(&listed).iter().all(|standing| standing.is_null()));
    assert_eq!(listed[0]["mmr_root"], before[0]["mmr_root"]);
    // Listing writes nothing.
    assert!(!index(&provider).exists());
    std::fs::remove_file(folder(&provider, 2).join("CURRENT")).unwrap();
    let listed = provider.run(["bucket", "list"]);
    let told = listed.text();
    assert!(told.contains("2  it cannot be opened"), "{told}");
    listed.fails(FAILED, &["1 of 2"]);
    provider.run(["status"]);
    assert!(index(&provider).exists());
}
