//! `cairn import-legacy`: output and exit codes. The import itself is tested in
//! `tests/legacy_import`. The database here is of era C, as RocksDB left it, with a good bucket,
//! one that lacks a chunk, one with a leaf that cannot be proven, and an empty one.

use crate::support::{FAILED, Provider, REFUSED, USAGE};
use cairn_primitives::HashingProfile;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SOURCE: &str = include_str!("legacy_source.txt");

/// Writes the database to a folder; each line of the source is a file.
fn source(provider: &Provider) -> PathBuf {
    let mut folder = PathBuf::new();
    for line in SOURCE.lines() {
        let (name, bytes) = line.split_once(' ').unwrap();
        let path = provider.file(&format!("source/{name}"), &hex::decode(bytes).unwrap());
        folder = path.parent().unwrap().to_owned();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let path = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path();
    entries
        .map(path)
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect()
}

/// Returns the status of each bucket, whose lines come before the summary.
fn statuses(answers: &[Value]) -> Vec<String> {
    let (_, buckets) = answers.split_last().unwrap();
    let status = |bucket: &Value| bucket["status"].as_str().unwrap().to_owned();
    buckets.iter().map(status).collect()
}

#[test]
fn each_bucket_is_reported_and_findings_set_the_exit_code() {
    let provider = Provider::bare();
    let source = source(&provider);
    let before = files(&source);
    let ended = provider.run(["import-legacy", text(&source), "--json"]);
    let ended = ended.fails(REFUSED, &["refused: 1", "cannot be proven: 1", "of 4"]);
    let answers = ended.json();
    assert_eq!(
        statuses(&answers),
        ["imported", "refused", "imported", "imported"]
    );
    assert!(
        answers[1]["reason"]
            .as_str()
            .unwrap()
            .contains("is missing")
    );
    assert_eq!(answers[2]["unprovable"][0]["leaf_index"], 1);
    let summary = answers.last().unwrap();
    assert_eq!(
        (&summary["era"], &summary["nonce_counter"]),
        (&json!("C"), &json!(7))
    );
    assert_eq!(files(&source), before);
    // The nonce is imported even if buckets were refused; the others are indexed now.
    let status = provider.run(["status", "--json"]);
    let status = &status.fails(REFUSED, &["1 of 3"]).json()[0];
    assert_eq!(status["unprovable_leaves"], 1);
    assert_eq!(status["troubles"][0]["bucket"], 3);
    assert_eq!(
        (&status["nonce"], &status["buckets"]),
        (&json!(7), &json!(3))
    );

    let read = provider.run(["get", "1", "--leaf", "1"]).succeeds();
    assert_eq!(read.stdout, b"three small words");
    let read = provider.run(["get", "3", "--leaf", "1"]).succeeds();
    assert_eq!(read.stdout, b"shortthree small words");
    provider
        .run(["prove", "3", "--leaf", "1", "--chunk", "0"])
        .fails(FAILED, &["leaf 1 of bucket 3 cannot answer for chunk 0"]);
    let checked = provider.run(["fsck", "--all"]).succeeds().text();
    assert!(
        checked.contains("1 leaf that cannot be proven"),
        "{checked}"
    );
    let status = provider.run(["status", "--json"]);
    let status = &status.fails(REFUSED, &["1 of 3"]).json()[0];
    assert_eq!(
        (&status["nonce"], &status["buckets"]),
        (&json!(7), &json!(3))
    );
}

#[test]
fn s3_flagged_imports_are_signed_only_by_the_operators_choice() {
    let provider = Provider::new();
    let source = source(&provider);
    let ended = provider.run(["import-legacy", text(&source)]);
    assert_eq!(ended.code, Some(REFUSED), "{ended:?}");
    let file = provider.file("file", b"content");
    let put = ["put", "3", text(&file)];
    let refused = provider.run(put);
    refused.fails(
        REFUSED,
        &["nothing is signed for bucket 3", "sign-unprovable 3"],
    );
    // Other buckets are signed for.
    provider.put("1", &file);
    let said = provider.run(["bucket", "sign-unprovable", "3"]).succeeds();
    assert!(
        said.text().contains("1 leaf that cannot be proven"),
        "{said:?}"
    );
    provider.put("3", &file);
    provider.run(["status"]).succeeds();
    provider
        .run(["bucket", "sign-unprovable", "3", "--no-more"])
        .succeeds();
    provider.run(put).fails(REFUSED, &["nothing is signed"]);

    // Another provider imports it only with the flag, and does not sign for it either.
    let out = provider.base_path().with_file_name("out");
    provider
        .run(["bucket", "export", "3", text(&out)])
        .succeeds();
    let other = Provider::new();
    let import = ["bucket", "import", text(&out)];
    for quick in [&["--quick"][..], &[]] {
        let refused = other.run([&import[..], quick].concat());
        refused.fails(REFUSED, &["1 of its leaves", "--allow-unprovable"]);
    }
    let taken = other.run([&import[..], &["--allow-unprovable"]].concat());
    let taken = taken.succeeds().text();
    assert!(taken.contains("unprovable 1 leaf"), "{taken}");
    assert!(taken.contains("nothing is signed for bucket 3"), "{taken}");
    other.run(put).fails(REFUSED, &["nothing is signed"]);
}

#[test]
fn a_selected_bucket_is_imported_once() {
    let provider = Provider::bare();
    let source = source(&provider);
    let import = [
        "import-legacy",
        text(&source),
        "--bucket",
        "4",
        "--bucket",
        "1",
    ];
    assert_eq!(statuses(&provider.json(import)), ["imported"; 2]);
    assert_eq!(statuses(&provider.json(import)), ["already_there"; 2]);
    let shown = provider.run(import).succeeds().text();
    assert!(
        shown.contains("bucket 1: already there, 2 leaves"),
        "{shown}"
    );
    assert!(shown.contains("nonce counter: 7"), "{shown}");
    provider
        .run(["import-legacy", text(&source), "--bucket", "9"])
        .fails(REFUSED, &["refused: 1"]);
    provider
        .run(["import-legacy", text(&source), "--bucket", "nine"])
        .fails(USAGE, &["a bucket's id is its number"]);
}

#[test]
fn names_of_objects_are_imported_from_a_folder_that_is_given() {
    let provider = Provider::bare();
    let source = source(&provider);
    let root = HashingProfile::Plain.chunk(b"three small words");
    let object = |root: String| {
        json!({
            "data_root": root, "size": 17, "content_type": "text/plain", "etag": "",
            "last_modified": 1, "user_metadata": [], "leaf_index": 1,
        })
    };
    let good = object(format!("{root:?}"));
    let objects = json!({ "words": good, "two\nlines": object("ab".repeat(32)) });
    let index = json!({ "objects": objects }).to_string();
    let name = "data/s3_indices/bucket_1_index.json";
    let indexes = provider.file(name, index.as_bytes());
    let indexes = indexes.ancestors().nth(2).unwrap();
    let import = ["import-legacy", text(&source), "--bucket", "1"];
    // Without them, this is said.
    let dry = provider.run([&import[..], &["--dry-run"]].concat());
    let dry = dry.succeeds().text();
    assert!(
        dry.contains("no indexes of objects and files found"),
        "{dry}"
    );
    let import = [&import[..], &["--indexes", text(indexes)]].concat();
    let ended = provider.run(&import);
    let shown = ended.fails(REFUSED, &["names not imported: 1"]).text();
    assert!(shown.contains("bucket 1: imported"), "{shown}");
    assert!(shown.contains("1 object name\n"), "{shown}");
    let refused = r#"object "two\nlines" is not imported: no leaf of the bucket has"#;
    assert!(shown.contains(refused), "{shown}");
    let again = provider.run(&import);
    let again = again.fails(REFUSED, &["names not imported: 1"]).text();
    assert!(again.contains("1 object name already there"), "{again}");
    let wrong = ["--indexes", text(source.parent().unwrap())];
    provider
        .run([&import[..4], &wrong].concat())
        .fails(FAILED, &["has neither a folder s3_indices", "DATA_DIR"]);
}

#[test]
fn a_dry_run_creates_no_base_path_and_can_report_to_a_file() {
    let provider = Provider::bare();
    let source = source(&provider);
    let report = source.with_file_name("report.json");
    let ended = provider.run([
        "import-legacy",
        text(&source),
        "--dry-run",
        "--report",
        text(&report),
    ]);
    let ended = ended.fails(REFUSED, &["refused: 1"]);
    assert!(ended.text().contains("bucket 1: can be imported"));
    assert!(!provider.base_path().exists());
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["summary"]["dry_run"], true);
    assert_eq!(report["buckets"].as_array().unwrap().len(), 4);
    assert_eq!(report["buckets"][0]["status"], "importable");
}

#[test]
fn a_folder_without_a_database_is_refused_first() {
    let provider = Provider::bare();
    let folder = provider.file("elsewhere/file", b"text");
    let folder = folder.parent().unwrap();
    provider
        .run(["import-legacy", text(folder)])
        .fails(FAILED, &["is not the database of a provider"]);
    assert!(!provider.base_path().exists());
    assert_eq!(files(folder).len(), 1);
}
