//! A damaged bucket: an operator finds the damage, repairs it, and restores lost content from
//! files.

use crate::support::{FAILED, Provider, REFUSED, USAGE, bytes, text_field, verify};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A provider whose bucket 1 holds a file, its root, and the only blob file with chunks.
fn provider() -> (Provider, PathBuf, String, PathBuf) {
    let provider = Provider::with_bucket("1");
    let file = provider.file("files/content", &bytes(1, 700_000));
    let root = text_field(&provider.put("1", &file)[0], "mmr_root");
    let folder = provider.base_path().join("buckets/0000000000000001");
    let blobs = std::fs::read_dir(&folder).unwrap();
    let blob = blobs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "blob"));
    (provider, file, root, blob.unwrap())
}

/// Changes one byte in the middle of a file.
fn flip(path: &Path) {
    let mut content = std::fs::read(path).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 0x20;
    std::fs::write(path, content).unwrap();
}

fn fsck(provider: &Provider, args: &[&str]) -> (Option<i32>, Value) {
    let ended = provider.run([&["fsck", "1", "--json"], args].concat());
    (ended.code, ended.json().remove(0))
}

#[test]
fn lost_content_is_named_and_restored_from_files() {
    let (provider, file, root, blob) = provider();
    flip(&blob);
    let (code, found) = fsck(&provider, &[]);
    assert_eq!(code, Some(REFUSED));
    let findings = found["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    for finding in findings {
        assert_eq!(finding["rebuildable"], false, "{finding}");
        assert!(
            text_field(finding, "remedy").contains("--from"),
            "{finding}"
        );
    }
    // Without files, a repair changes nothing.
    let (code, left) = fsck(&provider, &["--repair"]);
    assert_eq!(
        (code, &left["findings"]),
        (Some(REFUSED), &found["findings"])
    );
    assert_eq!(left["repaired"]["kept_aside"], Value::Null);

    let folder = file.parent().unwrap().to_str().unwrap();
    let repaired = provider
        .run(["fsck", "1", "--repair", "--from", folder])
        .succeeds()
        .text();
    for words in [
        "all as signed",
        "repaired: 1 record written",
        "1.before-repair",
    ] {
        assert!(repaired.contains(words), "no {words:?} in {repaired}");
    }
    assert_eq!(fsck(&provider, &[]).0, Some(0));
    for chunk in ["0", "1", "2"] {
        let prove = [
            "prove", "1", "--leaf", "0", "--chunk", chunk, "--root", &root,
        ];
        let proof = provider.run(prove).succeeds().stdout;
        verify(&proof, &["--root", &root]).succeeds();
    }
    // The backup is not a bucket.
    assert_eq!(provider.json(["bucket", "list"]).len(), 1);
    let again = provider.run(["fsck", "1", "--repair"]).succeeds().text();
    assert!(again.contains("nothing was changed"), "{again}");
}

#[test]
fn only_a_repair_takes_files() {
    let (provider, file, _, _) = provider();
    let from = file.to_str().unwrap();
    provider
        .run(["fsck", "1", "--from", from])
        .fails(USAGE, &["--repair"]);
    provider
        .run(["fsck", "1", "--repair", "--from", "/not/there"])
        .fails(FAILED, &["/not/there"]);
    provider
        .run(["fsck", "9", "--repair"])
        .fails(FAILED, &["no bucket 9"]);
}

#[test]
fn a_folder_without_a_bucket_does_not_stop_the_others() {
    let (provider, ..) = provider();
    let folder = provider.base_path().join("buckets/0000000000000001");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::create_dir(&folder).unwrap();
    provider.run(["bucket", "create", "2"]).succeeds();
    let ended = provider.run(["fsck", "--all", "--repair"]);
    let text = ended.fails(REFUSED, &["1 of 2"]).text();
    assert!(text.contains("a repair cannot restore this"), "{text}");
    assert!(text.contains("bucket 2: 0 leaves"), "{text}");
    assert!(!folder.with_extension("before-repair").exists());
}

#[test]
fn an_empty_current_file_is_reported_and_repaired() {
    let (provider, _, root, _) = provider();
    let folder = provider.base_path().join("buckets/0000000000000001");
    std::fs::write(folder.join("CURRENT"), "").unwrap();
    let (code, found) = fsck(&provider, &[]);
    assert_eq!(code, Some(REFUSED));
    assert_eq!(found["findings"][0]["place"], "the bucket's files");
    assert_eq!(found["findings"][0]["rebuildable"], true);
    let (code, left) = fsck(&provider, &["--repair"]);
    assert_eq!(code, Some(0), "{left}");
    assert_eq!(
        std::fs::read(folder.with_extension("before-repair").join("CURRENT")).unwrap(),
        b""
    );
    provider
        .run(["prove", "1", "--root", &root, "--leaf", "0", "--chunk", "0"])
        .succeeds();
}

#[test]
fn a_scrub_finds_a_flipped_byte_and_gives_advice() {
    let (provider, _, _, blob) = provider();
    let clean = provider.json(["scrub", "1"]).remove(0);
    // Three chunks, three nodes over them, and a leaf.
    assert_eq!(clean["records"], 3 + 3 + 1, "{clean}");
    assert_eq!(
        (&clean["bytes"], &clean["findings"]),
        (&700_000.into(), &0.into())
    );
    provider
        .run(["scrub", "--all", "--rate", "1GiB/s"])
        .succeeds();

    flip(&blob);
    let ended = provider.run(["scrub", "1"]).fails(REFUSED, &["1 of 1"]);
    let text = ended.text();
    assert!(text.starts_with("bucket 1: chunk 0x"), "{text}");
    assert!(text.contains("findings: 1; `cairn fsck 1`"), "{text}");
    provider.run(["scrub", "9"]).fails(FAILED, &["no bucket 9"]);
    provider
        .run(["scrub", "1", "--rate", "0"])
        .fails(USAGE, &["--rate"]);
    provider.run(["scrub"]).fails(USAGE, &["--all"]);
}

#[test]
fn a_killed_scrub_resumes() {
    let (provider, _, _, blob) = provider();
    flip(&blob);
    let point = provider.base_path().join("scrub/0000000000000001");
    // After its first step it waits for minutes.
    let slow = ["scrub", "1", "--rate", "1KiB/s"];
    let mut child = provider
        .command(slow)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !point.exists() {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "it ended before it was killed"
        );
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let mut command = provider.command(["scrub", "1", "--json"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(REFUSED), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    // The finding is printed by the run that made it, and counted by both.
    let round = lines.last().unwrap();
    assert_eq!(round["resumed"], true);
    for (field, expected) in [("records", 7), ("bytes", 700_000), ("findings", 1)] {
        assert_eq!(round[field], expected, "{round}");
    }
    assert!(!point.exists());
    let restarted = provider.run(["scrub", "1", "--restart", "--json"]).json();
    assert_eq!(restarted.last().unwrap()["resumed"], false);
}
