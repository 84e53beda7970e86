//! Tests of the program: on disk, with RocksDB, until it is interrupted.

use crate::rpc::{ask, ask_in_vain};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running program, killed if the test ends before it does.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    fn run(base: &Path) -> Self {
        Self::run_with(base, &[])
    }

    fn run_with(base: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cairn-devnode"))
            .args(["run", "--chain", "leaf-binding", "--block-ms", "50"])
            .args(["--rpc-port", "0", "--listen-addr", "/ip4/127.0.0.1/tcp/0"])
            .args(["--no-prometheus", "--no-telemetry", "--no-mdns"])
            .arg("--base-path")
            .arg(base)
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, port) = std::sync::mpsc::channel();
        // Read to the end: a program whose log is not read blocks.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                eprintln!("    {line}");
                // "Running JSON-RPC server: addr=127.0.0.1:40123,[::1]:40124"
                if let Some((_, rest)) = line.split_once("JSON-RPC server: addr=127.0.0.1:") {
                    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    let _ = sender.send(port);
                }
            }
        });
        let port = port.recv().expect("the node ended before its RPC began");
        let url = format!("ws://127.0.0.1:{port}");
        Self { child, url }
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        ask(&self.url, method, params).unwrap()
    }

    /// Returns the number of the finalized head.
    fn finalized(&self) -> u64 {
        let hash = self.ask("chain_getFinalizedHead", json!([]));
        let header = self.ask("chain_getHeader", json!([hash]));
        let number = header["number"].as_str().unwrap();
        u64::from_str_radix(number.trim_start_matches("0x"), 16).unwrap()
    }

    /// Polls until the finalized chain has this length.
    fn wait_for_block(&self, number: u64) {
        while self.finalized() < number {
            self.ask("engine_createBlock", json!([true, true]));
        }
    }

    fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_chain_is_kept_in_rocksdb_across_restarts() {
    let folder = tempfile::tempdir().unwrap();

    let program = Program::run(folder.path());
    let health = program.ask("system_health", json!([]));
    assert_eq!(health["isSyncing"], json!(false));
    program.wait_for_block(5);
    let before = program.finalized();
    program.interrupt();
    // A file that every RocksDB database has.
    let current = folder.path().join("chains/leaf-binding/db/full/CURRENT");
    assert!(current.is_file(), "{} is missing", current.display());

    let program = Program::run(folder.path());
    assert!(program.finalized() >= before);
    program.wait_for_block(before + 3);
    program.interrupt();
}

#[test]
fn bucket_writes_are_unsafe_methods() {
    let folder = tempfile::tempdir().unwrap();
    let buckets = folder.path().join("buckets");
    let cairn = ["--cairn", buckets.to_str().unwrap(), "--suri", "//Charlie"];
    let chain = folder.path().join("chain");

    let program = Program::run_with(&chain, &cairn);
    let made = program.ask("cairnWrite_v1_createBucket", json!([7]));
    assert_eq!(made["bucket"], json!(7));
    program.interrupt();

    let safe = [&cairn[..], &["--rpc-methods", "safe"]].concat();
    let program = Program::run_with(&chain, &safe);
    let refused = ask_in_vain(&program.url, "cairnWrite_v1_createBucket", json!([8])).unwrap();
    // The same error as for Substrate's own unsafe methods.
    assert_eq!(refused["code"], json!(-32601), "{refused}");
    let listed = program.ask("cairnBucket_v1_list", json!([]));
    assert_eq!(listed["buckets"].as_array().unwrap().len(), 1);
    // The node's own list has Cairn's methods, and the document describes them.
    let methods = program.ask("rpc_methods", json!([]))["methods"].clone();
    let methods = methods.as_array().unwrap();
    let document = program.ask("rpc.discover", json!([]));
    for method in document["methods"].as_array().unwrap() {
        assert!(methods.contains(&method["name"]), "{}", method["name"]);
    }
    program.interrupt();
}
