//! A provider whose chain cannot be reached, or whose disk is full: it starts, serves stored
//! content, reports the problem, and answers challenges as soon as it can.

use crate::fixture::{BUCKET, Fixture};
use crate::process::program;
use crate::wire::{Client, http};
use serde_json::{Value, json};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

fn readiness(address: SocketAddr) -> (u16, Value) {
    let (status, body) = http(address, "GET /health/readiness", &[], "");
    (status, serde_json::from_str(&body).unwrap())
}

/// Polls a condition of a provider, which is another process and sends no notification.
fn wait_until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Forwards connections from one address to another.
fn forward(from: TcpListener, to: String) {
    std::thread::spawn(move || {
        for near in from.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&to) else {
                continue;
            };
            for (mut one, mut other) in [
                (near.try_clone().unwrap(), far.try_clone().unwrap()),
                (far, near),
            ] {
                std::thread::spawn(move || {
                    let _ = io::copy(&mut one, &mut other);
                    let _ = other.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
}

/// Returns the progress of the answer to the only open challenge.
fn stage_of_answer(stage: &Fixture) -> Value {
    let mut client = Client::connect(stage.address()).unwrap();
    let challenges = client.request("cairnProvider_v1_challenges", json!([]));
    challenges["result"][0]["stage"].clone()
}

#[test]
fn a_provider_starts_without_its_chain_and_follows_it_later() {
    let mut stage = Fixture::new(&[]);
    // Nobody listens on this address yet.
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    stage.restart_at(&format!("ws://{address}"));
    let startup_summary = &stage.provider().startup_summary;
    assert!(startup_summary["away"].is_string(), "{startup_summary}");
    assert_eq!(startup_summary["block"], Value::Null);
    let (status, body) = readiness(stage.address());
    assert_eq!(status, 503);
    assert_eq!(body["reason"], json!("the chain is not reachable"));
    let (alive, _) = http(stage.address(), "GET /health", &[], "");
    assert_eq!(alive, 200);
    // Stored content can be read and proven.
    let mut client = Client::connect(stage.address()).unwrap();
    let root = stage.signed_root();
    let asked = json!([BUCKET, 1, 0, { "root": root }]);
    let answer = client.request("cairnBucket_v1_challengeResponse", asked);
    assert!(answer["error"].is_null(), "{answer}");
    let status = Command::new(program())
        .arg("--base-path")
        .arg(stage.base_path())
        .arg("status")
        .output()
        .unwrap();
    let output = String::from_utf8(status.stdout).unwrap();
    assert!(
        output.contains("NOT READY     the chain is not reachable"),
        "{output}"
    );

    let node = stage.chain();
    forward(
        TcpListener::bind(address).unwrap(),
        node.strip_prefix("ws://").unwrap().to_owned(),
    );
    wait_until(|| readiness(stage.address()).0 == 200);
    wait_until(|| stage_of_answer(&stage) == json!("submitted"));
}

#[test]
fn s10_a_provider_on_a_full_disk_answers_challenges() {
    let mut stage = Fixture::new(&[]);
    stage.stop();
    stage.restart_on_full_disk();
    wait_until(|| stage_of_answer(&stage) == json!("submitted"));
    // Earlier submissions are remembered; at first the chain has not been read.
    wait_until(|| {
        let (status, body) = readiness(stage.address());
        assert_eq!(status, 503);
        let reason = body["reason"].as_str().unwrap();
        let starts = ["not reach", "no finalized block"];
        let is_starting = starts.iter().any(|start| reason.contains(start));
        assert!(
            is_starting || reason.contains("nothing is written"),
            "{reason}"
        );
        reason.contains("nothing is written")
    });
    stage.make_block();
    wait_until(|| stage_of_answer(&stage).is_null());
    // With free space again.
    stage.stop();
    stage.restart();
    let mut client = stage.connect();
    stage.commit(&mut client, b"it goes on");
}
