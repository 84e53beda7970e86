//! Errors at the start of the standalone provider are reported in one sentence, before anything is
//! opened.

use crate::support::{FAILED, Provider, USAGE};
use cairn_bucket::BasePath;
use cairn_engine::Access;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

/// Returns an address without a listener: the port was free a moment ago.
fn unused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

fn with_free_ports(chain: &str) -> [&str; 7] {
    let ports = ["--rpc-port", "0", "--prometheus-port", "0"];
    let [rpc, rpc_port, metrics, metrics_port] = ports;
    [
        "run",
        "--chain",
        chain,
        rpc,
        rpc_port,
        metrics,
        metrics_port,
    ]
}

#[test]
fn a_chain_url_that_is_not_a_websocket_is_refused() {
    let provider = Provider::new();
    for url in ["http://127.0.0.1:9944", "127.0.0.1:9944", "ws://", ""] {
        provider
            .run(with_free_ports(url))
            .fails(USAGE, &["expected a node's WebSocket"]);
    }
    provider.run(["run"]).fails(USAGE, &["--chain"]);
}

#[test]
fn an_unreachable_node_is_named_and_waited_for() {
    let url = unused_url();
    let provider = Provider::new();
    provider.run(["bucket", "create", "1"]).succeeds();
    let mut command = provider.command(with_free_ports(&url));
    let mut running = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Kept until the end: a provider stops if its output is closed.
    let mut said = BufReader::new(running.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let named =
        said.find(|line| line.contains("unknown: cannot reach the chain") && line.contains(&url));
    // It serves stored content meanwhile.
    let listed = provider.run(["bucket", "list"]);
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(named.is_some(), "it did not say what it waits for");
    listed.succeeds();
}

#[test]
fn a_missing_key_is_reported_before_connecting() {
    let bare = Provider::bare();
    bare.run(["bucket", "create", "1"]).succeeds();
    bare.run(with_free_ports(&unused_url()))
        .fails(FAILED, &["there is no key in", "cairn key generate"]);

    let provider = Provider::new();
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let mut args = with_free_ports(&unused_url()).map(str::to_owned).to_vec();
    args.extend(["--account".to_owned(), alice.to_owned()]);
    provider.run(&args).fails(
        FAILED,
        &["there is no key d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"],
    );
    *args.last_mut().unwrap() = "//Alice".to_owned();
    provider
        .run(&args)
        .fails(USAGE, &["neither an SS58 address nor a public key"]);
}

#[test]
fn run_does_not_create_a_base_path() {
    let provider = Provider::bare();
    provider
        .run(with_free_ports(&unused_url()))
        .fails(FAILED, &["there is no base path"]);
    assert!(!provider.base_path().exists());
}

#[test]
fn run_refuses_a_locked_base_path() {
    let provider = Provider::with_bucket("1");
    let held = BasePath::open(provider.base_path(), Access::ReadWrite).unwrap();
    provider
        .run(with_free_ports(&unused_url()))
        .fails(FAILED, &["locked by another process"]);
    drop(held);
}
