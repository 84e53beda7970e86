//! The first command of the README, on a few files.

use std::path::Path;
use std::process::Command;

#[test]
fn the_demo_stores_proves_and_repairs() {
    let root = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("..");
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_cairn"));
    let demo = Command::new("bash")
        .arg(root.join("scripts/demo.sh"))
        .arg(folder.path().join("demo"))
        .env("FILES", root.join("docs"))
        .env("PROGRAMS", program.parent().unwrap())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&demo.stdout);
    let errors = String::from_utf8_lossy(&demo.stderr);
    assert!(demo.status.success(), "{output}\n{errors}");
    assert!(output.contains("200 answered, 0 failed"), "{output}");
    assert!(output.contains("all as signed"), "{output}");
    assert!(errors.contains("the proof is refused"), "{errors}");
}
