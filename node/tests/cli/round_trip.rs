//! Stored content can be read back, and proven under the newest root and every earlier one.

use crate::support::{FAILED, Provider, RunResult, bytes, text_field, verify};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

const CHUNK: usize = 262_144;

/// Returns contents of all boundary lengths.
fn contents() -> BTreeMap<&'static str, Vec<u8>> {
    BTreeMap::from([
        ("empty", Vec::new()),
        ("folder/tiny", bytes(1, 3)),
        ("folder/node-sized", bytes(2, 64)),
        ("folder/one-chunk", bytes(3, CHUNK)),
        ("folder/one-byte-more", bytes(4, CHUNK + 1)),
        ("large", bytes(5, 4 * CHUNK + 12_345)),
    ])
}

fn round_trip(hashing: &str) {
    let provider = Provider::new();
    provider
        .run([
            "bucket",
            "create",
            "7",
            "--hashing",
            hashing,
            "--chain-hashing",
            hashing,
        ])
        .succeeds();
    let contents = contents();
    for (name, content) in &contents {
        provider.file(&format!("files/{name}"), content);
    }
    let root = provider.file("files/large", &contents["large"]);
    let folder = root.parent().unwrap();
    let named = folder.to_str().unwrap();
    let put = ["put", "7", "--commit-every", "2", "--one-leaf", named];
    let commits = provider.json(put);
    assert_eq!(commits.len(), 3);

    let newest = commits.last().unwrap();
    let (mmr_root, leaf_count) = (
        text_field(newest, "mmr_root"),
        text_field(newest, "leaf_count"),
    );
    let files = commits
        .iter()
        .flat_map(|commit| commit["files"].as_array().unwrap());
    let mut seen = 0;
    for file in files {
        let name = Path::new(file["path"].as_str().unwrap());
        let content = &contents[name.strip_prefix(folder).unwrap().to_str().unwrap()];
        let leaf = text_field(file, "leaf_index");
        let got = provider.run(["get", "7", "--leaf", &leaf]).succeeds();
        assert!(got.stdout == *content, "{file}");

        let chunks = content.len().div_ceil(CHUNK).max(1);
        let asked = [
            "--root",
            &mmr_root,
            "--leaf-count",
            &leaf_count,
            "--leaf",
            &leaf,
        ];
        for chunk in (0..chunks).map(|chunk| chunk.to_string()) {
            let prove = ["prove", "7", "--leaf", &leaf, "--chunk", &chunk];
            let proof = provider.run(prove).succeeds().stdout;
            let judged = verify(&proof, &[&asked[..], &["--chunk", &chunk]].concat()).succeeds();
            assert_eq!(judged.text().matches("passed").count(), 2);
            assert!(!judged.text().contains("note"), "{}", judged.text());
        }
        let proof = provider.run(["prove", "7", "--leaf", &leaf]).succeeds();
        verify(&proof.stdout, &asked).succeeds();
        seen += 1;
    }
    assert_eq!(seen, contents.len());

    let drilled = provider.json(["challenge-drill", "--all", "-n", "60", "--seed", "3"]);
    let total = drilled.last().unwrap();
    for (field, expected) in [("asked", 60), ("answered", 60), ("failed", 0)] {
        assert_eq!(total[field], expected, "{total}");
    }
    assert!(total["older_roots"].as_u64() > Some(0) && total["aliased"].as_u64() > Some(0));
    let checked = provider.json(["fsck", "7"]);
    assert_eq!(checked[0]["leaves"], contents.len());
    assert_eq!(checked[0]["signed_roots"], 3);
}

#[test]
fn a_folder_is_stored_read_and_proven_with_plain_hashing() {
    round_trip("plain");
}

#[test]
fn a_folder_is_stored_read_and_proven_with_tagged_hashing() {
    round_trip("tagged");
}

#[test]
fn a_signed_root_is_proven_after_later_commits() {
    let provider = Provider::with_bucket("1");
    let commits: Vec<Value> = (0..7)
        .flat_map(|round| {
            let file = provider.file("file", &bytes(round, 300_000));
            provider.put("1", &file)
        })
        .collect();
    assert_eq!(commits.len(), 7);
    for commit in &commits {
        let (root, count) = (
            text_field(commit, "mmr_root"),
            text_field(commit, "leaf_count"),
        );
        for leaf in (0..commit["leaf_count"].as_u64().unwrap()).map(|leaf| leaf.to_string()) {
            let by_root = [
                "prove", "1", "--leaf", &leaf, "--chunk", "1", "--root", &root,
            ];
            let by_root = provider.run(by_root).succeeds().stdout;
            verify(&by_root, &["--root", &root, "--leaf-count", &count]).succeeds();
            let by_count = [
                "prove",
                "1",
                "--leaf",
                &leaf,
                "--chunk",
                "1",
                "--leaf-count",
                &count,
            ];
            assert_eq!(provider.run(by_count).succeeds().stdout, by_root);
        }
    }
}

#[test]
fn an_index_past_the_tree_is_answered_at_the_chains_slot() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", &bytes(1, 3 * CHUNK));
    provider.put("1", &file);
    let prove = ["prove", "1", "--leaf", "0", "--chunk", "6"];
    let proof = provider.run(prove).succeeds();
    let fields: Value = serde_json::from_slice(&proof.stdout).unwrap();
    assert_eq!(
        (&fields["location"]["chunk_index"], &fields["slot"]),
        (&6.into(), &2.into())
    );
    let judged = verify(&proof.stdout, &[]).succeeds();
    assert!(
        judged.text().contains("reads it as slot 2"),
        "{}",
        judged.text()
    );
}

#[test]
fn verifying_without_the_challenged_root_prints_a_note() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    let root = text_field(&provider.put("1", &file)[0], "mmr_root");
    let proof = provider
        .run(["prove", "1", "--leaf", "0"])
        .succeeds()
        .stdout;
    let warning = "only against the root that the file itself claims";
    assert!(verify(&proof, &[]).succeeds().text().contains(warning));
    assert!(
        !verify(&proof, &["--root", &root])
            .succeeds()
            .text()
            .contains(warning)
    );
}

#[test]
fn output_files_are_written_completely_or_not_at_all() {
    let provider = Provider::with_bucket("1");
    let content = bytes(9, 400_000);
    let file = provider.file("file", &content);
    provider.put("1", &file);
    let (got, proof) = (
        provider.file("got", b"what was there"),
        file.with_file_name("proof"),
    );
    let (got, proof) = (got.to_str().unwrap(), proof.to_str().unwrap());
    provider
        .run(["get", "1", "--leaf", "0", "-o", got])
        .succeeds();
    assert!(std::fs::read(got).unwrap() == content);
    let written = provider.json(["prove", "1", "--leaf", "0", "--chunk", "1", "-o", proof]);
    assert_eq!(written[0]["file"], proof);
    provider.run(["verify", proof]).succeeds();
    // A refused request leaves the file that was there.
    let refused = provider.run(["get", "1", "--leaf", "1", "-o", got]);
    refused.fails(1, &["no leaf 1"]);
    assert!(std::fs::read(got).unwrap() == content);
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap();
    assert_eq!(
        left.count(),
        4,
        "the base path, the file and what was written"
    );
}

#[test]
fn json_works_before_and_after_the_command() {
    let provider = Provider::bare();
    let key = provider.json(["key", "generate"]);
    let listed = provider.run(["--json", "key", "list"]).succeeds();
    assert_eq!(key, listed.json());
    let created = provider.json(["bucket", "create", "5", "--quota", "1MiB"]);
    assert_eq!(created[0]["quota_bytes"], 1 << 20);
    let file = provider.file("file", b"content");
    let commit = provider.put("5", &file).remove(0);
    assert_eq!(text_field(&commit, "signer"), text_field(&key[0], "public"));
    assert_eq!(text_field(&commit, "signature").len(), 2 + 128);
    assert_eq!(text_field(&commit, "payload").len(), 2 + 2 * 57);
    assert_eq!(commit["files"][0]["data_size"], 7);
    let info = provider.json(["bucket", "info", "5"]).remove(0);
    for field in ["mmr_root", "start_seq", "leaf_count"] {
        assert_eq!(info[field], commit[field]);
    }
    assert_eq!(
        (&info["used_bytes"], &info["signed_roots"]),
        (&7.into(), &1.into())
    );
    assert_eq!(info["peaks"][0], commit["mmr_root"]);
    let list = provider.json(["bucket", "list"]).remove(0);
    assert_eq!(list["mmr_root"], commit["mmr_root"]);
    let proof = provider
        .json(["prove", "5", "--leaf", "0", "--chunk", "0"])
        .remove(0);
    assert_eq!(proof["commitment"]["mmr_root"], commit["mmr_root"]);
    let mut command = provider.command(["verify", "-"]);
    command.arg("--json");
    let judged = RunResult::from_command(command, proof.to_string().as_bytes())
        .succeeds()
        .json();
    assert_eq!(
        (&judged[0]["accepted"], &judged[0]["strict"]["passed"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn more_files_may_be_named_in_a_list() {
    let provider = Provider::with_bucket("1");
    let one = provider.file("one", b"1");
    let two = provider.file("two", b"2");
    let list = format!("{}\n\n{}\n", two.display(), one.display());
    let mut command = provider.command(["put", "1", "--files-from", "-", "--json"]);
    command.stdin(Stdio::piped());
    let commit = RunResult::from_command(command, list.as_bytes())
        .succeeds()
        .json()
        .remove(0);
    let paths: Vec<_> = commit["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| &file["path"])
        .collect();
    assert_eq!(paths, [two.to_str().unwrap(), one.to_str().unwrap()]);
}

#[test]
fn a_closed_pipe_ends_the_program_silently() {
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", &bytes(1, 16 * CHUNK));
    provider.put("1", &file);
    for args in [
        &["get", "1", "--leaf", "0"][..],
        &["prove", "1", "--leaf", "0", "--chunk", "3"],
    ] {
        let mut command = provider.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let ended = RunResult::from(child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(141), ""));
    }
}

#[test]
fn s18_a_file_is_split_into_leaves_without_padding() {
    let provider = Provider::with_bucket("1");
    let content = bytes(1, 6 * CHUNK + 12_345);
    let file = provider.file("file", &content);
    let put = ["put", "1", file.to_str().unwrap()];
    let commit = provider.json(put).remove(0);
    let files = commit["files"].as_array().unwrap();
    let sizes: Vec<_> = files.iter().map(|leaf| &leaf["data_size"]).collect();
    assert_eq!(sizes, [4 * CHUNK, 2 * CHUNK, 12_345]);
    assert_eq!(files[1]["part"]["number"], 2);
    assert_eq!(files[1]["part"]["of"], 3);
    assert_eq!(files[1]["part"]["offset"], 4 * CHUNK);
    let mut back = Vec::new();
    for (leaf, slots) in [("0", 4), ("1", 2), ("2", 1)] {
        let got = provider.run(["get", "1", "--leaf", leaf]).succeeds();
        back.extend(got.stdout);
        for chunk in 0..slots {
            let chunk = chunk.to_string();
            let prove = ["prove", "1", "--leaf", leaf, "--chunk", &chunk];
            provider.run(prove).succeeds();
        }
    }
    assert!(back == content);
    // As one leaf it has padding slots.
    let commit = provider.put("1", &file).remove(0);
    assert_eq!(commit["files"].as_array().unwrap().len(), 1);
    assert_eq!(commit["files"][0].get("part"), None);
    let padding = ["prove", "1", "--leaf", "3", "--chunk", "7"];
    provider.run(padding).fails(FAILED, &["pads the tree"]);
}
