//! The provider as a child process: start, resource usage, stop and kill.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

/// The memory budget for caches, unflushed writes and open buckets.
const MEMORY_MIB: u64 = 96;
/// The limit for unread responses.
const UNREAD_MIB: u64 = 24;
/// Memory that a provider needs besides those: its code, its threads, the chain's metadata, and
/// incoming requests.
const OVERHEAD_MIB: u64 = 64;
const CONNECTIONS: u64 = 64;
const MAX_OPEN: u64 = 4;

/// A provider process, which is killed on drop.
pub(crate) struct Provider {
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
    /// The summary that it printed at the start.
    pub(crate) startup_summary: Value,
    /// The address of its RPC.
    pub(crate) address: SocketAddr,
}

/// Returns the program, which is built into the folder of the tests.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.ancestors().nth(2).unwrap().join("cairn");
    assert!(
        built.is_file(),
        "{} is not built: test the workspace",
        built.display()
    );
    built
}

impl Provider {
    /// Starts it with additional flags, and waits until it serves. A process that another test
    /// starts at this moment shares this process's lock from its fork to its exec; then this
    /// tries again.
    pub(crate) fn start(base: &Path, chain: &str, more: &[String]) -> Self {
        const TRIES: u32 = 50;
        let is_locked = |line: &String| line.contains("locked by another process");
        for _ in 0..TRIES {
            match Self::try_start(base, chain, more) {
                Ok(provider) => return provider,
                Err(log) if log.iter().any(is_locked) => {}
                Err(log) => panic!("the provider did not start: {log:?}"),
            }
        }
        panic!("the base path stays locked");
    }

    /// Starts it so that no byte can be written to any file, as on a full disk.
    pub(crate) fn start_on_full_disk(base: &Path, chain: &str, more: &[String]) -> Self {
        let mut shell = Command::new("sh");
        // Without this signal, a write past the limit fails instead of ending the process.
        let limited = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
        shell.args(["-c", limited]).arg(program());
        Self::try_start_by(shell, base, chain, more)
            .unwrap_or_else(|log| panic!("the provider did not start: {log:?}"))
    }

    /// Starts it. Returns its log if it does not serve.
    fn try_start(base: &Path, chain: &str, more: &[String]) -> Result<Self, Vec<String>> {
        Self::try_start_by(Command::new(program()), base, chain, more)
    }

    fn try_start_by(
        mut command: Command,
        base: &Path,
        chain: &str,
        more: &[String],
    ) -> Result<Self, Vec<String>> {
        let own = [
            ["--chain", chain],
            ["--rpc-port", "0"],
            ["--prometheus-port", "0"],
            ["--memory", &format!("{MEMORY_MIB}MiB")],
            ["--max-open", &MAX_OPEN.to_string()],
            ["--rpc-max-connections", &CONNECTIONS.to_string()],
            ["--rpc-max-unread", &UNREAD_MIB.to_string()],
            ["--rpc-max-unread-per-connection", "4"],
        ];
        let mut child = command
            .arg("--base-path")
            .arg(base)
            .args(["--json", "run"])
            .args(own.as_flattened())
            .args(more)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        // Read to the end: a program blocks if its log is not read.
        let log = std::thread::spawn(move || log.lines().map_while(Result::ok).collect());
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let Ok(startup_summary) = serde_json::from_str::<Value>(&line) else {
            child.wait().unwrap();
            return Err(log.join().unwrap());
        };
        let rpc = startup_summary["rpc"].as_str().unwrap();
        let address = rpc.strip_prefix("ws://").unwrap().parse().unwrap();
        Ok(Self {
            child,
            log: Some(log),
            startup_summary,
            address,
        })
    }

    /// Stops it as a service manager does. Returns its log.
    pub(crate) fn stop(mut self) -> Vec<String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}: {log:?}");
        log
    }

    /// Kills it, without a clean stop.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asserts that it runs, within its memory and descriptors.
    pub(crate) fn assert_within_budget(&self) {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status =
            std::fs::read_to_string(process.join("status")).expect("the provider has ended");
        let high = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.unwrap_or_else(|| panic!("no memory: has it ended? {status}"));
        let kib: u64 = high.trim().trim_end_matches(" kB").parse().unwrap();
        eprintln!("the provider used {} MiB", kib >> 10);
        let allowed = MEMORY_MIB + UNREAD_MIB + OVERHEAD_MIB;
        assert!(
            kib >> 10 <= allowed,
            "it used {} MiB of {allowed}",
            kib >> 10
        );
        let open = std::fs::read_dir(process.join("fd")).unwrap().count() as u64;
        let of_buckets = MAX_OPEN * 80;
        let reserved = cairn_provider::RESERVED_DESCRIPTORS + CONNECTIONS;
        assert!(
            open <= of_buckets + reserved,
            "it has {open} descriptors open"
        );
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
