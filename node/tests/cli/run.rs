//! Errors at the start of the standalone provider are reported in one sentence, before anything is
//! opened.

use crate::support::{FAILED, Provider, USAGE};
use cairn_bucket::BasePath;
use cairn_engine::Access;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

/// Returns an address without a listener: the port was free a moment ago.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("ws://{}", listener.local_addr().unwrap())
}

fn with_ports_of_its_own(chain: &str) -> [&str; 7] {
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
fn a_chain_that_is_no_websocket_makes_no_sense() {
    let provider = Provider::new();
    for url in ["http://127.0.0.1:9944", "127.0.0.1:9944", "ws://", ""] {
        provider
            .run(with_ports_of_its_own(url))
            .fails(USAGE, &["expected a node's WebSocket"]);
    }
    provider.run(["run"]).fails(USAGE, &["--chain"]);
}

#[test]
fn a_node_that_is_not_reached_is_named_and_waited_for() {
    let url = nobody();
    let provider = Provider::new();
    provider.run(["bucket", "create", "1"]).succeeds();
    let mut command = provider.command(with_ports_of_its_own(&url));
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
fn without_a_key_or_with_another_one_nothing_is_asked_of_the_chain() {
    let bare = Provider::bare();
    bare.run(["bucket", "create", "1"]).succeeds();
    bare.run(with_ports_of_its_own(&nobody()))
        .fails(FAILED, &["there is no key in", "cairn key generate"]);

    let provider = Provider::new();
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let mut args = with_ports_of_its_own(&nobody()).map(str::to_owned).to_vec();
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
fn a_base_path_that_is_not_there_is_not_made() {
    let provider = Provider::bare();
    provider
        .run(with_ports_of_its_own(&nobody()))
        .fails(FAILED, &["there is no base path"]);
    assert!(!provider.base_path().exists());
}

#[test]
fn a_base_path_that_another_process_has_is_left_to_it() {
    let provider = Provider::with_bucket("1");
    let held = BasePath::open(provider.base_path(), Access::ReadWrite).unwrap();
    provider
        .run(with_ports_of_its_own(&nobody()))
        .fails(FAILED, &["locked by another process"]);
    drop(held);
}
