//! The program's arguments. This test also makes cargo build the program together with
//! the tests, so that `make bench` compiles nothing a second time.

use std::process::Command;

#[test]
fn an_unknown_workload_is_refused_with_the_known_ones() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("REPORT.md");
    let program = Command::new(env!("CARGO_BIN_EXE_cairn-benches"))
        .args(["--only", "w1,w99", "--out"])
        .arg(&report)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&program.stderr);
    assert!(!program.status.success(), "{stderr}");
    for known in (1..=15).chain([19]).map(|number| format!("W{number}")) {
        assert!(stderr.contains(&known), "{known} is missing in: {stderr}");
    }
    assert!(!report.exists(), "nothing was measured");
}
