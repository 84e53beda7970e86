//! Runs the program and checks its results.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The exit codes.
pub(crate) const FAILED: i32 = 1;
pub(crate) const USAGE: i32 = 2;
pub(crate) const REFUSED: i32 = 3;
pub(crate) const DANGER: i32 = 4;

/// Returns the program, without the user's environment.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
    for variable in [
        "HOME",
        "XDG_DATA_HOME",
        "CAIRN_BASE_PATH",
        "CAIRN_RPC",
        "CAIRN_RPC_TOKEN_FILE",
        "NOTIFY_SOCKET",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// A provider's base path, in a temporary folder.
pub(crate) struct Provider {
    folder: TempDir,
}

impl Provider {
    /// Creates one without a key or a bucket.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    /// Creates one with a key, without a bucket.
    pub(crate) fn new() -> Self {
        let provider = Self::bare();
        provider.run(["key", "generate"]).succeeds();
        provider
    }

    /// Creates one with a key and one bucket.
    pub(crate) fn with_bucket(bucket: &str) -> Self {
        let provider = Self::new();
        provider.run(["bucket", "create", bucket]).succeeds();
        provider
    }

    pub(crate) fn base_path(&self) -> PathBuf {
        self.folder.path().join("base")
    }

    /// Creates a file outside of the base path.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Command {
        let mut command = program();
        command.arg("--base-path").arg(self.base_path()).args(args);
        command
    }

    pub(crate) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> RunResult {
        RunResult::from_command(self.command(args), b"")
    }

    /// Runs with `--json`, and parses the output.
    pub(crate) fn json<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Vec<Value> {
        let mut command = self.command(args);
        command.arg("--json");
        RunResult::from_command(command, b"").succeeds().json()
    }

    /// Stores a path, and returns the commits.
    pub(crate) fn put(&self, bucket: &str, path: &Path) -> Vec<Value> {
        self.json([
            OsStr::new("put"),
            OsStr::new("--one-leaf"),
            bucket.as_ref(),
            path.as_ref(),
        ])
    }
}

/// The result of a run of the program.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl RunResult {
    pub(crate) fn from_command(mut command: Command, stdin: &[u8]) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that reads no input may have ended already.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        child.wait_with_output().unwrap().into()
    }

    pub(crate) fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Asserts the exit code, and one sentence on stderr that contains all of `words`.
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
        if code != USAGE {
            assert_eq!(self.stderr.trim_end().lines().count(), 1, "{self:?}");
            assert!(self.stderr.starts_with("cairn: "), "{self:?}");
        }
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl From<Output> for RunResult {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Verifies a proof from its text.
pub(crate) fn verify(proof: &[u8], args: &[&str]) -> RunResult {
    let mut command = program();
    command.args(["verify", "-"]).args(args);
    RunResult::from_command(command, proof)
}

/// Returns a field of a result as text for the command line.
pub(crate) fn text_field(object: &Value, field: &str) -> String {
    match &object[field] {
        Value::String(text) => text.clone(),
        Value::Null => panic!("no {field} in {object}"),
        other => other.to_string(),
    }
}

/// Returns bytes without repetition within a chunk's length, which depend on `seed`.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next)
        .flatten()
        .take(length)
        .collect()
}
