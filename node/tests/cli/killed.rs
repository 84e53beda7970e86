//! Roots that were printed as signed are proven after the process was killed.

use crate::support::{Provider, bytes, text_field, verify};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn roots_that_a_killed_upload_printed_are_provable() {
    for printed_before in [1, 7, 23] {
        let provider = Provider::with_bucket("1");
        for file in 0..500u64 {
            let length = if file % 16 == 0 { 300_000 } else { 100 };
            provider.file(&format!("files/{file:03}"), &bytes(file, length));
        }
        let folder = provider.file("files/500", b"the last").with_file_name("");
        let folder = folder.to_str().unwrap();
        let mut command = provider.command([
            "put",
            "1",
            folder,
            "--commit-every",
            "2",
            "--one-leaf",
            "--json",
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut commits: Vec<Value> = Vec::new();
        for line in stdout.split(b'\n') {
            // The last line may be torn, and then does not count.
            commits.extend(serde_json::from_slice::<Value>(&line.unwrap()).ok());
            if commits.len() == printed_before {
                child.kill().unwrap();
            }
        }
        assert_eq!(
            child.wait().unwrap().code(),
            None,
            "it ended before it was killed"
        );
        assert!(commits.len() >= printed_before);

        let info = provider.json(["bucket", "info", "1"]).remove(0);
        let stored = info["leaf_count"].as_u64().unwrap();
        assert!(stored < 501, "killed after the last commit");
        assert!(info["signed_roots"].as_u64().unwrap() >= commits.len() as u64);
        for commit in &commits {
            let (root, count) = (
                text_field(commit, "mmr_root"),
                text_field(commit, "leaf_count"),
            );
            let leaf = text_field(&commit["files"][1], "leaf_index");
            let prove = [
                "prove", "1", "--leaf", &leaf, "--chunk", "0", "--root", &root,
            ];
            let proof = provider.run(prove).succeeds().stdout;
            verify(&proof, &["--root", &root, "--leaf-count", &count]).succeeds();
        }
        provider.run(["fsck", "1"]).succeeds();
        // The bucket accepts the rest.
        provider.run(["put", "1", folder]).succeeds();
    }
}
