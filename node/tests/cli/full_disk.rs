//! A full disk, a real one of 48 MiB: uploads stop before the reserve is used, signed roots are
//! still proven, and uploads continue when there is space.

use crate::support::{FAILED, RunResult, bytes, program, text_field, verify};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A disk in memory, which is unmounted on drop.
struct Disk {
    at: TempDir,
}

impl Disk {
    /// Mounts the disk; `None`, with a message, if this process may not mount.
    fn mounted() -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m", "cairn-test"])
            .arg(at.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self { at }),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                eprintln!("SKIPPED: no disk can be mounted here: {}", why.trim());
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: no disk can be mounted here: mount: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.at.path()
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> RunResult {
        let mut command = program();
        command.arg("--base-path").arg(self.path().join("base"));
        command.args(args);
        RunResult::from_command(command, b"")
    }

    fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Value {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let args = args.chain([OsStr::new("--json").to_owned()]);
        self.command(args).succeeds().json().remove(0)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

fn file(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn s10_uploads_never_fill_a_real_disk_completely() {
    let Some(disk) = Disk::mounted() else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    disk.command(["key", "generate"]).succeeds();
    disk.command(["bucket", "create", "1"]).succeeds();
    disk.command(["bucket", "create", "2"]).succeeds();
    let first = file(&elsewhere, "first", &bytes(1, 300_000));
    let stored = disk.json(["put".as_ref(), "1".as_ref(), first.as_os_str()]);

    let mut refused = None;
    for seed in 2..60 {
        let more = file(&elsewhere, "more", &bytes(seed, 1_500_000));
        let ended = disk.command(["put".as_ref(), "2".as_ref(), more.as_os_str()]);
        if ended.code != Some(0) {
            refused = Some(ended);
            break;
        }
    }
    let words = [
        "the disk is too full",
        "reserved for signatures",
        "nothing was committed",
    ];
    refused.unwrap().fails(FAILED, &words);
    let status = disk.json(["status"]);
    // A tenth of this small disk.
    let free = status["free_bytes"].as_u64().unwrap();
    let reserve = status["reserve_bytes"].as_u64().unwrap();
    assert!(reserve > 4_500_000 && reserve < 5_100_000, "{status}");
    assert!(free > reserve / 2, "{status}");

    // Other files fill the disk, and then even the smallest upload is refused.
    let rest = usize::try_from(free.saturating_sub(1 << 20)).unwrap();
    std::fs::write(disk.path().join("others"), vec![1; rest]).unwrap();
    let tiny = file(&elsewhere, "tiny", b"tiny");
    let put_tiny = ["put".as_ref(), "1".as_ref(), tiny.as_os_str()];
    disk.command(put_tiny)
        .fails(FAILED, &["the disk is too full"]);
    disk.command(["bucket", "create", "3"])
        .fails(FAILED, &["the disk is too full"]);
    let shown = disk.command(["status"]);
    assert!(shown.text().contains("uploads       stopped"), "{shown:?}");
    let out = disk.path().join("out");
    let export = ["bucket", "export", "2", out.to_str().unwrap()];
    disk.command(export)
        .fails(FAILED, &["the disk is too full"]);
    assert!(!out.exists());

    // Signed roots are proven, and an operator makes room.
    let proof = elsewhere.path().join("proof");
    let prove = [
        "prove",
        "1",
        "--leaf",
        "0",
        "--chunk",
        "1",
        "-o",
        proof.to_str().unwrap(),
    ];
    disk.command(prove).succeeds();
    let root = text_field(&stored, "mmr_root");
    verify(&std::fs::read(&proof).unwrap(), &["--root", &root]).succeeds();
    disk.command(["bucket", "delete", "2", "--even-signed"])
        .succeeds();
    disk.json(put_tiny);
}
