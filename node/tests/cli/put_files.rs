//! `put` of unusual files: files that change while they are read, that others may have swapped,
//! and whose names are not plain text.

use crate::support::{FAILED, Provider, RunResult, bytes};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// A file with more bytes than its reported length, like one that grows.
const GROWS: &str = "/proc/version";

fn failure_lines(ended: &RunResult) -> Vec<String> {
    let lines = ended.stderr.lines();
    lines.map(str::to_owned).collect()
}

#[test]
fn put_a_growing_file_is_reported_and_not_stored() {
    let provider = Provider::with_bucket("1");
    let files = [
        provider.file("a", &bytes(1, 400_000)),
        provider.file("b", b"b"),
    ];
    let [a, b] = files.each_ref().map(|file| file.to_str().unwrap());
    let ended = provider.run(["put", "1", a, GROWS, b]);
    assert_eq!(ended.code, Some(FAILED), "{ended:?}");
    let output = failure_lines(&ended);
    assert_eq!(output.len(), 2, "{output:?}");
    assert!(output[0].contains("cannot store /proc/version") && output[0].contains("it grew"));
    assert!(output[1].contains("1 file changed while being read and was not stored"));
    let info = provider.json(["bucket", "info", "1"]).remove(0);
    assert_eq!(info["leaf_count"], 2);
    assert_eq!(info["used_bytes"], 400_001, "nothing of it stays");

    let ended = provider.run(["put", "1", GROWS, b, "--json"]);
    assert_eq!(ended.code, Some(FAILED));
    let json = ended.json();
    assert_eq!((&json[0]["path"], json.len()), (&GROWS.into(), 2));
    assert!(json[0]["error"].as_str().unwrap().contains("it grew"));
    assert_eq!(json[1]["files"][0]["path"], b);
}

#[test]
fn put_unusual_names_are_escaped_and_exact_in_json() {
    let names: [(&[u8], &str); 4] = [
        (b"line\nend", "line\\nend"),
        (b"\x1b[2Jclear", "\\u{1b}[2Jclear"),
        (b"no\xfftext", "no\\xfftext"),
        ("\u{202e}txt.exe".as_bytes(), "\\u{202e}txt.exe"),
    ];
    let provider = Provider::with_bucket("1");
    let folder = provider.file("names/plain", b"plain");
    let folder = folder.parent().unwrap();
    for (name, _) in names {
        std::fs::write(folder.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let put = ["put".as_ref(), "1".as_ref(), folder.as_os_str()];
    let shown = provider.run(put).succeeds().text();
    for (_, expected) in names {
        let ends = |line: &str| line.ends_with(&format!("/names/{expected}"));
        assert!(shown.lines().any(ends), "{expected}: {shown}");
    }
    assert!(
        !shown
            .chars()
            .any(|letter| letter.is_control() && letter != '\n')
    );

    let commits = provider.json(put);
    let files = commits[0]["files"].as_array().unwrap();
    for (name, _) in names {
        let path = folder.join(OsStr::from_bytes(name));
        let exact = |file: &&Value| match file.get("path_hex") {
            Some(hex) => {
                let bytes = hex::decode(&hex.as_str().unwrap()[2..]).unwrap();
                Path::new(OsStr::from_bytes(&bytes)) == path
            }
            None => file["path"].as_str().map(Path::new) == Some(&*path),
        };
        assert_eq!(files.iter().filter(exact).count(), 1, "{path:?}");
    }
    let with_hex = files.iter().filter(|file| file.get("path_hex").is_some());
    assert_eq!(with_hex.count(), 1, "where text can say it, it does");

    // Errors escape them too.
    let unreadable = folder.join(OsStr::from_bytes(b"gone\n\xff\x1b"));
    let put = ["put".as_ref(), "1".as_ref(), unreadable.as_os_str()];
    let ended = provider.run(put).fails(FAILED, &["gone\\n\\xff\\u{1b}"]);
    assert!(!ended.stderr.trim_end().chars().any(char::is_control));
}

#[test]
fn l5_base_paths_are_private_and_exposed_keys_are_reported() {
    let provider = Provider::with_bucket("1");
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!(mode(&provider.base_path()), 0o700);
    let listed = provider.run(["key", "list"]).succeeds();
    assert_eq!(listed.stderr, "");
    let keys = provider.base_path().join("keystore");
    let key = std::fs::read_dir(keys)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_eq!(mode(&key), 0o600);
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let listed = provider.run(["key", "list"]).succeeds();
    assert!(listed.stderr.contains("chmod 600"), "{listed:?}");
    // A provider that refused to sign would lose its stake.
    provider.put("1", &provider.file("a", b"a"));
}
