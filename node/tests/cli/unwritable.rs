//! Read-only disks: commands that write fail with a sentence, and commands that read succeed.

use crate::support::{FAILED, Provider, RunResult, program, text_field, verify};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Mounts `$1` read-only over itself, for the rest of the command line only.
const READ_ONLY: &str = r#"
    mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 97
    shift
    exec "$@"
"#;

/// Returns a command for which `folder` is on a read-only disk.
fn on_read_only_disk(folder: &Path, args: &[&OsStr]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", READ_ONLY, "sh"]);
    command.arg(folder).args(args);
    command
}

fn mounts_are_permitted() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let tried = on_read_only_disk(folder.path(), &["true".as_ref()]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// A file system of the kernel, where even root cannot create a folder.
fn on_kernels_file_system(args: &[&str]) {
    for base_path in ["/proc/cairn", "/sys/cairn"] {
        let mut command = program();
        command.args(["--base-path", base_path]).args(args);
        RunResult::from_command(command, b"").fails(FAILED, &[base_path]);
    }
}

#[test]
fn a_base_path_that_cannot_be_created_is_named() {
    on_kernels_file_system(&["key", "generate"]);
    on_kernels_file_system(&["bucket", "create", "1"]);
}

#[test]
fn signed_roots_are_proven_on_a_read_only_disk() {
    if !mounts_are_permitted() {
        // If a container forbids mounts, writing is tested on a file system without
        // files; reading cannot be tested there.
        println!("mounts are not permitted here: only writing is tried, on /proc and /sys");
        return on_kernels_file_system(&["bucket", "create", "1"]);
    }
    let provider = Provider::with_bucket("1");
    let file = provider.file("file", b"content");
    let root = text_field(&provider.put("1", &file)[0], "mmr_root");
    let base_path = provider.base_path();
    let run = |args: &[&str]| {
        let mut line = vec![
            OsStr::new(env!("CARGO_BIN_EXE_cairn")),
            "--base-path".as_ref(),
        ];
        line.push(base_path.as_ref());
        line.extend(args.iter().map(OsStr::new));
        RunResult::from_command(on_read_only_disk(&base_path, &line), b"")
    };
    for args in [
        &["put", "1", file.to_str().unwrap()][..],
        &["bucket", "create", "2"],
        &["key", "generate"],
    ] {
        run(args).fails(FAILED, &["Read-only file system", "--base-path"]);
    }
    assert_eq!(
        run(&["get", "1", "--leaf", "0"]).succeeds().stdout,
        b"content"
    );
    let proof = run(&["prove", "1", "--leaf", "0", "--chunk", "0", "--root", &root]);
    verify(&proof.succeeds().stdout, &["--root", &root]).succeeds();
    run(&["challenge-drill", "1", "-n", "5"]).succeeds();
    run(&["fsck", "--all"]).succeeds();
    run(&["bucket", "info", "1"]).succeeds();
    run(&["key", "list"]).succeeds();
}
