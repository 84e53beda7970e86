//! Resource limits, and an operator's decisions about whole buckets.

use crate::support::{FAILED, Provider, REFUSED, RunResult, bytes};
use std::process::Command;

/// Runs the program with a limit on descriptors.
fn with_descriptors(number: u32, provider: &Provider) -> RunResult {
    let mut shell = Command::new("bash");
    let script = format!("ulimit -n {number} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script, env!("CARGO_BIN_EXE_cairn"), "--base-path"]);
    shell.arg(provider.base_path()).args(["status", "--json"]);
    RunResult::from_command(shell, b"")
}

#[test]
fn a_low_descriptor_limit_lowers_the_cap_or_is_refused() {
    let provider = Provider::with_bucket("1");
    for id in ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"] {
        provider.run(["bucket", "create", id]).succeeds();
    }
    let file = provider.file("file", &bytes(1, 1000));
    provider.put("1", &file);
    let status = &with_descriptors(256, &provider).succeeds().json()[0];
    let cap = status["max_open"].as_u64().unwrap();
    assert!((4..12).contains(&cap), "{status}");
    assert_eq!(status["buckets"], 12);
    assert_eq!(status["leaves"], 1);
    let refused = with_descriptors(32, &provider);
    refused.fails(FAILED, &["32 open files", "raise the limit", "ulimit -n"]);
}

#[test]
fn a_budget_that_does_not_fit_is_refused_with_advice() {
    let provider = Provider::with_bucket("1");
    let refused = provider.run(["status", "--max-open", "500", "--memory", "32MiB"]);
    refused.fails(FAILED, &["500 buckets", "allow more"]);
}

#[test]
fn status_shows_shared_chunks_and_troubled_buckets() {
    let provider = Provider::with_bucket("1");
    provider.run(["bucket", "create", "2"]).succeeds();
    let (own, shared) = (
        provider.file("own", &bytes(1, 1000)),
        provider.file("shared", &bytes(2, 500)),
    );
    provider.put("1", &own);
    for bucket in ["1", "2"] {
        provider.put(bucket, &shared);
    }
    let status = &provider.json(["status"])[0];
    assert_eq!(status["bytes"], 2000);
    assert_eq!(status["distinct_bytes"], 1500);
    let current = provider
        .base_path()
        .join("buckets/0000000000000002/CURRENT");
    let kept = std::fs::read(&current).unwrap();
    std::fs::remove_file(&current).unwrap();
    let refused = provider.run(["status"]);
    assert!(refused.text().contains("bucket 2:"), "{refused:?}");
    refused.fails(REFUSED, &["1 of 2"]);
    provider
        .run(["bucket", "accept", "2"])
        .fails(FAILED, &["CURRENT"]);
    std::fs::write(&current, kept).unwrap();
    provider.run(["bucket", "accept", "2"]).succeeds();
    provider.run(["status"]).succeeds();
}

#[test]
fn deleting_a_signed_bucket_needs_a_flag() {
    let provider = Provider::with_bucket("1");
    provider.run(["bucket", "create", "2"]).succeeds();
    let file = provider.file("file", &bytes(1, 1000));
    provider.put("1", &file);
    provider
        .run(["bucket", "delete", "1"])
        .fails(FAILED, &["--even-signed"]);
    provider.run(["bucket", "delete", "2"]).succeeds();
    provider
        .run(["bucket", "delete", "1", "--even-signed"])
        .succeeds();
    provider
        .run(["bucket", "delete", "1"])
        .fails(FAILED, &["there is no bucket 1"]);
    assert_eq!(provider.json(["status"])[0]["buckets"], 0);
    let left = std::fs::read_dir(provider.base_path().join("trash")).unwrap();
    assert_eq!(left.count(), 0);
}

#[test]
fn s6c_an_older_copy_is_refused_with_its_missing_roots() {
    let provider = Provider::with_bucket("1");
    provider.put("1", &provider.file("one", &bytes(1, 1000)));
    provider.run(["status"]).succeeds();
    let folder = provider.base_path().join("buckets/0000000000000001");
    let older = provider.base_path().join("older");
    copy(&folder, &older);
    let signed = provider.put("1", &provider.file("two", &bytes(2, 1000)));
    provider.run(["status"]).succeeds();
    std::fs::remove_dir_all(&folder).unwrap();
    copy(&older, &folder);
    provider.run(["status"]).fails(REFUSED, &["1 of 1"]);
    let root = signed.last().unwrap()["mmr_root"].as_str().unwrap();
    let lacks = ["1 leaves", root, "at 2 leaves", "--even-behind"];
    provider
        .run(["bucket", "accept", "1"])
        .fails(FAILED, &lacks);
    provider.run(["status"]).fails(REFUSED, &["1 of 1"]);
    provider
        .run(["bucket", "accept", "1", "--even-behind"])
        .succeeds();
    // The record of the signed roots stays.
    let status = provider.json(["status"]).remove(0);
    assert_eq!(status["let_go"], serde_json::json!([1]));
    provider.run(["bucket", "accept", "1"]).succeeds();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
