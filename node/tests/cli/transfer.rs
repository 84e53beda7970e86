//! A bucket moves from one provider to another, which then proves its signed roots.

use crate::support::{FAILED, Provider, REFUSED, RunResult, USAGE, bytes, text_field, verify};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;

const CHUNK: usize = 262_144;

/// A provider whose bucket 7 has three leaves, with its commits.
fn sender() -> (Provider, Vec<Value>) {
    let provider = Provider::with_bucket("7");
    let mut commits = Vec::new();
    for (round, length) in [(1, 10), (2, 2 * CHUNK + 1), (3, CHUNK)] {
        let file = provider.file("file", &bytes(round, length));
        commits.extend(provider.put("7", &file));
    }
    (provider, commits)
}

fn out(provider: &Provider) -> PathBuf {
    provider.base_path().with_file_name("out")
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// Asserts that every root of the first provider is proven by the second.
fn check_arrived(receiver: &Provider, commits: &[Value]) {
    for commit in commits {
        let (root, count) = (
            text_field(commit, "mmr_root"),
            text_field(commit, "leaf_count"),
        );
        let prove = ["prove", "7", "--leaf", "0", "--chunk", "0", "--root", &root];
        let proof = receiver.run(prove).succeeds().stdout;
        verify(&proof, &["--root", &root, "--leaf-count", &count]).succeeds();
    }
    receiver.run(["fsck", "7"]).succeeds();
    let info = receiver.json(["bucket", "info", "7"]).remove(0);
    assert_eq!(info["mmr_root"], commits.last().unwrap()["mmr_root"]);
}

#[test]
fn a_bucket_moves_as_a_folder_and_as_an_archive() {
    let (sender, commits) = sender();
    let out = out(&sender);
    for export in [&["--archive"][..], &[]] {
        let exported = sender
            .run([&["bucket", "export", "7", text(&out)], export].concat())
            .succeeds();
        let receiver = Provider::bare();
        let imported = receiver.run(["bucket", "import", text(&out)]).succeeds();
        for output in [&exported, &imported] {
            assert!(
                output
                    .text()
                    .contains("only one provider may continue to sign")
            );
        }
        assert!(imported.text().contains("3 signed roots rebuilt"));
        check_arrived(&receiver, &commits);
        if out.is_file() {
            std::fs::remove_file(&out).unwrap();
        }
    }
}

#[test]
fn a_bucket_moves_through_a_pipe() {
    let (sender, commits) = sender();
    let sent = sender.run(["bucket", "export", "7", "-"]).succeeds();
    assert!(
        sent.stderr
            .contains("only one provider may continue to sign")
    );
    let receiver = Provider::bare();
    let mut import = receiver.command(["bucket", "import", "-", "--quick"]);
    import.arg("--json");
    let imported = RunResult::from_command(import, &sent.stdout)
        .succeeds()
        .json();
    assert_eq!(imported[0]["signed_roots"], Value::Null);
    check_arrived(&receiver, &commits);
}

#[test]
fn both_commands_answer_in_json() {
    let (sender, commits) = sender();
    let out = out(&sender);
    let exported = sender.json(["bucket", "export", "7", text(&out)]).remove(0);
    let receiver = Provider::bare();
    let imported = receiver.json(["bucket", "import", text(&out)]).remove(0);
    let newest = commits.last().unwrap();
    for answer in [&exported, &imported] {
        for field in ["mmr_root", "leaf_count", "start_seq"] {
            assert_eq!(answer[field], newest[field]);
        }
        assert_eq!(answer["bytes"], exported["bytes"]);
        assert!(text_field(answer, "notice").contains("only one provider"));
    }
    assert_eq!(imported["signed_roots"], 3);
    assert_eq!(exported["destination"], text(&out));
    let mixed = sender.command(["bucket", "export", "7", "-", "--json"]);
    RunResult::from_command(mixed, b"").fails(USAGE, &["--archive"]);
}

#[test]
fn the_plain_folder_of_a_closed_bucket_is_adopted() {
    let (sender, commits) = sender();
    let folder = sender.base_path().join("buckets/0000000000000007");
    let receiver = Provider::bare();
    receiver.run(["bucket", "import", text(&folder)]).succeeds();
    check_arrived(&receiver, &commits);
    let own = sender.run(["bucket", "import", text(&folder)]);
    own.fails(FAILED, &["this provider's own folder of buckets"]);
}

#[test]
fn a_bucket_in_use_is_neither_imported_nor_exported() {
    let sender = Provider::with_bucket("7");
    for file in 0..500u64 {
        sender.file(&format!("files/{file:03}"), &bytes(file, 100));
    }
    let folder = sender.file("files/500", b"the last").with_file_name("");
    let mut put = sender.command([
        "put",
        "7",
        text(&folder),
        "--commit-every",
        "1",
        "--one-leaf",
        "--json",
    ]);
    let mut put = put.stdout(Stdio::piped()).spawn().unwrap();
    // It has the bucket open, and blocks because its output is more than a pipe holds.
    let mut said = BufReader::new(put.stdout.take().unwrap()).lines();
    said.next().unwrap().unwrap();

    let bucket = sender.base_path().join("buckets/0000000000000007");
    let receiver = Provider::bare();
    let copied = receiver.run(["bucket", "import", text(&bucket)]);
    copied.fails(FAILED, &["open for writing in another process"]);
    assert_eq!(receiver.json(["bucket", "list"]), [] as [Value; 0]);
    let exported = sender.run(["bucket", "export", "7", text(&out(&sender))]);
    exported.fails(FAILED, &["locked by another process"]);

    let commits: Vec<Value> = said
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert!(put.wait().unwrap().success());
    receiver.run(["bucket", "import", text(&bucket)]).succeeds();
    check_arrived(&receiver, &commits[commits.len() - 3..]);
}

#[test]
fn a_taken_id_and_a_taken_destination_are_refused() {
    let (sender, commits) = sender();
    let out = out(&sender);
    sender.run(["bucket", "export", "7", text(&out)]).succeeds();
    let again = sender.run(["bucket", "export", "7", text(&out), "--archive"]);
    again.fails(FAILED, &["out is already there"]);
    let receiver = Provider::bare();
    receiver.run(["bucket", "create", "7"]).succeeds();
    let taken = receiver.run(["bucket", "import", text(&out)]);
    taken.fails(FAILED, &["bucket 7 is already here"]);
    let info = receiver.json(["bucket", "info", "7"]).remove(0);
    assert_eq!(info["leaf_count"], 0);
    let back = sender.run(["bucket", "import", text(&out)]);
    back.fails(FAILED, &["bucket 7 is already here"]);
    check_arrived(&sender, &commits);
}

#[test]
fn an_altered_export_is_refused_and_leaves_nothing() {
    let (sender, _) = sender();
    let out = out(&sender);
    let args = ["bucket", "export", "7", text(&out), "--archive"];
    sender.run(args).succeeds();
    let mut archive = std::fs::read(&out).unwrap();
    let receiver = Provider::bare();
    let import = |archive: &[u8]| {
        let command = receiver.command(["bucket", "import", "-"]);
        RunResult::from_command(command, archive)
    };
    let middle = archive.len() / 2;
    import(&archive[..middle]).fails(REFUSED, &["the archive", "ends after"]);
    archive[middle] ^= 1;
    import(&archive).fails(REFUSED, &["hash differs", "export the bucket again"]);
    import(b"").fails(FAILED, &["not an exported bucket", "empty"]);
    import(&bytes(1, 5_000)).fails(FAILED, &["cannot read the archive"]);
    let folder = sender.file("files/file", b"").with_file_name("");
    let other = receiver.run(["bucket", "import", text(&folder)]);
    other.fails(FAILED, &["neither manifest.json nor a bucket's database"]);
    let absent = receiver.run(["bucket", "import", "/no/such/folder"]);
    absent.fails(FAILED, &["/no/such/folder", "No such file"]);
    let left = std::fs::read_dir(receiver.base_path().join("buckets"));
    assert_eq!(left.unwrap().count(), 0);
    let unknown = sender.run(["bucket", "export", "8", text(&out)]);
    unknown.fails(FAILED, &["no bucket 8"]);
}

#[test]
fn killed_exports_and_imports_can_be_repeated() {
    let (sender, commits) = sender();
    let names = |provider: &Provider| {
        let entries = std::fs::read_dir(provider.base_path().join("buckets")).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let bucket = "0000000000000007";
    let mut export = sender.command(["bucket", "export", "7", "-"]);
    let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
    // The archive has begun, and is larger than a pipe's buffer.
    let mut first = [0];
    export
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .unwrap();
    export.kill().unwrap();
    assert_eq!(export.wait().unwrap().code(), None);
    assert_eq!(
        names(&sender),
        [bucket.to_owned(), format!("{bucket}.exporting")]
    );
    assert_eq!(sender.json(["bucket", "list"]).len(), 1);
    let archive = sender.run(["bucket", "export", "7", "-"]).succeeds().stdout;
    assert_eq!(names(&sender), [bucket]);

    let receiver = Provider::bare();
    let mut import = receiver.command(["bucket", "import", "-"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    stdin.write_all(&archive[..archive.len() / 2]).unwrap();
    let unfinished = format!("{bucket}.importing");
    let place = receiver.base_path().join("buckets").join(&unfinished);
    while !place.exists() {
        std::thread::yield_now();
    }
    import.kill().unwrap();
    assert_eq!(import.wait().unwrap().code(), None);
    assert_eq!(names(&receiver), [unfinished]);
    assert_eq!(receiver.json(["bucket", "list"]), [] as [Value; 0]);
    let again = receiver.command(["bucket", "import", "-"]);
    RunResult::from_command(again, &archive).succeeds();
    assert_eq!(names(&receiver), [bucket]);
    check_arrived(&receiver, &commits);
    check_arrived(&sender, &commits);
}
