//! `cairn chain inspect` on files of metadata: what is supported, what is refused and why, and
//! the exit code.

use crate::support::{FAILED, REFUSED, RunResult, USAGE, program};
use serde_json::Value;
use std::path::PathBuf;

/// The metadata of a variant of the chain in `devnode`.
fn metadata(variant: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join(format!("../devnode/runtime/metadata/{variant}.scale"))
}

fn inspect(args: &[&str], file: &PathBuf) -> RunResult {
    let mut command = program();
    command.args(["chain", "inspect"]).args(args);
    command.arg("--metadata").arg(file);
    RunResult::from_command(command, b"")
}

fn json(file: &PathBuf) -> Value {
    let mut command = program();
    command
        .args(["--json", "chain", "inspect", "--metadata"])
        .arg(file);
    let result = RunResult::from_command(command, b"").succeeds();
    result.json().remove(0)
}

/// Returns the support of a capability.
fn support<'r>(report: &'r Value, capability: &str) -> &'r Value {
    let all = report["runtime"]["capabilities"].as_array().unwrap();
    all.iter()
        .find(|one| one["capability"] == capability)
        .unwrap()
}

#[test]
fn each_variant_is_named_and_can_be_served() {
    for (variant, windows) in [
        ("deployed", "supported"),
        ("nonce", "supported"),
        ("current", "not-offered"),
        ("leaf-binding", "not-offered"),
    ] {
        let report = json(&metadata(variant));
        assert_eq!(report["can_run"], true);
        assert_eq!(report["runtime"]["variant"], variant);
        assert_eq!(support(&report, "answer")["support"], "supported");
        assert_eq!(support(&report, "windows")["support"], windows);
        let text = inspect(&[], &metadata(variant)).succeeds();
        assert!(
            text.text()
                .contains("verdict       a provider can run on this chain")
        );
    }
}

#[test]
fn what_is_refused_is_named_with_its_reason() {
    let report = json(&metadata("nonce"));
    let claim = support(&report, "claim-deleted");
    assert_eq!(claim["support"], "refused");
    assert_eq!(claim["is_needed"], false);
    assert!(
        claim["reason"].as_str().unwrap().contains("`nonce`"),
        "{claim}"
    );
}

#[test]
fn a_chain_that_no_provider_can_run_on_has_an_exit_code_of_its_own() {
    // The pallet under another name.
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = std::fs::read(metadata("current")).unwrap();
    let name = b"StorageProvider";
    for place in 0..bytes.len() - name.len() {
        if bytes[place..].starts_with(name) {
            bytes[place] = b'Q';
        }
    }
    let file = folder.path().join("renamed.scale");
    std::fs::write(&file, bytes).unwrap();
    inspect(&[], &file).fails(REFUSED, &["no provider can run on this chain", "answer"]);
}

#[test]
fn files_that_are_no_metadata_and_chains_that_are_away_are_failures() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("text");
    std::fs::write(&file, "no metadata").unwrap();
    inspect(&[], &file).fails(FAILED, &["its metadata cannot be read"]);
    inspect(&[], &folder.path().join("absent")).fails(FAILED, &["cannot read"]);
    let mut both = program();
    both.args(["chain", "inspect"]);
    RunResult::from_command(both, b"").fails(USAGE, &["--chain"]);
    let mut away = program();
    away.args(["chain", "inspect", "--chain", "ws://127.0.0.1:1"]);
    RunResult::from_command(away, b"").fails(FAILED, &["cannot reach the chain"]);
}

#[test]
fn metadata_in_hex_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hex");
    let bytes = std::fs::read(metadata("current")).unwrap();
    std::fs::write(&file, format!("0x{}\n", hex::encode(bytes))).unwrap();
    assert_eq!(json(&file)["runtime"]["variant"], "current");
}
